// This file holds what the log shows and what it hides.

package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/worker/telemetry"
)

const secret = "0123456789abcdefSECRETSECRET"

func TestParseLevel(t *testing.T) {
	for name, want := range map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	} {
		if got, err := telemetry.ParseLevel(name); got != want || err != nil {
			t.Errorf("%s is %v, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "INFO", "trace", "4"} {
		if _, err := telemetry.ParseLevel(name); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// value hides itself in a group.
type logged struct{ text string }

func (l logged) LogValue() slog.Value {
	return slog.GroupValue(slog.Int("size", len(l.text)), slog.String("script", l.text))
}

func TestLogHides(t *testing.T) {
	key, err := seal.NewKey(seal.UseRequest, "2026-11", []byte(secret), time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.NewKeyring(nil, key)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse("https://me:" + secret + "@example.org/a?token=" + secret)
	if err != nil {
		t.Fatal(err)
	}
	scriptError := &avap.Error{Code: "name_error", Msg: "no variable " + secret, Line: 3, Col: 1}
	type code string
	tests := []struct {
		name string
		attr slog.Attr
		want any
	}{
		{"a text", slog.String("request_id", "abc"), "abc"},
		{"a number", slog.Int("bytes", 5), 5.0},
		{"a duration", slog.Duration("took", time.Millisecond), 1e6},
		{"a code", slog.Any("code", code("overloaded")), "overloaded"},
		{"an address", slog.Any("peer", netip.MustParseAddrPort("127.0.0.1:80")), "127.0.0.1:80"},
		{"nothing", slog.Any("cause", nil), "none"},
		{"an error", slog.Any("error", errors.New("broken")), "broken"},

		{"a key", slog.Any("signed_with", key), "request key 2026-11"},
		{"a key by value of its use", slog.Any("use", key.Use), "request"},
		{"keys", slog.Any("all", []*seal.Key{key}), "[[]*seal.Key hidden]"},
		{"a keyring", slog.Any("ring", keys), "[*seal.Keyring hidden]"},
		{"a script", slog.String("script", secret), "[28 bytes hidden]"},
		{"a script in a group", slog.Group("request", slog.String("Script", secret)), map[string]any{"Script": "[28 bytes hidden]"}},
		{"a value that shows itself", slog.Any("request", logged{secret}), map[string]any{"size": 28.0, "script": "[28 bytes hidden]"}},
		{"a token", slog.String("api-key", secret), "[28 bytes hidden]"},
		{"an error of a secret", slog.Any("secret", errors.New(secret)), "[28 bytes hidden]"},
		{"bytes", slog.Any("input", []byte(secret)), "[28 bytes hidden]"},
		{"JSON", slog.Any("input", json.RawMessage(`"`+secret+`"`)), "[json.RawMessage hidden]"},
		{"a struct", slog.Any("input", struct{ A string }{secret}), "[struct { A string } hidden]"},
		{"a header", slog.Any("sent", http.Header{"Authorization": {secret}}), "[http.Header hidden]"},
		{"a buffer", slog.Any("input", bytes.NewBufferString(secret)), "[*bytes.Buffer hidden]"},
		{"a URL", slog.Any("url", u), "[*url.URL hidden]"},
		{"a script's error", slog.Any("error", scriptError), "name_error at line 3, column 1"},
		{"a script's error within", slog.Any("error", fmt.Errorf("execute %s: %w", secret, scriptError)), "name_error at line 3, column 1"},
		{"a defect", slog.Any("error", &avap.Error{Code: "internal", Msg: secret, Err: errors.New("the compiler")}), "internal: the compiler"},
		{
			"a URL in an error", slog.Any("error", &url.Error{Op: "Get", URL: u.String(), Err: errors.New("refused")}),
			`Get "https://…@example.org/a?…": refused`,
		},
		{
			"a database in a text", slog.String("store", "cannot open postgres://u:"+secret+"@p@db:5432/x?sslpassword=x or sqlite://f"),
			"cannot open postgres://…@db:5432/x?… or sqlite://f",
		},
		{"a long text", slog.String("error_text", strings.Repeat("é", 3000)), strings.Repeat("é", 512) + "… [6000 bytes]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			log := slog.New(telemetry.NewLogHandler(&out, slog.LevelInfo))
			log.LogAttrs(context.Background(), slog.LevelWarn, "something", tt.attr)
			var line map[string]any
			if err := json.Unmarshal(out.Bytes(), &line); err != nil {
				t.Fatalf("%v: %s", err, out.Bytes())
			}
			if diff := cmp.Diff(tt.want, line[tt.attr.Key]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if line["msg"] != "something" || line["level"] != "WARN" || line["time"] == nil {
				t.Errorf("%s", out.Bytes())
			}
			if strings.Contains(out.String(), "SECRET") {
				t.Errorf("the secret got out: %s", out.Bytes())
			}
		})
	}
}

func TestLogLevelChanges(t *testing.T) {
	var out bytes.Buffer
	var level slog.LevelVar
	level.Set(slog.LevelWarn)
	log := slog.New(telemetry.NewLogHandler(&out, &level)).With("request_id", "r1", "token", secret)
	log.Info("unseen")
	level.Set(slog.LevelInfo)
	log.Info("seen")
	if got := out.String(); strings.Contains(got, "unseen") || strings.Contains(got, "SECRET") ||
		!strings.Contains(got, `"msg":"seen","request_id":"r1","token":"[28 bytes hidden]"`) {
		t.Error(got)
	}
}

// FuzzLog logs any text: the line is JSON, and no password of a URL is in it.
func FuzzLog(f *testing.F) {
	f.Add("plain", "x")
	f.Add("postgres://", "/db?x=y")
	f.Add("a://b:c@", "://")
	f.Add("https://[::1", "]:8/\xff")
	f.Fuzz(func(t *testing.T, before, after string) {
		var out bytes.Buffer
		log := slog.New(telemetry.NewLogHandler(&out, nil))
		log.Info(before+" http://u:SECRET@host"+after, "text", before+" x://h/?SECRET#"+after)
		var line map[string]any
		if err := json.Unmarshal(out.Bytes(), &line); err != nil {
			t.Fatalf("%v: %q", err, out.Bytes())
		}
		if len(before)+len(after) < 1000 && !strings.Contains(before+after, "SECRET") && strings.Contains(out.String(), "SECRET") {
			t.Errorf("the secret got out: %s", out.Bytes())
		}
	})
}
