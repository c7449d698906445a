package sqldb

import (
	"encoding/json"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"
)

func TestPlaceValues(t *testing.T) {
	for _, tt := range []struct {
		parts []string
		want  string
	}{
		{[]string{"SELECT 1"}, "SELECT 1"},
		{[]string{"a = ", ""}, "a = $1"},
		{[]string{"IN (", ", ", ")"}, "IN ($1, $2)"},
		{[]string{"LIMIT", "OFFSET", ""}, "LIMIT $1 OFFSET $2"},
		{[]string{"", "0"}, "$1 0"},
		{[]string{"a$", "::int"}, "a$ $1::int"},
		{[]string{"interval ", " + x"}, "$1::interval + x"},
		{[]string{"SELECT DATE", ""}, "SELECT $1::DATE"},
		{[]string{"(timestamp with time zone ", ")"}, "($1::timestamp with time zone)"},
		{[]string{"x::date ", ""}, "x::$1::date"}, // an error either way
		{[]string{"my_interval ", ""}, "my_interval $1"},
		{[]string{"t.date ", ""}, "t.date $1"},
		{[]string{`"date" `, ""}, `"date" $1`},
	} {
		numbers := make([]int, len(tt.parts)-1)
		for i := range numbers {
			numbers[i] = i + 1
		}
		if got := placeValues(castTypedLiterals(tt.parts), "$", numbers); got != tt.want {
			t.Errorf("%q: %s, want %s", tt.parts, got, tt.want)
		}
	}
}

func TestFirstWord(t *testing.T) {
	for sql, want := range map[string]string{
		"":                                   "",
		"SELECT":                             "select",
		"  \n;;(COPY t":                      "copy",
		"-- x\n--y\r\nVacuum into":           "vacuum",
		"/* /* copy */ */copy":               "copy",
		"/* open":                            "",
		"-- open":                            "",
		"/**//**/a":                          "a",
		"*":                                  "",
		"WITH x AS (SELECT 1) SELECT 1 -- y": "with",
	} {
		if got := firstWord(sql); got != want {
			t.Errorf("firstWord(%q) = %q, want %q", sql, got, want)
		}
	}
}

func TestFormatFloat(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0.0", 5: "5.0", -0.1: "-0.1", 1e15: "1000000000000000.0", 1e16: "1e+16", 0.0001: "0.0001",
		0.00001: "1e-05", 1.5e300: "1.5e+300", 123456789.125: "123456789.125",
	} {
		if got := formatFloat(f); got != want {
			t.Errorf("formatFloat(%v) = %s, want %s", f, got, want)
		}
	}
}

// FuzzArrayJSON holds that whatever is taken for an array comes out as JSON.
func FuzzArrayJSON(f *testing.F) {
	for _, seed := range []string{`{}`, `{1,NULL,"a\"b",{x}}`, `[0:1]={1,2}`, `{"`, `{,}`, `{{1},{2}}`, `{"\`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if out, ok := arrayJSON(text, pgtype.TextOID); ok && !json.Valid([]byte(out)) {
			t.Fatalf("%q became %q", text, out)
		}
	})
}
