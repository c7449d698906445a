package worker_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/worker"
)

// noon is when the tests of signatures happen.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is a clock that a test moves.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return noon.Add(time.Duration(c.ahead.Load())) }
func (c *clock) forward(d time.Duration) { c.ahead.Add(int64(d)) }

// secret is the secret of a test's key.
func secret(letter byte) []byte { return bytes.Repeat([]byte{letter}, 32) }

// newKey makes a key that is valid from one time, or ever, to another, or for ever.
func newKey(t testing.TB, use seal.Use, id string, letter byte, from, to time.Time) *seal.Key {
	t.Helper()
	k, err := seal.NewKey(use, id, secret(letter), from, to)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// newKeyring makes a keyring whose clock is the test's.
func newKeyring(t testing.TB, now func() time.Time, keys ...*seal.Key) *seal.Keyring {
	t.Helper()
	r, err := seal.NewKeyring(now, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// signature is the header's value for a request.
func signature(t testing.TB, k *seal.Key, r seal.Request) string {
	t.Helper()
	value, err := seal.Sign(k, r)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// message is a request as it goes over the wire.
type message struct {
	method, target, body string
	headers              []string // lines
}

func (m message) String() string {
	method, target := m.method, m.target
	if method == "" {
		method = "POST"
	}
	if target == "" {
		target = executePath
	}
	head := method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + strconv.Itoa(len(m.body)) + "\r\n"
	for _, h := range m.headers {
		head += h + "\r\n"
	}
	return head + "\r\n" + m.body
}

const executePath = "/api/v1/execute"

// failure is the body of an answer, as far as tests look at it.
type failure struct {
	Success   *bool
	Error     string
	Code      string
	RequestID string `json:"request_id"`
}

// answerTo sends a request on a connection of its own, and reads the answer.
func answerTo(t *testing.T, addr, request string) (*http.Response, string, failure) {
	t.Helper()
	c := dial(t, addr)
	defer c.Close()
	go io.WriteString(c, request)
	resp, body := c.read(t)
	var f failure
	if err := json.Unmarshal([]byte(body), &f); err != nil || f.Success == nil {
		t.Fatalf("%d, no answer: %q", resp.StatusCode, body)
	}
	if ids := resp.Header.Values("X-Request-Id"); len(ids) != 1 || !*f.Success && ids[0] != f.RequestID {
		t.Errorf("X-Request-Id is %q, in the body %q", ids, f.RequestID)
	}
	return resp, body, f
}

// expect holds an answer against a status and a code, which is empty for success.
func expect(t *testing.T, addr, request string, status int, code string) string {
	t.Helper()
	resp, body, f := answerTo(t, addr, request)
	if resp.StatusCode != status || f.Code != code || *f.Success != (code == "") {
		t.Errorf("%d %s\nwant %d %s", resp.StatusCode, body, status, code)
	}
	if retry := resp.Header.Get("Retry-After"); (retry != "") != (status == 503 || status == 429) {
		t.Errorf("%d with Retry-After %q", status, retry)
	}
	return body
}

// TestSignatures sends signed requests that are in order, altered, stale, badly
// formed, or of another key.
func TestSignatures(t *testing.T) {
	request := newKey(t, seal.UseRequest, "default", 'r', time.Time{}, time.Time{})
	before := newKey(t, seal.UseRequest, "before", 'b', time.Time{}, noon)
	since := newKey(t, seal.UseRequest, "since", 's', noon, noon.Add(time.Second))
	after := newKey(t, seal.UseRequest, "after", 'a', noon.Add(time.Second), time.Time{})
	long := newKey(t, seal.UseRequest, strings.Repeat("k", 64), 'l', time.Time{}, time.Time{})
	pkg := newKey(t, seal.UsePackage, "pkg", 'p', time.Time{}, time.Time{})
	ring := newKeyring(t, new(clock).now, request, before, since, after, long, pkg)
	addr := listen(t, avap.Options{}, worker.Options{
		Keys: ring, Verifier: seal.NewVerifier(ring, seal.VerifierOptions{Now: new(clock).now}), MaxBody: 4 << 10,
	})

	body := answering(1)
	of := func(k *seal.Key, r seal.Request) string {
		if r.Method == "" {
			r.Method = "POST"
		}
		if r.Target == "" {
			r.Target = executePath
		}
		if r.Body == nil {
			r.Body = []byte(body)
		}
		if r.Time.IsZero() {
			r.Time = noon
		}
		return signature(t, k, r)
	}
	good := of(request, seal.Request{})
	withN := of(request, seal.Request{Nonce: "n1"})
	stranger := newKey(t, seal.UseRequest, "stranger", 'x', time.Time{}, time.Time{})
	imposter := newKey(t, seal.UseRequest, "default", 'x', time.Time{}, time.Time{})
	thief := newKey(t, seal.UseRequest, "default", 'p', time.Time{}, time.Time{})

	fields := strings.Split(good, ", ")
	stamp, kid, v1 := fields[0], fields[1], fields[2]
	digits := strings.TrimPrefix(v1, "v1=")
	with := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in %q", old, good)
		}
		return strings.Replace(good, old, new, 1)
	}
	flipped := []byte(body)
	flipped[len(flipped)-3] ^= 1
	const malformed, query = `{"script":`, executePath + "?a=1&b=%2Fx"
	ofQuery := of(request, seal.Request{Target: query})

	const (
		missing = "signature_missing"
		invalid = "signature_invalid"
		expired = "signature_expired"
	)
	tests := []struct {
		name   string
		values []string // of the header
		send   message
		status int
		code   string
	}{
		// In order.
		{"as avap sign writes it", []string{good}, message{}, 200, ""},
		{"fields in another order", []string{v1 + ", " + kid + ", " + stamp}, message{}, 200, ""},
		{"no spaces behind the commas", []string{stamp + "," + kid + "," + v1}, message{}, 200, ""},
		{"white space around the value", []string{"\t " + good + " \t"}, message{}, 200, ""},
		{"with n, though nobody asks for it", []string{withN}, message{}, 200, ""},
		{"as old as may be", []string{of(request, seal.Request{Time: noon.Add(-300 * time.Second)})}, message{}, 200, ""},
		{"as far ahead as may be", []string{of(request, seal.Request{Time: noon.Add(300 * time.Second)})}, message{}, 200, ""},
		{"a key from its first moment on", []string{of(since, seal.Request{})}, message{}, 200, ""},
		{"the longest kid", []string{of(long, seal.Request{})}, message{}, 200, ""},
		{"a query string", []string{ofQuery}, message{target: query}, 200, ""},
		{"a whole URL as the target", []string{of(request, seal.Request{Target: "http://localhost" + executePath})}, message{target: "http://localhost" + executePath}, 200, ""},
		{"a path that is escaped", []string{of(request, seal.Request{Target: "/api/v1/%65xecute"})}, message{target: "/api/v1/%65xecute"}, 200, ""},

		// None.
		{"none", nil, message{}, 401, missing},
		{"an empty one", []string{""}, message{}, 401, missing},
		{"white space", []string{" \t "}, message{}, 401, missing},

		// The header as a whole.
		{"two headers of one value", []string{good, good}, message{}, 401, invalid},
		{"two headers, the second empty", []string{good, ""}, message{}, 401, invalid},
		{"two headers, the first empty", []string{"", good}, message{}, 401, invalid},
		{"two empty headers", []string{"", ""}, message{}, 401, invalid},
		{"a field in each of three headers", fields, message{}, 401, invalid},
		{"no fields", []string{"x"}, message{}, 401, invalid},
		{"a comma", []string{","}, message{}, 401, invalid},
		{"a comma at the end", []string{good + ","}, message{}, 401, invalid},
		{"a comma at the start", []string{"," + good}, message{}, 401, invalid},
		{"two commas", []string{with(", kid", ",, kid")}, message{}, 401, invalid},
		{"semicolons", []string{strings.ReplaceAll(good, ",", ";")}, message{}, 401, invalid},
		{"two spaces behind a comma", []string{with(", kid", ",  kid")}, message{}, 401, invalid},
		{"a tab behind a comma", []string{with(", kid", ",\tkid")}, message{}, 401, invalid},
		{"a space in front of a comma", []string{with(", kid", " , kid")}, message{}, 401, invalid},
		{"a space around =", []string{with("kid=", "kid =")}, message{}, 401, invalid},
		{"a space behind =", []string{with("kid=", "kid= ")}, message{}, 401, invalid},
		{"a value in quotes", []string{with("kid=default", `kid="default"`)}, message{}, 401, invalid},
		{"a field of another name", []string{good + ", v2=1"}, message{}, 401, invalid},
		{"a field without =", []string{good + ", n"}, message{}, 401, invalid},
		{"names in upper case", []string{with("kid=", "KID=")}, message{}, 401, invalid},
		{"t twice", []string{good + ", " + stamp}, message{}, 401, invalid},
		{"kid twice", []string{good + ", " + kid}, message{}, 401, invalid},
		{"v1 twice", []string{good + ", " + v1}, message{}, 401, invalid},
		{"n twice", []string{withN + ", n=n1"}, message{}, 401, invalid},
		{"no t", []string{kid + ", " + v1}, message{}, 401, invalid},
		{"no kid", []string{stamp + ", " + v1}, message{}, 401, invalid},
		{"no v1", []string{stamp + ", " + kid}, message{}, 401, invalid},
		{"more than 512 bytes", []string{good + ", n=" + strings.Repeat("n", 512)}, message{}, 401, invalid},
		{"8 KiB of commas", []string{strings.Repeat(",", 8<<10)}, message{}, 401, invalid},
		{"not ASCII", []string{with("default", "défault")}, message{}, 401, invalid},
		{"another scheme", []string{"sha256=" + digits}, message{}, 401, invalid},

		// t.
		{"t with a plus", []string{with("t=", "t=+")}, message{}, 401, invalid},
		{"t with a minus", []string{with("t=", "t=-")}, message{}, 401, invalid},
		{"t with a leading zero", []string{with("t=", "t=0")}, message{}, 401, invalid},
		{"t empty", []string{with(stamp, "t=")}, message{}, 401, invalid},
		{"t in hex", []string{with(stamp, "t=0x69a42bc0")}, message{}, 401, invalid},
		{"t with a fraction", []string{with(stamp, stamp+".0")}, message{}, 401, invalid},
		{"t with an exponent", []string{with(stamp, "t=17e8")}, message{}, 401, invalid},
		{"t with an underscore", []string{with(stamp, "t=1_772_366_400")}, message{}, 401, invalid},
		{"t in other digits", []string{with(stamp, "t=١٢٣")}, message{}, 401, invalid},
		{"t in milliseconds", []string{with(stamp, stamp+"000")}, message{}, 401, expired},
		{"t beyond 64 bits", []string{with(stamp, "t="+strings.Repeat("9", 30))}, message{}, 401, expired},
		{"t is 0", []string{with(stamp, "t=0")}, message{}, 401, expired},
		{"a second too old", []string{of(request, seal.Request{Time: noon.Add(-301 * time.Second)})}, message{}, 401, expired},
		{"a second too far ahead", []string{of(request, seal.Request{Time: noon.Add(301 * time.Second)})}, message{}, 401, expired},
		{"t moved by a second", []string{with(stamp, fmt.Sprintf("t=%d", noon.Unix()+1))}, message{}, 401, invalid},

		// kid.
		{"kid empty", []string{with("kid=default", "kid=")}, message{}, 401, invalid},
		{"kid of 65 characters", []string{with("kid=default", "kid="+strings.Repeat("k", 65))}, message{}, 401, invalid},
		{"kid unknown", []string{of(stranger, seal.Request{})}, message{}, 401, invalid},
		{"kid in other letters", []string{with("kid=default", "kid=Default")}, message{}, 401, invalid},
		{"kid of another key", []string{with("kid=default", "kid=since")}, message{}, 401, invalid},
		{"kid of a package key", []string{with("kid=default", "kid=pkg")}, message{}, 401, invalid},
		{"a package key's secret", []string{of(thief, seal.Request{})}, message{}, 401, invalid},
		{"another secret", []string{of(imposter, seal.Request{})}, message{}, 401, invalid},
		{"a key at its last moment", []string{of(before, seal.Request{})}, message{}, 401, invalid},
		{"a key before its first moment", []string{of(after, seal.Request{})}, message{}, 401, invalid},

		// v1.
		{"v1 empty", []string{with(v1, "v1=")}, message{}, 401, invalid},
		{"v1 in upper case", []string{with(digits, strings.ToUpper(digits))}, message{}, 401, invalid},
		{"v1 of 63 digits", []string{with(digits, digits[:63])}, message{}, 401, invalid},
		{"v1 of 65 digits", []string{with(digits, digits+"0")}, message{}, 401, invalid},
		{"v1 of 128 digits", []string{with(digits, digits+digits)}, message{}, 401, invalid},
		{"v1 with 0x", []string{with(digits, "0x"+digits[2:])}, message{}, 401, invalid},
		{"v1 with a letter that is no digit", []string{with(digits, digits[:63]+"g")}, message{}, 401, invalid},
		{"v1 is zero", []string{with(digits, strings.Repeat("0", 64))}, message{}, 401, invalid},
		{"v1 reversed", []string{with(digits, digits[32:]+digits[:32])}, message{}, 401, invalid},

		// n.
		{"n empty", []string{good + ", n="}, message{}, 401, invalid},
		{"n of 65 characters", []string{good + ", n=" + strings.Repeat("n", 65)}, message{}, 401, invalid},
		{"n with a dot", []string{good + ", n=a.b"}, message{}, 401, invalid},
		{"n with a space", []string{good + ", n=a b"}, message{}, 401, invalid},
		{"n added", []string{good + ", n=n1"}, message{}, 401, invalid},
		{"n dropped", []string{strings.TrimSuffix(withN, ", n=n1")}, message{}, 401, invalid},
		{"n altered", []string{strings.Replace(withN, "n=n1", "n=n2", 1)}, message{}, 401, invalid},
		{"n moved into t", []string{strings.Replace(strings.TrimSuffix(withN, ", n=n1"), stamp, stamp+".n1", 1)}, message{}, 401, invalid},

		// What is signed is not what is sent.
		{"another method", []string{of(request, seal.Request{Method: "PUT"})}, message{}, 401, invalid},
		{"a method in small letters", []string{of(request, seal.Request{Method: "post"})}, message{}, 401, invalid},
		{"another target", []string{of(request, seal.Request{Target: "/api/v1/compile"})}, message{}, 401, invalid},
		{"a target with a slash", []string{of(request, seal.Request{Target: executePath + "/"})}, message{}, 401, invalid},
		{"a query added", []string{good}, message{target: executePath + "?a=1"}, 401, invalid},
		{"an empty query added", []string{good}, message{target: executePath + "?"}, 401, invalid},
		{"a query dropped", []string{ofQuery}, message{}, 401, invalid},
		{"a query in another order", []string{ofQuery}, message{target: executePath + "?b=%2Fx&a=1"}, 401, invalid},
		{"a query altered", []string{ofQuery}, message{target: executePath + "?a=2&b=%2Fx"}, 401, invalid},
		{"percent-encoding in small letters", []string{ofQuery}, message{target: executePath + "?a=1&b=%2fx"}, 401, invalid},
		{"percent-encoding undone", []string{ofQuery}, message{target: executePath + "?a=1&b=/x"}, 401, invalid},
		{"percent-encoding added", []string{ofQuery}, message{target: executePath + "?a=%31&b=%2Fx"}, 401, invalid},
		{"the path escaped behind the signature", []string{good}, message{target: "/api/v1/%65xecute"}, 401, invalid},
		{"the path escaped in the signature", []string{of(request, seal.Request{Target: "/api/v1/%65xecute"})}, message{}, 401, invalid},
		{"a whole URL behind the signature", []string{good}, message{target: "http://localhost" + executePath}, 401, invalid},
		{"one bit of the body", []string{good}, message{body: string(flipped)}, 401, invalid},
		{"a newline behind the body", []string{good}, message{body: body + "\n"}, 401, invalid},
		{"a body without its last byte", []string{good}, message{body: body[:len(body)-1]}, 401, invalid},
		{"white space in the body", []string{good}, message{body: strings.Replace(body, ":", ": ", 1)}, 401, invalid},
		{"the body of another request", []string{good}, message{body: answering(2)}, 401, invalid},
		{"an empty body signed", []string{of(request, seal.Request{Body: []byte{}})}, message{}, 401, invalid},

		// The order of the checks.
		{"no JSON, signed wrongly", []string{good}, message{body: malformed}, 401, invalid},
		{"no JSON, signed well", []string{of(request, seal.Request{Body: []byte(malformed)})}, message{body: malformed}, 400, "bad_request"},
		{"no package, signed wrongly", []string{good}, message{body: "AVAP", headers: []string{"Content-Type: application/vnd.avap.package"}}, 401, invalid},
		{"no package, signed well", []string{of(request, seal.Request{Body: []byte("AVAP")})}, message{body: "AVAP", headers: []string{"Content-Type: application/vnd.avap.package"}}, 401, "integrity"},
		{"too large, with a bad header", []string{"x"}, message{body: strings.Repeat(" ", 5<<10)}, 401, invalid},
		{"too large, with an old header", []string{of(request, seal.Request{Time: noon.Add(-time.Hour)})}, message{body: strings.Repeat(" ", 5<<10)}, 401, expired},
		{"too large, with a good header", []string{good}, message{body: strings.Repeat(" ", 5<<10)}, 413, "body_too_large"},
		{"another method than the path takes", []string{of(request, seal.Request{Method: "PUT"})}, message{method: "PUT"}, 405, "method_not_allowed"},
		{"a path that is not there", []string{of(request, seal.Request{Target: "/x"})}, message{target: "/x"}, 404, "not_found"},
		{"of another origin, but signed", []string{good}, message{headers: []string{"Origin: https://elsewhere.example"}}, 200, ""},
		{"of another origin, signed wrongly", []string{with(digits, strings.Repeat("0", 64))}, message{headers: []string{"Origin: https://elsewhere.example"}}, 401, invalid},
		{"of another origin, not signed", nil, message{headers: []string{"Origin: https://elsewhere.example"}}, 403, "origin_denied"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := tt.send
			if m.body == "" {
				m.body = body
			}
			for _, v := range tt.values {
				m.headers = append(m.headers, "X-AVAP-Signature: "+v)
			}
			expect(t, addr, m.String(), tt.status, tt.code)
		})
	}
	t.Run("every digit of v1", func(t *testing.T) {
		for i := range digits {
			other := []byte(digits)
			other[i] = "1032547698badcfe"[strings.IndexByte("0123456789abcdef", digits[i])]
			expect(t, addr, message{body: body, headers: []string{"X-AVAP-Signature: " + with(digits, string(other))}}.String(), 401, invalid)
		}
	})
	t.Run("every byte of the body", func(t *testing.T) {
		for i := range body {
			other := []byte(body)
			other[i] ^= 1 << (i % 7)
			expect(t, addr, message{body: string(other), headers: []string{"X-AVAP-Signature: " + good}}.String(), 401, invalid)
		}
	})
	t.Run("a body in chunks", func(t *testing.T) {
		chunks := fmt.Sprintf("%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", 3, body[:3], len(body)-3, body[3:])
		head := "POST " + executePath + " HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nx-avap-SIGNATURE: " + good + "\r\n\r\n"
		expect(t, addr, head+chunks, 200, "")
		expect(t, addr, head+strings.Replace(chunks, "= 1", "= 2", 1), 401, invalid)
	})
}

// TestUnsignedAllowed verifies a signature that is there, though none is demanded.
func TestUnsignedAllowed(t *testing.T) {
	k := newKey(t, seal.UseRequest, "default", 'r', time.Time{}, time.Time{})
	ring := newKeyring(t, new(clock).now, k)
	engine, err := avap.New(avap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	addr := listen(t, avap.Options{}, worker.Options{
		Catalog: func() *worker.Catalog { return worker.NewCatalog(engine, nil, nil) },
		Keys:    ring, Verifier: seal.NewVerifier(ring, seal.VerifierOptions{Now: new(clock).now}), Unsigned: true,
	})
	body := answering(1)
	good := signature(t, k, seal.Request{Method: "POST", Target: executePath, Body: []byte(body), Time: noon})
	for _, c := range []struct {
		name, value string
		status      int
		code        string
	}{
		{"good", good, 200, ""},
		{"empty", "", 200, ""},
		{"wrong", strings.Replace(good, "v1=", "v1=0", 1)[:len(good)], 401, "signature_invalid"},
		{"malformed", "x", 401, "signature_invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			expect(t, addr, message{body: body, headers: []string{"X-AVAP-Signature: " + c.value}}.String(), c.status, c.code)
		})
	}
	t.Run("none", func(t *testing.T) { expect(t, addr, message{body: body}.String(), 200, "") })
	t.Run("a worker without request keys", func(t *testing.T) {
		addr := listen(t, avap.Options{}, worker.Options{})
		expect(t, addr, message{body: body, headers: []string{"X-AVAP-Signature: " + good}}.String(), 401, "signature_invalid")
	})
}

// TestBadHeaderBeforeBody refuses by the header alone, on a connection where the body
// has not come and never will.
func TestBadHeaderBeforeBody(t *testing.T) {
	k := newKey(t, seal.UseRequest, "default", 'r', time.Time{}, time.Time{})
	ring := newKeyring(t, new(clock).now, k)
	addr := listen(t, avap.Options{}, worker.Options{
		Keys: ring, Verifier: seal.NewVerifier(ring, seal.VerifierOptions{Now: new(clock).now}),
	})
	sign := func(k *seal.Key, at time.Time) string {
		return "X-AVAP-Signature: " + signature(t, k, seal.Request{Method: "POST", Target: executePath, Time: at})
	}
	for _, c := range []struct{ name, header, code string }{
		{"missing", "X-Other: 1", "signature_missing"},
		{"malformed", "X-AVAP-Signature: t=1", "signature_invalid"},
		{"unknown key", sign(newKey(t, seal.UseRequest, "other", 'x', time.Time{}, time.Time{}), noon), "signature_invalid"},
		{"expired", sign(k, noon.Add(-time.Hour)), "signature_expired"},
	} {
		for _, expects := range []string{"", "Expect: 100-continue\r\n"} {
			t.Run(c.name+expects, func(t *testing.T) {
				conn := dial(t, addr)
				conn.send(t, "POST "+executePath+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"+expects+c.header+"\r\n\r\n")
				resp, body := conn.read(t)
				if resp.StatusCode != 401 || !strings.Contains(body, `"code":"`+c.code+`"`) {
					t.Errorf("%d %s, want %s", resp.StatusCode, body, c.code)
				}
				if !resp.Close {
					t.Error("the connection stays open, for a body that nobody reads")
				}
			})
		}
	}
}

// TestReplay takes a signature once within the window, in bounded memory.
func TestReplay(t *testing.T) {
	var now clock
	k := newKey(t, seal.UseRequest, "default", 'r', time.Time{}, time.Time{})
	ring := newKeyring(t, now.now, k)
	const room = 8
	addr := listen(t, avap.Options{}, worker.Options{Keys: ring, Verifier: seal.NewVerifier(ring, seal.VerifierOptions{
		Now: now.now, Replay: true, ReplayEntries: room,
	})})
	signed := func(nonce, body string) string {
		value := signature(t, k, seal.Request{Method: "POST", Target: executePath, Body: []byte(body), Time: now.now(), Nonce: nonce})
		return message{body: body, headers: []string{"X-AVAP-Signature: " + value}}.String()
	}
	const replayed, invalid = "signature_replayed", "signature_invalid"
	first := signed("a", answering(1))
	last := signed("late", answering(1))
	for _, c := range []struct {
		name, request string
		status        int
		code          string
	}{
		{"without n", signed("", answering(1)), 401, invalid},
		{"n too long", strings.Replace(first, "n=a", "n="+strings.Repeat("n", 65), 1), 401, invalid},
		{"n that is another", strings.Replace(first, "n=a", "n=b", 1), 401, invalid},
		{"first", first, 200, ""},
		{"again", first, 401, replayed},
		{"again, its fields in another order", strings.Replace(strings.Replace(first, ", n=a", "", 1), "t=", "n=a, t=", 1), 401, replayed},
		{"the same n for another body", signed("a", answering(2)), 200, ""},
		{"another n for the same body", signed(strings.Repeat("-", 64), answering(1)), 200, ""},
		{"a script that fails", signed("a", `{"script":""}`), 400, "bad_request"},
		{"a script that failed, again", signed("a", `{"script":""}`), 401, replayed},
		{"altered, which takes no room", strings.Replace(first, "= 1", "= 7", 1), 401, invalid},
	} {
		t.Run(c.name, func(t *testing.T) { expect(t, addr, c.request, c.status, c.code) })
	}
	t.Run("full", func(t *testing.T) {
		for i := range room - 4 {
			expect(t, addr, signed("fill"+strconv.Itoa(i), answering(1)), 200, "")
		}
		expect(t, addr, last, 503, "overloaded")
		expect(t, addr, last, 503, "overloaded")
		expect(t, addr, first, 401, replayed)
	})
	t.Run("room again behind the window", func(t *testing.T) {
		now.forward(400 * time.Second)
		expect(t, addr, first, 401, "signature_expired")
		expect(t, addr, last, 401, "signature_expired")
		expect(t, addr, signed("late", answering(1)), 200, "")
	})
}
