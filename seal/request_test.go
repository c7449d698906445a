package seal_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/avap-framework/avap/seal"
)

const (
	method = "POST"
	target = "/api/v1/execute?name=Ada"
	body   = `{"script":"addResult(name)"}`
)

// sign gives a header, with the MAC computed from the ground up.
func sign(secret byte, t, kid, nonce string) string {
	first, last := t, ""
	if nonce != "" {
		first, last = t+"."+nonce, ", n="+nonce
	}
	h := hmac.New(sha256.New, []byte(strings.Repeat(string(secret), 32)))
	fmt.Fprintf(h, "%s\n%s\n%s\n%s", first, method, target, body)
	return "t=" + t + ", kid=" + kid + ", v1=" + hex.EncodeToString(h.Sum(nil)) + last
}

// at is the clock's time and some seconds, as t.
func at(seconds int) string { return fmt.Sprint(clock().Unix() + int64(seconds)) }

// requestKeys has a key in force, one that has ended, one that has not begun,
// and one of another use.
func requestKeys(t testing.TB, now func() time.Time) *seal.Keyring {
	return newKeyring(
		t, now,
		newKey(t, seal.UseRequest, "default", 'a', time.Time{}, time.Time{}),
		newKey(t, seal.UseRequest, "stale", 'b', time.Time{}, day(15)),
		newKey(t, seal.UseRequest, "early", 'c', day(16), time.Time{}),
		newKey(t, seal.UseRequest, "other=1", 'd', day(1), day(16)),
		newKey(t, seal.UsePackage, "pkg", 'p', time.Time{}, time.Time{}),
	)
}

// verify goes both steps.
func verify(v *seal.Verifier, values []string, method, target, body string) error {
	h, err := v.ParseHeader(values)
	if err != nil {
		return err
	}
	return v.Verify(&h, method, target, []byte(body))
}

