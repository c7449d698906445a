package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/seal"
)

func TestCompile(t *testing.T) {
	const script = "addVar(x, 42)\naddResult(x)\n"
	inFolder(t, map[string]string{
		"api.avap": script, "broken.avap": "if(", "crm.avap": "command crm(id: value, target: out) {\n target = id\n}\n",
		"uses.avap": "crm(5, who)\naddResult(who)\n",
	})
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte(script)))
	header := `package   version 2, \d+ bytes\nverified  with the package key k\n`
	invokeAll(t, []invocation{
		{"compile api.avap -o api.pkg", "no package key: give one with --keys", ""},
		{"keygen --id k", "", ".*\n"},
		{"keygen --id k --out other.json", "", ".*\n"},
		{"compile api.avap --keys avap-keys.json", "write -o FILE", ""},
		{"compile missing.avap -o api.pkg --keys avap-keys.json", "no such file", ""},
		{"compile broken.avap -o api.pkg --keys avap-keys.json", "failed", `broken\.avap:1:\d+: .*\n`},
		{"compile crm.avap -o api.pkg --keys avap-keys.json", "failed", `crm\.avap:1:1: a script cannot define .*\n`},
		{"inspect api.pkg", "no such file", ""},
		{"compile api.avap -o api.pkg --keys avap-keys.json", "", ""},
		{"inspect api.pkg --keys avap-keys.json", "", header + `kind      script, compiled
name      "api"
quotas    none
source    SHA-256 ` + hash + `

script "api"
(?s:.*)export(?s:.*)`},
		{"inspect api.pkg", "", `package       version 2, \d+ bytes
not verified  no key is given; it names the package key "k"
(?s:.*)export(?s:.*)`},
		{"inspect api.pkg --keys other.json", "api.pkg: the package does not verify: the MAC is wrong", ""},
		{"compile uses.avap -o uses.pkg --keys avap-keys.json --define crm.avap", "", ""},
		{"inspect uses.pkg --keys avap-keys.json", "", header + `(?s:.*)crm(?s:.*)`},
		{"inspect api.avap", "", `script ""\n(?s:.*)export(?s:.*)`},
	})
	b, err := os.ReadFile("api.pkg")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("cut.pkg", b[:len(b)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AVAP_INTERNAL_KEY", "another key than the file's")
	invokeAll(t, []invocation{
		{"inspect api.pkg", "api.pkg: the package does not verify: the key is unknown, or not valid now", ""},
		{"inspect cut.pkg --keys avap-keys.json", "cut.pkg: the package does not verify: the size is not the payload's", ""},
	})
}

// Packages that avap compile does not make can be inspected all the same.
func TestInspectPackages(t *testing.T) {
	const secret = "a secret for these packages"
	k, err := seal.NewKey(seal.UsePackage, "default", []byte(secret), time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	source, err := seal.SealSource("addVar(x, 1)\naddResult(x)\n", k)
	if err != nil {
		t.Fatal(err)
	}
	definition, err := seal.Seal(&seal.Unit{
		Origin:   seal.OriginPublished,
		Contract: seal.Contract{Instructions: 1000, Memory: 1 << 20, HostTime: time.Second, HostCalls: 2},
		Program: &bytecode.Program{
			Kind: bytecode.KindCommand, Name: "crm", Requires: []string{"http", "time"},
			Globals: []string{"target"}, Params: []bytecode.Param{{Name: "target", Mode: bytecode.ModeOut}},
			Functions: []bytecode.Function{{
				Params: 1, Registers: 1, Locals: []string{"target"},
				Code:      []bytecode.Instr{{Op: bytecode.OpLoadI, C: 1}, {Op: bytecode.OpStop}},
				Positions: []bytecode.Position{{Line: 1, Col: 1}},
			}},
		},
	}, k)
	if err != nil {
		t.Fatal(err)
	}
	inFolder(t, map[string]string{"source.pkg": string(source), "crm.pkg": string(definition)})
	invokeAll(t, []invocation{{"inspect source.pkg", "", `package       version 1, 68 bytes
not verified  no key is given
source        26 bytes, SHA-256 [0-9a-f]{64}

script ""
(?s:.*)export(?s:.*)`}})
	t.Setenv("AVAP_INTERNAL_KEY", secret)
	invokeAll(t, []invocation{
		{"inspect source.pkg", "", `package   version 1, 68 bytes
verified  with the package key default
(?s:.*)export(?s:.*)`},
		{"inspect crm.pkg", "", `package       version 2, \d+ bytes
verified      with the package key default
kind          command, published
name          "crm"
interface     \(target:out\)
capabilities  http, time
quotas        instructions 1000, memory 1MiB, host time 1s, host calls 2
source        SHA-256 0{64}

command "crm".*
(?s:.*)loadi(?s:.*)`},
	})
}

// TestCompileOnto writes packages to what is there already: a file is replaced, behind a
// symbolic link too, and what is no file stays what it is.
func TestCompileOnto(t *testing.T) {
	inFolder(t, map[string]string{"api.avap": "x = 1\n", "old.pkg": "old"})
	t.Setenv("AVAP_INTERNAL_KEY", "a package key of 32 bytes or more")
	if err := os.Symlink("old.pkg", "link.pkg"); err != nil {
		t.Fatal(err)
	}
	device, err := filepath.EvalSymlinks(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(device, "null"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo("pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan []byte)
	go func() {
		b, _ := os.ReadFile("pipe")
		read <- b
	}()
	invokeAll(t, []invocation{
		{"compile api.avap -o api.pkg", "", ""},
		{"compile api.avap -o link.pkg", "", ""},
		{"compile api.avap -o null", "", ""},
		{"compile api.avap -o pipe", "", ""},
		{"compile api.avap -o .", "open .: is a directory", ""},
		{"compile api.avap -o no/where.pkg", "open no/where.pkg: no such file or directory", ""},
	})
	want, err := os.ReadFile("api.pkg")
	if err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile("old.pkg")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(old, want) || !bytes.Equal(<-read, want) {
		t.Error("the file behind the link, or what was read from the pipe, is another package")
	}
	for name, kind := range map[string]fs.FileMode{"link.pkg": fs.ModeSymlink, "null": fs.ModeSymlink, "pipe": fs.ModeNamedPipe} {
		if info, err := os.Lstat(name); err != nil || info.Mode().Type() != kind {
			t.Errorf("%s is no %v any more: %v, %v", name, kind, info, err)
		}
	}
}
