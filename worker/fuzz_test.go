package worker_test

import (
	"encoding/json"
	"net/http/httptest"
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
}

// FuzzExecute sends any body and query string: each gets a well-formed answer with
// a known code, and never that of a defect.
func FuzzExecute(f *testing.F) {
	engine, err := avap.New(avap.Options{})
	if err != nil {
		f.Fatal(err)
	}
	limits := avap.Limits{Instructions: 20_000, Memory: 1 << 20, Time: time.Second, Output: 64 << 10, Depth: 50}
	w := worker.New(worker.Options{Engine: engine, Limits: limits, MaxBody: 8 << 10})
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
		r := httptest.NewRequest("POST", "/api/v1/execute", strings.NewReader(body))
		r.URL.RawQuery = query
		out := httptest.NewRecorder()
		w.ServeHTTP(out, r)
		text := out.Body.Bytes()
		var answer struct {
			Success   *bool
			Error     *string
			Code      string
			RequestID string `json:"request_id"`
			Result    json.RawMessage
		}
		switch {
		case len(text) == 0 && (out.Code == 204 || out.Code == 205 || out.Code == 304):
			return
		case !utf8.Valid(text):
			t.Fatalf("no UTF-8: %q", text)
		case json.Unmarshal(text, &answer) != nil || answer.Success == nil:
			t.Fatalf("not well formed: %q", text)
		case *answer.Success:
			if out.Code < 200 || out.Code > 599 || len(answer.Result) == 0 {
				t.Errorf("%d %s", out.Code, text)
			}
		case answer.Error == nil || *answer.Error == "" || answer.RequestID == "" || codes[answer.Code] != out.Code:
			t.Errorf("%d %s", out.Code, text)
		}
	})
}
