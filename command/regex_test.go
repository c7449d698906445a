// This file holds the tests of patterns, the matcher and the commands on them.

package command

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/vm"
)

func TestReplace(t *testing.T) {
	tests := []struct {
		name                string
		text, pattern, with any
		want                any
	}{
		{"every match", "a  b   c", " +", "_", "a_b_c"},
		{"a space is any white space", "a\tb\nc d", " ", "-", "a-b-c-d"},
		{"an escaped space is a space", "a\tb c", `\ `, "-", "a\tb-c"},
		{"a space in a class", "a\tb,c", "[ ,]", "-", "a-b-c"},
		{"a space that begins a range", "a\tb", "[ -~]", "x", "x\tx"},
		{"a space that ends a range", "a\t!", "[\x1f- ]", "x", "a\t!"},
		{"a quoted space", "a\tb c", `\Q \E`, "-", "a\tb-c"},
		{"groups", "John Smith", `(\w+) (\w+)`, `\2 \1`, "Smith John"},
		{"a named group", "John Smith", `(?P<first>\w+) .*`, `\g<first>\g<1>`, "JohnJohn"},
		{"a group that took no part", "ab", `(x)?b`, `[\1]`, "a[]"},
		{"a dollar is text", "ab", "b", "$1${x}", "a$1${x}"},
		{"a backslash", "a.b", `\.`, `\\`, `a\b`},
		{"characters", "a.b", `\.`, `\n\t`, "a\n\tb"},
		{"octal", "a.b", `\.`, `\101\0`, "aA\x00b"},
		{"a backslash before punctuation stays", "a.b", `\.`, `\.\-`, `a\.\-b`},
		{"no match", "abc", "x", "y", "abc"},
		{"empty matches", "abxd", "x*", "-", "-a-b-d-"},
		{"multi-byte text", "añb€c", "[^a-c]", "?", "a?b?c"},
		{"a number's text", 2026, "0", "o", "2o26"},
		{"no new value", "abc", "b", nil, "ac"},
		{"no pattern", "abc", nil, "-", "-a-b-c-"},
		{"no text", nil, "x*", "-", "-"},
		{"line begins", "a\nb", "(?m)^", "> ", "> a\n> b"},
		{"word bounds", "cat concat", `\bcat\b`, "dog", "dog concat"},
		{"text begins once", "aaa", "^a", "b", "baa"},

		{"group out of range", "ab", "(a)", `\2`, errOf(vm.CodeRuntime, "newValue: the pattern has no group 2")},
		{"group unknown", "ab", "(a)", `\g<x>`, errOf(vm.CodeRuntime, "newValue: the pattern has no group x")},
		{"unknown escape", "ab", "a", `\q`, errOf(vm.CodeRuntime, `newValue: unknown escape \q; write \\ for a backslash`)},
		{"lone backslash", "ab", "a", `\`, errOf(vm.CodeRuntime, "newValue ends in a lone backslash")},
		{"a list", []any{1}, "a", "b", errOf(vm.CodeType, "SourceVariable must be text, not a list")},
		{"look-ahead", "ab", "a(?=b)", "", errOf(vm.CodeRuntime, `rePattern "a(?=b)": RE2 has no look-around ((?=)`)},
		{"look-behind", "ab", "(?<=a)b", "", errOf(vm.CodeRuntime, `rePattern "(?<=a)b": RE2 has no look-around ((?<=)`)},
		{"back-reference", "ab", `(a)\1`, "", errOf(vm.CodeRuntime, `rePattern "(a)\\1": RE2 has no back-references (\1)`)},
		{"broken", "ab", `a(`, "", errOf(vm.CodeRuntime, "rePattern \"a(\": missing closing ): a(")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := call(t, Host{}, "replace", tt.text, tt.pattern, tt.with)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestGetRegex(t *testing.T) {
	tests := []struct {
		name          string
		text, pattern any
		want          any
	}{
		{"all matches", "mail ana@x.org or bo@y.net", "[a-z]+@[a-z.]+", "ana@x.orgbo@y.net"},
		{"the first group", "id=7;id=9", "id=([0-9])", "79"},
		{"the first of several", "a1b2", "([a-z])([0-9])", "ab"},
		{"none", "nothing", "[0-9]+", nil},
		{"empty matches alone", "ab", "x*", ""},
		{"a space is a space", "a\tb c", " .", " c"},
		{"a number's text", 2026, "[0-9][0-9]", "2026"},
		{"ignoring case", "aBc", "(?i)[a-b]+", "aB"},
		{"a list", []any{"a"}, "a", errOf(vm.CodeType, "SourceVariable must be text, not a list")},
		{"a pattern that is a list", "a", []any{"a"}, errOf(vm.CodeType, "rePattern must be text, not a list")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, call(t, Host{}, "getRegex", tt.text, tt.pattern)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPatternLimits(t *testing.T) {
	tests := []struct{ name, pattern, want string }{
		{"bytes", strings.Repeat("a", 1001), "rePattern is longer than 1000 bytes"},
		{"instructions", strings.Repeat("a{1000}", 11), "rePattern needs more than 10000 instructions"},
		{"nested repetition", strings.Repeat("(?:(?:a{30}){30}b?)", 12), "rePattern needs more than 10000 instructions"},
		{"repetition beyond RE2", "((a{1000}){1000})", `rePattern "((a{1000}){1000})": invalid repeat count: {1000}`},
		{"tables", strings.Repeat(`\pL`, 33), `rePattern has more than 32 classes \p`},
		{"wide ranges without case", `(?i)[` + strings.Repeat(`A-\x{1e900}`, 3) + `]`, "rePattern ignores case in ranges of more than 131072 characters"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := errOf(vm.CodeRuntime, tt.want)
			if diff := cmp.Diff(want, call(t, Host{}, "getRegex", "abc", tt.pattern)); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, pattern := range []string{strings.Repeat("a", 1000), strings.Repeat("a{990}", 10), strings.Repeat(`\pL`, 32)} {
		if got := call(t, Host{}, "getRegex", "abc", pattern); got != nil {
			t.Errorf("a pattern within the limits: %v", got)
		}
	}
}

// TestPatternSize holds that the bound found before compiling is one.
func TestPatternSize(t *testing.T) {
	for _, s := range patternSeeds {
		tree, err := syntax.Parse(s, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		bound := programSize(tree)
		prog, err := syntax.Compile(tree.Simplify())
		if err != nil {
			t.Fatal(err)
		}
		if len(prog.Inst) > bound+2 {
			t.Errorf("%s: %d instructions, expected at most %d", s, len(prog.Inst), bound+2)
		}
	}
}

var patternSeeds = []string{
	"", "a", "abc", "a*", "a+?", "(a|b)*c", "(?:ab){2,5}", "a{3,}", "(a{2}b?){3}", "x{0}", "(x|)*", "[^a-z]+", `\bfoo\b`,
	"(?m)^.*$", "(?s).*", `(?i)straße|K`, `(\w+)@(\w+)\.com`, "a|ab|abc", "(a*)*", "(a*)+", "(?U)a+b", "^$", `\A\z`, "(a)(b)?(c)?",
	"é+|€", "(|a)+", "(?:(?:a?){3}){4}b", "[a-c]{2}x|ab", "a.c", "(?:a|b|cd){2,3}?e",
}

// FuzzMatcher holds the matcher to what the standard library finds.
func FuzzMatcher(f *testing.F) {
	texts := []string{"", "abc", "aaab", "foo bar\nfoo", "ana@x.com, bo@yy.com", "STRASSE Straße k\u212a", "é€é€", "ab\ncd\n", "aabbccddeeabcdcde", "xaxbxc"}
	for _, p := range patternSeeds {
		for _, s := range texts {
			f.Add(p, s)
		}
	}
	f.Fuzz(func(t *testing.T, source, text string) {
		text = strings.ToValidUTF8(text, "?")
		want, err := regexp.Compile(source)
		if err != nil || len(source) > 60 || len(text) > 200 || strings.Contains(source, `\p`) {
			return
		}
		p, _, err := compilePattern(source, source)
		if err != nil {
			return
		}
		x, err := newMatcher(vm.NewMachine(patient), p, text, p.groups())
		if err != nil {
			t.Fatal(err)
		}
		var got [][]int
		err = x.each(func(found []int) error { got = append(got, slices.Clone(found)); return nil })
		if err != nil {
			return
		}
		x.close()
		if diff := cmp.Diff(want.FindAllStringSubmatchIndex(text, -1), got); diff != "" {
			t.Errorf("%q over %q: %s", source, text, diff)
		}
	})
}

// TestRegexBombs holds that matching ends with the quotas, whatever the pattern.
func TestRegexBombs(t *testing.T) {
	quadratic := "[^x]*x|a"
	tests := []struct {
		name, pattern string
		text          string
	}{
		{"match-all that is quadratic", quadratic, strings.Repeat("a", 1<<20)},
		{"many threads", strings.Repeat("(?:a?){90}", 40), strings.Repeat("a", 1<<20)},
		{"many threads with groups", strings.Repeat("(a?)", 90) + strings.Repeat("(?:a?){90}", 40), strings.Repeat("a", 1<<20)},
		{"a long text that a match begins everywhere in", "a[ab]*c", strings.Repeat("ab", 8<<20)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			// Two seconds are more than a busy machine takes for the text alone, and far less
			// than for all its matches.
			m := vm.NewMachine(vm.Limits{Instructions: -1, Memory: 256 << 20, Time: 2 * time.Second})
			got := callOn(t, m, Host{}, "getRegex", tt.text, tt.pattern)
			if diff := cmp.Diff(errOf(vm.CodeTime, "more than 2s of execution time"), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRegexChargesTheSame(t *testing.T) {
	h := Host{}
	commands := Natives(h)
	run := func() (int64, int64) {
		m := vm.NewMachine(patient)
		text, _ := m.Text(strings.Repeat("ab12 ", 1000))
		pattern, _ := m.Text("[0-9]+")
		args := []vm.Value{text, pattern, {}}
		if err := commands["getRegex"].Native(m, args); err != nil {
			t.Fatal(err)
		}
		return m.Used()
	}
	fuel, memory := run()
	for range 3 {
		if f, mem := run(); f != fuel || mem != memory {
			t.Errorf("%d instructions and %d bytes, then %d and %d", fuel, memory, f, mem)
		}
	}
}

func BenchmarkRegex(b *testing.B) {
	small, large := "order 4711 of 2026-03-01", strings.Repeat("order 4711 of 2026-03-01; ", 40_000)
	for _, bb := range []struct{ name, text, pattern string }{
		{"small digits", small, "[0-9]+"},
		{"small date", small, `(\d{4})-(\d\d)-(\d\d)`},
		{"large digits", large, "[0-9]+"},
		{"large date", large, `(\d{4})-(\d\d)-(\d\d)`},
		{"large word", large, `\w+`},
		{"large prefix", large, `order (\d+)`},
		{"large dense", large, `(?:a|b|c|d|e|o|r)*`},
	} {
		p, _, err := compilePattern(bb.pattern, bb.pattern)
		if err != nil {
			b.Fatal(err)
		}
		std := regexp.MustCompile(bb.pattern)
		b.Run(bb.name+"/matcher", func(b *testing.B) {
			b.SetBytes(int64(len(bb.text)))
			for b.Loop() {
				m := vm.NewMachine(vm.Limits{Instructions: -1, Time: -1})
				x, err := newMatcher(m, p, bb.text, 1)
				if err != nil {
					b.Fatal(err)
				}
				if err := x.each(func([]int) error { return nil }); err != nil {
					b.Fatal(err)
				}
				x.close()
				n, _ := m.Used()
				b.ReportMetric(float64(n), "instructions")
			}
		})
		b.Run(bb.name+"/library", func(b *testing.B) {
			b.SetBytes(int64(len(bb.text)))
			for b.Loop() {
				std.FindAllStringSubmatchIndex(bb.text, -1)
			}
		})
	}
}
