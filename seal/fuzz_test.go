package seal_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/avap-framework/avap/seal"
)

// Of all headers, those alone pass that Sign could have made for the request,
// but for the order of the fields and the white space between them.
func FuzzHeader(f *testing.F) {
	f.Add(sign('a', at(0), "default", ""))
	f.Add(sign('a', at(-300), "default", "A-z_09"))
	f.Add(sign('d', at(300), "other=1", ""))
	f.Add("t=1, kid=default, v1=" + strings.Repeat("0", 64))
	f.Add("t=, kid=, v1=, n=")
	v := seal.NewVerifier(requestKeys(f, clock), seal.VerifierOptions{Now: clock})
	genuine := map[string]bool{}
	for t := -300; t <= 300; t++ {
		genuine[sign('a', at(t), "default", "")] = true
		genuine[sign('d', at(t), "other=1", "")] = true
	}
	f.Fuzz(func(t *testing.T, header string) {
		h, err := v.ParseHeader([]string{header})
		if err == nil {
			err = v.Verify(&h, method, target, []byte(body))
		}
		if code := codeOf(t, err); code != "" {
			return
		}
		fields := map[string]string{}
		for field := range strings.SplitSeq(strings.Trim(header, " \t"), ",") {
			name, value, _ := strings.Cut(strings.TrimPrefix(field, " "), "=")
			fields[name] = value
		}
		plain := "t=" + fields["t"] + ", kid=" + fields["kid"] + ", v1=" + fields["v1"]
		if n := fields["n"]; n != "" {
			if plain += ", n=" + n; plain != sign('a', fields["t"], "default", n) && plain != sign('d', fields["t"], "other=1", n) {
				t.Errorf("%q passes", header)
			}
			return
		}
		if !genuine[plain] {
			t.Errorf("%q passes", header)
		}
	})
}

// Bytes as they are never verify; with the right size and MAC they are refused,
// or opened to what gives the same bytes when it is sealed again.
func FuzzPackage(f *testing.F) {
	k := newKey(f, seal.UsePackage, "k", 'a', time.Time{}, time.Time{})
	ring := newKeyring(f, clock, k)
	for _, u := range []*seal.Unit{answer(), setOne()} {
		b, err := seal.Seal(u, k)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	b, err := seal.SealSource("addResult(x)", k)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("AVAP"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := seal.OpenUnverified(b); err != nil && codeOf(t, err) != seal.CodeIntegrity {
			t.Error(err)
		}
		if len(b) < 42 {
			return
		}
		p, err := seal.Open(ring, resign(bytes.Clone(b), 'a'))
		if err != nil {
			if codeOf(t, err) != seal.CodeIntegrity || p != nil {
				t.Errorf("%v with %v", p, err)
			}
			return
		}
		var again []byte
		if p.Unit != nil {
			again, err = seal.Seal(p.Unit, k)
		} else {
			again, err = seal.SealSource(p.Source, k)
		}
		if err != nil || !bytes.Equal(again, resign(b, 'a')) {
			t.Errorf("sealed again (%v)\n% x\nis not\n% x", err, again, b)
		}
	})
}

// A file is refused in one line, or its keys are the same when they are written
// and read again.
func FuzzKeyring(f *testing.F) {
	f.Add([]byte(keyFile()))
	f.Add([]byte(keyFile(entry("package", "2026-11", 'a', `, "not_before": "2026-11-01T00:00:00Z", "not_after": "2026-12-01T00:00:00.5+01:00"`))))
	f.Add([]byte(keyFile(entry("request", "r", 'r'), entry("catalog", "c", 'c'))))
	f.Add([]byte(`{"keys": [{"use": "package", "use": "package"}], "keys": []}`))
	folder := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		name := filepath.Join(folder, "keys.json")
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		keys, err := seal.ReadKeys(name)
		if err != nil {
			if strings.ContainsAny(strings.TrimPrefix(err.Error(), folder), "\n\r") {
				t.Errorf("an error of several lines: %q", err)
			}
			return
		}
		written := seal.AppendKeys(nil, keys)
		if err := os.WriteFile(name, written, 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := seal.ReadKeys(name)
		if err != nil || !bytes.Equal(written, seal.AppendKeys(nil, again)) {
			t.Errorf("written %s, read %v (%v)", written, again, err)
		}
	})
}
