// SQL texts: placing the bound values, and the first word of a statement.

package sqldb

import (
	"fmt"
	"regexp"
	"strings"
)

// placeValues joins the parts of a statement around placeholders: mark and the
// number that numbers gives for each value.
func placeValues(parts []string, mark string, numbers []int) string {
	var b strings.Builder
	b.WriteString(parts[0])
	for i, part := range parts[1:] {
		if endsInWord(parts[i]) {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s%d", mark, numbers[i])
		if startsWithWord(part) {
			b.WriteByte(' ')
		}
		b.WriteString(part)
	}
	return b.String()
}

// endsInWord and startsWithWord report whether a placeholder beside the text
// would run into a word of it: the value after "LIMIT" in `LIMIT${n}`, or before
// a digit, which would make another number of its own.
func endsInWord(s string) bool { return s != "" && isWord(s[len(s)-1]) }

func startsWithWord(s string) bool { return s != "" && isWord(s[0]) }

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '_' || c == '$' || c == '?' || c >= 0x80
}

// typedLiteral finds a type name at the end of a part, as in INTERVAL '…'. SQL
// knows that form for literals alone, not for placeholders.
var typedLiteral = regexp.MustCompile(
	`(?i)(^|[^\w.$"])(interval|date|time(?:stamp)?(?:tz|\s+with(?:out)?\s+time\s+zone)?)\s*$`)

// castTypedLiterals turns each type name before a value into a cast after it.
func castTypedLiterals(parts []string) []string {
	out := append([]string(nil), parts...)
	for i := range len(out) - 1 {
		if m := typedLiteral.FindStringSubmatchIndex(out[i]); m != nil {
			out[i], out[i+1] = out[i][:m[4]], "::"+out[i][m[4]:m[5]]+out[i+1]
		}
	}
	return out
}

// firstWord returns the first word of a statement in lower case, after white
// space, comments and semicolons. Block comments nest, as in PostgreSQL.
func firstWord(sql string) string {
	for {
		sql = strings.TrimLeft(sql, " \t\r\n\f\v;(")
		switch {
		case strings.HasPrefix(sql, "--"):
			_, rest, _ := strings.Cut(sql, "\n")
			sql = rest
		case strings.HasPrefix(sql, "/*"):
			sql = afterComment(sql)
		default:
			end := strings.IndexFunc(sql, func(r rune) bool { return r >= 0x80 || !isWord(byte(r)) })
			if end < 0 {
				end = len(sql)
			}
			return strings.ToLower(sql[:end])
		}
	}
}

func afterComment(sql string) string {
	depth := 0
	for i := 0; i+1 < len(sql); i++ {
		switch sql[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			i++
			if depth--; depth == 0 {
				return sql[i+1:]
			}
		}
	}
	return ""
}
