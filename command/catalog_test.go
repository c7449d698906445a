// This file holds the tests of the catalog: its examples and its documentation.

package command_test

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/command"
	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/host/httpclient"
	"github.com/avap-framework/avap/host/netpolicy"
	"github.com/avap-framework/avap/host/sqldb"
	"github.com/avap-framework/avap/internal/pgtest"
)

var update = flag.Bool("update", false, "write the generated files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }

// noon is the clock of the examples: noon (UTC) of the first of March 2026.
type noon struct{}

func (noon) Now() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// TestSignature gives the interface of each command that can be called, and of nothing
// that only looks like one.
func TestSignature(t *testing.T) {
	for _, s := range command.Stock() {
		sig := command.Signature(s.Name)
		if s.Syntax {
			if sig != nil {
				t.Errorf("%s, a word of the language, has the interface %v", s.Name, *sig)
			}
			continue
		}
		if sig == nil {
			t.Errorf("%s has no interface", s.Name)
			continue
		}
		want := bytecode.Signature{Params: s.Params, Form: s.Form, Needs: s.Needs}
		if diff := cmp.Diff(want, *sig); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s.Name, diff)
		}
		for _, other := range []string{"", s.Name[1:], s.Name + " ", strings.ToUpper(s.Name), "A" + s.Name[1:len(s.Name)-1] + "z"} {
			if sig := command.Signature(other); sig != nil {
				t.Errorf("%q has the interface %v", other, *sig)
			}
		}
	}
}

