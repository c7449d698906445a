// This file tests the definition server of `avap dev`.

package main

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// definitions is where the definition server listens, as the greeting says.
func (d *dev) definitions(t *testing.T) string { return d.greeted(t, `definitions on (\S+),`) }

func (d *dev) greeted(t *testing.T, pattern string) string {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(d.greeting)
	if found == nil {
		t.Fatalf("no %s in the greeting:\n%s", pattern, d.greeting)
	}
	return found[1]
}

// token is that of the administrator.
func (d *dev) token(t *testing.T) string {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(d.dir, ".avap", "admin-token"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(token))
}

// catalog runs avap catalog against the process.
func (d *dev) catalog(t *testing.T, args ...string) string {
	t.Helper()
	env := environment("AVAP_ADMIN_TOKEN="+d.token(t), "AVAP_DEFINITIONS="+d.definitions(t))
	return runAvap(t, d.dir, env, append([]string{"catalog"}, args...)...)
}

// answers waits until a request has this in its answer.
func (d *dev) answers(t *testing.T, body, want string) {
	t.Helper()
	until(t, body+" has "+want, func() bool { return execute(t, d.addr, "", body).is(200, want) })
}

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDevPublishes has a command and a script published while it runs, and finds
// them again when it is started anew; with the same keys and token.
func TestDevPublishes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"greet.avap": "command greet(who: value, o: out) { o = \"Hello \" + who }\n",
		"hello.avap": "addParam(name, who)\ngreeting = greet(who)\naddResult(greeting)\n",
		"twice.avap": "command double(n: value, o: out) { o = n * 2 }\n",
	})
	d := startDevIn(t, dir, nil)
	if printed := d.catalog(t, "publish", "greet.avap", "hello.avap"); !strings.Contains(printed, "created script hello, version 1\n") {
		t.Errorf("catalog publish prints %s", printed)
	}
	const inScript = `{"script":"x = greet(\"Bob\")\naddResult(x)"}`
	d.answers(t, inScript, `"x":"Hello Bob"`)
	if got := execute(t, d.addr, "?name=Ada", `{"name":"hello"}`); !got.is(200, `"greeting":"Hello Ada"`) {
		t.Errorf("by name: %v", got)
	}
	if got := execute(t, d.addr, "", `{"name":"nobody"}`); !got.is(404, "unknown_script") {
		t.Errorf("by a name that is none: %v", got)
	}
	token, keys := d.token(t), readFile(t, filepath.Join(dir, ".avap", "keys.json"))
	d.stop(t)

	// Again, and with a definition more.
	d = startDevIn(t, dir, nil, "--define", "twice.avap")
	d.answers(t, inScript, `"x":"Hello Bob"`)
	d.answers(t, `{"script":"x = double(21)\naddResult(x)"}`, `"x":42`)
	if d.token(t) != token || readFile(t, filepath.Join(dir, ".avap", "keys.json")) != keys {
		t.Error("the keys or the token are others")
	}
	if printed := d.catalog(t, "audit"); !strings.Contains(printed, "--define") || !strings.Contains(printed, "greet 1, hello 1") {
		t.Errorf("catalog audit prints %s", printed)
	}
	for name, mode := range map[string]os.FileMode{"": 0o700, "keys.json": 0o600, "admin-token": 0o600} {
		info, err := os.Stat(filepath.Join(dir, ".avap", name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != mode {
			t.Errorf(".avap/%s: mode %v, want %v", name, info.Mode(), mode)
		}
	}
	d.stop(t)
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestDevTwice starts a second one while the first has the default ports, or
// somebody else has them.
func TestDevTwice(t *testing.T) {
	t.Parallel()
	first, second := startDev(t), startDev(t)
	ports := map[string]bool{}
	for _, d := range []*dev{first, second} {
		admin := d.greeted(t, `metrics on http://([^/]+)/metrics`)
		ports[admin], ports[d.definitions(t)] = true, true
		if got := get(t, "http://"+admin+"/readyz"); got.status != 200 {
			t.Errorf("/readyz: %v", got)
		}
		for _, addr := range []string{admin, d.definitions(t)} {
			if host, _, err := net.SplitHostPort(addr); err != nil || host != "127.0.0.1" {
				t.Errorf("%s: %v", addr, err)
			}
		}
	}
	if len(ports) != 4 {
		t.Errorf("ports %v", ports)
	}
	// A port that is asked for is not exchanged for another.
	cmd, err := startProcess(program(t), t.TempDir(), environment(), "dev", "--listen", "127.0.0.1:0", "--definitions-listen", first.definitions(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cmd.kill)
	want := "avap: --definitions-listen " + first.definitions(t) + ": bind: address already in use\n"
	if end := cmd.wait(t); end.ExitCode() != 2 || cmd.stderr.String() != want {
		t.Errorf("%v %s", end, &cmd.stderr)
	}
}

// TestDevSharedFolder starts a second one on the folder of the first.
func TestDevSharedFolder(t *testing.T) {
	t.Parallel()
	first := startDev(t)
	second := startDevIn(t, t.TempDir(), nil, "--data", filepath.Join(first.dir, ".avap"))
	writeFiles(t, first.dir, map[string]string{"say.avap": storedSource("first")})
	first.catalog(t, "publish", "say.avap")
	first.answers(t, storedBody, `{"said":"first"}`)
	second.answers(t, storedBody, `{"said":"first"}`)
}

// TestDevAdminToken takes the administrator's token from the environment.
func TestDevAdminToken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := startDevIn(t, dir, []string{"AVAP_ADMIN_TOKEN=a-token-of-mine"})
	if got := d.token(t); got != "a-token-of-mine" {
		t.Errorf("the file has %q", got)
	}
	env := environment("AVAP_ADMIN_TOKEN=a-token-of-mine", "AVAP_DEFINITIONS="+d.definitions(t))
	if printed := runAvap(t, dir, env, "catalog", "list"); printed != "nothing of the kind is published\n" {
		t.Errorf("catalog list prints %s", printed)
	}
}

// TestDevPages refuses what a web page could have a browser send.
func TestDevPages(t *testing.T) {
	t.Parallel()
	d := startDev(t)
	for _, path := range []string{"/api/v1/compile", "/api/v1/execute"} {
		url, body := "http://"+d.addr+path, `{"script":"x = 1"}`
		for name, c := range map[string]struct {
			fields map[string]string
			status int
			want   string
		}{
			"as it comes":     {nil, 200, `"success":true`},
			"by name":         {map[string]string{"Host": "localhost:8888"}, 200, `"success":true`},
			"its own page":    {map[string]string{"Origin": "http://" + d.addr}, 200, `"success":true`},
			"a foreign host":  {map[string]string{"Host": "evil.example"}, 403, `"code":"origin_denied"`},
			"another page":    {map[string]string{"Origin": "http://evil.example"}, 403, `"code":"origin_denied"`},
			"a sandbox":       {map[string]string{"Origin": "null"}, 403, `"code":"origin_denied"`},
			"a rebound name":  {map[string]string{"Host": "evil.example", "Origin": "http://evil.example"}, 403, `"code":"origin_denied"`},
			"nearly a name":   {map[string]string{"Host": "localhost.evil.example"}, 403, `"code":"origin_denied"`},
			"nearly loopback": {map[string]string{"Host": "127.0.0.1.evil.example"}, 403, `"code":"origin_denied"`},
		} {
			if got := send(t, "POST", url, body, c.fields); !got.is(c.status, c.want) {
				t.Errorf("%s, %s: %v, want %d %s", path, name, got, c.status, c.want)
			}
		}
	}
}
