package seal_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/seal"
)

// secret is the base64 of n times one byte.
func secret(b byte, n int) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, n))
}

// entry is a key of a file; further fields are as written.
func entry(use, id string, b byte, further ...string) string {
	return fmt.Sprintf(`{"use": %q, "id": %q, "secret": %q%s}`, use, id, secret(b, 32), strings.Join(further, ""))
}

func keyFile(entries ...string) string {
	return `{"keys": [` + strings.Join(entries, ",\n  ") + "]}\n"
}

// writeFile puts a file in place whole, as a rotation does.
func writeFile(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(name+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

func environ(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestKeyring(t *testing.T) {
	const (
		from1, from9, from20 = `, "not_before": "2026-11-01T00:00:00Z"`, `, "not_before": "2026-11-09T01:00:00+01:00"`, `, "not_before": "2026-11-20T00:00:00Z"`
		to10, to20           = `, "not_after": "2026-11-10T00:00:00Z"`, `, "not_after": "2026-11-20T00:00:00Z"`
	)
	env := environ("AVAP_INTERNAL_KEY", "a text of 32 bytes for packages!")
	tests := []struct {
		name   string
		file   string
		getenv func(string) string
		valid  []string // package keys, the one that signs first
	}{
		{"none", keyFile(), nil, nil},
		{"one", keyFile(entry("package", "a", 'a')), nil, []string{"a"}},
		{"in the order of the file", keyFile(entry("package", "b", 'b'), entry("package", "a", 'a')), nil, []string{"b", "a"}},
		{
			"the latest not_before first, none counts as oldest",
			keyFile(entry("package", "none", 'a'), entry("package", "1st", 'b', from1), entry("package", "9th", 'c', from9)),
			nil,
			[]string{"9th", "1st", "none"},
		},
		{"not yet", keyFile(entry("package", "a", 'a'), entry("package", "b", 'b', from20)), nil, []string{"a"}},
		{"no longer", keyFile(entry("package", "a", 'a', from1, to10), entry("package", "b", 'b', to20)), nil, []string{"b"}},
		{"the environment behind the file", keyFile(entry("package", "a", 'a')), env, []string{"a", "default"}},
		{"the environment behind the dated", keyFile(entry("package", "z", 'a', from1)), env, []string{"z", "default"}},
		{
			"the environment wins over its namesake",
			keyFile(entry("package", "default", 'a', from1), entry("package", "b", 'b')), env,
			[]string{"b", "default"},
		},
		{"other uses", keyFile(entry("request", "r", 'r'), entry("catalog", "c", 'c')), nil, nil},
		{"one secret twice in a use", keyFile(entry("package", "a", 'a'), entry("package", "b", 'a')), nil, []string{"a", "b"}},
		{"an empty variable", keyFile(), environ("AVAP_INTERNAL_KEY", ""), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "keys.json")
			writeFile(t, name, tt.file)
			r, err := seal.OpenKeyring(seal.KeyringOptions{File: name, Getenv: tt.getenv, Now: clock})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for k := range r.Valid(seal.UsePackage) {
				got = append(got, k.ID)
				if r.Lookup(seal.UsePackage, k.ID) != k || r.Lookup(seal.UseRequest, k.ID) != nil {
					t.Errorf("%v is not found under its id and use alone", k)
				}
			}
			if diff := cmp.Diff(tt.valid, got); diff != "" {
				t.Errorf("valid keys (-want +got):\n%s", diff)
			}
			if k, err := r.Signing(seal.UsePackage); (err == nil) != (len(got) > 0) || err == nil && k.ID != got[0] {
				t.Errorf("%v signs (%v)", k, err)
			}
		})
	}
}

// That keys are there, but none in force, is said in another way than that
// there are none.
func TestNoKeyIsValid(t *testing.T) {
	r := newKeyring(t, clock, newKey(t, seal.UsePackage, "old", 'a', time.Time{}, day(2)))
	if k, err := r.Signing(seal.UsePackage); err == nil || !strings.Contains(err.Error(), "no package key is valid now") {
		t.Errorf("%v signs (%v)", k, err)
	}
}

// The environment's secret is the bytes of its text.
func TestEnvironment(t *testing.T) {
	text := strings.Repeat("k", 32)
	r, err := seal.OpenKeyring(seal.KeyringOptions{Getenv: environ("AVAP_REQUEST_KEY", text), Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	v := seal.NewVerifier(r, seal.VerifierOptions{Now: clock})
	if err := verify(v, []string{sign('k', at(0), "default", "")}, method, target, body); err != nil {
		t.Error(err)
	}
	if _, err := r.Signing(seal.UseCatalog); err == nil || !strings.Contains(err.Error(), "AVAP_CATALOG_KEY") {
		t.Errorf("no catalog key: %v", err)
	}
}

func TestKeyringRefuses(t *testing.T) {
	hidden := secret('s', 32)
	pkg := func(further string) string { return entry("package", "a", 's', further) }
	tests := []struct {
		name, file, want string
		getenv           func(string) string
	}{
		{"empty", "", "keys.json:1: not JSON", nil},
		{"no object", `[]`, "keys.json:1: a keyring is", nil},
		{"another name", `{"Keys": []}`, "keys.json:1: a keyring is", nil},
		{"keys twice", `{"keys": [], "keys": []}`, "keys.json:1: a keyring is", nil},
		{"something behind it", keyFile() + "{}", "keys.json:2: something stands behind", nil},
		{"a bracket behind it", keyFile() + "]", "keys.json:2: something stands behind", nil},
		{"cut short", keyFile(pkg(""))[:60], "keys.json:1: key 1: ", nil},
		{"not UTF-8", "{\"keys\": []}\xff", "not UTF-8", nil},
		{"a key that is a text", `{"keys": ["` + hidden + `"]}`, "key 1: a keyring is", nil},
		{"a secret as a field", `{"keys": [{"` + hidden + `": ""}]}`, "key 1: an unknown field", nil},
		{"a field in capitals", keyFile(strings.Replace(pkg(""), `"use"`, `"Use"`, 1)), "key 1: an unknown field", nil},
		{"a secret that is a number", keyFile(`{"use": "package", "id": "a", "secret": 5}`), "key 1: secret: not a text", nil},
		{"a field twice", keyFile(pkg(`, "id": "b"`)), "key 1: id stands twice", nil},
		{"no use", keyFile(`{"id": "a", "secret": "` + hidden + `"}`), "key 1: no use", nil},
		{"no id", keyFile(`{"use": "package", "secret": "` + hidden + `"}`), "key 1: no id", nil},
		{"no secret", keyFile(`{"use": "package", "id": "a"}`), "key 1: no secret", nil},
		{"a secret as the use", keyFile(entry(hidden, "a", 's')), "key 1: unknown use", nil},
		{"a secret as the id", keyFile(entry("package", hidden, 's')), "the id of a package key has 1 to 8", nil},
		{"an empty id", keyFile(entry("package", "", 's')), "the id of a package key has 1 to 8", nil},
		{"an id of 65", keyFile(entry("request", strings.Repeat("i", 65), 's')), "an id has 1 to 64", nil},
		{"an id with a comma", keyFile(entry("request", "a,b", 's')), "printable ASCII", nil},
		{"an id beyond ASCII", keyFile(entry("package", "ä", 's')), "printable ASCII", nil},
		{"not base64", keyFile(strings.Replace(pkg(""), hidden, "?"+hidden[1:], 1)), "secret: not base64", nil},
		{"URL base64", keyFile(strings.Replace(pkg(""), hidden, "-_"+hidden[2:], 1)), "secret: not base64", nil},
		{"no padding", keyFile(strings.Replace(pkg(""), hidden, strings.TrimRight(hidden, "="), 1)), "secret: not base64", nil},
		{"base64 in lines", keyFile(strings.Replace(pkg(""), hidden, hidden[:8]+`\n`+hidden[8:], 1)), "secret: not base64", nil},
		{"31 bytes", keyFile(strings.Replace(pkg(""), hidden, secret('s', 31), 1)), "secret: 31 bytes", nil},
		{"a date alone", keyFile(pkg(`, "not_before": "2026-11-01"`)), "not_before: not a time", nil},
		{"an empty time", keyFile(pkg(`, "not_after": ""`)), "not_after: not a time", nil},
		{"times the wrong way round", keyFile(pkg(`, "not_before": "2026-11-02T00:00:00Z", "not_after": "2026-11-01T00:00:00Z"`)), "not_after is not behind", nil},
		{"in line 2", keyFile(pkg(""), pkg("")), "keys.json:2: key 2: there is a package key a already", nil},
		{"one secret under two uses", keyFile(pkg(""), entry("request", "r", 's')), "the package key a and the request key r have one secret", nil},
		{
			"one secret under two uses but for zeros at its end",
			keyFile(`{"use": "package", "id": "a", "secret": "`+base64.StdEncoding.EncodeToString(append(bytes.Repeat([]byte{'s'}, 32), 0))+`"}`, entry("catalog", "c", 's')),
			"have one secret", nil,
		},
		{
			"one secret under two uses, beyond HMAC's block",
			keyFile(strings.Replace(pkg(""), hidden, secret('s', 65), 1), strings.Replace(entry("catalog", "c", 's'), hidden, secret('s', 65), 1)),
			"have one secret", nil,
		},
		{"the file's secret in the environment", keyFile(pkg("")), "have one secret", environ("AVAP_REQUEST_KEY", strings.Repeat("s", 32))},
		{"one secret in two variables", keyFile(), "have one secret", environ("AVAP_REQUEST_KEY", strings.Repeat("s", 32), "AVAP_CATALOG_KEY", strings.Repeat("s", 32))},
		{"a short variable", keyFile(), "AVAP_CATALOG_KEY: the secret has 15 bytes; it needs 16 or more", environ("AVAP_CATALOG_KEY", "sssssssssssssss")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "keys.json")
			writeFile(t, name, tt.file)
			_, err := seal.OpenKeyring(seal.KeyringOptions{File: name, Getenv: tt.getenv, Now: clock})
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("the error is %v, want one line with %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "ssss") || strings.Contains(err.Error(), hidden[4:12]) {
				t.Errorf("%q shows the secret", err)
			}
		})
	}
}

func TestKeyFileAccess(t *testing.T) {
	name := filepath.Join(t.TempDir(), "keys.json")
	open := func() error {
		_, err := seal.OpenKeyring(seal.KeyringOptions{File: name})
		return err
	}
	if err := open(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	for mode, ok := range map[fs.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o610: false, 0o666: false} {
		writeFile(t, name, keyFile(entry("package", "a", 'a')))
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
		if err := open(); (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %#o: %v", mode, err)
		}
	}
	writeFile(t, name, strings.Repeat(" ", 1<<20)+keyFile())
	if err := open(); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("a large file: %v", err)
	}
	name = t.TempDir()
	if err := open(); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a folder: %v", err)
	}
}

