// This file holds the fuzz target of what administrators send.

package definitions

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/command"
	"github.com/avap-framework/avap/compile"
)

// FuzzPieces splits sources and compiles what comes of them: each definition can be
// read by itself, its places are places of the source, and what compiles can be
// sealed.
func FuzzPieces(f *testing.F) {
	paths, err := filepath.Glob("testdata/publish/*.txtar")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no cases: %v", err)
	}
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			if strings.HasPrefix(file.Name, "source") {
				f.Add(string(file.Data))
			}
		}
	}
	f.Add("\ufeff// é\ncommand a(x: value) { y = `\n}` } ; // z\n/* } */ command b(x: value) { y = \"}\" }")
	f.Fuzz(func(t *testing.T, text string) {
		parts, ds, err := pieces(0, Source{Name: "s", Text: text}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range ds {
			if d.Severity != SeverityError || d.Msg == "" {
				t.Errorf("%+v", d)
			}
		}
		lines := int32(strings.Count(text, "\n") + 1)
		for _, p := range parts {
			found, err := p.compile(compile.Options{Lookup: command.Signature})
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range found {
				if d.Pos.Line > lines || d.Pos.Line < p.start.Line {
					t.Errorf("%+v in a text of %d lines, of which it has those from %d on", d, lines, p.start.Line)
				}
			}
			if p.program == nil {
				continue
			}
			if err := bytecode.Verify(p.program); err != nil {
				t.Errorf("%s: %v", describe(p.key), err)
			}
		}
		checkSplit(t, text, parts, len(ds) > 0)
	})
}

// checkSplit tells whether each piece of several is one definition, and stands in
// the source.
func checkSplit(t *testing.T, text string, parts []*piece, mistakes bool) {
	for _, p := range parts {
		if p.def == nil {
			continue
		}
		if !strings.Contains(text, strings.TrimSuffix(p.text, "\n")) {
			t.Errorf("%q is no part of the source", p.text)
		}
		again, ds, err := pieces(0, Source{Kind: bytecode.KindCommand, Text: p.text}, nil)
		if err != nil || !mistakes && (len(ds) > 0 || len(again) != 1 || again[0].key != p.key || again[0].text != p.text) {
			t.Errorf("%q by itself: %d pieces, %v, %v", p.text, len(again), ds, err)
		}
	}
}
