// This file holds how a template becomes an SQL statement whose values stay
// apart: none of them ever becomes part of the text that the database parses.

package command

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/vm"
)

// splitter builds a statement of a template's pieces.
type splitter struct {
	m    *vm.Machine
	stmt host.Statement
	part strings.Builder // the part that is being written

	quote  quoting
	opener string          // what opened the quotes
	depth  int             // of nested comments
	raw    strings.Builder // a quoted text or comment as it is written
	text   strings.Builder // a quoted text as it is meant, with the values in it
	bound  bool            // a value stands in it
}

// quoting is what the splitter is in the middle of.
type quoting uint8

const (
	plain      quoting = iota
	quoted             // '…'
	escaped            // E'…', with backslashes
	encoded            // B'…', X'…', U&'…': no text, or one in a notation of its own
	dollar             // $tag$…$tag$
	quotedName         // "…" or `…`
	toEndLine          // -- …
	comment            // /* … */
)

// statement makes a statement of a template's pieces: text, value, text, …
// A value outside of quotes is bound as it is. One inside of a quoted text becomes
// part of that text, which is bound as a whole; one inside of a comment goes with it.
func statement(m *vm.Machine, pieces []vm.Value) (host.Statement, error) {
	s := splitter{m: m}
	for i, piece := range pieces {
		var err error
		if i%2 == 0 {
			err = s.sql(piece.Str())
		} else {
			err = s.value(piece)
		}
		if err != nil {
			return host.Statement{}, err
		}
	}
	if s.quote != plain && s.quote != toEndLine && s.bound {
		return host.Statement{}, failed("prompt: %s with a value in it is not closed", s.place())
	}
	s.close()
	s.stmt.Parts = append(s.stmt.Parts, s.part.String())
	return s.stmt, nil
}

// place names what the splitter is in the middle of.
func (s *splitter) place() string {
	switch s.quote {
	case quotedName:
		return "a quoted name"
	case comment, toEndLine:
		return "a comment"
	}
	return "a quoted text"
}

// sql takes a piece of text.
func (s *splitter) sql(text string) error {
	if err := s.m.Charge(3 * len(text)); err != nil {
		return err
	}
	for paid := 0; text != ""; {
		n := s.token(text)
		text = text[n:]
		if paid += n; paid >= 4<<10 || text == "" {
			if err := work(s.m, 4*paid); err != nil {
				return err
			}
			paid = 0
		}
	}
	return nil
}

// token takes what a text begins with, and gives its length.
func (s *splitter) token(text string) int {
	switch s.quote {
	case plain:
		return s.open(text)
	case quoted, quotedName, encoded:
		return s.inQuotes(text)
	case escaped:
		return s.inEscapes(text)
	case dollar:
		if strings.HasPrefix(text, s.opener) {
			return s.end(len(s.opener), text)
		}
		n := 1 + strings.IndexByte(text[1:]+"$", '$')
		s.keep(text[:n], text[:n])
		return n
	case toEndLine:
		n := strings.IndexAny(text, "\r\n")
		if n < 0 {
			s.raw.WriteString(text)
			return len(text)
		}
		s.raw.WriteString(text[:n])
		return s.end(1, text[n:]) + n
	}
	return s.inComment(text)
}

