package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
)

// FuzzParseExport reads whatever a file may hold; what it takes is the same again
// when it is written and read.
func FuzzParseExport(f *testing.F) {
	f.Add(`{"format":"avap-catalog-1","revision":9,"units":1}` + "\n" + `{"kind":"script","name":"a","contract":{"time":5,"capabilities":["sql"]},"source":"x = 1\n"}` + "\n")
	f.Add(`{"format":"avap-catalog-1","units":0}`)
	f.Add("\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		units, err := parseExport(strings.NewReader(text))
		if err != nil {
			if !strings.Contains(err.Error(), ":") {
				t.Errorf("%v names no line", err)
			}
			return
		}
		var again bytes.Buffer
		if err := printJSON(&again, exportHead{Format: exportFormat, Units: uint64(len(units))}); err != nil {
			t.Fatal(err)
		}
		for _, u := range units {
			if err := printJSON(&again, exportUnit{kindName(u.Kind), u.Name, contractOf(u.Contract), u.Text}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := parseExport(&again)
		if err != nil {
			t.Fatal(err)
		}
		for i, u := range units {
			if contractOf(u.Contract) == nil {
				u.Contract = nil
			}
			if diff := cmp.Diff(u, got[i], protocmp.Transform()); diff != "" {
				t.Errorf("unit %d (-want +got):\n%s", i, diff)
			}
		}
	})
}

// FuzzAdminTokens reads whatever a file may hold: no error quotes a token.
func FuzzAdminTokens(f *testing.F) {
	f.Add("ada token-of-ada\n# bob token-of-bob\n\n")
	f.Add("ada\n")
	f.Fuzz(func(t *testing.T, text string) {
		tokens := map[string]string{}
		err := parseAdminTokens(strings.NewReader(text), tokens)
		for name, token := range tokens {
			if name == "" || token == "" || strings.ContainsAny(name+token, " \t\n") {
				t.Errorf("%q has the token %q", name, token)
			}
			if err != nil && len(token) > 12 && strings.Contains(err.Error(), token) {
				t.Errorf("%v quotes a token", err)
			}
		}
	})
}
