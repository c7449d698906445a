// This file shows what the printer makes of sources.

package syntax

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// outline is what printing must keep: the tree, the arguments as written, and
// the comments, which may change places with each other.
func outline(f *File) []string {
	lines := strings.Split(dump(f), "\n")
	Inspect(f, func(n Node) bool {
		if a, is := n.(*Arg); is {
			lines = append(lines, "argument "+a.Text)
		}
		return true
	})
	var comments []string
	for _, c := range f.Comments {
		comments = append(comments, c.Text)
	}
	slices.Sort(comments)
	return append(lines, comments...)
}

// checkFormat formats a source that parses, and checks that nothing is lost
// and that formatting again changes nothing.
func checkFormat(t *testing.T, f *File, src string) string {
	t.Helper()
	var b bytes.Buffer
	if err := Print(&b, f); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	again, err := Parse(got, Options{})
	if err != nil {
		t.Fatalf("%v\nin what was printed:\n%s\nof:\n%s", err, got, src)
	}
	if diff := cmp.Diff(outline(f), outline(again)); diff != "" {
		t.Fatalf("printed another tree (-want +got):\n%s\nprinted:\n%s\nof:\n%s", diff, got, src)
	}
	b.Reset()
	if err := Print(&b, again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, b.String()); diff != "" {
		t.Fatalf("the layout is not stable (-first +second):\n%s\nof:\n%s", diff, src)
	}
	return got
}

// testdata/print holds sources and their layout.
func TestPrint(t *testing.T) {
	files, err := filepath.Glob("testdata/print/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			src := string(section(archive, "in.avap"))
			got := checkFormat(t, mustParse(t, src), src)
			if *update {
				archive.Files = []txtar.File{{Name: "in.avap", Data: []byte(src)}, {Name: "out.avap", Data: []byte(got)}}
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(section(archive, "out.avap")), got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestPrintConformanceScripts(t *testing.T) {
	for name, archive := range scripts(t) {
		t.Run(name, func(t *testing.T) {
			src := string(section(archive, "script.avap"))
			if f, err := Parse(src, Options{}); err == nil {
				checkFormat(t, f, src)
			}
		})
	}
}

func TestFormat(t *testing.T) {
	testExamples(t, []example{
		{"", ""},
		{"\uFEFF\n\n", ""},
		{"x=1", "x = 1\n"},
		{"x=(", "line 1: `(` is not closed: ) is missing"},
		{"x = (-1) ** 2", "x = (-1) ** 2\n"},
		{"x = -(1 ** 2)", "x = -1 ** 2\n"},
		{"x = (2 ** 3) ** (4 ** 5)", "x = (2 ** 3) ** 4 ** 5\n"},
		{"x = -(9223372036854775808)", "x = -(9223372036854775808)\n"},
		{"x = (-9223372036854775808) ** 2", "x = (-9223372036854775808) ** 2\n"},
		{"x = (1).a + (1.5).b() + (1)[2]", "x = (1).a + 1.5.b() + 1[2]\n"},
		{"x = (not a) == b", "x = (not a) == b\n"},
		{"x = not (a == b)", "x = not a == b\n"},
		{"x = (a or b) or c and (d and e)", "x = (a or b) or c and (d and e)\n"},
		{"x = ((a if b else c) if d else (e if f else g))", "x = (a if b else c) if d else e if f else g\n"},
		{"x = [(a if b else c) for d in (e if f else g) if (h if i else j)]", "x = [a if b else c for d in (e if f else g) if (h if i else j)]\n"},
		{"x = a-(b-c)-d", "x = a - (b - c) - d\n"},
		{"x = (a+b).c[(d,)].e(f,g)", "x = (a + b).c[(d,)].e(f, g)\n"},
		{"x = y[a:b] + y[::c] + y[a::c] + y[:]", "x = y[a:b] + y[::c] + y[a::c] + y[:]\n"},
		{"x = \"\\u00e9\\d\" + '\\'' + `a${ 1+1 }`", "x = \"\\u00e9\\d\" + '\\'' + `a${ 1+1 }`\n"},
		{"x = 1.50 + 1E3 + 1e999", "x = 1.50 + 1E3 + 1e999\n"},
		{"return (a,b)", "return(a, b)\n"},
		{"return ((a,),)", "return((a,),)\n"},
		{"return()", "return\n"},
		{"return (()) // (2)", "return(() // 2)\n"},
		{"x . y . z ( )", "x.y.z()\n"},
		{"if(None,None,`a or b`)\nend()", "if(a or b)\nend()\n"},
		{"f(a,b , c  d,,`x`)", "f(a, b, c  d, , `x`)\n"},
		{"f(//x, // y\n)", "f(//x, // y)\n"},
	}, func(src string) string {
		got, err := Format(src)
		if err != nil {
			return err.Error()
		}
		return got
	})
}
