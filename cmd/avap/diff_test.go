package main

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPrintDiff(t *testing.T) {
	tests := []struct{ name, before, after, want string }{
		{"the same", "a\nb\n", "a\nb\n", ""},
		{"from nothing", "", "a\nb\n", "@@ -0,0 +1,2 @@\n+a\n+b\n"},
		{"to nothing", "a\n", "", "@@ -1,1 +0,0 @@\n-a\n"},
		{"a line changed", "a\nb\nc\n", "a\nB\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"},
		{"a line put in", "a\nc\n", "a\nb\nc\n", "@@ -1,2 +1,3 @@\n a\n+b\n c\n"},
		{"the end of the last line", "a\nb", "a\nb\n", ""},
		{
			"two places", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n", "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n",
			"@@ -1,3 +1,4 @@\n+0\n 1\n 2\n 3\n@@ -8,4 +9,3 @@\n 8\n 9\n 10\n-11\n",
		},
		{"moved", "a\nb\nc\na\nb\nb\na\n", "c\nb\na\nb\na\nc\n", "@@ -1,7 +1,6 @@\n-a\n-b\n c\n+b\n a\n b\n-b\n a\n+c\n"},
	}
	for _, tt := range tests {
		var got bytes.Buffer
		printDiff(&got, tt.before, tt.after)
		if diff := cmp.Diff(tt.want, got.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestDiffLines takes random texts: a difference holds both of them, and no more
// changes than there can be.
func TestDiffLines(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		before, after := randomLines(random, 12), randomLines(random, 12)
		checkDiff(t, before, after)
	}
	checkDiff(t, randomLines(random, 5000), randomLines(random, 5000)) // past the bound
}

func randomLines(random *rand.Rand, most int) string {
	var b strings.Builder
	for range random.IntN(most) {
		b.WriteString(string(rune('a'+random.IntN(4))) + "\n")
	}
	return b.String()
}

func checkDiff(t *testing.T, before, after string) {
	t.Helper()
	var a, b strings.Builder
	for _, l := range diffLines(before, after) {
		if l.op != '+' {
			a.WriteString(l.text + "\n")
		}
		if l.op != '-' {
			b.WriteString(l.text + "\n")
		}
	}
	if a.String() != before || b.String() != after {
		t.Fatalf("%q → %q became %q → %q", before, after, a.String(), b.String())
	}
}
