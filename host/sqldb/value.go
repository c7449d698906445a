// Values in the forms that the two databases share.

package sqldb

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"
)

// formatFloat writes a finite float so that it reads back the same and stays a
// float: 5.0, 0.1, 1e+22. It is a number in SQL and in JSON.
func formatFloat(f float64) string {
	format := byte('f')
	if size := math.Abs(f); size != 0 && (size < 1e-4 || size >= 1e16) {
		format = 'e'
	}
	s := strconv.FormatFloat(f, format, -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

// finite returns a float, or PostgreSQL's text for one that JSON cannot hold.
func finite(f float64) any {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return f
}

// hexText writes bytes as PostgreSQL does.
func hexText(b []byte) string { return `\x` + hex.EncodeToString(b) }

// validText makes text UTF-8: a session may have chosen another encoding, and
// SQLite stores what it is given.
func validText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
