// This file holds the program's log: JSON lines that hide what must not be
// logged.

package telemetry

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/avap-framework/avap"
)

// ParseLevel reads --log-level: debug, info, warn or error.
func ParseLevel(s string) (slog.Level, error) {
	switch s {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("%q is no level: write debug, info, warn or error", s)
}

// NewLogHandler writes JSON lines. What is logged by accident does not get out:
//
//   - the value under a key of a secret, or of what a caller sent, such as
//     "script", "body" or "token", is only counted;
//   - bytes are only counted, and of structs, maps, slices and pointers nothing but
//     the type is written;
//   - an *avap.Error is written as its code and place, since its message quotes the
//     script; so is one that another error wraps;
//   - a URL loses its user, password, query and fragment, wherever it stands;
//   - texts end after 1 KiB, stacks after 16 KiB.
//
// A secret that is concatenated into a text under another key is beyond it.
func NewLogHandler(w io.Writer, level slog.Leveler) slog.Handler {
	return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: hide})
}

// Texts are cut after these many bytes.
const (
	mostText  = 1 << 10
	mostStack = 16 << 10
)

// secretKeys are keys whose values are never written, in lower case and without
// dashes and underscores.
var secretKeys = map[string]bool{
	"apikey": true, "arguments": true, "args": true, "auth": true, "authorization": true, "body": true,
	"cookie": true, "credentials": true, "dsn": true, "header": true, "headers": true, "key": true, "mac": true,
	"package": true, "password": true, "payload": true, "query": true, "result": true, "script": true, "secret": true,
	"signature": true, "source": true, "sql": true, "statement": true, "token": true, "value": true, "variables": true,
}

// hide is the ReplaceAttr of the log's handler. It is asked for every attribute
// but groups, whose members it is asked for.
func hide(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime || a.Key == slog.LevelKey) {
		return a
	}
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(hideText(a.Key, a.Value.String()))
	case slog.KindAny:
		a.Value = hideAny(a.Key, a.Value.Any())
	}
	return a
}

func isSecret(key string) bool {
	return secretKeys[strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(key))]
}

func hideText(key, s string) string {
	if isSecret(key) {
		return hidden(len(s))
	}
	most := mostText
	if key == "stack" {
		most = mostStack
	}
	return cut(stripURLs(s), most)
}

func hidden(n int) string { return "[" + strconv.Itoa(n) + " bytes hidden]" }

// cut shortens a text to at most that many bytes, without cutting a character in two.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "… [" + strconv.Itoa(len(s)) + " bytes]"
}

// hideAny returns what may be written of a value of any type.
func hideAny(key string, v any) slog.Value {
	switch v := v.(type) {
	case nil:
		return slog.StringValue("none")
	case error:
		return slog.StringValue(hideText(key, errorText(v)))
	case []byte:
		return slog.StringValue(hidden(len(v)))
	case net.Addr, netip.Addr, netip.AddrPort, netip.Prefix, slog.Level, time.Weekday:
		return slog.StringValue(fmt.Sprint(v))
	case fmt.Formatter: // hides by itself, as keys do: JSON would go around it
		return slog.StringValue(hideText(key, fmt.Sprintf("%v", v)))
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.String: // of a type of its own, as codes are
		return slog.StringValue(hideText(key, r.String()))
	case reflect.Bool:
		return slog.BoolValue(r.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return slog.Int64Value(r.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return slog.Uint64Value(r.Uint())
	}
	return slog.StringValue(fmt.Sprintf("[%T hidden]", v))
}

// errorText returns an error without what it quotes of a script.
func errorText(err error) string {
	var e *avap.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	text := string(e.Code)
	if e.Line > 0 {
		text += fmt.Sprintf(" at line %d, column %d", e.Line, e.Col)
	}
	if e.Err != nil {
		text += ": " + errorText(e.Err)
	}
	return text
}

// stripURLs takes from each URL of a text its user and password, query and
// fragment.
func stripURLs(s string) string {
	var out strings.Builder
	for {
		i := strings.Index(s, "://")
		if i < 0 {
			break
		}
		i += len("://")
		out.WriteString(s[:i])
		s = s[i:]
		end := strings.IndexAny(s, " \t\r\n\"'`<>,;|")
		if end < 0 {
			end = len(s)
		}
		out.WriteString(stripURL(s[:end]))
		s = s[end:]
	}
	if out.Len() == 0 {
		return s
	}
	out.WriteString(s)
	return out.String()
}

// stripURL does it for what follows "://".
func stripURL(rest string) string {
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		rest = rest[:i] + "?…"
	}
	// A password may hold what ends a host, so that the last @ counts, of whatever.
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = "…@" + rest[i+1:]
	}
	return rest
}
