package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/seal"
)

// invoke runs the program in this process. It gives what the program
// prints on both outputs, and its error.
func invoke(stdin string, args ...string) (stdout, stderr string, err error) {
	var out, errs strings.Builder
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(strings.NewReader(stdin))
	root.SetOut(&out)
	root.SetErr(&errs)
	err = root.Execute()
	return out.String(), errs.String(), err
}

// inFolder puts the test into a new folder with these files, without any keys in
// the environment.
func inFolder(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, name := range []string{"AVAP_INTERNAL_KEY", "AVAP_REQUEST_KEY", "AVAP_CATALOG_KEY", "AVAP_KEYS"} {
		t.Setenv(name, "")
	}
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// invocation is one call of the program: its error, "" for none, and patterns of what
// it prints.
type invocation struct {
	args   string
	fails  string
	prints string
}

func invokeAll(t *testing.T, steps []invocation) {
	t.Helper()
	for _, s := range steps {
		stdout, stderr, err := invoke("", strings.Fields(s.args)...)
		if s.fails == "" && err != nil || s.fails != "" && (err == nil || !strings.Contains(err.Error(), s.fails)) {
			t.Fatalf("avap %s: the error is %v, want %q\n%s", s.args, err, s.fails, stderr)
		}
		if !regexp.MustCompile(`\A(?:` + s.prints + `)\z`).MatchString(stdout + stderr) {
			t.Errorf("avap %s prints\n%s, want\n%s", s.args, stdout+stderr, s.prints)
		}
	}
}

// keysOf tells of the keys of a file: use, id, and whether they have bounds.
func keysOf(t *testing.T, name string) []string {
	t.Helper()
	keys, err := seal.ReadKeys(name)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, k := range keys {
		text := fmt.Sprint(k)
		if !k.NotBefore.IsZero() {
			text += " from " + k.NotBefore.Format(time.DateOnly)
		}
		if !k.NotAfter.IsZero() {
			text += " to " + k.NotAfter.Format(time.DateOnly)
		}
		told = append(told, text)
	}
	return told
}

func TestKeygen(t *testing.T) {
	inFolder(t, nil)
	now := time.Now().UTC()
	if left := now.Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(now); left < 30*time.Second {
		time.Sleep(left) // all happens on one day
		now = time.Now().UTC()
	}
	month, today := now.Format("2006-01"), now.Format(time.DateOnly)
	invokeAll(t, []invocation{
		{"keygen", "", "avap-keys.json: package key .*, request key .*, catalog key .*\n"},
		{"keygen", "there is such a file already", ""},
		{"keygen --add", "there is a package key " + month + " already: give another --id", ""},
		{"keygen --add --use request --id next", "", "avap-keys.json: request key next\n"},
		{"keygen --add --use package,catalog --id later --not-before 2030-01-01T00:00:00Z --not-after 2031-01-01T00:00:00Z", "", ".*\n"},
	})
	want := []string{
		"package key " + month, "request key " + month, "catalog key " + month, "request key next from " + today,
		"package key later from 2030-01-01 to 2031-01-01", "catalog key later from 2030-01-01 to 2031-01-01",
	}
	if diff := cmp.Diff(want, keysOf(t, "avap-keys.json")); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if _, err := seal.OpenKeyring(seal.KeyringOptions{File: "avap-keys.json"}); err != nil {
		t.Error(err)
	}
	invokeAll(t, []invocation{{"keygen --force --use request --id only", "", "avap-keys.json: request key only\n"}})
	if diff := cmp.Diff([]string{"request key only"}, keysOf(t, "avap-keys.json")); diff != "" {
		t.Errorf("keys after --force (-want +got):\n%s", diff)
	}
	info, err := os.Stat("avap-keys.json")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v), want 0600", info.Mode(), err)
	}
	if left, err := filepath.Glob(".avap-*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

func TestKeygenRefuses(t *testing.T) {
	inFolder(t, map[string]string{"open.json": `{"keys": []}`, "broken.json": `{"keys": [`})
	if err := os.Chmod("open.json", 0o644); err != nil {
		t.Fatal(err)
	}
	invokeAll(t, []invocation{
		{"keygen --use pakage", "--use pakage --id", ""},
		{"keygen --use request,request", "--use request is given twice", ""},
		{"keygen --id much-too-long", "the id of a package key has 1 to 8 characters", ""},
		{"keygen --id a,b --use request", "printable ASCII", ""},
		{"keygen --not-before tomorrow", "--not-before tomorrow: write a time as", ""},
		{"keygen --not-before 2027-01-02T00:00:00Z --not-after 2027-01-01T00:00:00Z", "not_after is not behind", ""},
		{"keygen --add --force", "none of the others can be", ""},
		{"keygen --add", "no such file", ""},
		{"keygen --add --out open.json", "chmod 600", ""},
		{"keygen --add --out broken.json", "broken.json:1: not JSON", ""},
		{"keygen --out no/such/folder.json", "no such file", ""},
		{"keygen extra", "unknown command", ""},
	})
	if _, err := os.Stat("avap-keys.json"); !os.IsNotExist(err) {
		t.Errorf("there is a file of keys: %v", err)
	}
}

func TestKeygenPrints(t *testing.T) {
	inFolder(t, nil)
	out, _, err := invoke("", "keygen", "--out", "-")
	if err != nil || !json.Valid([]byte(out)) || strings.Count(out, `"secret"`) != 3 {
		t.Errorf("printed is %s (%v)", out, err)
	}
	if files, err := fs.Glob(os.DirFS("."), "*"); err != nil || len(files) > 0 {
		t.Errorf("there are files: %v (%v)", files, err)
	}
}

func TestSign(t *testing.T) {
	const body = "{\"script\": \"addResult(x)\"}\n"
	inFolder(t, map[string]string{"body.json": body})
	invokeAll(t, []invocation{
		{"sign body.json", "no request key: give one with --keys", ""},
		{"keygen --use request --id old", "", ".*\n"},
		{"keygen --use request --id new --add", "", ".*\n"},
		{"sign --keys avap-keys.json --kid none body.json", "--kid none: no request key of this id is valid now", ""},
		{"sign --keys missing.json body.json", "missing.json: no such file", ""},
		{"sign --keys avap-keys.json missing.json", "missing.json: no such file", ""},
		{"sign --keys avap-keys.json", "accepts 1 arg", ""},
	})
	t.Setenv("AVAP_REQUEST_KEY", "sixteen bytes at least")
	ring, err := seal.OpenKeyring(seal.KeyringOptions{File: "avap-keys.json", Getenv: os.Getenv})
	if err != nil {
		t.Fatal(err)
	}
	plain := seal.NewVerifier(ring, seal.VerifierOptions{})
	replay := seal.NewVerifier(ring, seal.VerifierOptions{Replay: true})
	for _, tt := range []struct {
		name, flags, stdin, kid, method, target, body string
		verifier                                      *seal.Verifier
	}{
		{"the newest key", "--keys avap-keys.json body.json", "", "new", "POST", "/api/v1/execute", body, plain},
		{"another key", "--keys avap-keys.json --kid old body.json", "", "old", "POST", "/api/v1/execute", body, plain},
		{"the environment", "body.json", "", "default", "POST", "/api/v1/execute", body, plain},
		{"standard input", "-", "x", "default", "POST", "/api/v1/execute", "x", plain},
		{"method and target", "--method PUT --target /p?q=%20 -", "", "default", "PUT", "/p?q=%20", "", plain},
		{"a nonce", "--nonce body.json", "", "default", "POST", "/api/v1/execute", body, replay},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, _, err := invoke(tt.stdin, append([]string{"sign"}, strings.Fields(tt.flags)...)...)
			if err != nil {
				t.Fatal(err)
			}
			value, ok := strings.CutPrefix(out, "X-AVAP-Signature: ")
			value, line := strings.CutSuffix(value, "\n")
			h, err := tt.verifier.ParseHeader([]string{value})
			if !ok || !line || err != nil || h.KeyID != tt.kid {
				t.Fatalf("printed is %q, with the key %s (%v)", out, h.KeyID, err)
			}
			if err := tt.verifier.Verify(&h, tt.method, tt.target, []byte(tt.body)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestKeygenKeepsOwner adds a key as root to the keyring of a server's user, who must
// still be able to read it.
func TestKeygenKeepsOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("files are given away by root alone")
		return
	}
	inFolder(t, nil)
	const server, group = 10001, 10002
	if _, _, err := invoke("", "keygen", "--out", "keys.json"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown("keys.json", server, group); err != nil {
		t.Fatal(err)
	}
	if _, _, err := invoke("", "keygen", "--add", "--out", "keys.json", "--id", "next"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat("keys.json")
	if err != nil {
		t.Fatal(err)
	}
	if s := info.Sys().(*syscall.Stat_t); s.Uid != server || s.Gid != group || info.Mode().Perm() != 0o600 {
		t.Errorf("the keyring is of %d:%d with mode %v, want %d:%d and 0600", s.Uid, s.Gid, info.Mode(), server, group)
	}
}
