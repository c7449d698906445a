// This file tests JSON against encoding/json.

package vm

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"

	"github.com/google/go-cmp/cmp"
)

func TestParseJSON(t *testing.T) {
	m := NewMachine(patient)
	for in, want := range map[string]string{
		`null`:                           "None",
		` true `:                         "True",
		"\t[\n]\r":                       "[]",
		`{}`:                             "{}",
		`-0`:                             "0",
		`-0.0`:                           "-0.0",
		`1e2`:                            "100.0",
		`9223372036854775807`:            "9223372036854775807",
		`-9223372036854775808`:           "-9223372036854775808",
		`9223372036854775808`:            "9.223372036854776e+18",
		`123456789012345678901234567890`: "1.2345678901234568e+29",
		`1e-999`:                         "0.0",
		`"a\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00é"`: `'a"\\/\x08\x0c\n\r\tAéé'`,
		`{"b": 1, "a": [1, 2.5, {"c": null}]}`:         "{'b': 1, 'a': [1, 2.5, {'c': None}]}",
		`[[], {}, "", "x", "\u2028"]`:                  `[[], {}, '', 'x', '\u2028']`,
	} {
		want = strings.Replace(want, "Aéé", "Aé😀é", 1)
		v, err := m.ParseJSON([]byte(in))
		if got := shown(m, v, err); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}

func TestParseJSONIsStrict(t *testing.T) {
	m := NewMachine(patient)
	for _, c := range []struct{ in, want string }{
		{``, "byte 0: unexpected end"},
		{`   `, "byte 3: unexpected end"},
		{`[1,`, "byte 3: unexpected end"},
		{`[1,]`, "byte 3: unexpected ']'"},
		{`{"a":1,}`, "byte 7: unexpected '}'"},
		{`{"a" 1}`, "byte 5: unexpected '1'"},
		{`{a:1}`, "byte 1: unexpected 'a'"},
		{`[1 2]`, "byte 3: unexpected '2'"},
		{`[1}`, "byte 2: unexpected '}'"},
		{`1 2`, "byte 2: something behind the value"},
		{"1\x00", "byte 1: something behind the value"},
		{`tru`, "byte 0: unexpected 't'"},
		{`NaN`, "byte 0: unexpected 'N'"},
		{`Infinity`, "byte 0: unexpected 'I'"},
		{`-`, "byte 0: unexpected '-'"},
		{`01`, "byte 0: unexpected '0'"},
		{`1.`, "byte 1: something behind the value"},
		{`.5`, "byte 0: unexpected '.'"},
		{`+1`, "byte 0: unexpected '+'"},
		{`1e999`, "byte 0: a number too large for a float"},
		{`'a'`, "byte 0: unexpected '\\''"},
		{`"a`, "byte 2: a text that does not end"},
		{`"a\`, "byte 3: unexpected end"},
		{`"a\x"`, "byte 3: an unknown escape"},
		{`"\u12"`, "byte 3: four hexadecimal digits are wanted"},
		{`"\u12G4"`, "byte 3: four hexadecimal digits are wanted"},
		{"\"a\nb\"", "byte 2: a control character in a text"},
		{"\"a\xffb\"", "byte 1: invalid UTF-8"},
		{"{\"a\xc3\": 1}", "byte 2: invalid UTF-8"},
		{`"\ud800"`, "byte 7: an unpaired surrogate"},
		{`"\ude00\ud83d"`, "byte 7: an unpaired surrogate"},
		{`"\ud83d\u0041"`, "byte 13: an unpaired surrogate"},
		{`{"a": 1, "a": 2}`, `byte 16: the key "a" is there twice`},
		{`{"a": {"b": 1, "\u0062": 2}}`, `byte 27: the key "b" is there twice`},
		{"\ufeff{}", "byte 0: unexpected 'ï'"},
		{strings.Repeat("[", 201) + strings.Repeat("]", 201), "byte 200: nested deeper than 200 levels"},
		{strings.Repeat("[", 1_000_000), "byte 200: nested deeper than 200 levels"},
		{strings.Repeat(`{"a":`, 1000), "byte 1000: nested deeper than 200 levels"},
		{`[` + strings.Repeat("1", maxNumber+1) + `]`, "byte 1: a number of more than 65536 bytes"},
	} {
		v, err := m.ParseJSON([]byte(c.in))
		want := "!runtime_error invalid JSON at " + c.want
		if got := shown(m, v, err); got != want {
			t.Errorf("%.60q: %s, want %s", c.in, got, want)
		}
	}
	deep := strings.Repeat("[", 200) + strings.Repeat("]", 200)
	if _, err := m.ParseJSON([]byte(deep)); err != nil {
		t.Error(err)
	}
}

func TestParseObject(t *testing.T) {
	m := NewMachine(patient)
	var got []string
	note := func(key string, v Value) error {
		got = append(got, key+"="+shown(m, v, nil))
		return nil
	}
	if err := m.ParseObject([]byte(` {"script": "x = 1", "variables": {"a": [1]}, "": null } `), note); err != nil {
		t.Fatal(err)
	}
	want := []string{"script='x = 1'", "variables={'a': [1]}", "=None"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := m.ParseObject([]byte("{}"), note); err != nil || len(got) != 3 {
		t.Errorf("an empty object: %v", err)
	}
	for _, in := range []string{``, `[]`, `1`, `{"a":1} 2`, `{"a":1,"a":2}`, `{"a":1,}`, `{"a":1`, `{,}`, `{"a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`} {
		if err := m.ParseObject([]byte(in), func(string, Value) error { return nil }); err == nil {
			t.Errorf("%.40s is taken", in)
		}
	}
	stop := errors.New("stop")
	if err := m.ParseObject([]byte(`{"a":1,"b":2}`), func(string, Value) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the callback's error: %v", err)
	}
}

func TestAppendJSON(t *testing.T) {
	m := NewMachine(patient)
	for in, want := range map[string]string{
		"None":         `null`,
		"True":         `true`,
		"50.0":         `50.0`,
		"-0.0":         `-0.0`,
		"1e16":         `1e+16`,
		"(1, 'a')":     `[1,"a"]`,
		"[[], {}, ()]": `[[],{},[]]`,
		`'a"\\\n\r\t\x08\x0c\x01\x1f\x7fé\u2028<>&/'`:    `"a\"\\\n\r\t\b\f\u0001\u001f` + "\x7fé\u2028" + `<>&/"`,
		"{'b': 1, 'a': {'x': None}}":                     `{"b":1,"a":{"x":null}}`,
		"{True: 1, None: 2, 1.5: 3, 7: 4, 1e16: 5}":      `{"true":1,"null":2,"1.5":3,"7":4,"1e+16":5}`,
		"{'1': 'a', 'x': 0, 1: 'b'}":                     `{"1":"b","x":0}`,
		"{1: 'a', 'x': 0, '1': 'b', 'null': 3, None: 4}": `{"1":"b","x":0,"null":4}`,
	} {
		b, err := m.AppendJSON([]byte("> "), literal(t, m, in))
		if err != nil || string(b) != "> "+want {
			t.Errorf("%s: %s, %v, want %s", in, b, err, want)
		}
	}
	if b, err := m.AppendJSON(nil, Value{}); err != nil || string(b) != "null" {
		t.Errorf("unset: %s, %v", b, err)
	}
}

func TestLongTextsInJSON(t *testing.T) {
	for _, s := range []string{
		strings.Repeat("a", 3*chunk+1), strings.Repeat("\n", 2*chunk), strings.Repeat("é", chunk),
		"a" + strings.Repeat("😀", chunk), strings.Repeat("0123456\n", chunk/8+1),
	} {
		m := NewMachine(unlimited)
		b, err := m.AppendJSON(nil, text(t, m, s))
		if err != nil {
			t.Fatal(err)
		}
		var std string
		if err := json.Unmarshal(b, &std); err != nil || std != s {
			t.Errorf("a text of %d bytes is not what was written: %v", len(s), err)
		}
		if v, err := m.ParseJSON(b); err != nil || v.Str() != s {
			t.Errorf("a text of %d bytes is not read back: %v", len(s), err)
		}
		if v, err := m.ParseJSON([]byte(strings.Repeat(" ", 3*chunk) + `"` + strings.ReplaceAll(s, "\n", `\n`) + `"` + strings.Repeat("\n", 3*chunk))); err != nil || v.Str() != s {
			t.Errorf("a text of %d bytes in white space: %v", len(s), err)
		}
	}
}

func TestJSONQuotas(t *testing.T) {
	big := []byte(`["` + strings.Repeat("x", 1<<20) + `"]`)
	many := []byte("[" + strings.Repeat(`{"a":1},`, 1<<16) + "1]")
	digits := []byte("[" + strings.Repeat("0."+strings.Repeat("1", 60_000)+",", 100) + "1]")
	for _, c := range []struct {
		name   string
		limits Limits
		in     []byte
		want   ErrorCode
	}{
		{"memory", Limits{Memory: 1 << 19, Time: -1}, big, CodeMemory},
		{"memory of many", Limits{Memory: 1 << 20, Time: -1}, many, CodeMemory},
		{"instructions", Limits{Instructions: 1000, Time: -1}, big, CodeInstructions},
		{"instructions of many", Limits{Instructions: 1000, Time: -1}, many, CodeInstructions},
		{"instructions of digits", Limits{Instructions: 1000, Time: -1}, digits, CodeInstructions},
		{"white space", Limits{Instructions: 1000, Time: -1}, bytes.Repeat([]byte(" "), 1<<20), CodeInstructions},
		{"time", Limits{Time: 1, Memory: -1}, many, CodeTime},
	} {
		var e *Error
		if _, err := NewMachine(c.limits).ParseJSON(c.in); !errors.As(err, &e) || e.Code != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	m := NewMachine(Limits{Output: 1000, Memory: -1, Instructions: -1, Time: -1})
	v, err := m.ParseJSON(many)
	if err != nil {
		t.Fatal(err)
	}
	var e *Error
	b, err := m.AppendJSON(nil, v)
	if !errors.As(err, &e) || e.Code != CodeOutput {
		t.Errorf("output: %v", err)
	}
	if cap(b) > 8000 {
		t.Errorf("%d bytes were made for a quota of 1000", cap(b))
	}
}

// What writing costs does not depend on the buffer that it is written to.
func TestWritingCostsTheSame(t *testing.T) {
	used := func(dst []byte) [2]int64 {
		m := NewMachine(patient)
		if _, err := m.AppendJSON(dst, literal(t, m, "[1, 2.5, 'abc', {'a': [None, True]}]")); err != nil {
			t.Fatal(err)
		}
		instructions, memory := m.Used()
		return [2]int64{instructions, memory}
	}
	if a, b := used(nil), used(make([]byte, 0, 1<<16)); a != b {
		t.Errorf("%v without a buffer, %v with one", a, b)
	}
}

// FuzzJSON holds the decoder and the writer against encoding/json. What is
// taken, that one takes too, with the same values. What is refused, that one
// refuses too, but for duplicate keys, unpaired surrogates, invalid UTF-8, deep
// nesting, and numbers without end.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{"a": [1, -0, 2.5e10, "x\u00e9\ud83d\ude00", null, true, {}]}`, `[[[]]]`, `"\ud800"`, `{"a":1,"a":2}`, `1e999`,
		"\"\xff\"", `[1,]`, ` [ 1 , 2 ] `, `"\u2028<&>"`, `12345678901234567890`, `{"":{"":""}}`, `-`, `"` + strings.Repeat("a", 40) + `\n"`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := NewMachine(Limits{Time: -1, Instructions: -1})
		v, err := m.ParseJSON(b)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Code != CodeRuntime && e.Code != CodeMemory {
				t.Fatalf("%q: %v", b, err)
			}
			if e.Code == CodeRuntime && json.Valid(b) && !stricter(e.Msg) {
				t.Fatalf("%q: %v", b, err)
			}
			return
		}
		std := json.NewDecoder(bytes.NewReader(b))
		std.UseNumber()
		var want any
		if err := std.Decode(&want); err != nil || !json.Valid(b) {
			t.Fatalf("%q is taken: %v", b, err)
		}
		compareWithStd(t, v, want)
		compareWritten(t, m, v)
	})
}

// stricter tells whether a message is about what encoding/json lets pass.
func stricter(msg string) bool {
	for _, s := range []string{"is there twice", "an unpaired surrogate", "invalid UTF-8", "nested deeper", "a number "} {
		if strings.Contains(msg, s) {
			return true
		}
	}
	return false
}

// compareWritten writes a value and reads it again.
func compareWritten(t *testing.T, m *Machine, v Value) {
	t.Helper()
	b, err := m.AppendJSON(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(b) || !utf8.Valid(b) {
		t.Fatalf("%q is written", b)
	}
	again, err := m.ParseJSON(b)
	if err != nil {
		t.Fatalf("%q is not read: %v", b, err)
	}
	if eq, err := m.equal(v, again); !eq || err != nil {
		t.Fatalf("%q reads as something else: %v", b, err)
	}
}

func compareWithStd(t *testing.T, v Value, want any) {
	t.Helper()
	switch want := want.(type) {
	case nil:
		if !v.IsNone() {
			t.Fatalf("%v for null", v.Kind())
		}
	case bool:
		if !v.IsBool() || v.Bool() != want {
			t.Fatalf("%v for %v", v, want)
		}
	case string:
		if v.Str() != want || v.Kind() != String || v.isASCII() != isASCII(want) {
			t.Fatalf("%q for %q", v.Str(), want)
		}
	case json.Number:
		compareNumber(t, v, string(want))
	case []any:
		if v.Kind() != List || len(v.Items()) != len(want) {
			t.Fatalf("%v for a list of %d", v.Kind(), len(want))
		}
		for i, item := range v.Items() {
			compareWithStd(t, item, want[i])
		}
	case map[string]any:
		if v.Kind() != Dict || v.dict().len() != len(want) {
			t.Fatalf("%v for a dict of %d", v.Kind(), len(want))
		}
		for key, item := range v.Entries() {
			member, ok := want[key.Str()]
			if !ok {
				t.Fatalf("a key %q", key.Str())
			}
			compareWithStd(t, item, member)
		}
	}
}

func compareNumber(t *testing.T, v Value, s string) {
	t.Helper()
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		if !v.IsInt() || v.Int() != i {
			t.Fatalf("%v for %s", v.Int(), s)
		}
		return
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !v.IsFloat() || math.Float64bits(v.Float()) != math.Float64bits(f) {
		t.Fatalf("%v for %s", v.Float(), s)
	}
}

// body is what a request of an ordinary size looks like.
var body = []byte(`{"script":"addParam(id, id)\nx = getCustomer(id)\naddResult(x)","variables":{"customer":{"id":12345,"name":"Ada Lovelace","email":"ada@example.org","active":true,"balance":1250.75,"tags":["vip","beta"],"address":{"street":"Calle Mayor 5","city":"Madrid","zip":"28013"}},"limit":50,"offset":0,"sort":null}}`)

func BenchmarkParseJSON(b *testing.B) {
	m := NewMachine(unlimited)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.ParseJSON(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseObject(b *testing.B) {
	m := NewMachine(unlimited)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if err := m.ParseObject(body, func(string, Value) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseJSONRows(b *testing.B) {
	rows := []byte("[" + strings.Repeat(`{"id":12345,"name":"Ada Lovelace","email":"ada@example.org","active":true,"balance":1250.75},`, 100) + "null]")
	m := NewMachine(unlimited)
	b.SetBytes(int64(len(rows)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.ParseJSON(rows); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	m := NewMachine(Limits{Instructions: -1, Memory: -1, Time: -1, Output: -1})
	v, err := m.ParseJSON(body)
	if err != nil {
		b.Fatal(err)
	}
	var dst []byte
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if dst, err = m.AppendJSON(dst[:0], v); err != nil {
			b.Fatal(err)
		}
	}
}

// unquote unquotes the text under "script" of a body.
func unquote(m *Machine, body string) (script string, err error) {
	field := func(string, Value) error { return nil }
	err = m.ParseObjectRaw([]byte(body), field, "script", func(text []byte, at int) (err error) {
		script, err = m.Unquote(nil, []byte(body), at, len(text))
		return err
	})
	return script, err
}

// TestUnquote has texts that are read in one go and others of each kind that are not.
func TestUnquote(t *testing.T) {
	m := NewMachine(patient)
	m.Reset(t.Context(), patient, nil)
	long := strings.Repeat("a line\n", 2000)
	for _, want := range []string{
		"", "plain", "a\nb\tc\"d\\e/f\b\f\r", "if(a, 1, >)\n<&>", "\x00\x1f\x7f", "Grüße \u2028 \U0001F600", long, long + "\u00e9",
	} {
		quoted, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		body := `{"script": ` + string(quoted) + `, "x": "y"}`
		got, err := unquote(m, body)
		if got != want || err != nil {
			t.Errorf("%.40s is %.40q, %v", quoted, got, err)
		}
	}
	for text, want := range map[string]string{
		`"a`: "does not end", `"a\`: "end", `"a\"`: "does not end", `"\x"`: "unknown escape", "\"a\nb\"": "control character", `"\u12"`: "hexadecimal",
		`"\u00zz"`: "hexadecimal", `"\ud800"`: "surrogate", "\"\xff\"": "UTF-8", `"\u0_41"`: "hexadecimal", `"\u+041"`: "hexadecimal",
	} {
		if got, err := unquote(m, `{"script": `+text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is %q, %v; want %s", text, got, err, want)
		}
	}
}

// As much room as the text has in JSON is enough, whichever way it is read.
func TestUnquoteInRoom(t *testing.T) {
	m := NewMachine(patient)
	m.Reset(t.Context(), patient, nil)
	for _, inside := range []string{"plain", `a\nb`, `Gr\u00fc\u00dfe`, `\ud83d\ude00`, strings.Repeat(`a line\n`, 2000)} {
		room := make([]byte, len(inside))
		got, err := m.Unquote(room, []byte(`"`+inside+`"`), 0, len(inside))
		if err != nil {
			t.Fatal(err)
		}
		if unsafe.StringData(got) != unsafe.SliceData(room) {
			t.Errorf("%.20s is not in the room that there is for it", inside)
		}
	}
}

// An escape, and what may not stand in a text, is seen wherever it is.
func TestUnquoteSeesEveryByte(t *testing.T) {
	m := NewMachine(patient)
	for n := range 40 {
		for i := range n {
			before, behind := strings.Repeat("a", i), strings.Repeat("b", n-i-1)
			for escape, want := range map[string]string{`\n`: "\n", `\"`: `"`, `\\`: `\`, `\\\"`: `\"`, `\u0041`: "A", "é": "é"} {
				text := `"` + before + escape + behind + `"`
				if got, err := unquote(m, `{"script": `+text+`, "x": 1}`); got != before+want+behind || err != nil {
					t.Errorf("%s is %q, %v", text, got, err)
				}
				if got, err := unquote(m, `{"script": `+text[:len(text)-1]); err == nil {
					t.Errorf("%s is %q", text[:len(text)-1], got)
				}
			}
			for _, odd := range []string{"\n", "\x00", "\x1f", "\xff", `\x`, `\u00`} {
				text := `"` + before + odd + behind + `"`
				if got, err := unquote(m, `{"script": `+text+`}`); err == nil && !json.Valid([]byte(text)) {
					t.Errorf("%q is %q", text, got)
				}
			}
		}
	}
}

// A text is quoted as JSON wherever in it something has to be escaped, and however
// much room there is.
func TestAppendQuotedSeesEveryByte(t *testing.T) {
	for n := range 40 {
		for i := range n {
			for _, part := range []string{"a", " ", "\x7f", `"`, `\`, "\n", "\x00", "\x1f", "é", "\u2028"} {
				s := strings.Repeat("x", i) + part + strings.Repeat("y", n-i-1)
				for room := range len(s) + 8 {
					got := AppendQuoted(append(make([]byte, 0, 1+room), '-'), s)
					var back string
					if err := json.Unmarshal(got[1:], &back); err != nil || got[0] != '-' || back != s {
						t.Fatalf("%q in %d bytes is %q, %v", s, room, got, err)
					}
					if escaped := strings.Contains(string(got), `\`); escaped != strings.Contains("\"\\\n\x00\x1f", part) {
						t.Fatalf("%q is %q", s, got)
					}
				}
			}
		}
	}
}

// Texts of any length with escapes are read whole.
func TestEscapedTextsOfAnyLength(t *testing.T) {
	for n := range 300 {
		m := NewMachine(patient)
		s := strings.Repeat("a", n) + "\n" + strings.Repeat("é", n%7)
		in, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := m.ParseJSON(in); err != nil || !v.IsString() || v.Str() != s {
			t.Errorf("%d bytes: %q, %v", n, v.Str(), err)
		}
		err = m.ParseObject([]byte(`{"k":`+string(in)+`}`), func(_ string, v Value) error {
			if !v.IsString() || v.Str() != s {
				t.Errorf("%d bytes in an object: %q", n, v.Str())
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}
