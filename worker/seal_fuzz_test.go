package worker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/worker"
)

// serveFuzz starts a worker with small limits, and gives its address.
func serveFuzz(f *testing.F, opt worker.Options) string {
	f.Helper()
	engine, err := avap.New(avap.Options{Host: avap.Host{HTTP: new(counted)}})
	if err != nil {
		f.Fatal(err)
	}
	opt.Catalog = func() *worker.Catalog { return worker.NewCatalog(engine, nil, nil) }
	opt.Limits = avap.Limits{Instructions: 20_000, Memory: 1 << 20, Time: time.Second, Output: 64 << 10, Depth: 50, HostCalls: 4}
	opt.MaxBody, opt.Unsigned = 8<<10, opt.Verifier == nil
	opt.Grants, opt.UnsignedGrants = avap.AllCapabilities, avap.AllCapabilities
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	w := worker.New(opt)
	go w.Serve(l)
	f.Cleanup(func() { w.Drain(context.Background(), 0, time.Minute) })
	return l.Addr().String()
}

// wellFormed holds an answer to what every answer is, and gives its code.
func wellFormed(t *testing.T, status int, body string) (code string) {
	t.Helper()
	if body == "" && (status == 204 || status == 205 || status == 304) {
		return "" // as its script asked for
	}
	var f failure
	switch err := json.Unmarshal([]byte(body), &f); {
	case !utf8.ValidString(body) || err != nil || f.Success == nil:
		t.Fatalf("%d, no answer: %q", status, body)
	case *f.Success:
		if status < 200 || f.Code != "" {
			t.Errorf("%d %s", status, body)
		}
	case f.Error == "" || f.RequestID == "" || status == 500 || f.Code == "internal":
		t.Errorf("%d %s", status, body)
	}
	return f.Code
}

// FuzzSignature sends any value of the header: what is not the signature itself, written
// in another order of its fields perhaps, is refused, and before that nothing fails.
func FuzzSignature(f *testing.F) {
	k := newKey(f, seal.UseRequest, "default", 'r', time.Time{}, time.Time{})
	other := newKey(f, seal.UseRequest, "other", 'o', time.Time{}, noon)
	ring := newKeyring(f, new(clock).now, k, other)
	addr := serveFuzz(f, worker.Options{
		Keys: ring, Verifier: seal.NewVerifier(ring, seal.VerifierOptions{Now: new(clock).now}),
	})
	body := answering(1)
	good := signature(f, k, seal.Request{Method: "POST", Target: executePath, Body: []byte(body), Time: noon})
	withN := signature(f, k, seal.Request{Method: "POST", Target: executePath, Body: []byte(body), Time: noon, Nonce: "n"})
	stamp, digits := strconv.FormatInt(noon.Unix(), 10), good[strings.LastIndexByte(good, '=')+1:]
	for _, value := range []string{
		good, withN, "", " ", ",", "=", "t", "t=", "t=1", good + ",", good + " ", "," + good, good + ", " + good,
		"v1=" + digits + ",kid=default,t=" + stamp, strings.ToUpper(good), strings.Replace(good, "t=", "t=+", 1),
		strings.Replace(good, "t=", "t=0", 1), strings.Replace(good, stamp, strings.Repeat("9", 25), 1), strings.Replace(good, "default", "other", 1),
		strings.Replace(good, "default", "\x80", 1), strings.Replace(good, digits, digits[1:], 1), strings.Replace(good, ", ", ",  ", 1),
		good + ", n=", good + ", n=n", strings.Repeat("n=n,", 200), "t=1,t=1,t=1", "kid=default, v1=" + digits,
	} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if strings.ContainsFunc(value, func(r rune) bool { return r == '\r' || r == '\n' || r == 0 }) {
			return // a header of another shape
		}
		c := dial(t, addr)
		defer c.Close()
		c.send(t, message{body: body, headers: []string{"X-AVAP-Signature: " + value, "Connection: close"}}.String())
		resp, text := c.read(t)
		code := wellFormed(t, resp.StatusCode, text)
		fields := strings.Split(strings.Trim(value, " \t"), ",")
		for i := range fields {
			fields[i] = strings.TrimPrefix(fields[i], " ")
		}
		switch {
		case code == "":
			if want := []string{digits, withN[strings.Index(withN, "v1=")+3 : strings.Index(withN, ", n=")]}; !sameFields(fields, "t="+stamp, "kid=default", "v1="+want[0]) &&
				!sameFields(fields, "t="+stamp, "kid=default", "v1="+want[1], "n=n") {
				t.Errorf("%q was accepted", value)
			}
		case code == "bad_request" && strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r >= 0x7f }): // no header
		case resp.StatusCode != 401 || !strings.HasPrefix(code, "signature_"):
			t.Errorf("%d %s", resp.StatusCode, text)
		}
	})
}

// sameFields tells whether two lists hold the same, in whatever order.
func sameFields(got []string, want ...string) bool {
	if len(got) != len(want) {
		return false
	}
	for _, w := range want {
		if !strings.Contains(","+strings.Join(got, ",")+",", ","+w+",") {
			return false
		}
	}
	return true
}

// FuzzPackage sends any package, and any payload under a good MAC: a package that was
// not signed is never run, and one that was gets an answer, but never that of a defect.
func FuzzPackage(f *testing.F) {
	k := newKey(f, seal.UsePackage, "default", 'p', time.Time{}, time.Time{})
	ring := newKeyring(f, new(clock).now, k)
	addr := serveFuzz(f, worker.Options{Keys: ring})
	for _, pkg := range [][]byte{
		nil, []byte("AVAP"), sealedSource(f, k, ""), sealedSource(f, k, reaching), sealedSource(f, k, "x ="),
		sealed(f, k, compiled(f, "x = 1"), seal.Contract{}),
		sealed(f, k, compiled(f, reaching), seal.Contract{Instructions: 1, Memory: 1, Time: 1, HostTime: 1, Depth: 1, Output: 1, HostCalls: 1}),
		sealed(f, k, compiled(f, rich), seal.Contract{Instructions: 1 << 62}),
		sealed(f, k, compiled(f, "addVar(_status, 204)"), seal.Contract{}),
	} {
		f.Add(pkg, false)
		f.Add(pkg, true)
	}
	f.Fuzz(func(t *testing.T, pkg []byte, signed bool) {
		if signed && len(pkg) >= signedHeader {
			pkg = resign(pkg, 'p')
		}
		verifies := seal.Verify(ring, pkg) == nil
		c := dial(t, addr)
		defer c.Close()
		for _, request := range []string{raw(pkg), inJSON(pkg)} {
			c.send(t, request)
			resp, text := c.read(t)
			switch code := wellFormed(t, resp.StatusCode, text); {
			case code == "body_too_large" && len(request) > 8<<10:
				return // and the connection ends
			case !verifies && (code != "integrity" || resp.StatusCode != 401):
				t.Errorf("%d %s", resp.StatusCode, text)
			case bytes.Contains([]byte(text), []byte("bytecode:")):
				t.Errorf("it tells of its inside: %s", text)
			}
		}
	})
}
