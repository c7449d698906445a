// This file tests `avap serve` as a process: its environment, signed requests,
// packages, and what it costs when it does nothing.

package main

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/avap-framework/avap/internal/load"
)

// Secrets of keys that come from the environment.
const (
	packageSecret = "a package key of 32 bytes or more"
	requestSecret = "a request key of 32 bytes or more"
)

// stockEnvironment has the keys that a worker without a definition server needs.
func stockEnvironment(more ...string) []string {
	return environment(append([]string{"AVAP_INTERNAL_KEY=" + packageSecret, "AVAP_REQUEST_KEY=" + requestSecret}, more...)...)
}

// TestServeEnvironment gives flags as environment variables. A flag wins.
func TestServeEnvironment(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env, args []string
		said      string // in the log, when it listens
	}{
		"variables": {
			[]string{"AVAP_MAX_CONCURRENT=3", "AVAP_UNSIGNED_SCRIPTS=allow"},
			nil,
			`"unsigned_scripts":"allow","places":3`,
		},
		"flags win": {
			[]string{"AVAP_MAX_CONCURRENT=3", "AVAP_UNSIGNED_SCRIPTS=allow"},
			[]string{"--max-concurrent", "5", "--unsigned-scripts", "deny"},
			`"unsigned_scripts":"deny","places":5`,
		},
		"flags win over what is wrong": {
			[]string{"AVAP_MAX_CONCURRENT=many"},
			[]string{"--max-concurrent", "5"},
			`"places":5`,
		},
		"empty counts as none": {
			[]string{"AVAP_MAX_CONCURRENT=", "AVAP_DEFINITIONS=", "BRAIN_HOST=", "BRAIN_PORT=50051"},
			[]string{"--max-concurrent", "7"},
			`"places":7`,
		},
		"those of the definition server are not the worker's": {
			[]string{"AVAP_DEFINITIONS_LISTEN=nowhere", "AVAP_MAX_CONCURRENT=2"},
			nil,
			`"places":2`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := startServe(t, t.TempDir(), stockEnvironment(c.env...), append(c.args, "--drain-delay", "0s")...)
			if log := w.stderr.String(); !strings.Contains(log, c.said) {
				t.Errorf("the log does not say %s\n%s", c.said, log)
			}
			w.stop(t)
		})
	}
}

// TestServeBrain finds the definition server by the names of existing deployments.
func TestServeBrain(t *testing.T) {
	t.Parallel()
	h := newHalves(t)
	h.serve(t)
	revision := h.publish(t, "first")
	host, port, err := net.SplitHostPort(h.service.Addr())
	if err != nil {
		t.Fatal(err)
	}
	env := environment("API_KEY=workers", "BRAIN_HOST="+host, "BRAIN_PORT="+port, "AVAP_KEYS=avap-keys.json", "AVAP_UNSIGNED_SCRIPTS=allow")
	w := startServe(t, h.dir, env)
	w.keeps(t, revision)
	w.answers(t, "first")
	if _, err := os.Stat(h.path("avap-catalog.snapshot")); err != nil {
		t.Error(err)
	}
	// --definitions wins.
	w = startServe(t, t.TempDir(), env, "--keys", h.path("avap-keys.json"), "--definitions", "127.0.0.1:1")
	until(t, "the worker looks for another server", func() bool { return w.reason(t).is(503, "at 127.0.0.1:1 ") })
}

// signedBy gives the header's value as section 2 of the contract
// has it: by openssl, where there is one.
func signedBy(t *testing.T, secret, target, body string) string {
	t.Helper()
	now := fmt.Sprint(time.Now().Unix())
	signed := now + "\nPOST\n" + target + "\n" + body
	var digits string
	if openssl, err := exec.LookPath("openssl"); err == nil {
		cmd := exec.CommandContext(t.Context(), openssl, "dgst", "-sha256", "-hmac", secret, "-hex")
		cmd.Stdin = strings.NewReader(signed)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		digits = string(out[strings.LastIndex(string(out), " ")+1:])
	} else {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(signed))
		digits = hex.EncodeToString(mac.Sum(nil))
	}
	return "t=" + now + ", kid=default, v1=" + strings.TrimSpace(digits)
}