// shop is the server of the examples.
func shop(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch r.Method + " " + r.URL.RequestURI() {
	case "GET /prices?sku=A+1":
		io.WriteString(w, `{"net": 12.5}`)
	case "POST /orders":
		var order map[string]any
		json.NewDecoder(r.Body).Decode(&order)
		json.NewEncoder(w).Encode(map[string]any{"order": 1, "pieces": order["pieces"]})
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// shopClient sends the examples' requests to a server on loopback.
type shopClient struct {
	host.HTTP
	url string
}

func (c shopClient) Do(ctx context.Context, req *host.Request) (*host.Response, error) {
	local := *req
	local.URL = strings.Replace(req.URL, "https://shop.example", c.url, 1)
	return c.HTTP.Do(ctx, &local)
}

// examplesHost is the world outside that the examples speak of.
func examplesHost(t *testing.T) avap.Host {
	server := httptest.NewServer(http.HandlerFunc(shop))
	t.Cleanup(server.Close)
	policy, err := netpolicy.Parse("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	client := httpclient.New(httpclient.Options{Policy: policy})
	t.Cleanup(client.Close)
	return avap.Host{HTTP: shopClient{client, server.URL}, SQL: openDB(t, "sqlite:"+t.TempDir()+"/example.db"), Clock: noon{}}
}

func openDB(t *testing.T, url string) sqldb.DB {
	t.Helper()
	db, err := sqldb.New(url, sqldb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// exports runs a script and gives the result of its answer, as it was sent.
func exports(t *testing.T, h avap.Host, script, query string) (string, error) {
	t.Helper()
	engine, err := avap.New(avap.Options{Host: h})
	if err != nil {
		t.Fatal(err)
	}
	program, err := engine.Compile(script)
	if err != nil {
		t.Fatal(err)
	}
	result, err := program.Run(t.Context(), avap.Input{Query: query})
	if err != nil {
		return "", err
	}
	var answer struct{ Result json.RawMessage }
	if err := json.Unmarshal(result.JSON, &answer); err != nil {
		t.Fatal(err)
	}
	return string(answer.Result), nil
}

func TestExamples(t *testing.T) {
	for _, s := range command.Stock() {
		t.Run(s.Name, func(t *testing.T) {
			if !strings.Contains(s.Example, s.Name+"(") {
				t.Errorf("the example does not show %s", s.Name)
			}
			got, err := exports(t, examplesHost(t), s.Example, s.Query)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(s.Result, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReference(t *testing.T) {
	const file = "../docs/commands.md"
	if *update {
		if err := os.WriteFile(file, []byte(command.Reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(command.Reference(), string(committed)); diff != "" {
		t.Errorf("run go generate ./command: %s", diff)
	}
}

// TestInterfaces holds the interfaces as the language reference lists them.
func TestInterfaces(t *testing.T) {
	want := map[string]string{
		"addVar":            "targetVarName:out, varValue:value",
		"addResult":         "sourceVariable:name",
		"addParam":          "param:value, variable:out",
		"getQueryParamList": "TargetVariable:out",
		"RequestGet":        "url:value, querystring:value, headers:value, o_result:out; http",
		"RequestPost":       "url:value, querystring:value, headers:value, body:value, o_result:out; http",
		"ormDirect":         "prompt:value, TargetVariable:out; sql",
		"encodeSHA256":      "SourceVariable:value, TargetVariable:out",
		"encodeMD5":         "SourceVariable:value, TargetVariable:out",
		"randomString":      "Pattern:text, Length:value, TargetVariable:out; random",
		"replace":           "SourceVariable:value, rePattern:text, newValue:text, TargetVariable:out",
		"getRegex":          "SourceVariable:value, rePattern:text, TargetVariable:out",
		"getDateTime":       "Format:text, TimeDelta:value, TimeZone:text, TargetVariable:out; time",
		"getTimeStamp":      "DateString:value, Format:text, TimeDelta:value, TargetVariable:out",
		"stampToDatetime":   "timestamp:value, Format:text, TimeDelta:value, TargetVariable:out",
		"getListLen":        "SourceVariable:value, TargetVariable:out",
		"itemFromList":      "SourceVariable:value, index:value, TargetVariable:out",
		"variableToList":    "element:value, TargetVariable:out",
		"AddvariableToJSON": "Key:value, Value:value, TargetVariable:out",
		"variableFromJSON":  "SourceVariable:value, key:value, TargetVariable:out",
	}
	got := map[string]string{}
	natives := command.Natives(command.Host{})
	for _, s := range command.Stock() {
		sig := command.Signature(s.Name)
		if s.Syntax {
			if sig != nil || natives[s.Name] != nil {
				t.Errorf("%s is a word of the syntax, and a command", s.Name)
			}
			continue
		}
		var params []string
		for _, p := range sig.Params {
			params = append(params, p.Name+":"+p.Mode.String())
		}
		text := strings.Join(params, ", ")
		if len(sig.Needs) > 0 {
			text += "; " + strings.Join(sig.Needs, ", ")
		}
		got[s.Name] = text
		called := sig.Form == bytecode.FormCall || sig.Form == bytecode.FormSplice
		if n := natives[s.Name]; n == nil || (n.Native != nil) != called || n.Needs.String() != strings.Join(sig.Needs, ",") {
			t.Errorf("%s is not bound as its interface says", s.Name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := len(natives); n != len(want) {
		t.Errorf("%d natives, expected %d", n, len(want))
	}
}

func TestHelp(t *testing.T) {
	got, ok := command.Help("encodeMD5")
	want := `encodeMD5(SourceVariable, TargetVariable)

Gives the MD5 digest of the value's text in lower-case hexadecimal digits. MD5 protects nothing; it is there for systems that ask for it.

    encodeMD5(hello, h)
    addResult(h)

    → {"h":"5d41402abc4b2a76b9719d911017c592"}
`
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Error(ok, diff)
	}
	if _, ok := command.Help("frobnicate"); ok {
		t.Error("help for a command that does not exist")
	}
}

func TestSignatureAllocatesNothing(t *testing.T) {
	n := testing.AllocsPerRun(100, func() {
		if command.Signature("addVar") == nil || command.Signature("frobnicate") != nil {
			t.Error("not the signature of the name")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
