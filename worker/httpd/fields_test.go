// This file holds the fields of a header, and what is one by its name.

package httpd_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/worker/httpd"
)

// TestFields asks for names of twelve, six and sixteen bytes: they are compared by eights.
func TestFields(t *testing.T) {
	names := []string{"x-request-id", "origin", "x-avap-signature"}
	for _, tt := range []struct {
		name  string
		lines []string
		want  map[string][]string
	}{
		{"none", nil, nil},
		{
			"one of each",
			[]string{"X-Request-Id: r", "Origin: http://h", "X-AVAP-Signature: t=1"},
			map[string][]string{"x-request-id": {"r"}, "origin": {"http://h"}, "x-avap-signature": {"t=1"}},
		},
		{"in small letters", []string{"x-request-id: r", "origin: o"}, map[string][]string{"x-request-id": {"r"}, "origin": {"o"}}},
		{"in capitals", []string{"X-REQUEST-ID: r", "ORIGIN: o"}, map[string][]string{"x-request-id": {"r"}, "origin": {"o"}}},
		{"several", []string{"Origin: 2", "A: b", "origin: 1", "ORIGIN: 2"}, map[string][]string{"origin": {"2", "1", "2"}}},
		{"white space", []string{"Origin:o", "Origin: \t o p\t "}, map[string][]string{"origin": {"o", "o p"}}},
		{"empty", []string{"Origin:", "X-Request-Id: "}, map[string][]string{"origin": {""}, "x-request-id": {""}}},
		{"a colon in the value", []string{"Origin: a:b"}, map[string][]string{"origin": {"a:b"}}},
		{"a name in a value", []string{"A: origin: o"}, nil},
		{"longer and shorter names", []string{"Origins: o", "Origi: o", "XOrigin: o", "X-Request-Id-: r", "X-Avap-Signatur: t"}, nil},
		{
			"one byte is another one",
			[]string{"Orig1n: o", "prigin: o", "X-Request-Ie: r", "X_Request-Id: r", "X-Request.Id: r", "X-Avap-Signbture: t", "X-Avap-Signatur%: t"},
			nil,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lines := strings.Join(append(tt.lines, ""), "\r\n")
			r, err := httpd.ReadRequest([]byte("GET / HTTP/1.1\r\nHost: h\r\n"+lines+"\r\n"), httpd.Options{Watch: names})
			if err != nil {
				t.Fatal(err)
			}
			for i, name := range names {
				var got []string
				for v := range r.Values(name) {
					got = append(got, string(v))
				}
				if d := cmp.Diff(tt.want[name], got); d != "" {
					t.Errorf("%s (-want +got)\n%s", name, d)
				}
				first, n := r.Watched(i)
				if want := tt.want[name]; n != len(want) || n > 0 && string(first) != want[0] {
					t.Errorf("watched %s: %d, the first %q, of %q", name, n, first, want)
				}
			}
		})
	}
}