func TestVerify(t *testing.T) {
	good := sign('a', at(0), "default", "")
	sum := good[strings.Index(good, "v1=")+3:]
	fields := func(t, kid, v1 string) string { return "t=" + t + ", kid=" + kid + ", v1=" + v1 }
	tests := []struct {
		name   string
		header []string
		want   seal.Code
	}{
		{"good", []string{good}, ""},
		{"another key", []string{sign('d', at(0), "other=1", "")}, ""},
		{"with n", []string{sign('a', at(0), "default", "once")}, ""},
		{"no space", []string{strings.ReplaceAll(good, " ", "")}, ""},
		{"another order", []string{"v1=" + sum + ", kid=default, t=" + at(0)}, ""},
		{"n first", []string{"n=once, " + strings.TrimSuffix(sign('a', at(0), "default", "once"), ", n=once")}, ""},
		{"white space around it", []string{" " + good + "\t"}, ""},
		{"at the window's end", []string{sign('a', at(-300), "default", "")}, ""},
		{"at the window's beginning", []string{sign('a', at(300), "default", "")}, ""},

		{"none", nil, seal.CodeMissing},
		{"empty", []string{""}, seal.CodeMissing},
		{"white space", []string{"  "}, seal.CodeMissing},

		{"two", []string{good, good}, seal.CodeInvalid},
		{"two empty ones", []string{"", ""}, seal.CodeInvalid},
		{"two in one", []string{good + ", " + good}, seal.CodeInvalid},
		{"a word", []string{"unsigned"}, seal.CodeInvalid},
		{"a comma", []string{","}, seal.CodeInvalid},
		{"a comma behind it", []string{good + ","}, seal.CodeInvalid},
		{"a comma before it", []string{"," + good}, seal.CodeInvalid},
		{"semicolons", []string{strings.ReplaceAll(good, ",", ";")}, seal.CodeInvalid},
		{"two spaces", []string{strings.Replace(good, ", ", ",  ", 1)}, seal.CodeInvalid},
		{"space before a comma", []string{strings.Replace(good, ", ", " , ", 1)}, seal.CodeInvalid},
		{"space around =", []string{strings.Replace(good, "t=", "t = ", 1)}, seal.CodeInvalid},
		{"quoted", []string{strings.Replace(good, "kid=default", `kid="default"`, 1)}, seal.CodeInvalid},
		{"capitals", []string{strings.Replace(good, "kid=", "KID=", 1)}, seal.CodeInvalid},
		{"an unknown field", []string{good + ", v2=" + sum}, seal.CodeInvalid},
		{"an empty field name", []string{good + ", =x"}, seal.CodeInvalid},
		{"no t", []string{"kid=default, v1=" + sum}, seal.CodeInvalid},
		{"no kid", []string{"t=" + at(0) + ", v1=" + sum}, seal.CodeInvalid},
		{"no v1", []string{"t=" + at(0) + ", kid=default"}, seal.CodeInvalid},
		{"t twice", []string{good + ", t=" + at(0)}, seal.CodeInvalid},
		{"kid twice", []string{good + ", kid=default"}, seal.CodeInvalid},
		{"v1 twice", []string{good + ", v1=" + sum}, seal.CodeInvalid},
		{"n twice", []string{good + ", n=a, n=b"}, seal.CodeInvalid},
		{"t empty", []string{fields("", "default", sum)}, seal.CodeInvalid},
		{"t with a sign", []string{sign('a', "+"+at(0), "default", "")}, seal.CodeInvalid},
		{"t below 0", []string{sign('a', "-1", "default", "")}, seal.CodeInvalid},
		{"t with a leading zero", []string{sign('a', "0"+at(0), "default", "")}, seal.CodeInvalid},
		{"t with a point", []string{sign('a', at(0)+".0", "default", "")}, seal.CodeInvalid},
		{"t with an exponent", []string{sign('a', "1e9", "default", "")}, seal.CodeInvalid},
		{"t in hex", []string{sign('a', "0x10", "default", "")}, seal.CodeInvalid},
		{"t with an underscore", []string{sign('a', "1_000", "default", "")}, seal.CodeInvalid},
		{"t in other digits", []string{sign('a', "١٢٣", "default", "")}, seal.CodeInvalid},
		{"kid empty", []string{fields(at(0), "", sum)}, seal.CodeInvalid},
		{"kid unknown", []string{sign('a', at(0), "nobody", "")}, seal.CodeInvalid},
		{"kid in capitals", []string{sign('a', at(0), "Default", "")}, seal.CodeInvalid},
		{"kid with a space", []string{sign('a', at(0), "de fault", "")}, seal.CodeInvalid},
		{"kid too long", []string{sign('a', at(0), strings.Repeat("k", 65), "")}, seal.CodeInvalid},
		{"kid beyond ASCII", []string{sign('a', at(0), "défaut", "")}, seal.CodeInvalid},
		{"a key that has ended", []string{sign('b', at(0), "stale", "")}, seal.CodeInvalid},
		{"a key that has not begun", []string{sign('c', at(0), "early", "")}, seal.CodeInvalid},
		{"a package key", []string{sign('p', at(0), "pkg", "")}, seal.CodeInvalid},
		{"another key's secret", []string{sign('d', at(0), "default", "")}, seal.CodeInvalid},
		{"v1 empty", []string{fields(at(0), "default", "")}, seal.CodeInvalid},
		{"v1 too short", []string{fields(at(0), "default", sum[:63])}, seal.CodeInvalid},
		{"v1 too long", []string{fields(at(0), "default", sum+"0")}, seal.CodeInvalid},
		{"v1 in capitals", []string{fields(at(0), "default", strings.ToUpper(sum))}, seal.CodeInvalid},
		{"v1 with a letter", []string{fields(at(0), "default", "g"+sum[1:])}, seal.CodeInvalid},
		{"v1 of zeros", []string{fields(at(0), "default", strings.Repeat("0", 64))}, seal.CodeInvalid},
		{"v1 of another time", []string{fields(at(1), "default", sum)}, seal.CodeInvalid},
		{"n empty", []string{good + ", n="}, seal.CodeInvalid},
		{"n too long", []string{sign('a', at(0), "default", strings.Repeat("n", 65))}, seal.CodeInvalid},
		{"n with a point", []string{sign('a', at(0), "default", "a.b")}, seal.CodeInvalid},
		{"n that is not signed", []string{good + ", n=once"}, seal.CodeInvalid},
		{"n left out", []string{strings.TrimSuffix(sign('a', at(0), "default", "once"), ", n=once")}, seal.CodeInvalid},
		{"n changed", []string{strings.Replace(sign('a', at(0), "default", "once"), "n=once", "n=twice", 1)}, seal.CodeInvalid},
		{"too long", []string{good + ", n=" + strings.Repeat("n", 500)}, seal.CodeInvalid},
		{"unknown and stale", []string{sign('a', at(-900), "nobody", "")}, seal.CodeInvalid},

		{"too early", []string{sign('a', at(-301), "default", "")}, seal.CodeExpired},
		{"too late", []string{sign('a', at(301), "default", "")}, seal.CodeExpired},
		{"t is 0", []string{sign('a', "0", "default", "")}, seal.CodeExpired},
		{"t beyond 64 bits", []string{sign('a', strings.Repeat("9", 30), "default", "")}, seal.CodeExpired},
		{"stale and wrong", []string{fields(at(-900), "default", sum)}, seal.CodeExpired},
	}
	v := seal.NewVerifier(requestKeys(t, clock), seal.VerifierOptions{Now: clock})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := verify(v, tt.header, method, target, body)
			if code := codeOf(t, err); code != tt.want {
				t.Errorf("%q is %q (%v), want %q", tt.header, code, err, tt.want)
			}
		})
	}
	for _, tt := range []struct{ name, method, target, body string }{
		{"another method", "PUT", target, body},
		{"a method in lower case", "post", target, body},
		{"another target", method, "/api/v1/compile?name=Ada", body},
		{"another query", method, "/api/v1/execute?name=Bob", body},
		{"no query", method, "/api/v1/execute", body},
		{"the target otherwise escaped", method, "/api/v1/execute?name=%41da", body},
		{"another body", method, target, body + " "},
		{"no body", method, target, ""},
		{"the body's beginning in the target", method, target + "\n" + body[:1], body[1:]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if code := codeOf(t, verify(v, []string{good}, tt.method, tt.target, tt.body)); code != seal.CodeInvalid {
				t.Errorf("the code is %q, want %q", code, seal.CodeInvalid)
			}
		})
	}
}

