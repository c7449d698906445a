package worker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/worker"
	"github.com/avap-framework/avap/worker/httpd"
)

// TestRefusedOnce gives what cannot be read one id, that of its header where that
// could be read.
func TestRefusedOnce(t *testing.T) {
	addr := listen(t, avap.Options{}, worker.Options{
		MaxBody: 100, HTTP: httpd.Options{ReadTimeout: 200 * time.Millisecond},
	})
	const head = "POST /api/v1/execute HTTP/1.1\r\nHost: localhost\r\n"
	for _, c := range []struct {
		name, request string
		status        int
		named         bool
	}{
		{"too large", head + "Content-Length: 101\r\nX-Request-Id: mine\r\n\r\n", 413, true},
		{"too slow", head + "Content-Length: 10\r\nX-Request-Id: mine\r\n\r\n{", 400, true},
		{"broken chunks", head + "Transfer-Encoding: chunked\r\nX-Request-Id: mine\r\n\r\nzz\r\n", 400, true},
		{"broken header", "POST /api/v1/execute HTTP/1.1\r\nX-Request-Id mine\r\n\r\n", 400, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := dial(t, addr)
			conn.send(t, c.request)
			resp, body := conn.read(t)
			ids := resp.Header.Values("X-Request-Id")
			if resp.StatusCode != c.status || len(ids) != 1 {
				t.Fatalf("%d %s, ids %q", resp.StatusCode, body, ids)
			}
			if c.named {
				if diff := cmp.Diff([]string{"mine"}, ids); diff != "" {
					t.Error(diff)
				}
			}
			if !strings.HasSuffix(body, `,"request_id":"`+ids[0]+`"}`) {
				t.Errorf("the header says %q: %s", ids[0], body)
			}
		})
	}
}