// TestServeSigned sends signed requests as any client makes them.
func TestServeSigned(t *testing.T) {
	t.Parallel()
	w := startServe(t, t.TempDir(), stockEnvironment(), "--compile-endpoint")
	const target, body = "/api/v1/execute?max=7", `{"script":"addParam(max, m)\naddResult(m)\naddResult(x)","variables":{"x":1}}`
	const source = `{"script":"x = 1"}`
	right := signedBy(t, requestSecret, target, body)
	for name, c := range map[string]struct {
		target, body, header string
		status               int
		want                 string
	}{
		"signed":             {target, body, right, 200, `"result":{"m":7,"x":1}`},
		"not signed":         {target, body, "", 401, `"code":"signature_missing"`},
		"another query":      {target + "7", body, right, 401, `"code":"signature_invalid"`},
		"another body":       {target, body + " ", right, 401, `"code":"signature_invalid"`},
		"another key":        {target, body, signedBy(t, packageSecret, target, body), 401, `"code":"signature_invalid"`},
		"another time":       {target, body, "t=1764000000" + right[strings.Index(right, ","):], 401, `"code":"signature_expired"`},
		"compiled":           {"/api/v1/compile", source, signedBy(t, requestSecret, "/api/v1/compile", source), 200, `"package":"`},
		"compile not signed": {"/api/v1/compile", source, "", 401, `"code":"signature_missing"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := exchangeRaw(t, w.addr, c.target, c.body, c.header)
			status, _, _ := strings.Cut(got, "\r\n")
			if !strings.HasPrefix(status, fmt.Sprintf("HTTP/1.1 %d ", c.status)) || !strings.Contains(got, c.want) {
				t.Errorf("%s\nwant %d %s", got, c.status, c.want)
			}
		})
	}
}

// TestServeCapabilities lets unsigned scripts reach what both lists name.
func TestServeCapabilities(t *testing.T) {
	t.Parallel()
	w := startServe(t, t.TempDir(), stockEnvironment("AVAP_UNSIGNED_SCRIPTS=allow"),
		"--script-capabilities", "random,time", "--unsigned-capabilities", "random,http")
	const target = "/api/v1/execute"
	for name, c := range map[string]struct {
		script           string
		unsigned, signed string // in the answer
	}{
		"both":     {`randomString('a', 2, x)`, `"x":"aa"`, `"x":"aa"`},
		"scripts":  {`getDateTime('%%', 0, UTC, x)`, `"code":"capability_denied"`, `"x":"%"`},
		"unsigned": {`RequestGet('http://127.0.0.1:1/', None, None, x)`, `"code":"capability_denied"`, `"code":"capability_denied"`},
		"neither":  {`ormDirect('SELECT 1', x)`, `"code":"capability_denied"`, `"code":"capability_denied"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := `{"script":"` + c.script + `"}`
			if got := exchangeRaw(t, w.addr, target, body, ""); !strings.Contains(got, c.unsigned) {
				t.Errorf("unsigned: %s\nwant %s", got, c.unsigned)
			}
			if got := exchangeRaw(t, w.addr, target, body, signedBy(t, requestSecret, target, body)); !strings.Contains(got, c.signed) {
				t.Errorf("signed: %s\nwant %s", got, c.signed)
			}
		})
	}
}

