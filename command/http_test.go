// This file holds the tests of the commands that send requests, against a real
// server on loopback.

package command

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/host/httpclient"
	"github.com/avap-framework/avap/host/netpolicy"
	"github.com/avap-framework/avap/vm"
)

// echo answers with what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	answer := []string{r.Method + " " + r.URL.RequestURI(), r.Header.Get("Content-Type"), string(body)}
	for _, name := range []string{"X-A", "X-B"} {
		answer = append(answer, strings.Join(r.Header.Values(name), ","))
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	json.NewEncoder(w).Encode(answer)
}

func serve(t testing.TB, handler http.HandlerFunc) (url string, h Host) {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	policy, err := netpolicy.Parse("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	client := httpclient.New(httpclient.Options{Policy: policy})
	t.Cleanup(client.Close)
	return server.URL, Host{HTTP: client}
}

func TestRequestGet(t *testing.T) {
	url, h := serve(t, echo)
	tests := []struct {
		name           string
		path           string
		query, headers any
		want           []any // request line, content type, body, X-A, X-B
	}{
		{"plain", "/p", nil, nil, []any{"GET /p", "", "", "", ""}},
		{"empty texts", "/p", "", "", []any{"GET /p", "", "", "", ""}},
		{"a dict, in its order", "/p", obj("z", 1, "a", "b c&d", "é", true), nil, []any{"GET /p?z=1&a=b+c%26d&%C3%A9=True", "", "", "", ""}},
		{"lists repeat, None is left out", "/p", obj("k", []any{1, nil, "x"}, "n", nil, "f", 50.0), nil, []any{"GET /p?k=1&k=x&f=50.0", "", "", "", ""}},
		{"JSON in text", "/p", ` {"a": "1", "b": [1, 2]} `, nil, []any{"GET /p?a=1&b=1&b=2", "", "", "", ""}},
		{"Python in text", "/p", `{'a': 'it\'s', "b": None, 'c': True,}`, nil, []any{"GET /p?a=it%27s&c=True", "", "", "", ""}},
		{"beside the URL's own", "/p?x=1", obj("y", 2), nil, []any{"GET /p?x=1&y=2", "", "", "", ""}},
		{"an open query, a fragment", "/p?#there", obj("y", 2), nil, []any{"GET /p?y=2", "", "", "", ""}},
		{"an empty dict", "/p?x=1", obj(), obj(), []any{"GET /p?x=1", "", "", "", ""}},
		{"headers", "/p", nil, obj("X-A", "1", "x-b", 2, "X-C", nil), []any{"GET /p", "", "", "1", "2"}},
		{"headers in text", "/p", nil, `{'X-A': 'v', 'X-B': 1.5}`, []any{"GET /p", "", "", "v", "1.5"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := call(t, h, "RequestGet", url+tt.path, tt.query, tt.headers)
			if diff := cmp.Diff(any(tt.want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRequestPost(t *testing.T) {
	url, h := serve(t, echo)
	form := obj("content-type", "application/x-www-form-urlencoded; charset=utf-8")
	const formType = "application/x-www-form-urlencoded; charset=utf-8"
	tests := []struct {
		name          string
		headers, body any
		wantType      string
		wantBody      string
	}{
		{"no body", nil, nil, "", ""},
		{"a dict", nil, obj("b", 1, "a", []any{1.0, nil, "é"}), "application/json", `{"b":1,"a":[1.0,null,"é"]}`},
		{"a list", nil, []any{1, 2}, "application/json", "[1,2]"},
		{"text that is an object", nil, ` {"b": 1} `, "application/json", ` {"b": 1} `},
		{"text that is an array", nil, "[1, 2]", "application/json", "[1, 2]"},
		{"text that is not quite JSON", nil, "{'b': 1}", "", "{'b': 1}"},
		{"other text", nil, "a=1&b=2", "", "a=1&b=2"},
		{"a number", nil, 5, "", "5"},
		{"a dict as form", form, obj("b", "x y", "a", []any{1, 2}), formType, "b=x+y&a=1&a=2"},
		{"text as form", form, `{"b": "x y"}`, formType, "b=x+y"},
		{"other text as form", form, "a=1 2", formType, "a=1 2"},
		{"a type of one's own", obj("Content-Type", "application/vnd.api+json"), obj("a", 1), "application/vnd.api+json", `{"a":1}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := []any{"POST /p?q=1", tt.wantType, tt.wantBody, "", ""}
			got := call(t, h, "RequestPost", url+"/p", obj("q", 1), tt.headers, tt.body)
			if diff := cmp.Diff(any(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
	got := call(t, h, "RequestPost", url, nil, form, []any{1})
	if diff := cmp.Diff(errOf(vm.CodeType, "body, to be form-encoded, must be a dict, not a list"), got); diff != "" {
		t.Error(diff)
	}
}

func TestAnswers(t *testing.T) {
	tests := []struct {
		name, contentType, body string
		status                  int
		want                    any
	}{
		{"JSON", "application/json", `{"a": [1, 1.0, "é"]}`, 200, obj("a", []any{int64(1), 1.0, "é"})},
		{"JSON of a kind", "Application/Problem+JSON; charset=utf-8", "[1]", 299, []any{int64(1)}},
		{"empty JSON", "application/json", " ", 200, nil},
		{"text", "text/plain", `{"a": 1}`, 200, `{"a": 1}`},
		{"no text", "text/plain", "", 204, ""},
		{"text that is no UTF-8", "text/plain; charset=utf-8", "a\xffb", 200, "a\uFFFDb"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			url, h := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tt.contentType)
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.body)
			})
			if diff := cmp.Diff(tt.want, call(t, h, "RequestGet", url, nil, nil)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnswersRefused(t *testing.T) {
	tests := []struct {
		name   string
		status int
		want   string
	}{
		{"broken JSON", 200, "the answer is no valid JSON: "},
		{"not found", 404, "the answer has status 404"},
		{"a failure", 503, "the answer has status 503"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			url, h := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(tt.status)
				io.WriteString(w, `{"a": `)
			})
			got, ok := call(t, h, "RequestGet", url+"/path?secret=1", nil, nil).(failure)
			if want := "GET " + url + "/…: " + tt.want; !ok || got.Code != vm.CodeHTTP || !strings.HasPrefix(got.Msg, want) {
				t.Errorf("got %v, expected %s", got, want)
			}
		})
	}
}

func TestRequestsRefused(t *testing.T) {
	_, h := serve(t, echo)
	runTable(t, h, "RequestGet", []row{
		{"no URL", []any{nil, nil, nil}, errOf(vm.CodeType, "url must be text, not None")},
		{"an empty URL", []any{" ", nil, nil}, errOf(vm.CodeRuntime, "url is empty")},
		{"no http", []any{"ftp://127.0.0.1/", nil, nil}, errOf(vm.CodeHTTP, `GET ftp://127.0.0.1: the scheme "ftp" is not supported, only http and https`)},
		{"an address outside of the policy", []any{"http://127.0.0.2:1/", nil, nil}, errOf(vm.CodeAddress, "GET http://127.0.0.2:1: the address is not allowed by --allow-net")},
		{"a query that is a list", []any{"http://127.0.0.1", []any{1}, nil}, errOf(vm.CodeType, "querystring must be a dict, or text that holds one, not a list")},
		{"a query that is other text", []any{"http://127.0.0.1", "a=1", nil}, errOf(vm.CodeRuntime, `querystring holds no dict in JSON: "a=1"`)},
		{"headers in a list of text", []any{"http://127.0.0.1", nil, "[1]"}, errOf(vm.CodeRuntime, `headers holds no dict in JSON: "[1]"`)},
		{"a header that is a list", []any{"http://127.0.0.1", nil, obj("X-A", []any{1})}, errOf(vm.CodeType, "headers: the value of X-A must be text, not a list")},
	})
	want := errOf(vm.CodeHTTP, "this engine has no HTTP client")
	if diff := cmp.Diff(want, call(t, Host{}, "RequestGet", "http://127.0.0.1")); diff != "" {
		t.Error(diff)
	}
}

func TestRequestQuotas(t *testing.T) {
	url, h := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			select {
			case <-r.Context().Done():
			case <-time.After(10 * time.Second):
			}
		case "/large":
			for range 100 {
				io.WriteString(w, strings.Repeat("x", 64<<10))
			}
		}
	})
	tests := []struct {
		name   string
		limits vm.Limits
		path   string
		want   failure
	}{
		{"host time", vm.Limits{Time: time.Minute, HostTime: 50 * time.Millisecond}, "/slow", errOf(vm.CodeHTTP, "GET "+url+"/…: timed out")},
		{"memory", vm.Limits{Memory: 1 << 20, Time: time.Minute, HostTime: time.Minute}, "/large", errOf(vm.CodeMemory, "more than 1048576 bytes of memory")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(any(tt.want), callOn(t, vm.NewMachine(tt.limits), h, "RequestGet", url+tt.path)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