// open takes text outside of quotes, up to and with what opens some.
func (s *splitter) open(text string) int {
	n := strings.IndexAny(text, "'\"`$-/")
	if n < 0 {
		s.part.WriteString(text)
		return len(text)
	}
	before := text[:n]
	opener, quote := text[n:n+1], plain
	switch rest := text[n:]; {
	case rest[0] == '\'':
		quote = quoted
		prefix := textPrefix(before)
		switch strings.ToUpper(prefix) {
		case "E":
			quote = escaped
		case "B", "X", "U&":
			quote = encoded
		}
		before, opener = before[:n-len(prefix)], prefix+opener
	case rest[0] == '"' || rest[0] == '`':
		quote = quotedName
	case strings.HasPrefix(rest, "--"):
		quote, opener = toEndLine, rest[:2]
	case strings.HasPrefix(rest, "/*"):
		quote, opener, s.depth = comment, rest[:2], 1
	case rest[0] == '$' && !s.afterWord(before):
		if opener = dollarTag(rest); opener != "" {
			quote = dollar
		} else {
			opener = rest[:1]
		}
	}
	s.part.WriteString(before)
	if quote == plain {
		s.part.WriteString(opener)
		return len(before) + len(opener)
	}
	s.quote, s.opener = quote, opener
	s.raw.WriteString(opener)
	return len(before) + len(opener)
}

// textPrefix returns the letters before a quote that say what kind of text it opens.
func textPrefix(before string) string {
	for _, prefix := range []string{"u&", "e", "b", "x", "n"} {
		n := len(before) - len(prefix)
		if n >= 0 && strings.EqualFold(before[n:], prefix) && !endsInWord(before[:n]) {
			return before[n:]
		}
	}
	return ""
}

// afterWord reports whether what comes next runs on from a word.
func (s *splitter) afterWord(before string) bool {
	if before == "" {
		return endsInWord(s.part.String())
	}
	return endsInWord(before)
}

