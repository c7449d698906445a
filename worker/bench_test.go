package worker

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/worker/httpd"
	"github.com/avap-framework/avap/worker/telemetry"
)

// steady is the body of a small request: a parameter, a branch, a few values.
const steady = `{"script":"addParam(limit, max)\nif(max, 10, >)\ntotal = max * 1.21\nelse()\ntotal = max + 5\nend()\nlabel = \"T-\" + str(max)\naddResult(total)\naddResult(label)","limit":42}`

// cold is steady with a text in it that is another one in each request.
var cold = `{"script":"tag = \"000000000000\"\n` + steady[len(`{"script":"`):]

// BenchmarkRequest answers a small request, from its header to its answer in
// memory: what the worker adds to reading and writing. Of cold the script is new each
// time, and compiled.
func BenchmarkRequest(b *testing.B) {
	engine, err := avap.New(avap.Options{})
	if err != nil {
		b.Fatal(err)
	}
	key, err := seal.GenerateKey(seal.UseRequest, "default", time.Time{}, time.Time{})
	if err != nil {
		b.Fatal(err)
	}
	keys, err := seal.NewKeyring(nil, key)
	if err != nil {
		b.Fatal(err)
	}
	catalog := NewCatalog(engine, nil, nil)
	w := New(Options{
		Catalog: func() *Catalog { return catalog },
		Keys:    keys, Verifier: seal.NewVerifier(keys, seal.VerifierOptions{}), Unsigned: true,
		Metrics: telemetry.NewMetrics(telemetry.Options{}),
	})
	signature, err := seal.Sign(key, seal.Request{Method: "POST", Target: "/api/v1/execute", Body: []byte(steady), Time: time.Now()})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct{ name, header, body string }{
		{"unsigned", "", steady},
		{"signed", seal.HeaderName + ": " + signature + "\r\n", steady},
		{"cold", "", cold},
	} {
		b.Run(c.name, func(b *testing.B) {
			r, err := httpd.ReadRequest(fmt.Appendf(nil, "POST /api/v1/execute HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s",
				c.header, len(c.body), c.body), httpd.Options{Watch: watch})
			if err != nil {
				b.Fatal(err)
			}
			h := handler{w}
			number := strings.Index(c.body, "000000000000")
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if number >= 0 {
					digits := r.Body[number : number+12]
					copy(digits, "000000000000")
					s := strconv.AppendInt(nil, int64(n), 10)
					copy(digits[12-len(s):], s)
				}
				r.Reset()
				if h.Head(r) {
					h.Serve(r)
				}
				h.Done(r)
			}
			if r.Status() != 200 {
				b.Fatalf("status %d", r.Status())
			}
		})
	}
}