func TestSign(t *testing.T) {
	k := newKey(t, seal.UseRequest, "default", 'a', time.Time{}, time.Time{})
	for _, nonce := range []string{"", "A-z_09"} {
		got, err := seal.Sign(k, seal.Request{Method: method, Target: target, Body: []byte(body), Time: clock(), Nonce: nonce})
		if want := sign('a', at(0), "default", nonce); got != want || err != nil {
			t.Errorf("signed with n %q: %s (%v), want %s", nonce, got, err, want)
		}
	}
	for name, r := range map[string]seal.Request{
		"a nonce with a space": {Time: clock(), Nonce: "a b"},
		"a time before 1970":   {Time: time.Unix(-1, 0)},
	} {
		if got, err := seal.Sign(k, r); err == nil {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got, err := seal.Sign(newKey(t, seal.UsePackage, "k", 'a', time.Time{}, time.Time{}), seal.Request{Time: clock()}); err == nil {
		t.Errorf("a package key signs: %s", got)
	}
}

// A header that was accepted stays good while its body is read, whatever
// becomes of its key.
func TestVerifyAfterRotation(t *testing.T) {
	now := clock()
	v := seal.NewVerifier(requestKeys(t, func() time.Time { return now }), seal.VerifierOptions{Now: clock})
	h, err := v.ParseHeader([]string{sign('d', at(0), "other=1", "")})
	if err != nil {
		t.Fatal(err)
	}
	now = day(17)
	if _, err := v.ParseHeader([]string{sign('d', at(0), "other=1", "")}); codeOf(t, err) != seal.CodeInvalid {
		t.Errorf("the key has not ended: %v", err)
	}
	if err := v.Verify(&h, method, target, []byte(body)); err != nil {
		t.Error(err)
	}
}

func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now().Unix()
		key := newKey(t, seal.UseRequest, "default", 'a', time.Time{}, time.Time{})
		v := seal.NewVerifier(newKeyring(t, time.Now, key), seal.VerifierOptions{
			Replay: true, ReplayEntries: 3, Window: 10 * time.Second,
		})
		send := func(seconds int64, nonce string) seal.Code {
			return codeOf(t, verify(v, []string{sign('a', fmt.Sprint(began+seconds), "default", nonce)}, method, target, body))
		}
		for _, step := range []struct {
			now, t int64
			nonce  string
			want   seal.Code
		}{
			{0, 0, "", seal.CodeInvalid}, // n is missing
			{0, 0, "a", ""},
			{0, 0, "a", seal.CodeReplayed},
			{0, 0, "b", ""},
			{0, 10, "a", ""}, // another time is another signature
			{0, 0, "c", seal.CodeOverloaded},
			{0, 0, "b", seal.CodeReplayed}, // full, and yet known
			{0, 11, "a", seal.CodeExpired},
			{10, 0, "a", seal.CodeReplayed}, // within the window to its end
			{10, 10, "c", seal.CodeOverloaded},
			{11, 0, "a", seal.CodeExpired},
			{12, 10, "c", ""}, // there is room again
			{12, 12, "c", ""},
			{12, 12, "d", seal.CodeOverloaded},
			{20, 10, "a", seal.CodeReplayed},
			{21, 12, "c", seal.CodeReplayed},
			{60, 60, "a", ""},
			{60, 60, "b", ""},
			{60, 60, "c", ""},
			{60, 60, "d", seal.CodeOverloaded},
		} {
			time.Sleep(time.Duration(began+step.now-time.Now().Unix()) * time.Second)
			if got := send(step.t, step.nonce); got != step.want {
				t.Errorf("after %d s, t=%d n=%s is %q, want %q", step.now, step.t, step.nonce, got, step.want)
			}
		}
	})
}

