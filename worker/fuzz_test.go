package worker_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/worker"
)

// codes are the codes with which a request without a signature can fail, and
// their statuses.
var codes = map[string]int{
	"bad_request": 400, "syntax_error": 400, "unknown_command": 400, "bad_arguments": 400, "name_error": 400,
	"type_error": 400, "overflow": 400, "runtime_error": 400, "http_error": 400, "sql_error": 400,
	"quota_instructions": 400, "quota_memory": 400, "quota_depth": 400, "quota_output": 400, "quota_host_calls": 400,
	"quota_time": 504, "body_too_large": 413, "capability_denied": 403, "address_denied": 403,
	"integrity": 401, "unknown_script": 404, "overloaded": 503,
}

// FuzzExecute sends any body and query string: each gets a well-formed answer with
// a known code, and never that of a defect.
func FuzzExecute(f *testing.F) {
	engine, err := avap.New(avap.Options{})
	if err != nil {
		f.Fatal(err)
	}
	limits := avap.Limits{Instructions: 20_000, Memory: 1 << 20, Time: time.Second, Output: 64 << 10, Depth: 50}
	w := worker.New(worker.Options{
		Catalog: func() *worker.Catalog { return worker.NewCatalog(engine, nil, nil) },
		Limits:  limits, MaxBody: 8 << 10, Unsigned: true,
		Grants: avap.AllCapabilities, UnsignedGrants: avap.AllCapabilities,
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	go w.Serve(l)
	f.Cleanup(func() { w.Drain(context.Background(), 0, time.Minute) })
	for _, body := range []string{
		``, `{}`, `[]`, `null`, `{"script":1}`, `{"script":""}`, `{"script":"x = 1\naddResult(x)"}`,
		`{"script":"addResult(x)","variables":{"x":[1,2.5,"\u00e9\ud83d\ude00",null,true,{"k":{}}]}}`,
		`{"script":"addParam(q, a)\ngetQueryParamList(l)\naddResult(a)\naddResult(l)","q":{"a":1},"return":["result"]}`,
		`{"script":"try()\nx = 1 / 0\nexception(e)\naddResult(e)\nend()"}`,
		`{"script":"function f(n) { return f(n + 1) }\nf(1)"}`, `{"script":"while(true)\nend()"}`,
		`{"script":"x = 'a' * 100000000"}`, `{"script":"l = []\nl.append(l)\naddResult(l)"}`,
		`{"script":"addVar(_status, 204)"}`, `{"script":"RequestGet('http://h/', None, None, x)"}`,
		`{"script":"ormDirect('SELECT 1', x)"}`, `{"script":"x = y"}`, `{"script":"frob(`, `{"script":"frob()"}`,
		`{"script":"x = 1","script":"x = 2"}`, `{"script":"x = 1"} {}`, `{"script":"x = 1","variables":{"x":1e400}}`,
		`{"package":"AAAA"}`, `{"name":"x"}`, "{\"script\":\"\xff\"}", `{"script":"x = 1","x":` + strings.Repeat("[", 300) + `}`,
	} {
		f.Add(body, "q=1&q=%zz&a=[1]&=&b")
	}
	f.Fuzz(func(t *testing.T, body, query string) {
		status, text := ask(t, l.Addr().String(), "/api/v1/execute?"+targetable(query), body)
		var answer struct {
			Success   *bool
			Error     *string
			Code      string
			RequestID string `json:"request_id"`
			Result    json.RawMessage
		}
		switch {
		case len(text) == 0 && (status == 204 || status == 205 || status == 304):
			return
		case !utf8.Valid(text):
			t.Fatalf("no UTF-8: %q", text)
		case json.Unmarshal(text, &answer) != nil || answer.Success == nil:
			t.Fatalf("not well formed: %q", text)
		case *answer.Success:
			if status < 200 || status > 599 || len(answer.Result) == 0 {
				t.Errorf("%d %s", status, text)
			}
		case answer.Error == nil || *answer.Error == "" || answer.RequestID == "" || codes[answer.Code] != status:
			t.Errorf("%d %s", status, text)
		}
	})
}

// ask sends one request on a connection of its own.
func ask(t *testing.T, addr, target, body string) (status int, answer []byte) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", target, len(body), body)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// targetable escapes what cannot stand in the target of a request.
func targetable(query string) string {
	var b strings.Builder
	for i := range len(query) {
		if c := query[i]; c <= ' ' || c > '~' || c == '#' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
