// This file tests text: str(), repr(), joining, and numbers to and from text.

package vm

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestFloatRepr(t *testing.T) {
	table, err := os.ReadFile("testdata/reprs.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		hex, want, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !ok {
			continue
		}
		bits, err := strconv.ParseUint(hex, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(appendFloat(nil, math.Float64frombits(bits))); got != want {
			t.Errorf("%s: %s, want %s", hex, got, want)
		}
	}
}

// TestShortFloats writes decimals of few digits, and their neighbours among the floats, as
// strconv does: it knows the shortest digits that read back.
func TestShortFloats(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		scale := math.Pow10(random.IntN(7))
		f := math.Round(math.Exp(random.Float64()*37-2)) / scale
		for _, f := range []float64{f, -f, math.Nextafter(f, 0), math.Nextafter(f, 1e300)} {
			want := strconv.FormatFloat(f, 'f', -1, 64)
			if abs := math.Abs(f); abs != 0 && (abs >= 1e16 || abs < 1e-4) {
				want = strconv.FormatFloat(f, 'e', -1, 64)
			} else if f == math.Trunc(f) {
				want += ".0"
			}
			if got := string(appendFloat(nil, f)); got != want {
				t.Fatalf("%x: %s, want %s", math.Float64bits(f), got, want)
			}
		}
	}
}

func TestText(t *testing.T) {
	m := NewMachine(patient)
	for _, c := range []struct{ in, str, repr string }{
		{"None", "None", "None"},
		{"True", "True", "True"},
		{"0", "0", "0"},
		{"-9223372036854775808", "-9223372036854775808", "-9223372036854775808"},
		{"50.0", "50.0", "50.0"},
		{"'a'", "a", "'a'"},
		{"'it\\'s'", "it's", `"it's"`},
		{"'\\'\"'", `'"`, `'\'"'`},
		{`'a\\b\n\t\r\x00\x7f'`, "a\\b\n\t\r\x00\x7f", `'a\\b\n\t\r\x00\x7f'`},
		{`'é\x80\u00ad\u200b\u2028😀\U000e0001'`, "é\u0080\u00ad\u200b\u2028😀\U000e0001", `'é\x80\xad\u200b\u2028😀\U000e0001'`},
		{"[]", "[]", "[]"},
		{"()", "()", "()"},
		{"(1,)", "(1,)", "(1,)"},
		{"[1, 'a', [None], (1.0, 2)]", "[1, 'a', [None], (1.0, 2)]", "[1, 'a', [None], (1.0, 2)]"},
		{"{}", "{}", "{}"},
		{"{'a': [1], 2: None, True: 1e+16}", "{'a': [1], 2: None, True: 1e+16}", "{'a': [1], 2: None, True: 1e+16}"},
	} {
		v := literal(t, m, c.in)
		s, err := m.textOf(v)
		if err != nil || s.str() != c.str {
			t.Errorf("str(%s) = %q, %v, want %q", c.in, s.Str(), err, c.str)
		}
		r, err := m.reprOf(v)
		if err != nil || r.str() != c.repr {
			t.Errorf("repr(%s) = %s, %v, want %s", c.in, r.Str(), err, c.repr)
		}
		for _, text := range []Value{s, r} {
			if text.isASCII() != isASCII(text.str()) {
				t.Errorf("%q is marked as ASCII: %v", text.str(), text.isASCII())
			}
		}
	}
}

func TestReprOfLongTexts(t *testing.T) {
	m := NewMachine(unlimited)
	for _, n := range []int{4094, 4095, 4096, 4097, 8191, 100_000} {
		s := strings.Repeat("é", n/2) + strings.Repeat("\n", n)
		r, err := m.reprOf(text(t, m, s))
		want := "'" + strings.Repeat("é", n/2) + strings.Repeat(`\n`, n) + "'"
		if err != nil || r.str() != want {
			t.Errorf("a text of %d bytes: %v", len(s), err)
		}
	}
}

func TestConcat(t *testing.T) {
	m := NewMachine(patient)
	for _, c := range []struct {
		in   []string
		want string
	}{
		{nil, ""},
		{[]string{"'a'"}, "a"},
		{[]string{"'a'", "1", "'é'"}, "a1é"},
		{[]string{"None", "'x'", "None"}, "x"},
		{[]string{"-9223372036854775808", "9223372036854775807", "0", "10", "9999", "10000", "100000"}, "-9223372036854775808922337203685477580701099991" + "0000100000"},
		{[]string{"'n='", "1.5", "True", "[1, 'a']", "None"}, "n=1.5True[1, 'a']"},
	} {
		vs := []Value{{}}
		for _, s := range c.in {
			vs = append(vs, literal(t, m, s))
		}
		v, err := m.concat(vs)
		if err != nil || v.str() != c.want || v.isASCII() != isASCII(c.want) {
			t.Errorf("%q gives %q, %v, want %q", c.in, v.Str(), err, c.want)
		}
	}
}