// TestServeCurl runs the shell lines of section 2 of the contract as they stand,
// where their programs are.
func TestServeCurl(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"openssl", "curl", "sed", "date"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Logf("TestServeSigned does it without %s", name)
			return
		}
	}
	w := startServe(t, t.TempDir(), stockEnvironment())
	const lines = `t=$(date +%s); body='{"script":"addResult(x)","variables":{"x":1}}'
    sig=$(printf '%s\nPOST\n/api/v1/execute\n%s' "$t" "$body" | openssl dgst -sha256 -hmac "$KEY" -hex | sed 's/.* //')
    curl -s -H "X-AVAP-Signature: t=$t, kid=default, v1=$sig" -d "$body" localhost:8888/api/v1/execute
`
	cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(lines, "localhost:8888", w.addr, 1))
	cmd.Env = environment("KEY=" + requestSecret)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"result":{"x":1}`) {
		t.Errorf("%v\n%s", err, out)
	}
}

// exchangeRaw writes a request to a connection byte by byte as wire and curl have
// it, and gives all that comes back.
func exchangeRaw(t *testing.T, addr, target, body, signature string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	header := "POST " + target + " HTTP/1.1\r\nHost: " + addr + "\r\nUser-Agent: curl/8.14.1\r\nAccept: */*\r\n"
	if signature != "" {
		header += "X-AVAP-Signature: " + signature + "\r\n"
	}
	_, err = fmt.Fprintf(conn, "%sContent-Length: %d\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\r\n%s", header, len(body), body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// TestServePackages compiles a script here, sends it in both forms, and looks into
// it; what the worker compiles is the same.
func TestServePackages(t *testing.T) {
	t.Parallel()
	dir, env := t.TempDir(), stockEnvironment()
	const source = "addParam(n, m)\ndouble = m * 2\naddResult(double)\n"
	if err := os.WriteFile(filepath.Join(dir, "double.avap"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	w := startServe(t, dir, env, "--compile-endpoint")
	runAvap(t, dir, env, "compile", "double.avap", "-o", "double.pkg")
	pkg, err := os.ReadFile(filepath.Join(dir, "double.pkg"))
	if err != nil {
		t.Fatal(err)
	}

	post := func(target, body, contentType string) reply {
		return send(t, "POST", "http://"+w.addr+target, body, map[string]string{
			"Content-Type": contentType, "X-AVAP-Signature": signedBy(t, requestSecret, target, body),
		})
	}
	const want = `"result":{"double":42}`
	if got := post("/api/v1/execute?n=21", string(pkg), "application/vnd.avap.package"); !got.is(200, want) {
		t.Errorf("bytes: %v", got)
	}
	encoded := base64.StdEncoding.EncodeToString(pkg)
	if got := post("/api/v1/execute", `{"package":"`+encoded+`","n":21}`, "application/json"); !got.is(200, want) {
		t.Errorf("base64: %v", got)
	}
	altered := append([]byte{}, pkg...)
	altered[len(altered)-1] ^= 1
	if got := post("/api/v1/execute", string(altered), "application/vnd.avap.package"); !got.is(401, `"code":"integrity"`) {
		t.Errorf("altered: %v", got)
	}

	script, err := json.Marshal(map[string]string{"script": source, "name": "double"})
	if err != nil {
		t.Fatal(err)
	}
	got := post("/api/v1/compile", string(script), "application/json")
	var compiled struct{ Package []byte }
	if err := json.Unmarshal([]byte(got.body), &compiled); err != nil || string(compiled.Package) != string(pkg) {
		t.Errorf("%v: the worker compiles to %v, avap compile to %d bytes", err, got, len(pkg))
	}
	shown := runAvap(t, dir, env, "inspect", "double.pkg")
	for _, line := range []string{"verified  with the package key default\n", "kind      script, compiled\n", `name      "double"` + "\n"} {
		if !strings.Contains(shown, line) {
			t.Errorf("inspect does not show %q:\n%s", line, shown)
		}
	}
}

// TestServeIdle logs what a worker holds that does nothing, and how long it takes
// to its first answer. The bounds are there for gross mistakes alone.
func TestServeIdle(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Log("memory of processes is known on Linux alone")
		return
	}
	program := buildProgram(t)
	h := newHalves(t)
	h.serve(t)
	revision := h.publish(t, "first")
	h.worker(t).keeps(t, revision)
	h.kill()
	for _, c := range []struct {
		name, body, want string
		env, args        []string
	}{
		{"stock", `{"script":"x = 1\naddResult(x)"}`, `{"x":1}`, stockEnvironment("AVAP_UNSIGNED_SCRIPTS=allow"), nil},
		{"snapshot", storedBody, `{"said":"first"}`, h.env, h.workerArgs()},
	} {
		start := time.Now()
		w := startServeOf(t, program, h.dir, c.env, c.args...)
		listens := time.Since(start)
		if got := execute(t, w.addr, "", c.body); !got.is(http.StatusOK, c.want) {
			t.Fatalf("%s: %v", c.name, got)
		}
		answers := time.Since(start)
		now, peak, err := load.Resident(w.cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: listens after %v, first answer after %v; %.1f MiB resident, %.1f MiB at most", c.name, listens, answers, mib(now), mib(peak))
		if now > 64<<20 {
			t.Errorf("%s: an idle worker holds %.1f MiB", c.name, mib(now))
		}
	}
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// TestServersOutliveTheirLog ends whoever reads what both servers write: they serve on,
// and end well.
func TestServersOutliveTheirLog(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args   []string
		listen string // in the log, once it serves
	}{
		"worker":            {[]string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-level", "debug", "--drain-delay", "0s"}, `"msg":"listening".*"data":"([^"]*)"`},
		"definition server": {[]string{"definitions", "serve", "--listen", "127.0.0.1:0"}, `"msg":"serving".*"listen":"([^"]*)"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), program(t), c.args...)
			cmd.Dir = t.TempDir()
			cmd.Env = stockEnvironment("AVAP_CATALOG_KEY=a catalog key of 32 bytes or more", "API_KEY=workers", "AVAP_ADMIN_TOKEN=administrators")
			log, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			addr := firstMatch(t, log, c.listen)
			log.Close()
			for n := range 2 { // each is logged
				if name == "worker" {
					get(t, "http://"+addr+"/health")
					continue
				}
				source := filepath.Join(cmd.Dir, "now.avap")
				if err := os.WriteFile(source, fmt.Appendf(nil, "x = %d\n", n), 0o600); err != nil {
					t.Fatal(err)
				}
				env := environment("AVAP_ADMIN_TOKEN=administrators", "AVAP_DEFINITIONS="+addr)
				runAvap(t, cmd.Dir, env, "catalog", "publish", source, "--yes")
			}
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// firstMatch reads lines until one has a pattern, and gives the pattern's group.
func firstMatch(t *testing.T, r io.Reader, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for lines := bufio.NewScanner(r); lines.Scan(); {
		if found := re.FindStringSubmatch(lines.Text()); found != nil {
			return found[1]
		}
	}
	t.Fatalf("no line has %s", pattern)
	return ""
}

// TestServeBuildInfo has the metrics name the build that `avap version` names.
func TestServeBuildInfo(t *testing.T) {
	t.Parallel()
	w := startServe(t, t.TempDir(), stockEnvironment(), "--drain-delay", "0s")
	printed := runAvap(t, t.TempDir(), stockEnvironment(), "version")
	found := regexp.MustCompile(`^avap (\S+), commit (.*), (go\S+) `).FindStringSubmatch(printed)
	if found == nil {
		t.Fatal(printed)
	}
	want := fmt.Sprintf("avap_build_info{commit=%q,go_version=%q,version=%q} 1", found[2], found[3], found[1])
	if got := get(t, "http://"+w.admin+"/metrics"); !got.is(http.StatusOK, want) {
		t.Errorf("the metrics do not have %s", want)
	}
	w.stop(t)
}

// TestServeFewFiles warns of a limit on open files that is lower than what connections
// and all else may need.
func TestServeFewFiles(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Log("there is no such limit")
		return
	}
	const warning = "connections may use up all files that may be open"
	for most, warns := range map[string]bool{"--max-connections=16384": true, "--max-connections=100": false} {
		t.Run(most, func(t *testing.T) {
			t.Parallel()
			p, err := startProcess("sh", t.TempDir(), stockEnvironment(), "-c", `ulimit -n 400 && exec "$@"`, "sh",
				program(t), "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--drain-delay", "0s", most)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.kill)
			if _, err := p.await(&p.stderr, `"msg":"listening"`); err != nil {
				t.Fatal(err)
			}
			p.stop(t)
			if log := p.stderr.String(); strings.Contains(log, warning) != warns {
				t.Errorf("a warning: want %v\n%s", warns, log)
			}
		})
	}
}
