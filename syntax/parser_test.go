// This file tests what a Parser keeps from one source to the next.

package syntax

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// placed writes a tree with the places of its nodes.
func placed(f *File) string {
	var b strings.Builder
	b.WriteString(dump(f))
	Inspect(f, func(n Node) bool {
		fmt.Fprintf(&b, "\n%T %v", n, n.Position())
		return true
	})
	return b.String()
}

// A tree is the same whatever the parser has read before.
func TestParserIsUsedAgain(t *testing.T) {
	var p Parser
	sources := []string{"", "x = (1", "a = 1\n" + strings.Repeat("b = [a, {a: 1}, f(a)]\n", 100), "x = \xff"}
	for _, archive := range scripts(t) {
		sources = append(sources, string(section(archive, "script.avap")))
	}
	for _, src := range sources {
		want, wantErr := Parse(src, Options{})
		got, err := p.Parse(src, Options{})
		if diff := cmp.Diff(wantErr, err); diff != "" {
			t.Fatalf("%q: error (-want +got):\n%s", src, diff)
		}
		if diff := cmp.Diff(placed(want), placed(got)); diff != "" {
			t.Fatalf("%q (-want +got):\n%s", src, diff)
		}
		if len(src)%2 == 0 {
			p.Forget()
		}
	}
}

func TestParserKeepsLittle(t *testing.T) {
	var p Parser
	if _, err := p.Parse("x = ["+strings.Repeat("[a, 1.5], ", 10_000)+"]\n"+strings.Repeat("f(a)\n", 10_000), Options{}); err != nil {
		t.Fatal(err)
	}
	p.Forget()
	for name, kept := range map[string]int{
		"names": cap(p.nodes.name.chunk), "lists": cap(p.nodes.list.chunk), "items": cap(p.nodes.exprs.chunk),
		"arguments": cap(p.nodes.args.chunk), "calls": cap(p.nodes.command.chunk),
	} {
		if kept == 0 || kept > mostChunk {
			t.Errorf("room for %d %s is kept", kept, name)
		}
	}
	for _, n := range p.nodes.name.chunk[:cap(p.nodes.name.chunk)] {
		if n.Name != "" {
			t.Errorf("the name %s is kept", n.Name)
		}
	}
	if p.src != "" || p.out != nil || cap(p.exprs) > 0 {
		t.Error("the source is kept")
	}
}

// What is not written over is wiped sooner or later.
func TestParserForgetsSmallSources(t *testing.T) {
	var p Parser
	kept := func() bool {
		return slices.ContainsFunc(p.nodes.name.chunk[:cap(p.nodes.name.chunk)], func(n Name) bool { return n.Name == "last" })
	}
	parse := func(src string) {
		if _, err := p.Parse(src, Options{}); err != nil {
			t.Fatal(err)
		}
		p.Forget()
	}
	parse("a = [b, c, last]")
	if !kept() {
		t.Error("memory is wiped after each source")
	}
	for range 1 + mostHeld/1024 {
		parse("a = \"" + strings.Repeat("x", 1024) + "\"")
	}
	if kept() {
		t.Error("the first source is still kept")
	}
}

func TestCalls(t *testing.T) {
	var many strings.Builder
	var names []string
	for i := range 40 {
		names = append(names, fmt.Sprint("f", i))
		fmt.Fprintf(&many, "f%d(1)\nf%d(2)\n", i, i)
	}
	for _, c := range []struct {
		src  string
		want []string
	}{
		{"x = 1", []string{}},
		{"f(a)\ng(b)\nf(c)", []string{"f", "g"}},
		{"x = outer(inner(a), 2)", []string{"inner", "outer"}},
		{"outer(inner(a) is, no expression)", []string{"outer"}}, // but text
		{"if(f(a), g(b), ==)\nelse()\nend()", []string{"f", "g"}},
		{"if(f(a) == g(b))\nend()", []string{"f", "g"}},
		{"function own(a) { return f(a) }\nx = own(len(g(1)))", []string{"f", "g"}},
		{many.String(), names},
	} {
		f := mustParse(t, c.src)
		if diff := cmp.Diff(c.want, f.Calls); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.src, diff)
		}
		checkCalls(t, f)
	}
}

// checkCalls compares the calls of a file with what is in its tree.
func checkCalls(t *testing.T, f *File) {
	t.Helper()
	var found []string
	Inspect(f, func(n Node) bool {
		if call, ok := n.(*CommandCall); ok {
			found = append(found, call.Name)
		}
		return true
	})
	slices.Sort(found)
	found = slices.Compact(found)
	if got := slices.Sorted(slices.Values(f.Calls)); !slices.Equal(found, got) {
		t.Errorf("the calls are %q, in the tree are %q", got, found)
	}
}

