// This file holds what a request costs, both ends together.

package httpd_test

import (
	"io"
	"testing"

	"github.com/avap-framework/avap/worker/httpd"
)

// plain answers each request with the same few bytes.
type plain struct{}

func (plain) Head(*httpd.Request) bool { return true }

func (plain) Serve(r *httpd.Request) { r.Answer(200, append(r.Buffer(), `{"success":true}`...)) }

func (plain) Refuse(r *httpd.Request, _ httpd.Problem) { r.Answer(400, r.Buffer()) }

func (plain) Done(*httpd.Request) {}

// BenchmarkServe has one connection with one request after the other, or sixteen at a
// time.
func BenchmarkServe(b *testing.B) {
	one := post("/api/v1/execute", large(200), "User-Agent: bench", "Accept: */*", "Content-Type: application/json", "X-Request-Id: 0123456789")
	for _, bm := range []struct {
		name  string
		times int
	}{{"one", 1}, {"sixteen ahead", 16}} {
		b.Run(bm.name, func(b *testing.B) {
			s := serveAny(b, plain{}, httpd.Options{})
			c := s.dial(b)
			c.send(one)
			c.expect(200, `{"success":true}`)
			c.send(one)
			size := 0
			for end := false; !end; size++ {
				p, err := c.r.ReadByte()
				if err != nil {
					b.Fatal(err)
				}
				end = p == '}'
			}
			sent := make([]byte, 0, bm.times*len(one))
			for range bm.times {
				sent = append(sent, one...)
			}
			answers := make([]byte, bm.times*size)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Write(sent); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(c.r, answers); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*bm.times), "ns/request")
		})
	}
}
