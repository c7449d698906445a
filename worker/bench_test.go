package worker

import (
	"fmt"
	"testing"
	"time"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/worker/httpd"
	"github.com/avap-framework/avap/worker/telemetry"
)

// steady is the body of a small request: a parameter, a branch, a few values.
const steady = `{"script":"addParam(limit, max)\nif(max, 10, >)\ntotal = max * 1.21\nelse()\ntotal = max + 5\nend()\nlabel = \"T-\" + str(max)\naddResult(total)\naddResult(label)","limit":42}`

// BenchmarkRequest answers a small request, from its header to its answer in
// memory: what the worker adds to reading and writing.
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
	w := New(Options{
		Catalog: func() *Catalog { return NewCatalog(engine, nil, nil) },
		Keys:    keys, Verifier: seal.NewVerifier(keys, seal.VerifierOptions{}), Unsigned: true,
		Metrics: telemetry.NewMetrics(telemetry.Options{}),
	})
	signature, err := seal.Sign(key, seal.Request{Method: "POST", Target: "/api/v1/execute", Body: []byte(steady), Time: time.Now()})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct{ name, header string }{
		{"unsigned", ""}, {"signed", seal.HeaderName + ": " + signature + "\r\n"},
	} {
		b.Run(c.name, func(b *testing.B) {
			r, err := httpd.ReadRequest(fmt.Appendf(nil, "POST /api/v1/execute HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s",
				c.header, len(steady), steady), httpd.Options{Watch: watch})
			if err != nil {
				b.Fatal(err)
			}
			h := handler{w}
			b.ReportAllocs()
			for b.Loop() {
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