// However a key is printed, it does not show its secret.
func TestKeysDoNotShowSecrets(t *testing.T) {
	k := newKey(t, seal.UsePackage, "id", 's', time.Time{}, time.Time{})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, k); got != "package key id" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

func TestAppendKeys(t *testing.T) {
	keys := []*seal.Key{
		newKey(t, seal.UsePackage, "2026-11", 'a', day(1), day(20)),
		newKey(t, seal.UseRequest, "<r&>", 'b', time.Time{}, time.Time{}),
	}
	generated, err := seal.GenerateKey(seal.UseCatalog, "c", time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	keys = append(keys, generated)
	name := filepath.Join(t.TempDir(), "keys.json")
	text := seal.AppendKeys(nil, keys)
	writeFile(t, name, string(text))
	read, err := seal.ReadKeys(name)
	if err != nil {
		t.Fatal(err)
	}
	if again := seal.AppendKeys(nil, read); !bytes.Equal(text, again) {
		t.Errorf("written %s, read %s", text, again)
	}
	if !strings.Contains(string(text), secret('a', 32)) || !strings.Contains(string(text), `"not_after": "2026-11-20T00:00:00Z"`) {
		t.Errorf("secret or time are missing: %s", text)
	}
}

func TestWatch(t *testing.T) {
	name := filepath.Join(t.TempDir(), "keys.json")
	writeFile(t, name, keyFile(entry("request", "a", 'a')))
	synctest.Test(t, func(t *testing.T) {
		r, err := seal.OpenKeyring(seal.KeyringOptions{File: name})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var told []string
		var wg sync.WaitGroup
		wg.Go(func() { r.Watch(ctx, time.Second, func(err error) { told = append(told, filepath.Base(err.Error())) }) })
		signing := func(want string) {
			t.Helper()
			time.Sleep(time.Second + time.Millisecond)
			synctest.Wait()
			if k, err := r.Signing(seal.UseRequest); err != nil || k.ID != want {
				t.Errorf("%v signs (%v), want %s", k, err, want)
			}
		}
		signing("a")
		writeFile(t, name, keyFile(entry("request", "b", 'b'), entry("request", "a", 'a')))
		signing("b")
		writeFile(t, name, "{")
		signing("b")
		signing("b")
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		signing("b")
		writeFile(t, name, keyFile(entry("request", "c", 'c')))
		signing("c")
		writeFile(t, name, "{")
		signing("c")
		if diff := cmp.Diff([]string{"keys.json:1: not JSON", "keys.json: no such file or directory", "keys.json:1: not JSON"}, told); diff != "" {
			t.Errorf("errors (-want +got):\n%s", diff)
		}
		cancel()
		wg.Wait()
	})
}

// Keys are rotated under load, each new one first added and then signing; no
// request and no package fails.
func TestRotationUnderLoad(t *testing.T) {
	name := filepath.Join(t.TempDir(), "keys.json")
	both := func(i int) string {
		id := fmt.Sprint("k", i)
		return entry("package", id, byte(i)) + "," + entry("request", id, byte(i+100))
	}
	keys := []string{both(0)}
	writeFile(t, name, keyFile(keys...))
	r, err := seal.OpenKeyring(seal.KeyringOptions{File: name})
	if err != nil {
		t.Fatal(err)
	}
	v := seal.NewVerifier(r, seal.VerifierOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { r.Watch(ctx, time.Millisecond, nil) })
	for range 3 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := roundTrip(r, v); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := 1; i < 20; i++ {
		added := append(slices.Clone(keys), both(i))
		keys = append([]string{both(i)}, keys...)
		for _, text := range []string{keyFile(added...), "{", keyFile(keys...), keyFile(keys...) + " "} {
			writeFile(t, name, text)
			time.Sleep(2 * time.Millisecond)
		}
	}
	for k, err := r.Signing(seal.UsePackage); err != nil || k.ID != "k19"; k, err = r.Signing(seal.UsePackage) {
		time.Sleep(time.Millisecond)
	}
	cancel()
	wg.Wait()
}

// roundTrip signs and seals with the keys of the moment, and verifies and opens
// both.
func roundTrip(r *seal.Keyring, v *seal.Verifier) error {
	k, err := r.Signing(seal.UseRequest)
	if err != nil {
		return err
	}
	header, err := seal.Sign(k, seal.Request{Method: method, Target: target, Body: []byte(body), Time: time.Now()})
	if err != nil {
		return err
	}
	if err := verify(v, []string{header}, method, target, body); err != nil {
		return fmt.Errorf("%v: %w", k, err)
	}
	if k, err = r.Signing(seal.UsePackage); err != nil {
		return err
	}
	b, err := seal.Seal(answer(), k)
	if err != nil {
		return err
	}
	if _, err = seal.Open(r, b); err != nil {
		return fmt.Errorf("%v: %w", k, errors.Join(err, errors.Unwrap(err)))
	}
	return nil
}
