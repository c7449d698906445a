// This file holds the fuzz targets; testdata/fuzz keeps what they found.

package syntax

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// addSeeds gives a fuzz target the sources of the tests.
func addSeeds(f *testing.F) {
	for _, archive := range scripts(f) {
		f.Add(string(section(archive, "script.avap")))
	}
	for _, src := range []string{
		"x = [a for a, b in c if d] + {k: v for k in `t ${1 + `u`}`} ** -f(x, reverse=1)[1:2:3].d",
		"try()\nexception(e)\ntry()\nx = exception(\"f\")\nif(None, None, `a // b`)\nelse()\nend()",
		"// doc\ncommand f(a: value, b: out) requires http { /* c */ return a; } // e",
		"function f(a) { addVar(x, don't, [1,\n// c\n2], 1-2, `b ${f(1)}`) // d\n}\nx = {\n1: 2 // e\n}",
	} {
		f.Add(src)
	}
}

func FuzzParse(f *testing.F) {
	addSeeds(f)
	var again Parser
	f.Fuzz(func(t *testing.T, src string) {
		charged := 0
		file, err := Parse(src, Options{Charge: func(n int) error { charged += n; return nil }})
		if most := 100*len(src)*maxPasses + 1000; charged > most {
			t.Errorf("%d bytes are charged for a source of %d", charged, len(src))
		}
		lines := strings.Split(src, "\n")
		valid := func(p Pos) bool {
			return p.Line >= 1 && int(p.Line) <= len(lines) && p.Col >= 1 &&
				int(p.Col) <= utf8.RuneCountInString(lines[p.Line-1])+1
		}
		var errs Errors
		if err != nil && (!errors.As(err, &errs) || len(errs) == 0 || len(errs) > maxErrors) {
			t.Fatalf("ends with %v", err)
		}
		for _, e := range errs {
			if !valid(e.Pos) || e.Msg == "" {
				t.Errorf("an error at %v: %s", e.Pos, e.Msg)
			}
		}
		if file2, err2 := again.Parse(src, Options{}); placed(file) != placed(file2) || fmt.Sprint(err) != fmt.Sprint(err2) {
			t.Errorf("a parser that was used before reads\n%s\n%v\nand not\n%s\n%v", placed(file2), err2, placed(file), err)
		}
		if err == nil {
			checkCalls(t, file)
		}
		Inspect(file, func(n Node) bool {
			if p := n.Position(); !valid(p) {
				t.Errorf("a %T at %v", n, p)
			}
			return true
		})
	})
}

func FuzzPrint(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, src string) {
		if file, err := Parse(src, Options{}); err == nil {
			checkFormat(t, file, src)
		}
	})
}