// A label is what concat makes of a short text and an int, for the same memory.
func TestLabel(t *testing.T) {
	for _, s := range []string{"", "T-", "é", "longer than a word", strings.Repeat("x", 511), strings.Repeat("x", 512)} {
		for _, i := range []int64{0, 7, 10, 999, 123456789, math.MaxInt64, -1, -10, math.MinInt64} {
			m := NewMachine(patient)
			vs := []Value{text(t, m, s), IntValue(i)}
			before := m.mem.left
			want, err := m.concat(vs)
			if err != nil {
				t.Fatal(err)
			}
			charged := before - m.mem.left
			m.mem.left = charged
			got, ok := m.label(vs[0], i)
			if ok != (len(s) < 512) || ok && (m.mem.left != 0 || got.str() != want.str() || got.isASCII() != want.isASCII()) {
				t.Errorf("%.20q and %d give %q, %v with %d bytes left", s, i, got.Str(), ok, m.mem.left)
			}
			m.mem.left = charged - 1
			if _, ok := m.label(vs[0], i); ok || m.mem.left != charged-1 {
				t.Errorf("%.20q and %d are put together without memory for it", s, i)
			}
		}
	}
}

func TestIntLen(t *testing.T) {
	for i, n := int64(1), 1; n < 20; i, n = i*10, n+1 {
		for _, k := range []int64{i - 1, i, i + 1, -i + 1, -i, -i - 1} {
			if got, want := intLen(k), len(strconv.FormatInt(k, 10)); got != want {
				t.Errorf("%d has %d bytes, want %d", k, got, want)
			}
		}
	}
	if intLen(math.MinInt64) != 20 || intLen(math.MaxInt64) != 19 {
		t.Error("the ends of the ints")
	}
}

func TestWriteInt(t *testing.T) {
	for _, i := range []int64{0, 9, 10, 11, 99, 100, 12345, math.MaxInt64, -1, -10, -98765, math.MinInt64} {
		buf := make([]byte, intLen(i))
		writeInt(buf, i)
		if got, want := string(buf), strconv.FormatInt(i, 10); got != want {
			t.Errorf("%d is written %q", i, got)
		}
	}
}

func TestReadNumber(t *testing.T) {
	m := NewMachine(patient)
	for in, want := range map[string]string{
		"0": "0", "-0": "0", "5": "5", "-17": "-17", "0.5": "0.5", "-0.0": "-0.0", "1e3": "1000.0", "1E+3": "1000.0",
		"1e-3": "0.001", "9223372036854775807": "9223372036854775807", "-9223372036854775808": "-9223372036854775808",
		"12345678901234567890.5": "1.2345678901234567e+19", "1e308": "1e+308", "1e-400": "0.0",
		"0.1": "0.1", "123456789.125": "123456789.125", "0.000000000000000000000000000001": "1e-30",
		"9007199254740993.0": "9007199254740992.0", "1.7976931348623157e308": "1.7976931348623157e+308",
	} {
		v, ok := readNumber(in)
		if got := shown(m, v, nil); !ok || got != want {
			t.Errorf("%q reads as %s, %v, want %s", in, got, ok, want)
		}
	}
	for _, in := range []string{
		"", " 5", "5 ", "+5", ".5", "5.", "007", "-", "-01", "00", "0x1F", "1_000", "NaN", "Infinity", "inf", "1e", "1e+", "1.e5",
		"9223372036854775808", "-9223372036854775809", "12345678901234567890", "1e309", "-1e999999999999", "٣", "1,5", "--1", "0x",
		strings.Repeat("1", maxNumber) + ".0",
	} {
		if v, ok := readNumber(in); ok {
			t.Errorf("%.50q reads as %s", in, shown(m, v, nil))
		}
	}
}

// What reads as a number is what encoding/json takes for one.
func FuzzReadNumber(f *testing.F) {
	for _, s := range []string{"0", "-0.0", "1e5", "9223372036854775808", "123.456e-7", "01", "-"} {
		f.Add(s)
	}
	m := NewMachine(patient)
	f.Fuzz(func(t *testing.T, s string) {
		v, ok := readNumber(s)
		var n json.Number
		isNumber := json.Unmarshal([]byte(s), &n) == nil && string(n) == s && s != ""
		if !isNumber {
			if ok {
				t.Fatalf("%q reads as %s", s, shown(m, v, nil))
			}
			return
		}
		if len(s) <= maxNumber {
			checkNumber(t, s, v, ok)
		}
	})
}

// checkNumber compares what a JSON number reads as with strconv.
func checkNumber(t *testing.T, s string, v Value, ok bool) {
	t.Helper()
	if !strings.ContainsAny(s, ".eE") {
		want, err := strconv.ParseInt(s, 10, 64)
		if ok != (err == nil) || ok && (!v.IsInt() || v.Int() != want) {
			t.Fatalf("%q reads as %v, %v", s, v.Int(), ok)
		}
		return
	}
	want, err := strconv.ParseFloat(s, 64)
	if ok != (err == nil) || ok && (!v.IsFloat() || math.Float64bits(v.Float()) != math.Float64bits(want)) {
		t.Fatalf("%q reads as %v, %v", s, v.Float(), ok)
	}
}

func BenchmarkConcat(b *testing.B) {
	m := NewMachine(unlimited)
	vs := []Value{text(b, m, "https://crm.internal/customers/"), IntValue(123456), text(b, m, "/orders?page="), IntValue(7)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.concat(vs); err != nil {
			b.Fatal(err)
		}
	}
}