// A wrong signature takes no room, and a clock that is set back brings nothing
// back that was forgotten.
func TestReplayIsNotFooled(t *testing.T) {
	var now atomic.Int64
	now.Store(clock().Unix())
	watch := func() time.Time { return time.Unix(now.Load(), 0) }
	v := seal.NewVerifier(requestKeys(t, clock), seal.VerifierOptions{Replay: true, ReplayEntries: 1, Now: watch})
	old := sign('a', at(0), "default", "once")
	for range 10 {
		if code := codeOf(t, verify(v, []string{old}, method, target, "forged")); code != seal.CodeInvalid {
			t.Fatalf("a forged one is %q", code)
		}
	}
	if err := verify(v, []string{old}, method, target, body); err != nil {
		t.Fatal(err)
	}
	now.Add(1000)
	if err := verify(v, []string{sign('a', at(1000), "default", "new")}, method, target, body); err != nil {
		t.Fatal(err)
	}
	now.Add(-1000)
	if code := codeOf(t, verify(v, []string{old}, method, target, body)); code != seal.CodeExpired {
		t.Errorf("an old one is %q once the clock is set back", code)
	}
}

// Of many that send one signature at the same time exactly one has success, and
// exactly as many signatures are taken as there is room for.
func TestReplayConcurrent(t *testing.T) {
	const senders, entries = 8, 100
	v := seal.NewVerifier(requestKeys(t, clock), seal.VerifierOptions{Replay: true, ReplayEntries: entries, Now: clock})
	var taken, overloaded atomic.Int64
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for i := range entries + 20 {
				err := verify(v, []string{sign('a', at(0), "default", fmt.Sprint("n", i))}, method, target, body)
				switch codeOf(t, err) {
				case "":
					taken.Add(1)
				case seal.CodeOverloaded:
					overloaded.Add(1)
				case seal.CodeReplayed:
				default:
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if taken.Load() != entries || overloaded.Load() != senders*20 {
		t.Errorf("%d taken and %d overloaded, want %d and %d", taken.Load(), overloaded.Load(), entries, senders*20)
	}
}

// BenchmarkVerify verifies as the worker does: with a Header that is used again.
func BenchmarkVerify(b *testing.B) {
	v := seal.NewVerifier(requestKeys(b, clock), seal.VerifierOptions{Now: clock})
	header := []string{sign('a', at(0), "default", "")}
	text := []byte(body)
	var h seal.Header
	b.ReportAllocs()
	for b.Loop() {
		err := v.ParseHeaderAt(&h, header, time.Time{})
		if err == nil {
			err = v.Verify(&h, method, target, text)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