func endsInWord(s string) bool {
	if s == "" {
		return false
	}
	c := s[len(s)-1]
	return c == '_' || c == '$' || c >= utf8.RuneSelf || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// dollarTag returns the $tag$ that a text begins with, or "".
func dollarTag(text string) string {
	for i := 1; i < len(text); i++ {
		c := text[i]
		if c == '$' {
			return text[:i+1]
		}
		if !endsInWord(text[i:i+1]) || i == 1 && '0' <= c && c <= '9' {
			return ""
		}
	}
	return ""
}

// keep notes what stands in quotes: as it is written, and as it is meant.
func (s *splitter) keep(raw, meant string) {
	s.raw.WriteString(raw)
	s.text.WriteString(meant)
}

// inQuotes takes text up to a quote that closes or stands for itself.
func (s *splitter) inQuotes(text string) int {
	mark := "'"
	if s.quote == quotedName {
		mark = s.opener
	}
	n := strings.Index(text, mark)
	switch {
	case n < 0:
		n = len(text)
	case n > 0:
	case strings.HasPrefix(text[1:], mark):
		s.keep(text[:2], mark)
		return 2
	default:
		return s.end(1, text)
	}
	s.keep(text[:n], text[:n])
	return n
}

// inEscapes is inQuotes for a text in which a backslash has a meaning.
func (s *splitter) inEscapes(text string) int {
	switch n := strings.IndexAny(text, `'\`); {
	case n < 0:
		s.keep(text, text)
		return len(text)
	case n > 0:
		s.keep(text[:n], text[:n])
		return n
	case text[0] == '\\':
		n, meant := unescape(text)
		s.keep(text[:n], meant)
		return n
	}
	return s.inQuotes(text)
}

// unescape reads an escape of PostgreSQL's E'…'.
func unescape(text string) (int, string) {
	if len(text) == 1 {
		return 1, `\`
	}
	switch c := text[1]; c {
	case 'b':
		return 2, "\b"
	case 'f':
		return 2, "\f"
	case 'n':
		return 2, "\n"
	case 'r':
		return 2, "\r"
	case 't':
		return 2, "\t"
	case 'x':
		return codePoint(text, 2, 2, 16)
	case 'u':
		return codePoint(text, 2, 4, 16)
	case 'U':
		return codePoint(text, 2, 8, 16)
	case '0', '1', '2', '3', '4', '5', '6', '7':
		return codePoint(text, 1, 3, 8)
	}
	_, size := utf8.DecodeRuneInString(text[1:])
	return 1 + size, text[1 : 1+size]
}

// codePoint reads up to that many digits at a place of an escape. Where there are
// none the letter before them stands for itself.
func codePoint(text string, at, digits, base int) (int, string) {
	n := at
	code := uint64(0)
	for ; n < min(len(text), at+digits); n++ {
		digit, err := strconv.ParseUint(text[n:n+1], base, 8)
		if err != nil {
			break
		}
		code = code*uint64(base) + digit
	}
	if n == at {
		return at, text[at-1 : at]
	}
	if code > utf8.MaxRune {
		code = utf8.RuneError
	}
	return n, string(rune(code))
}

// inComment takes text up to what opens or closes a comment in a comment.
func (s *splitter) inComment(text string) int {
	n := strings.IndexAny(text, "*/")
	switch {
	case n < 0:
		s.raw.WriteString(text)
		return len(text)
	case strings.HasPrefix(text[n:], "*/"):
		s.depth--
		if s.depth == 0 {
			s.raw.WriteString(text[:n])
			return n + s.end(2, text[n:])
		}
		n++
	case strings.HasPrefix(text[n:], "/*"):
		s.depth++
		n++
	}
	s.raw.WriteString(text[:n+1])
	return n + 1
}

// end takes the n bytes that close quotes.
func (s *splitter) end(n int, text string) int {
	s.raw.WriteString(text[:n])
	s.close()
	return n
}

// close ends quotes: the text goes into the statement as it is written, or,
// where a value stands in it, bound.
func (s *splitter) close() {
	switch {
	case !s.bound:
		s.part.WriteString(s.raw.String())
	case s.quote == comment:
		s.part.WriteByte(' ')
	case s.quote == toEndLine:
		s.part.WriteByte('\n')
	default:
		s.bind(s.text.String())
	}
	s.quote, s.bound = plain, false
	s.raw.Reset()
	s.text.Reset()
}

// bind puts a bound value after the present part.
func (s *splitter) bind(arg any) {
	s.stmt.Parts = append(s.stmt.Parts, s.part.String())
	s.stmt.Args = append(s.stmt.Args, arg)
	s.part.Reset()
}

// value takes a value where the splitter stands.
func (s *splitter) value(v vm.Value) error {
	switch s.quote {
	case plain:
		return s.outsideQuotes(v)
	case encoded, quotedName:
		return failed("prompt: no value can stand inside of %s…", s.opener)
	case comment, toEndLine:
		s.bound = true
		return nil
	}
	s.bound = true
	if v.IsNone() || v.IsUnset() {
		return nil
	}
	text, err := s.m.TextOf(v)
	if err != nil {
		return err
	}
	n := len(text.Str())
	if err := s.m.Charge(3 * n); err != nil {
		return err
	}
	s.text.WriteString(text.Str())
	return work(s.m, n)
}

// outsideQuotes binds a value as it is, and a list item by item.
func (s *splitter) outsideQuotes(v vm.Value) error {
	if k := v.Kind(); k != vm.List && k != vm.Tuple {
		return s.argument(v)
	}
	items := v.Items()
	if len(items) == 0 {
		return s.argument(vm.NoneValue())
	}
	for i, item := range items {
		if i > 0 {
			s.part.WriteString(", ")
		}
		if err := s.argument(item); err != nil {
			return err
		}
	}
	return nil
}

// argument binds one value.
func (s *splitter) argument(v vm.Value) error {
	if err := s.m.Charge(96); err != nil {
		return err
	}
	if err := s.m.Work(4); err != nil {
		return err
	}
	switch v.Kind() {
	case vm.None, vm.Unset:
		s.bind(nil)
	case vm.Bool:
		s.bind(v.Bool())
	case vm.Int:
		s.bind(v.Int())
	case vm.Float:
		s.bind(v.Float())
	case vm.String:
		s.bind(v.Str())
	default:
		text, err := s.m.JSON(v)
		if err != nil {
			return err
		}
		s.bind(string(text))
	}
	return nil
}
