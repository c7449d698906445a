// This file holds the test that a newer definition server never stops older
// workers, with two builds of this project.

package definitions_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/definitions"
	"github.com/avap-framework/avap/definitions/avapv2pb"
	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/seal"
)

// later is what a later version of this project changes: it has a bytecode version
// more, and in it the method trim of texts.
var later = []struct{ path, old, new string }{
	{
		"bytecode/version.go", fmt.Sprintf("const Version = %d", bytecode.Version),
		fmt.Sprintf("const Version = %d", bytecode.Version+1),
	}, {
		"bytecode/version.go", "\n}\n\n// VersionOf",
		fmt.Sprintf("\n\t{ops: %d, builtins: %d, methods: %d, codes: %d},\n}\n\n// VersionOf",
			bytecode.NumOps, len(bytecode.Builtins), len(bytecode.Methods)+1, len(bytecode.Codes)),
	}, {
		"bytecode/op.go", `"setdefault",` + "\n", `"setdefault", "trim",` + "\n",
	}, {
		"vm/methods.go", "/* setdefault */ {dict: method{1, 2, dictSetdefault}},",
		"{dict: method{1, 2, dictSetdefault}},\n\t{text: method{0, 1, textStrip(true, true)}},",
	},
}

// buildLater builds the program of testdata/node as the later version has it.
func buildLater(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	overlay := map[string]string{}
	for _, change := range later {
		original, err := filepath.Abs(filepath.Join("..", change.path))
		if err != nil {
			t.Fatal(err)
		}
		from := original
		if overlay[original] != "" {
			from = overlay[original]
		}
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(text), change.old, change.new, 1)
		if changed == string(text) {
			t.Fatalf("%s has no %q", change.path, change.old)
		}
		overlay[original] = filepath.Join(folder, strings.ReplaceAll(change.path, "/", "_"))
		if err := os.WriteFile(overlay[original], []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "overlay.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(folder, "node")
	cmd := exec.Command("go", "build", "-overlay", filepath.Join(folder, "overlay.json"), "-o", program, "./testdata/node")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// laterServer is a definition server of the later version.
type laterServer struct {
	addr string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
}

// nodeKeys is an environment with keys.
func nodeKeys() []string {
	return append(os.Environ(),
		"AVAP_INTERNAL_KEY=a secret for packages, of this test alone",
		"AVAP_CATALOG_KEY=a secret for manifests, of this test alone",
		"AVAP_REQUEST_KEY=")
}

// startLater starts a server of the later version on a store.
func startLater(t *testing.T, program, file string) *laterServer {
	t.Helper()
	s := &laterServer{cmd: exec.Command(program, "serve", file)}
	s.cmd.Env, s.cmd.Stderr = nodeKeys(), os.Stderr
	var err error
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.out = bufio.NewReader(out)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fscanln(s.out, &s.addr); err != nil {
		t.Fatal(err)
	}
	return s
}

// publish publishes a source of one line.
func (s *laterServer) publish(t *testing.T, text string) (revision uint64) {
	t.Helper()
	if _, err := fmt.Fprintln(s.in, text); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fscanln(s.out, &revision); err != nil || revision == 0 {
		t.Fatalf("not published: %v", err)
	}
	return revision
}

func (s *laterServer) stop(t *testing.T) {
	t.Helper()
	s.in.Close()
	if err := s.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// followLater gives what a worker of the later version says of a server.
func followLater(t *testing.T, program, addr string) string {
	t.Helper()
	cmd := exec.Command(program, "follow", addr, "plain", "tidy")
	cmd.Env, cmd.Stderr = nodeKeys(), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// TestTwoBuilds has a server of a later version serve a worker of this one, which
// gets all that it can run, and the other way round.
func TestTwoBuilds(t *testing.T) {
	program := buildLater(t)
	file := filepath.Join(t.TempDir(), "avap.db")
	keys, err := seal.OpenKeyring(seal.KeyringOptions{Getenv: func(name string) string {
		for _, pair := range nodeKeys() {
			if value, ok := strings.CutPrefix(pair, name+"="); ok {
				return value
			}
		}
		return ""
	}})
	if err != nil {
		t.Fatal(err)
	}

	newer := startLater(t, program, file)
	newer.publish(t, "command plain(x: value, o: out) { o = x.strip() }")
	revision := newer.publish(t, "command tidy(x: value, o: out) { o = x.trim() }")
	if got, want := followLater(t, program, newer.addr), fmt.Sprintf("revision %d, bytecode %d of %[2]d: plain true, tidy true", revision, bytecode.Version+1); got != want {
		t.Errorf("the newer worker has %s, want %s", got, want)
	}
	stream, err := avapv2pb.NewCatalogClient(dial(t, newer.addr, nil)).Watch(with(t.Context(), workerToken), &avapv2pb.WatchRequest{BytecodeVersion: bytecode.Version})
	if err != nil {
		t.Fatal(err)
	}
	older := replica(keys)
	v, err := apply(older, stream)
	if err != nil {
		t.Fatal(err)
	}
	if v.Number() != revision || v.Manifest().Bytecode != bytecode.Version || v.Command("plain") == nil || v.Command("tidy") != nil {
		t.Errorf("revision %d, bytecode %d: plain is %v, tidy is %v", v.Number(), v.Manifest().Bytecode, v.Command("plain"), v.Command("tidy"))
	}
	if unusable := v.Unusable(); len(unusable) != 1 || unusable[0].Name != "tidy" {
		t.Errorf("unusable: %v", unusable)
	}
	// It goes on with what is published.
	revision = newer.publish(t, "command plain(x: value, o: out) { o = x.lstrip() }")
	if v, err = apply(older, stream); err != nil || v.Number() != revision {
		t.Errorf("revision %d, %v", v.Number(), err)
	}
	newer.stop(t)

	// This version serves on the same store, without what it does not know.
	db, err := store.Open(t.Context(), "sqlite:"+file, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s, addr := serve(t, definitions.Options{Store: db, Keys: keys})
	if got := s.Publisher().Revision(); got != revision {
		t.Errorf("the older server is at revision %d, want %d", got, revision)
	}
	if got, want := followLater(t, program, addr), fmt.Sprintf("revision %d, bytecode %d of %d: plain true, tidy false", revision, bytecode.Version, bytecode.Version+1); got != want {
		t.Errorf("the newer worker has %s, want %s", got, want)
	}
	root := v.Tree().Root()
	f := follow(t.Context(), t, dial(t, addr, nil), keys, &avapv2pb.WatchRequest{Revision: revision, Root: root[:]})
	f.tree = v.Tree()
	if err := f.next(); err != nil || f.received != 0 {
		t.Errorf("the older worker was sent %d units, %v", f.received, err)
	}
}
