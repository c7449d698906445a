package worker_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/internal/conformance"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/worker"
)

const packageType = "Content-Type: application/vnd.avap.package"

// counted is a host that counts how often scripts reached it.
type counted struct{ calls atomic.Int64 }

func (c *counted) Do(context.Context, *host.Request) (*host.Response, error) {
	c.calls.Add(1)
	return &host.Response{Status: 200, Body: []byte("there")}, nil
}

// compiled gives the program of a script, fit to be altered.
func compiled(t testing.TB, script string, definitions ...string) *bytecode.Program {
	t.Helper()
	var opt avap.Options
	for _, d := range definitions {
		opt.Definitions = append(opt.Definitions, avap.Source{Name: "definitions", Text: d})
	}
	engine, err := avap.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	p, err := engine.Compile(script)
	if err != nil {
		t.Fatal(err)
	}
	return copyOf(t, p.Bytecode())
}

// copyOf gives a program that shares nothing with another one.
func copyOf(t testing.TB, p *bytecode.Program) *bytecode.Program {
	t.Helper()
	c, err := bytecode.Decode(bytecode.AppendProgram(nil, p))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// sealed gives a package of a program.
func sealed(t testing.TB, k *seal.Key, p *bytecode.Program, c seal.Contract) []byte {
	t.Helper()
	b, err := seal.Seal(&seal.Unit{Origin: seal.OriginCompiled, Contract: c, Program: p}, k)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sealedSource gives a package of version 1.
func sealedSource(t testing.TB, k *seal.Key, script string) []byte {
	t.Helper()
	b, err := seal.SealSource(script, k)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// signedHeader is how much of a package stands in front of its payload.
const signedHeader = 42

// resign puts the size and the MAC into a package that was altered, as whoever has the
// key can.
func resign(b []byte, letter byte) []byte {
	b = bytes.Clone(b)
	binary.BigEndian.PutUint32(b[6:], uint32(len(b)-signedHeader))
	h := hmac.New(sha256.New, secret(letter))
	h.Write(b[:10])
	h.Write(b[signedHeader:])
	copy(b[10:signedHeader], h.Sum(nil))
	return b
}

// set gives a copy with some bytes in it replaced.
func set(b []byte, at int, values ...byte) []byte {
	b = bytes.Clone(b)
	copy(b[at:], values)
	return b
}

// raw and inJSON are the two forms in which a package is sent.
func raw(pkg []byte) string {
	return message{body: string(pkg), headers: []string{packageType}}.String()
}

func inJSON(pkg []byte) string {
	return message{body: `{"package":"` + base64.StdEncoding.EncodeToString(pkg) + `"}`}.String()
}

// expectPackage sends a package in both forms.
func expectPackage(t *testing.T, addr string, pkg []byte, status int, code string) {
	t.Helper()
	expect(t, addr, raw(pkg), status, code)
	expect(t, addr, inJSON(pkg), status, code)
}

// reaching is a script that reaches its host before it does anything else.
const reaching = "RequestGet('http://h/', None, None, x)\naddResult(x)\n"

// packages is a worker that takes packages, and the keys to make them with.
type packages struct {
	addr string
	host *counted
	key  *seal.Key
}

func servePackages(t *testing.T, keys ...*seal.Key) *packages {
	t.Helper()
	p := &packages{host: new(counted), key: newKey(t, seal.UsePackage, "default", 'p', time.Time{}, time.Time{})}
	ring := newKeyring(t, new(clock).now, append(keys, p.key)...)
	p.addr = listen(t, avap.Options{Host: avap.Host{HTTP: p.host}}, worker.Options{Keys: ring})
	return p
}

// neverRan tells of a package that ran.
func (p *packages) neverRan(t *testing.T) {
	t.Helper()
	if n := p.host.calls.Load(); n > 0 {
		t.Errorf("%d of them ran", n)
	}
}

// TestPackages runs packages in both versions and both forms.
func TestPackages(t *testing.T) {
	before := newKey(t, seal.UsePackage, "12345678", 'b', time.Time{}, noon.Add(time.Second))
	since := newKey(t, seal.UsePackage, "since", 's', noon, time.Time{})
	p := servePackages(t, before, since)
	const script = "addParam(q, q)\naddResult(q)\nRequestGet('http://h/', None, None, x)\naddResult(x)"
	for _, k := range []*seal.Key{p.key, before, since} {
		for name, pkg := range map[string][]byte{
			"compiled": sealed(t, k, compiled(t, script), seal.Contract{}),
			"source":   sealedSource(t, k, script),
		} {
			t.Run(k.ID+" "+name, func(t *testing.T) {
				for _, request := range []string{
					strings.Replace(raw(pkg), executePath, executePath+"?q=7", 1),
					strings.Replace(inJSON(pkg), executePath, executePath+"?q=7", 1),
					message{body: `{"q":7,"package":"` + base64.StdEncoding.EncodeToString(pkg) + `","return":["result"]}`}.String(),
				} {
					for range 2 { // the second is of the cache
						if body := expect(t, p.addr, request, 200, ""); !strings.Contains(body, `"x":"there"`) || !strings.Contains(body, `"q":`) {
							t.Errorf("%s", body)
						}
					}
				}
			})
		}
	}
}

// TestContentType takes a body for a package by its content type alone.
func TestContentType(t *testing.T) {
	p := servePackages(t)
	pkg := string(sealedSource(t, p.key, "x = 1"))
	for _, c := range []struct {
		contentType string
		status      int
		code        string
	}{
		{"application/vnd.avap.package", 200, ""},
		{"Application/VND.AVAP.Package", 200, ""},
		{"application/vnd.avap.package; charset=utf-8", 200, ""},
		{"application/vnd.avap.package ;v=2", 200, ""},
		{"application/vnd.avap.package;", 200, ""},
		{"application/vnd.avap.packages", 400, "bad_request"},
		{"application/vnd.avap.package2", 400, "bad_request"},
		{"application/vnd.avap.package, text/plain", 400, "bad_request"},
		{"application/vnd.avap", 400, "bad_request"},
		{"application/octet-stream", 400, "bad_request"},
		{"application/json", 400, "bad_request"},
		{"text/plain; application/vnd.avap.package", 400, "bad_request"},
		{"", 400, "bad_request"},
	} {
		t.Run(c.contentType, func(t *testing.T) {
			expect(t, p.addr, message{body: pkg, headers: []string{"Content-Type: " + c.contentType}}.String(), c.status, c.code)
		})
	}
	t.Run("JSON of the type of packages", func(t *testing.T) {
		expect(t, p.addr, raw([]byte(answering(1))), 401, "integrity")
	})
	t.Run("JSON of any other type", func(t *testing.T) {
		for _, contentType := range []string{"text/plain", "application/x-www-form-urlencoded", "x"} {
			expect(t, p.addr, message{body: answering(1), headers: []string{"Content-Type: " + contentType}}.String(), 200, "")
		}
	})
}

// TestPackageInJSON looks at the body around a package, and at its base64.
func TestPackageInJSON(t *testing.T) {
	p := servePackages(t)
	// Of a length that base64 pads, and with letters in which the alphabets differ.
	pkg := sealedSource(t, p.key, "addParam(name, n)\naddResult(n)\naddResult(v) // ?>~?>~?>~")
	for (len(pkg)+1)%3 != 0 || !strings.ContainsAny(base64.StdEncoding.EncodeToString(pkg), "+/") {
		pkg = resign(append(pkg, ' '), 'p')
	}
	text := base64.StdEncoding.EncodeToString(pkg)
	loose := text[:len(text)-2] + string(text[len(text)-2]+1) + "=" // a bit behind the last byte
	with := func(text string) string { return `{"package":"` + text + `"}` }
	for _, c := range []struct {
		name, body string
		status     int
		code, want string
	}{
		{"plain", with(text), 200, "", `"n":null`},
		{"with variables", `{"package":"` + text + `","variables":{"v":[1]}}`, 200, "", `"v":[1]`},
		{"variables first", `{"variables":{"v":[1]},"package":"` + text + `"}`, 200, "", `"v":[1]`},
		{"a name is a parameter", `{"name":"x","package":"` + text + `"}`, 200, "", `"n":"x"`},
		{"a name that is no text is one, too", `{"package":"` + text + `","name":[1]}`, 200, "", `"n":[1]`},
		{"a name beside a script", `{"name":"x","script":"addParam('name', n)\naddResult(n)"}`, 200, "", `"n":"x"`},
		{"a name behind a script", `{"script":"addParam('name', n)\naddResult(n)","name":{"a":1}}`, 200, "", `"n":{"a":1}`},
		{"script behind it", `{"package":"` + text + `","script":"x = 1"}`, 400, "bad_request", ""},
		{"script in front of it", `{"script":"x = 1","package":"` + text + `"}`, 400, "bad_request", ""},
		{"an empty script beside it", `{"script":"","package":"` + text + `"}`, 400, "bad_request", ""},
		{"script null beside it", `{"script":null,"package":"` + text + `"}`, 400, "bad_request", ""},
		{"twice", `{"package":"` + text + `","package":"` + text + `"}`, 400, "bad_request", ""},
		{"a number", `{"package":1}`, 400, "bad_request", ""},
		{"null", `{"package":null}`, 400, "bad_request", ""},
		{"a list", `{"package":["` + text + `"]}`, 400, "bad_request", ""},
		{"escapes of JSON", with(strings.ReplaceAll(text, "/", `\/`)), 200, "", ""},
		{"no base64", with("%%%%"), 400, "bad_request", ""},
		{"without its padding", with(strings.TrimRight(text, "=")), 400, "bad_request", ""},
		{"with more padding", with(text + "="), 400, "bad_request", ""},
		{"padding alone", with("===="), 400, "bad_request", ""},
		{"padding in the middle", with(text[:8] + "=" + text[8:]), 400, "bad_request", ""},
		{"a bit behind the last byte", with(loose), 400, "bad_request", ""},
		{"the alphabet of URLs", with(strings.NewReplacer("+", "-", "/", "_").Replace(text)), 400, "bad_request", ""},
		{"a space in it", with(text[:8] + " " + text[8:]), 400, "bad_request", ""},
		{"a space in front of it", with(" " + text), 400, "bad_request", ""},
		{"a tab in it", with(text[:8] + `\t` + text[8:]), 400, "bad_request", ""},
		{"lines, as base64 writes them", with(text[:76] + `\n` + text[76:] + `\n`), 200, "", ""},
		{"a zero byte in it", with(text[:8] + `\u0000` + text[8:]), 400, "bad_request", ""},
		{"base64 of base64", with(base64.StdEncoding.EncodeToString([]byte(text))), 401, "integrity", ""},
		{"hex", with(hex.EncodeToString(pkg[:len(pkg)/2*2])), 401, "integrity", ""},
		{"empty", with(""), 401, "integrity", ""},
		{"a script in its place", with(base64.StdEncoding.EncodeToString([]byte("x = 1"))), 401, "integrity", ""},
		{"no stored script of this name", `{"name":"x"}`, 404, "unknown_script", ""},
		{"a name that is no text", `{"name":1}`, 400, "bad_request", ""},
		{"a name that is null", `{"name":null}`, 400, "bad_request", ""},
		{"none of the three", `{"variables":{}}`, 400, "bad_request", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := expect(t, p.addr, message{body: c.body}.String(), c.status, c.code)
			if !strings.Contains(body, c.want) {
				t.Errorf("%s, want %s", body, c.want)
			}
		})
	}
}

// TestAlteredPackages does to packages what can be done to them without their key, and
// then what can be done with it that leaves no unit.
func TestAlteredPackages(t *testing.T) {
	stale := newKey(t, seal.UsePackage, "stale", 'b', time.Time{}, noon)
	early := newKey(t, seal.UsePackage, "early", 'c', noon.Add(time.Second), time.Time{})
	stranger := newKey(t, seal.UsePackage, "strange", 'd', time.Time{}, time.Time{})
	imposter := newKey(t, seal.UsePackage, "default", 'e', time.Time{}, time.Time{})
	borrowed := newKey(t, seal.UsePackage, "request", 'r', time.Time{}, time.Time{})
	p := servePackages(t, stale, early, newKey(t, seal.UseRequest, "request", 'r', time.Time{}, time.Time{}))

	program := compiled(t, reaching)
	program.Name = "work"
	v1, v2 := sealedSource(t, p.key, reaching), sealed(t, p.key, program, seal.Contract{})
	of := func(k *seal.Key) []byte { return sealed(t, k, program, seal.Contract{}) }
	signed := func(at int, values ...byte) []byte { return resign(set(v2, at, values...), 'p') }
	insert := func(at, drop int, values ...byte) []byte {
		return resign(slices.Concat(v2[:at], values, v2[at+drop:]), 'p')
	}
	code := len(v2) - len(bytecode.AppendProgram(nil, program))
	command := &bytecode.Program{
		Kind: bytecode.KindCommand, Name: "work",
		Functions: []bytecode.Function{{Name: "work", Code: []bytecode.Instr{{Op: bytecode.OpStop}}}},
	}
	// Offsets in v2: 42 kid, 50 kind, 51 origin, 52 name, 57 interface, 58 quotas,
	// 65 capabilities, 66 hash, 98 program.
	if code != 98 || string(v2[53:57]) != "work" {
		t.Fatalf("the program begins at %d, the name is %q", code, v2[53:57])
	}
	published := bytes.Clone(v2)
	published[51] = byte(seal.OriginPublished)
	expectPackage(t, p.addr, resign(published, 'p'), 200, "")
	p.host.calls.Store(0)

	for _, c := range []struct {
		name string
		pkg  []byte
	}{
		{"nothing", nil},
		{"one byte", []byte("A")},
		{"the magic", []byte("AVAP")},
		{"source text", []byte(reaching)},
		{"JSON", []byte(answering(1))},
		{"the header alone", v2[:signedHeader]},
		{"two packages", append(bytes.Clone(v2), v2...)},
		{"a trailing byte", append(bytes.Clone(v2), 0)},
		{"a trailing newline", append(bytes.Clone(v1), '\n')},
		{"trailing bytes that the size counts", set(append(bytes.Clone(v2), 0), 9, v2[9]+1)},
		{"a byte in front", append([]byte{0}, v2...)},
		{"a byte order mark", append([]byte("\xef\xbb\xbf"), v2...)},

		{"magic in small letters", resign(set(v2, 0, 'a', 'v', 'a', 'p'), 'p')},
		{"another magic", resign(set(v2, 3, 'Q'), 'p')},
		{"version 0", signed(4, 0, 0)},
		{"version 3", signed(4, 0, 3)},
		{"version 2 in the other order", signed(4, 2, 0)},
		{"version 258", signed(4, 1, 2)},
		{"version 2 taken for 1", set(v2, 4, 0, 1)},
		{"version 1 taken for 2", set(v1, 4, 0, 2)},
		{"version 1 taken for 2, signed", resign(set(v1, 4, 0, 2), 'p')},
		{"size 0", set(v2, 6, 0, 0, 0, 0)},
		{"size one less", set(v2, 9, v2[9]-1)},
		{"size one more", set(v2, 9, v2[9]+1)},
		{"size in the other order", set(v2, 6, v2[9], v2[8], v2[7], v2[6])},
		{"the largest size", set(v2, 6, 255, 255, 255, 255)},
		{"a negative size", set(v2, 6, 128)},
		{"MAC of zeros", set(v2, 10, make([]byte, 32)...)},
		{"MAC of the payload alone", set(v2, 10, macOf('p', v2[signedHeader:])...)},
		{"MAC of the hash", set(v2, 10, macOf('p', hashOf(v2))...)},
		{"plain hash for a MAC", set(v2, 10, hashOf(v2[signedHeader:])...)},
		{"MAC of another package", set(v2, 10, v1[10:42]...)},
		{"payload of another package", slices.Concat(v2[:signedHeader], sealed(t, p.key, compiled(t, reaching+"y = 1"), seal.Contract{})[signedHeader:])},

		{"a key that is unknown", of(stranger)},
		{"a key that is unknown, source", sealedSource(t, stranger, reaching)},
		{"a key that has expired", of(stale)},
		{"a key that has expired, source", sealedSource(t, stale, reaching)},
		{"a key that is not valid yet", of(early)},
		{"a key that is not valid yet, source", sealedSource(t, early, reaching)},
		{"another secret under the id", of(imposter)},
		{"another secret, source", sealedSource(t, imposter, reaching)},
		{"a request key", of(borrowed)},
		{"a request key, source", sealedSource(t, borrowed, reaching)},
		{"the id of another key", set(v2, 42, 's', 't', 'a', 'l', 'e', 0, 0, 0)},
		{"the id of another key, signed", signed(42, 's', 't', 'a', 'l', 'e', 0, 0, 0)},
		{"no id", signed(42, 0, 0, 0, 0, 0, 0, 0, 0)},
		{"spaces behind the id", signed(42, 'd', 'e', 'f', 'a', 'u', 'l', 't', ' ')},
		{"zeros in front of the id", signed(42, 0, 'd', 'e', 'f', 'a', 'u', 'l', 't')},

		{"a command", sealed(t, p.key, command, seal.Contract{})},
		{"kind 0", signed(50, 0)},
		{"kind 3", signed(50, 3)},
		{"kind command in front of a script", signed(50, byte(bytecode.KindCommand))},
		{"origin 0", signed(51, 0)},
		{"origin 3", signed(51, 3)},
		{"another name in front of the program", signed(53, 'W')},
		{"another name in the program", resign(slices.Concat(v2[:code], bytes.Replace(v2[code:], []byte("work"), []byte("Work"), 1)), 'p')},
		{"a name that is longer than what is left", signed(52, 255, 255, 1)},
		{"a name that is longer than 64 bits", insert(52, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1)},
		{"a length written too long", insert(52, 1, 0x84, 0)},
		{"a parameter that the program has not", insert(57, 1, 1, 1, 'p', 0)},
		{"more parameters than bytes", insert(57, 1, 255, 127)},
		{"a quota of 64 bits", insert(58, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1)},
		{"a quota of 65 bits", insert(59, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2)},
		{"a quota without its end", insert(60, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255)},
		{"a quota written too long", insert(61, 1, 0x80, 0)},
		{"a capability that the program has not", insert(65, 1, 1, 4, 'h', 't', 't', 'p')},
		{"more capabilities than bytes", insert(65, 1, 255, 255, 255, 127)},
		{"a hash that is too short", insert(66, 1)},
		{"no program", resign(v2[:code], 'p')},
		{"bytecode version 0", signed(code, 0)},
		{"a newer bytecode version", signed(code, bytecode.Version+1)},
		{"a bytecode version of 63 bits", insert(code, 1, 255, 255, 255, 255, 255, 255, 255, 255, 127)},
		{"a byte behind the program", resign(append(bytes.Clone(v2), 0), 'p')},
		{"the program twice", resign(append(bytes.Clone(v2), v2[code:]...), 'p')},
	} {
		t.Run(c.name, func(t *testing.T) { expectPackage(t, p.addr, c.pkg, 401, "integrity") })
	}
	t.Run("every length", func(t *testing.T) {
		for _, pkg := range [][]byte{v1, v2} {
			for n := range pkg {
				expect(t, p.addr, raw(pkg[:n]), 401, "integrity")
			}
		}
	})
	t.Run("every length, signed", func(t *testing.T) {
		for n := signedHeader; n < len(v2); n++ {
			expect(t, p.addr, raw(resign(v2[:n], 'p')), 401, "integrity")
		}
	})
	t.Run("every byte", func(t *testing.T) {
		for _, pkg := range [][]byte{v1, v2} {
			for i := range pkg {
				expect(t, p.addr, raw(set(pkg, i, pkg[i]^1<<(i%8))), 401, "integrity")
			}
		}
	})
	p.neverRan(t)
}

func macOf(letter byte, b []byte) []byte {
	h := hmac.New(sha256.New, secret(letter))
	h.Write(b)
	return h.Sum(nil)
}

func hashOf(b []byte) []byte {
	h := sha256.Sum256(b)
	return h[:]
}

// TestPackageVerifiedEachTime refuses an altered package though the good one is in the
// cache, and one whose key has gone though it was taken before.
func TestPackageVerifiedEachTime(t *testing.T) {
	var now clock
	k := newKey(t, seal.UsePackage, "short", 's', time.Time{}, noon.Add(time.Minute))
	ring := newKeyring(t, now.now, k)
	reached := new(counted)
	addr := listen(t, avap.Options{Host: avap.Host{HTTP: reached}}, worker.Options{Keys: ring})
	for _, pkg := range [][]byte{sealed(t, k, compiled(t, reaching), seal.Contract{}), sealedSource(t, k, reaching)} {
		expectPackage(t, addr, pkg, 200, "")
		expectPackage(t, addr, set(pkg, 10, pkg[10]^1), 401, "integrity")
	}
	// Source that was sealed is in the cache; a script that looks like its package is none.
	expect(t, addr, message{body: `{"script":"AVAP"}`}.String(), 400, "syntax_error")
	now.forward(time.Minute)
	ran := reached.calls.Load()
	for _, pkg := range [][]byte{sealed(t, k, compiled(t, reaching), seal.Contract{}), sealedSource(t, k, reaching)} {
		expectPackage(t, addr, pkg, 401, "integrity")
	}
	if n := reached.calls.Load(); n != ran {
		t.Errorf("%d ran with a key that has gone", n-ran)
	}
	t.Run("a worker without package keys", func(t *testing.T) {
		addr := listen(t, avap.Options{}, worker.Options{})
		expectPackage(t, addr, sealedSource(t, k, reaching), 401, "integrity")
	})
}

// rich is a script of many instructions, which reaches its host first.
const rich = reaching + `
l = [1, 2.5, 'three']
t = (1, 2)
d = {'a': 1}
d['b'] = l[0:2]
s = 'x' + str(len(l))
u = s.upper()
n = sorted(l[0:2], reverse=True)
startLoop(i, 1, 3)
  d['i'] = i
endLoop()
m = [str(item) for item in l if item != 2.5]
function add(a, b) {
  return a + b
}
try()
  c = add(1, 2) / 0
exception(e)
  addVar(c, e)
end()
if(c, 3, '==')
  addResult(d)
else()
  addResult(c)
end()
while(i < 9)
  i = i + 1
end()
addParam(q, q)
getQueryParamList(all)
addResult(s)
`

// TestBrokenCode signs programs that no compiler writes. The verifier refuses each.
func TestBrokenCode(t *testing.T) {
	p := servePackages(t)
	good := compiled(t, reaching+"a = 1\nstartLoop(i, 0, 3)\na = a + i\nendLoop()\nfunction f(x) {\nreturn x\n}\na = f(a)\naddResult(a)")
	good.Name = "work"
	pkg := sealed(t, p.key, good, seal.Contract{})
	head := pkg[:len(pkg)-len(bytecode.AppendProgram(nil, good))]
	sign := func(p *bytecode.Program) []byte {
		return resign(slices.Concat(head, bytecode.AppendProgram(nil, p)), 'p')
	}
	expectPackage(t, p.addr, sign(good), 200, "")
	if n := p.host.calls.Swap(0); n != 2 {
		t.Fatalf("the host was reached %d times", n)
	}
	// last gives the last instruction of an operation, for altering.
	last := func(t *testing.T, p *bytecode.Program, op bytecode.Op) *bytecode.Instr {
		t.Helper()
		for f := range p.Functions {
			code := p.Functions[f].Code
			for i := range slices.Backward(code) {
				if code[i].Op == op {
					return &code[i]
				}
			}
		}
		t.Fatalf("no %v in the program", op)
		return nil
	}
	add := func(p *bytecode.Program, in ...bytecode.Instr) { // in front of the end
		f := &p.Functions[0]
		n := len(f.Code) - 1
		f.Code = slices.Concat(f.Code[:n], in, f.Code[n:])
	}
	// The operation that a loop of the source became.
	loops := func(p *bytecode.Program) int32 {
		for i, in := range p.Functions[0].Code {
			if in.Op == bytecode.OpForLoop || in.Op == bytecode.OpIterNext {
				return int32(i)
			}
		}
		return -1
	}
	if loops(good) < 0 {
		t.Fatal("the program has no loop")
	}
	for _, c := range []struct {
		name  string
		alter func(t *testing.T, p *bytecode.Program)
	}{
		{"a jump behind the code", func(t *testing.T, p *bytecode.Program) {
			add(p, bytecode.Instr{Op: bytecode.OpJump, C: int32(len(p.Functions[0].Code) + 1)})
		}},
		{"a jump far behind the code", func(_ *testing.T, p *bytecode.Program) {
			add(p, bytecode.Instr{Op: bytecode.OpJump, C: math.MaxInt32})
		}},
		{"a jump in front of the code", func(_ *testing.T, p *bytecode.Program) { add(p, bytecode.Instr{Op: bytecode.OpJump, C: -1}) }},
		{"a jump to the least number", func(_ *testing.T, p *bytecode.Program) {
			add(p, bytecode.Instr{Op: bytecode.OpJumpTrue, C: math.MinInt32})
		}},
		{"a register that is not the frame's", func(_ *testing.T, p *bytecode.Program) {
			add(p, bytecode.Instr{Op: bytecode.OpMove, A: 0, B: 255})
		}},
		{"a register written that is not the frame's", func(_ *testing.T, p *bytecode.Program) {
			add(p, bytecode.Instr{Op: bytecode.OpLoadI, A: 255})
		}},
		{"a wide register that is not the frame's", func(_ *testing.T, p *bytecode.Program) {
			add(p, bytecode.Instr{Op: bytecode.OpLoadWide, C: 65535})
		}},
		{"a range that leaves the frame", func(_ *testing.T, p *bytecode.Program) {
			add(p, bytecode.Instr{Op: bytecode.OpTuple, A: 0, B: 0, C: 200})
		}},
		{"a range of a negative count", func(_ *testing.T, p *bytecode.Program) {
			add(p, bytecode.Instr{Op: bytecode.OpTuple, C: -1})
		}},
		{"a range that ends before it begins", func(_ *testing.T, p *bytecode.Program) {
			add(p, bytecode.Instr{Op: bytecode.OpClear, A: 2, B: 1})
		}},
		{"fewer registers than it uses", func(_ *testing.T, p *bytecode.Program) { p.Functions[0].Registers = len(p.Globals) }},
		{"more registers than there may be", func(_ *testing.T, p *bytecode.Program) { p.Functions[0].Registers = bytecode.MaxRegisters + 1 }},
		{"no registers", func(_ *testing.T, p *bytecode.Program) { p.Functions[0].Registers = 0 }},
		{"a constant that is not there", func(_ *testing.T, p *bytecode.Program) {
			add(p, bytecode.Instr{Op: bytecode.OpLoadK, C: int32(len(p.Constants))})
		}},
		{"a number for a name", func(t *testing.T, p *bytecode.Program) {
			p.Constants = append(p.Constants, bytecode.Constant{Kind: bytecode.ConstInt, Bits: 1})
			last(t, p, bytecode.OpExport).C = int32(len(p.Constants) - 1)
		}},
		{"a global that is not there", func(_ *testing.T, p *bytecode.Program) {
			add(p, bytecode.Instr{Op: bytecode.OpSetGlobal, C: int32(len(p.Globals))})
		}},
		{"a global without a name", func(_ *testing.T, p *bytecode.Program) {
			add(p, bytecode.Instr{Op: bytecode.OpLoadGlobal, C: 0})
			p.Globals[0] = ""
		}},
		{"a name in the log that is not there", func(_ *testing.T, p *bytecode.Program) {
			add(p, bytecode.Instr{Op: bytecode.OpLog, C: int32(len(p.Logs))})
		}},
		{"an error code that is not there", func(_ *testing.T, p *bytecode.Program) {
			add(p, bytecode.Instr{Op: bytecode.OpRaise, B: 255, C: 0})
		}},
		{"a comparator that is not there", func(_ *testing.T, p *bytecode.Program) {
			add(p, bytecode.Instr{Op: bytecode.OpJumpIf, X: 255, C: 0})
		}},
		{"a flag of 2", func(_ *testing.T, p *bytecode.Program) { add(p, bytecode.Instr{Op: bytecode.OpLoadBool, B: 2}) }},
		{"an operand without a meaning", func(_ *testing.T, p *bytecode.Program) { add(p, bytecode.Instr{Op: bytecode.OpStop, C: 1}) }},
		{"operation 0", func(_ *testing.T, p *bytecode.Program) { add(p, bytecode.Instr{}) }},
		{"an operation that is not known", func(_ *testing.T, p *bytecode.Program) { add(p, bytecode.Instr{Op: bytecode.Op(bytecode.NumOps)}) }},
		{"operation 255", func(_ *testing.T, p *bytecode.Program) { add(p, bytecode.Instr{Op: 255}) }},
		{"a command that is not there", func(t *testing.T, p *bytecode.Program) {
			last(t, p, bytecode.OpCommand).C = int32(len(p.Commands))
		}},
		{"fewer arguments than the command takes", func(t *testing.T, p *bytecode.Program) { last(t, p, bytecode.OpCommand).B-- }},
		{"more arguments than the function takes", func(t *testing.T, p *bytecode.Program) { last(t, p, bytecode.OpCall).B++ }},
		{"a call of the top level", func(t *testing.T, p *bytecode.Program) { last(t, p, bytecode.OpCall).C = 0 }},
		{"a call of a function that is not there", func(t *testing.T, p *bytecode.Program) { last(t, p, bytecode.OpCall).C = 9 }},
		{"a call inside of the pool", func(t *testing.T, p *bytecode.Program) { last(t, p, bytecode.OpCall).A = 0 }},
		{"a built-in that is not there", func(_ *testing.T, p *bytecode.Program) {
			add(p, bytecode.Instr{Op: bytecode.OpBuiltin, C: int32(len(bytecode.Builtins))})
		}},
		{"a method that is not there", func(_ *testing.T, p *bytecode.Program) {
			add(p, bytecode.Instr{Op: bytecode.OpMethod, B: 1, C: int32(len(bytecode.Methods))})
		}},
		{"a method without its receiver", func(_ *testing.T, p *bytecode.Program) { add(p, bytecode.Instr{Op: bytecode.OpMethod}) }},
		{"a call site that is not there", func(_ *testing.T, p *bytecode.Program) { add(p, bytecode.Instr{Op: bytecode.OpBuiltinKw, B: 1}) }},
		{"more keywords than arguments", func(_ *testing.T, p *bytecode.Program) {
			p.Sites = append(p.Sites, bytecode.CallSite{Keywords: []string{"a", "b"}})
			add(p, bytecode.Instr{Op: bytecode.OpBuiltinKw, B: 1, C: int32(len(p.Sites) - 1)})
		}},
		{"a call site of no target", func(_ *testing.T, p *bytecode.Program) {
			p.Sites = append(p.Sites, bytecode.CallSite{Target: math.MaxInt32})
		}},
		{"a return at the top level", func(_ *testing.T, p *bytecode.Program) { add(p, bytecode.Instr{Op: bytecode.OpReturnNone}) }},
		{"code that runs off its end", func(_ *testing.T, p *bytecode.Program) {
			f := &p.Functions[0]
			f.Code[len(f.Code)-1] = bytecode.Instr{Op: bytecode.OpLoadNone}
		}},
		{"no code", func(_ *testing.T, p *bytecode.Program) { p.Functions[1].Code, p.Functions[1].Positions = nil, nil }},
		{"no function", func(_ *testing.T, p *bytecode.Program) { p.Functions = nil }},
		{"parameters of a script", func(_ *testing.T, p *bytecode.Program) { p.Functions[0].Params = 1 }},
		{"more parameters than registers", func(_ *testing.T, p *bytecode.Program) { p.Functions[1].Params = p.Functions[1].Registers + 1 }},
		{"more names than registers", func(_ *testing.T, p *bytecode.Program) {
			p.Functions[1].Locals = make([]string, p.Functions[1].Registers+1)
		}},
		{"a handler that goes back", func(_ *testing.T, p *bytecode.Program) {
			p.Functions[0].Handlers = []bytecode.Handler{{From: 1, To: 2, Target: 0}}
		}},
		{"a handler behind the code", func(_ *testing.T, p *bytecode.Program) {
			n := int32(len(p.Functions[0].Code))
			p.Functions[0].Handlers = []bytecode.Handler{{From: 0, To: n, Target: n}}
		}},
		{"handlers that cut each other", func(_ *testing.T, p *bytecode.Program) {
			p.Functions[0].Handlers = []bytecode.Handler{{From: 0, To: 2, Target: 4}, {From: 1, To: 3, Target: 4}}
		}},
		{"positions out of order", func(_ *testing.T, p *bytecode.Program) {
			p.Functions[0].Positions = []bytecode.Position{{PC: 1, Line: 1, Col: 1}}
		}},
		{"a position behind the code", func(_ *testing.T, p *bytecode.Program) {
			f := &p.Functions[0]
			f.Positions = append(f.Positions, bytecode.Position{PC: int32(len(f.Code)), Line: 1, Col: 1})
		}},
		{"a loop entered in the middle", func(_ *testing.T, p *bytecode.Program) {
			f := &p.Functions[0]
			f.Code[0] = bytecode.Instr{Op: bytecode.OpJump, C: loops(p)}
		}},
		{"a name of the pool twice", func(_ *testing.T, p *bytecode.Program) { p.Globals[1] = p.Globals[0] }},
		{"more names than the frame has registers", func(_ *testing.T, p *bytecode.Program) {
			for i := range p.Functions[0].Registers + 1 {
				p.Globals = append(p.Globals, fmt.Sprint("g", i))
			}
		}},
		{"a constant that is infinite", func(_ *testing.T, p *bytecode.Program) {
			p.Constants = append(p.Constants, bytecode.Constant{Kind: bytecode.ConstFloat, Bits: math.Float64bits(math.Inf(1))})
		}},
		{"a constant that is no number", func(_ *testing.T, p *bytecode.Program) {
			p.Constants = append(p.Constants, bytecode.Constant{Kind: bytecode.ConstFloat, Bits: math.Float64bits(math.NaN())})
		}},
		{"a constant of no kind", func(_ *testing.T, p *bytecode.Program) { p.Constants = append(p.Constants, bytecode.Constant{Kind: 9}) }},
		{"a text that is not UTF-8", func(_ *testing.T, p *bytecode.Program) {
			p.Constants = append(p.Constants, bytecode.Constant{Kind: bytecode.ConstString, Text: "\xff"})
		}},
		{"a command without a name", func(_ *testing.T, p *bytecode.Program) { p.Commands = append(p.Commands, bytecode.Command{}) }},
		{"a mode that is not there", func(_ *testing.T, p *bytecode.Program) { p.Commands[0].Params[0].Mode = 9 }},
		{"a command of its own for a script", func(_ *testing.T, p *bytecode.Program) { p.Kind = bytecode.KindCommand }},
		{"a kind that is not there", func(_ *testing.T, p *bytecode.Program) { p.Kind = 9 }},
		{"another name than its unit's", func(_ *testing.T, p *bytecode.Program) { p.Name = "other" }},
		{"capabilities that its unit has not", func(_ *testing.T, p *bytecode.Program) { p.Requires = []string{"http"} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			broken := copyOf(t, good)
			c.alter(t, broken)
			expectPackage(t, p.addr, sign(broken), 401, "integrity")
		})
	}
	p.neverRan(t)
}

// TestEveryOperand alters each operand of each instruction of a program, and signs what
// comes of it. What the verifier refuses is not run; what it accepts gets an answer of
// a script's, never of a defect.
func TestEveryOperand(t *testing.T) {
	p := servePackages(t)
	good := compiled(t, rich)
	pkg := sealed(t, p.key, good, seal.Contract{Instructions: 50_000, HostCalls: 4})
	head := pkg[:len(pkg)-len(bytecode.AppendProgram(nil, good))]
	c := dial(t, p.addr)
	c.SetDeadline(time.Now().Add(time.Minute))
	send := func(t *testing.T, altered *bytecode.Program) {
		t.Helper()
		refused := bytecode.Verify(altered) != nil
		before := p.host.calls.Load()
		c.send(t, raw(resign(slices.Concat(head, bytecode.AppendProgram(nil, altered)), 'p')))
		resp, body := c.read(t)
		var f failure
		if err := json.Unmarshal([]byte(body), &f); err != nil || f.Success == nil {
			t.Fatalf("%d, no answer: %q", resp.StatusCode, body)
		}
		if integrity := f.Code == "integrity" && resp.StatusCode == 401; integrity != refused || refused && p.host.calls.Load() != before {
			t.Errorf("%d %s; refused by the verifier: %t", resp.StatusCode, body, refused)
		}
		if !*f.Success && codes[f.Code] != resp.StatusCode {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
	}
	send(t, good)
	tried := 0
	for f := range good.Functions {
		for pc := range good.Functions[f].Code {
			for _, alter := range []func(in *bytecode.Instr){
				func(in *bytecode.Instr) { in.Op++ },
				func(in *bytecode.Instr) { in.A ^= 0x80 },
				func(in *bytecode.Instr) { in.A++ },
				func(in *bytecode.Instr) { in.B-- },
				func(in *bytecode.Instr) { in.B++ },
				func(in *bytecode.Instr) { in.X++ },
				func(in *bytecode.Instr) { in.C-- },
				func(in *bytecode.Instr) { in.C++ },
				func(in *bytecode.Instr) { in.C = math.MaxInt32 },
				func(in *bytecode.Instr) { in.C = math.MinInt32 },
			} {
				altered := copyOf(t, good)
				alter(&altered.Functions[f].Code[pc])
				send(t, altered)
				tried++
			}
		}
	}
	if tried < 500 {
		t.Errorf("only %d programs were tried", tried)
	}
}

// TestContract lowers the worker's limits to a package's, and never raises them.
func TestContract(t *testing.T) {
	k := newKey(t, seal.UsePackage, "default", 'p', time.Time{}, time.Time{})
	slow := httpFunc(func(ctx context.Context, r *host.Request) (*host.Response, error) {
		if strings.HasSuffix(r.URL, "hang") {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return &host.Response{Status: 200}, nil
	})
	limits := avap.Limits{
		Instructions: 50_000, Memory: 4 << 20, Time: 2 * time.Second, HostTime: time.Second, Depth: 20, Output: 16 << 10, HostCalls: 4,
	}
	addr := listen(t, avap.Options{Host: avap.Host{HTTP: slow}, Limits: limits}, worker.Options{Keys: newKeyring(t, nil, k)})
	const huge = math.MaxInt64
	scripts := map[string]struct {
		script   string // %d is how much of it
		fits     int    // the contract
		exceeds  int    // the contract, and fits the worker's limit
		beyond   int    // the worker's limit
		contract seal.Contract
		highest  seal.Contract
		code     string
		status   int
	}{
		"instructions": {
			"startLoop(i, 1, %d)\nx = i\nendLoop()", 10, 5_000, 100_000,
			seal.Contract{Instructions: 1_000},
			seal.Contract{Instructions: huge},
			"quota_instructions", 400,
		},
		"memory": {
			"x = len('a' * %d)", 10, 1 << 20, 8 << 20,
			seal.Contract{Memory: 128 << 10},
			seal.Contract{Memory: huge},
			"quota_memory", 400,
		},
		"depth": {
			"function f(n) {\nif(n, 0, '>')\nreturn f(n - 1)\nend()\nreturn 0\n}\nx = f(%d)", 1, 10, 40,
			seal.Contract{Depth: 5},
			seal.Contract{Depth: huge},
			"quota_depth", 400,
		},
		"output": {
			"x = 'a' * %d\naddResult(x)", 10, 4_000, 40_000,
			seal.Contract{Output: 1_000},
			seal.Contract{Output: huge},
			"quota_output", 400,
		},
		"host calls": {
			"startLoop(i, 1, %d)\nRequestGet('http://h/', None, None, x)\nendLoop()", 1, 3, 6,
			seal.Contract{HostCalls: 2},
			seal.Contract{HostCalls: huge},
			"quota_host_calls", 400,
		},
	}
	for name, c := range scripts {
		t.Run(name, func(t *testing.T) {
			of := func(n int, contract seal.Contract) []byte {
				return sealed(t, k, compiled(t, fmt.Sprintf(c.script, n)), contract)
			}
			expectPackage(t, addr, of(c.fits, c.contract), 200, "")
			expectPackage(t, addr, of(c.exceeds, c.contract), c.status, c.code)
			expectPackage(t, addr, of(c.exceeds, c.contract), c.status, c.code) // of the cache
			expectPackage(t, addr, of(c.exceeds, seal.Contract{}), 200, "")
			expectPackage(t, addr, of(c.exceeds, c.highest), 200, "")
			expectPackage(t, addr, of(c.beyond, seal.Contract{}), c.status, c.code)
			expectPackage(t, addr, of(c.beyond, c.highest), c.status, c.code)
			// Another one's contract is not in force behind it.
			expect(t, addr, message{body: bodyOfScript(t, fmt.Sprintf(c.script, c.exceeds))}.String(), 200, "")
		})
	}
	t.Run("time", func(t *testing.T) {
		limits := avap.Limits{Instructions: -1, Time: 200 * time.Millisecond}
		addr := listen(t, avap.Options{Limits: limits}, worker.Options{Keys: newKeyring(t, nil, k)})
		endless := compiled(t, "while(true)\nend()")
		for _, contract := range []seal.Contract{{Time: time.Millisecond}, {Time: huge}, {}} {
			expect(t, addr, raw(sealed(t, k, endless, contract)), 504, "quota_time")
		}
	})
	t.Run("host time", func(t *testing.T) {
		hangs := compiled(t, "RequestGet('http://h/hang', None, None, x)")
		expectPackage(t, addr, sealed(t, k, hangs, seal.Contract{HostTime: time.Millisecond}), 400, "http_error")
	})
}

// bodyOfScript is the body of a request for a script.
func bodyOfScript(t testing.TB, script string) string {
	t.Helper()
	text, err := json.Marshal(script)
	if err != nil {
		t.Fatal(err)
	}
	return `{"script":` + string(text) + `}`
}

// TestCapabilities grants scripts what the flags for signed and unsigned requests say;
// neither a package nor its capabilities grant more.
func TestCapabilities(t *testing.T) {
	keys := []*seal.Key{
		newKey(t, seal.UsePackage, "default", 'p', time.Time{}, time.Time{}),
		newKey(t, seal.UseRequest, "default", 'r', time.Time{}, time.Time{}),
	}
	ring := newKeyring(t, new(clock).now, keys...)
	engine, err := avap.New(avap.Options{Host: avap.Host{HTTP: new(counted)}})
	if err != nil {
		t.Fatal(err)
	}
	serve := func(signed, unsigned avap.Capability) string {
		return listen(t, avap.Options{}, worker.Options{
			Catalog: func() *worker.Catalog { return worker.NewCatalog(engine, nil, nil) }, Unsigned: true,
			Keys: ring, Verifier: seal.NewVerifier(ring, seal.VerifierOptions{Now: new(clock).now}),
			Grants: signed, UnsignedGrants: unsigned,
		})
	}
	greedy := compiled(t, reaching)
	greedy.Requires = []string{"http", "sql", "random", "time"}
	bodies := map[string]message{
		"script":           {body: bodyOfScript(t, reaching)},
		"source":           {body: string(sealedSource(t, keys[0], reaching)), headers: []string{packageType}},
		"compiled":         {body: string(sealed(t, keys[0], compiled(t, reaching), seal.Contract{})), headers: []string{packageType}},
		"compiled, greedy": {body: string(sealed(t, keys[0], greedy, seal.Contract{})), headers: []string{packageType}},
	}
	const denied = "capability_denied"
	for _, c := range []struct {
		name             string
		signed, unsigned avap.Capability
		want             [2]string // the codes for signed and unsigned requests
	}{
		{"all", avap.AllCapabilities, avap.AllCapabilities, [2]string{"", ""}},
		{"signed alone", avap.CapHTTP, avap.CapRandom | avap.CapTime | avap.CapSQL, [2]string{"", denied}},
		{"unsigned alone", avap.CapRandom, avap.CapHTTP, [2]string{denied, ""}},
		{"none", 0, 0, [2]string{denied, denied}},
	} {
		addr := serve(c.signed, c.unsigned)
		for form, m := range bodies {
			t.Run(c.name+" "+form, func(t *testing.T) {
				for range 2 { // the second is of the cache
					for i, code := range c.want {
						status := 200
						if code != "" {
							status = 403
						}
						request := m
						if i == 0 {
							request.headers = append(slices.Clone(m.headers), "X-AVAP-Signature: "+
								signature(t, keys[1], seal.Request{Method: "POST", Target: executePath, Body: []byte(m.body), Time: noon}))
						}
						expect(t, addr, request.String(), status, code)
					}
				}
			})
		}
	}
}

// TestCompileEndpoint signs packages of scripts, which then run.
func TestCompileEndpoint(t *testing.T) {
	const path = "/api/v1/compile"
	request := newKey(t, seal.UseRequest, "default", 'r', time.Time{}, time.Time{})
	pkg := newKey(t, seal.UsePackage, "default", 'p', time.Time{}, time.Time{})
	ring := newKeyring(t, new(clock).now, request, pkg)
	verifier := func() *seal.Verifier { return seal.NewVerifier(ring, seal.VerifierOptions{Now: new(clock).now}) }
	send := func(m message, k *seal.Key) string {
		if m.target == "" {
			m.target = path
		}
		if k != nil {
			m.headers = append(slices.Clone(m.headers), "X-AVAP-Signature: "+
				signature(t, k, seal.Request{Method: "POST", Target: m.target, Body: []byte(m.body), Time: noon}))
		}
		return m.String()
	}
	const script = "addParam(a, a)\nb = a * 2\naddResult(b)\nfrobnicate(b)"
	body := strings.TrimSuffix(bodyOfScript(t, script), "}") + `,"name":"twice"}`

	t.Run("off", func(t *testing.T) {
		addr := listen(t, avap.Options{}, worker.Options{Keys: ring, Verifier: verifier()})
		expect(t, addr, send(message{body: body}, request), 404, "not_found")
		expect(t, addr, send(message{body: body}, nil), 404, "not_found")
	})
	on := listen(t, avap.Options{}, worker.Options{Keys: ring, Verifier: verifier(), CompileEndpoint: true})
	t.Run("not signed", func(t *testing.T) {
		expect(t, on, send(message{body: body}, nil), 401, "signature_missing")
		engine, err := avap.New(avap.Options{})
		if err != nil {
			t.Fatal(err)
		}
		allows := listen(t, avap.Options{}, worker.Options{
			Catalog: func() *worker.Catalog { return worker.NewCatalog(engine, nil, nil) },
			Keys:    ring, Verifier: verifier(), CompileEndpoint: true, Unsigned: true,
		})
		expect(t, allows, message{body: answering(1)}.String(), 200, "")
		expect(t, allows, send(message{body: body}, nil), 401, "signature_missing")
	})
	t.Run("signed for another path", func(t *testing.T) {
		m := message{body: body}
		m.headers = []string{"X-AVAP-Signature: " + signature(t, request, seal.Request{Method: "POST", Target: executePath, Body: []byte(body), Time: noon})}
		expect(t, on, send(m, nil), 401, "signature_invalid")
	})
	local := listen(t, avap.Options{}, worker.Options{Keys: ring, CompileEndpoint: true, LoopbackOnly: true})
	for name, answer := range map[string]string{
		"signed":   expect(t, on, send(message{body: body}, request), 200, ""),
		"loopback": expect(t, local, send(message{body: body}, nil), 200, ""),
	} {
		t.Run(name, func(t *testing.T) {
			var got struct {
				Success      bool
				Name         string
				Package      []byte
				Hash         string
				Instructions int
				Diagnostics  []avap.Diagnostic
			}
			if err := json.Unmarshal([]byte(answer), &got); err != nil {
				t.Fatalf("%v: %s", err, answer)
			}
			if got.Hash != hex.EncodeToString(hashOf(got.Package)) || got.Name != "twice" || got.Instructions == 0 {
				t.Errorf("%s", answer)
			}
			if len(got.Diagnostics) != 1 || got.Diagnostics[0].Code != "unknown_command" || got.Diagnostics[0].Line != 4 {
				t.Errorf("diagnostics: %v", got.Diagnostics)
			}
			opened, err := seal.Open(ring, got.Package)
			if err != nil {
				t.Fatal(err)
			}
			want := seal.Unit{Origin: seal.OriginCompiled, Source: sha256.Sum256([]byte(script)), Program: compiled(t, script)}
			want.Program.Name = "twice"
			if diff := cmp.Diff(&seal.Package{Version: 2, KeyID: "default", Unit: &want}, opened); diff != "" {
				t.Errorf("the package (-want +got):\n%s", diff)
			}
			expectPackage(t, local, got.Package, 400, "type_error") // it runs, with no a
		})
	}
	t.Run("its package runs", func(t *testing.T) {
		answer := expect(t, local, send(message{body: `{"script":"addParam(a, a)\nb = a * 2\naddResult(b)"}`}, nil), 200, "")
		var got struct{ Package []byte }
		if err := json.Unmarshal([]byte(answer), &got); err != nil {
			t.Fatal(err)
		}
		m := message{target: executePath + "?a=[4]", body: string(got.Package), headers: []string{packageType}}
		if body := expect(t, local, m.String(), 200, ""); !strings.Contains(body, `"result":{"b":[4,4]}`) {
			t.Errorf("%s", body)
		}
	})
	for _, c := range []struct {
		name, body string
		status     int
		code       string
	}{
		{"a syntax error", `{"script":"x ="}`, 400, "syntax_error"},
		{"no script", `{}`, 400, "bad_request"},
		{"an empty script", `{"script":""}`, 400, "bad_request"},
		{"a script that is no text", `{"script":1}`, 400, "bad_request"},
		{"a name that is no text", `{"script":"x = 1","name":null}`, 400, "bad_request"},
		{"a name that is too long", `{"script":"x = 1","name":"` + strings.Repeat("ä", 257) + `"}`, 400, "bad_request"},
		{"the longest name", `{"script":"x = 1","name":"` + strings.Repeat("ä", 256) + `"}`, 200, ""},
		{"an unknown key", `{"script":"x = 1","variables":{}}`, 400, "bad_request"},
		{"no JSON", `x = 1`, 400, "bad_request"},
		{"trailing bytes", `{"script":"x = 1"}{}`, 400, "bad_request"},
		{"a definition of a command", `{"script":"command f(a: value) {\n}"}`, 400, "syntax_error"},
	} {
		t.Run(c.name, func(t *testing.T) { expect(t, local, send(message{body: c.body}, nil), c.status, c.code) })
	}
	t.Run("no key to sign with", func(t *testing.T) {
		for _, keys := range []*seal.Keyring{nil, newKeyring(t, new(clock).now, request)} {
			addr := listen(t, avap.Options{}, worker.Options{Keys: keys, CompileEndpoint: true, LoopbackOnly: true})
			expect(t, addr, send(message{body: body}, nil), 400, "bad_request")
		}
	})
}

// TestConformanceOfPackages runs every case of the language that compiles as a package
// of version 2, and as one of version 1.
func TestConformanceOfPackages(t *testing.T) {
	k := newKey(t, seal.UsePackage, "default", 'p', time.Time{}, time.Time{})
	limits := avap.Limits{Time: time.Minute}
	s := start(t, avap.Options{Limits: limits}, worker.Options{Keys: newKeyring(t, nil, k)})
	engine, err := avap.New(avap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, c := range conformance.Load(t, "../testdata/conformance") {
		packages := map[string][]byte{"source": sealedSource(t, k, c.Script)}
		if p, err := engine.Compile(c.Script); err == nil {
			packages["compiled"] = sealed(t, k, p.Bytecode(), seal.Contract{})
			ran++
		}
		for form, pkg := range packages {
			t.Run(c.Name+" "+form, func(t *testing.T) {
				body := strings.Replace(bodyOf(t, &c), bodyOfScript(t, c.Script)[:len(bodyOfScript(t, c.Script))-1],
					`{"package":"`+base64.StdEncoding.EncodeToString(pkg)+`"`, 1)
				status, _, answer := post(t, s, executePath+"?"+c.Request.Query, body)
				c.Want.Check(t, status, answer)
			})
		}
	}
	if ran < 100 {
		t.Errorf("only %d cases compile", ran)
	}
}
