// This file holds the tests of randomString.

package command

import (
	"errors"
	"math"
	"math/rand/v2"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/vm"
)

func TestRandomStringMatchesItsPattern(t *testing.T) {
	for _, tt := range []struct {
		pattern string
		length  any
		want    string
	}{
		{"[A-Z0-9]", 24, `^[A-Z0-9]{24}$`},
		{"[0-9]", "6", `^[0-9]{6}$`},
		{"[ab]", 3.0, `^[ab]{3}$`},
		{"[ab]", 0, `^$`},
		{`\w`, 40, `^\w{40}$`},
		{".", 100, `^[ -~]{100}$`},
		{"[^a-z]", 100, `^[ -` + "`" + `{-~]{100}$`},
		{"[^ -~]", 5, `^[^ -~]{5}$`},
		{"ab", 3, `^ababab$`},
		{"[a-f]{2}-?", 4, `^([a-f]{2}-?){4}$`},
		{"(?i)x[éa]", 9, `^([xX][éÉaA]){9}$`},
		{"cat|dog|[0-9]", 30, `^(cat|dog|[0-9]){30}$`},
		{"a+b*", 5, `^(a{1,11}b{0,10}){5}$`},
		{"x{2,4}", 5, `^(x{2,4}){5}$`},
		{"x{2,}", 5, `^(x{2,12}){5}$`},
		{"(^[α-ω]$)", 7, `^[α-ω]{7}$`},
		{"", 7, `^$`},
	} {
		got := call(t, Host{}, "randomString", tt.pattern, tt.length)
		if s, ok := got.(string); !ok || !regexp.MustCompile(tt.want).MatchString(s) {
			t.Errorf("randomString(%s, %v) = %v, expected a match of %s", tt.pattern, tt.length, got, tt.want)
		}
	}
}

func TestRandomStringRefuses(t *testing.T) {
	runTable(t, Host{Random: broken{}}, "randomString", []row{
		{"a broken source", []any{"[a-z]", 1}, errOf(vm.CodeRuntime, "the random source failed")},
		{"negative", []any{"a", -1}, errOf(vm.CodeRuntime, "Length must not be negative: -1")},
		{"a fraction", []any{"a", 1.5}, errOf(vm.CodeType, "Length must be a whole number, not 1.5")},
		{"no number", []any{"a", "ten"}, errOf(vm.CodeRuntime, `Length must be a number, not "ten"`)},
		{"no length", []any{"a", nil}, errOf(vm.CodeType, "Length must be a number, not None")},
		{"too long", []any{"a", 1 << 30}, errOf(vm.CodeMemory, "more than 33554432 bytes of memory")},
		{"far too long", []any{"abc", math.MaxInt64}, errOf(vm.CodeMemory, "more than 33554432 bytes of memory")},
		{"endless", []any{"a?", math.MaxInt64}, errOf(vm.CodeRuntime, "the random source failed")},
		{"word bound", []any{`\ba`, 1}, errOf(vm.CodeRuntime, `Pattern: nothing can be drawn from \b`)},
		{"empty class", []any{`[^\x00-\x{10FFFF}]`, 1}, errOf(vm.CodeRuntime, "Pattern: nothing can be drawn from an empty class")},
		{"surrogates", []any{`[\x{D800}-\x{DFFF}]`, 1}, errOf(vm.CodeRuntime, "Pattern: nothing can be drawn from an empty class")},
		{"large", []any{`(?:[a-z]{1000}){1}(?:(?:a{10}){10}){10}(?:(?:(?:a+){10}){10}){10}(?:(?:(?:a+){10}){10}){10}(?:(?:(?:a+){10}){10}){10}(?:(?:(?:a+){10}){10}){10}(?:(?:(?:a+){10}){10}){10}(?:(?:(?:a+){10}){10}){10}(?:(?:(?:a+){10}){10}){10}(?:(?:(?:a+){10}){10}){10}(?:(?:(?:a+){10}){10}){10}(?:(?:(?:a+){10}){10}){10}`, 1}, errOf(vm.CodeRuntime, "Pattern matches texts of more than 100000 characters")},
		{"no pattern of RE2", []any{"(", 1}, errOf(vm.CodeRuntime, `Pattern "(": missing closing ): (`)},
	})
}

func TestRandomStringOfNothingEnds(t *testing.T) {
	m := vm.NewMachine(vm.Limits{Instructions: 10_000, Time: -1})
	got := callOn(t, m, Host{}, "randomString", "^", math.MaxInt64)
	if diff := cmp.Diff(errOf(vm.CodeInstructions, "more than 10000 instructions"), got); diff != "" {
		t.Error(diff)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("broken") }

// TestRandomStringIsEven holds each text's share of many draws within five
// standard deviations of what even draws give.
func TestRandomStringIsEven(t *testing.T) {
	for _, tt := range []struct {
		pattern string
		each    *regexp.Regexp
		texts   int
	}{
		{"[a-e]", regexp.MustCompile(`.`), 5},
		{"[a-cx-z0]", regexp.MustCompile(`.`), 7},
		{"(?:cat|dog|[0-4]),", regexp.MustCompile(`[^,]+`), 7},
		{"(?:aa|ab|c),", regexp.MustCompile(`[^,]+`), 3},
		{"[ab]{1,2},", regexp.MustCompile(`[^,]+`), 6},
	} {
		const draws = 20_000
		s := call(t, Host{Random: rand.NewChaCha8([32]byte{1})}, "randomString", tt.pattern, draws).(string)
		seen := map[string]int{}
		for _, text := range tt.each.FindAllString(s, -1) {
			seen[text]++
		}
		if len(seen) != tt.texts {
			t.Errorf("%s: %d texts, expected %d: %v", tt.pattern, len(seen), tt.texts, seen)
		}
		share := 1 / float64(tt.texts)
		most := 5 * math.Sqrt(draws*share*(1-share))
		for text, n := range seen {
			if off := math.Abs(float64(n) - draws*share); off > most {
				t.Errorf("%s: %s was drawn %d times, expected %.0f ± %.0f", tt.pattern, text, n, draws*share, most)
			}
		}
	}
}

// counting counts the bytes that are read.
type counting struct{ n int }

func (c *counting) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(c.n + i)
	}
	c.n += len(p)
	return len(p), nil
}

func TestRandomStringUsesTheHost(t *testing.T) {
	source := &counting{}
	got := call(t, Host{Random: source}, "randomString", "[a-d]", 8)
	if diff := cmp.Diff("abcdabcd", got); diff != "" {
		t.Error(diff)
	}
	if source.n == 0 {
		t.Error("the source was not read")
	}
}

func TestRandomStringHoldsTheDeadline(t *testing.T) {
	m := vm.NewMachine(vm.Limits{Instructions: -1, Memory: 1 << 30, Time: 30 * time.Millisecond})
	began := time.Now()
	got := callOn(t, m, Host{}, "randomString", "[a-z0-9]", 50_000_000)
	if diff := cmp.Diff(errOf(vm.CodeTime, "more than 30ms of execution time"), got); diff != "" {
		t.Error(diff)
	}
	t.Logf("ended after %v", time.Since(began))
}

func BenchmarkRandomString(b *testing.B) {
	for b.Loop() {
		call(b, Host{}, "randomString", "[A-Za-z0-9]", 32)
	}
}