// Places may be asked for in any order.
func TestPlaces(t *testing.T) {
	src := "\uFEFFa = 1\r\n\nb = \"Grüße\"; c = 2\n" + strings.Repeat("é", 20) + " = 3\nplain\n\n"
	want := func(off int) Pos {
		before := strings.TrimPrefix(src[:off], "\uFEFF")
		line := before[strings.LastIndex(before, "\n")+1:]
		return Pos{int32(strings.Count(before, "\n")) + 1, int32(utf8.RuneCountInString(line)) + 1}
	}
	var offsets []int
	for off := range src {
		if off >= len("\uFEFF") {
			offsets = append(offsets, off)
		}
	}
	var p parser
	p.begin(src, Options{}, nil)
	for _, step := range []int{1, 7, 11, 29} {
		for i := range offsets {
			off := offsets[i*step%len(offsets)]
			if got := p.pos(off); got != want(off) {
				t.Errorf("offset %d is at %v, want %v", off, got, want(off))
			}
		}
	}
}

// The scanner looks a name up among the words only if it may be one.
func TestWords(t *testing.T) {
	for word := range strings.FieldsSeq(words) {
		var p parser
		p.begin(word, Options{}, nil)
		p.next()
		if got, want := p.tok.kind, wordKind(word); got != want || got == tName {
			t.Errorf("%s is read as %d, want %d", word, got, want)
		}
	}
	all := slices.Collect(strings.FieldsSeq(words))
	for _, word := range []string{
		"and", "break", "command", "continue", "else", "end", "endLoop", "exception", "False", "false", "for", "function", "if",
		"in", "is", "None", "not", "null", "or", "return", "startLoop", "True", "true", "try", "while",
	} {
		if !slices.Contains(all, word) {
			t.Errorf("%s is missing among the words", word)
		}
	}
}

func TestIsName(t *testing.T) {
	for s, want := range map[string]bool{
		"a": true, "_x1": true, "größe": true, "str": true, "sum": true,
		"": false, "1a": false, "a b": false, "a.b": false, "if": false, "None": false, "end": false, "٣x": false, "\u0301x": false, "\uFEFFx": false, "x\xff": false,
	} {
		if got := IsName(s); got != want {
			t.Errorf("IsName(%q) is %v", s, got)
		}
		f, err := Parse(s+" = 0", Options{})
		assigned := err == nil && len(f.Body) == 1
		if assigned {
			target, ok := f.Body[0].(*Assign).Target.(*Name)
			assigned = ok && target.Name == s
		}
		if assigned != want {
			t.Errorf("an assignment takes %q: %v", s, assigned)
		}
	}
}

// A charge that is refused leaves a parser that reads the next source as ever.
func TestParserAfterARefusal(t *testing.T) {
	var p Parser
	refused := errors.New("refused")
	if f, err := p.Parse("x = [1, 2]", Options{Charge: func(int) error { return refused }}); f != nil || err != refused {
		t.Fatalf("got %v, %v", f, err)
	}
	f, err := p.Parse("x = [1, 2]", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := dump(f), "(= x [1 2])"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A charge may be refused at any node.
func TestRefusalAnywhere(t *testing.T) {
	refused := errors.New("refused")
	const body = "function f() { return () }\ntry()\nx = [(), $a, None, True, a or b, [k for k in b], 1 if a else 2]\nexception(e)\nend()\n"
	for names := range 40 {
		for calls := range 8 {
			src := strings.Repeat("a = b\n", names) + strings.Repeat("g()\n", calls) + strings.Repeat(body, 2)
			asked := 0
			f, err := Parse(src, Options{Charge: func(int) error {
				if asked++; asked > 1 {
					return refused
				}
				return nil
			}})
			if f != nil || err != refused {
				t.Fatalf("%s: got %v, %v", src, f, err)
			}
		}
	}
}

// A function without a name says nothing of the guess of names: what the parse is charged
// with is the same each time.
func TestNamelessFunction(t *testing.T) {
	const src = "function /* not guessed */ h(a) { return a }\nfunction (b) { }\nx = h(1)"
	charged := map[int]int{}
	for range 50 {
		total := 0
		if _, err := Parse(src, Options{Charge: func(n int) error { total += n; return nil }}); err == nil {
			t.Fatal("it parses")
		}
		charged[total]++
	}
	if len(charged) != 1 {
		t.Errorf("charged bytes, and how often: %v", charged)
	}
}
