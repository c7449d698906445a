// This file holds the reader of texts that hold a value in Python's notation,
// which the printed lists and dicts of scripts are written in.

package command

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/avap-framework/avap/vm"
)

const (
	maxNesting = 200      // levels that a value may be nested
	maxWord    = 64 << 10 // bytes of a number
	scanPiece  = 16 << 10 // bytes that are scanned between two looks at the quotas
)

// readPython makes a value of a text that is wholly a literal of Python: lists,
// tuples and dicts of quoted texts, numbers, True, False and None. The words of
// JSON are taken too. Anything else is CodeRuntime.
func readPython(m *vm.Machine, s string) (vm.Value, error) {
	r := pythonReader{m: m, s: s}
	v, err := r.value(0)
	if err == nil && r.next() != 0 {
		err = r.unexpected()
	}
	return v, err
}

// pythonReader reads one literal.
type pythonReader struct {
	m   *vm.Machine
	s   string
	pos int
	err error // of a quota, met while skipping white space
}

func (r *pythonReader) unexpected() error {
	if r.err != nil {
		return r.err
	}
	return failed("no value of Python: unexpected text at byte %d", r.pos)
}

// next skips white space and gives the byte that follows, 0 at the end.
func (r *pythonReader) next() byte {
	for ; r.pos < len(r.s); r.pos++ {
		switch c := r.s[r.pos]; c {
		case ' ', '\t', '\r', '\n', '\f':
			if r.pos%scanPiece != 0 {
				continue
			}
			if r.err = work(r.m, scanPiece); r.err != nil {
				return 0
			}
		default:
			return c
		}
	}
	return 0
}

// take skips c, if it comes next.
func (r *pythonReader) take(c byte) bool {
	if r.next() != c {
		return false
	}
	r.pos++
	return true
}

func (r *pythonReader) value(depth int) (vm.Value, error) {
	if depth > maxNesting {
		return vm.Value{}, failed("nested deeper than %d levels", maxNesting)
	}
	if err := r.m.Work(8); err != nil {
		return vm.Value{}, err
	}
	switch c := r.next(); c {
	case '[':
		r.pos++
		return r.list(']', depth+1)
	case '(':
		r.pos++
		return r.list(')', depth+1)
	case '{':
		r.pos++
		return r.dict(depth + 1)
	case '"', '\'':
		r.pos++
		return r.quoted(c)
	}
	return r.word()
}

// list reads the items of a list or a tuple, up to its end. What stands alone in
// parentheses, without a comma, is itself.
func (r *pythonReader) list(end byte, depth int) (vm.Value, error) {
	list, err := r.m.NewList(0)
	if err != nil {
		return vm.Value{}, err
	}
	for !r.take(end) {
		item, err := r.value(depth)
		if err != nil {
			return vm.Value{}, err
		}
		if err := r.m.Append(list, item); err != nil {
			return vm.Value{}, err
		}
		switch {
		case r.take(','):
		case !r.take(end):
			return vm.Value{}, r.unexpected()
		case end == ')' && len(list.Items()) == 1:
			return item, nil
		default:
			return list, nil
		}
	}
	return list, nil
}

// dict reads the keys and values of a dict, up to its end.
func (r *pythonReader) dict(depth int) (vm.Value, error) {
	dict, err := r.m.NewDict(0)
	if err != nil {
		return vm.Value{}, err
	}
	for !r.take('}') {
		key, err := r.value(depth)
		if err != nil {
			return vm.Value{}, err
		}
		if !r.take(':') {
			return vm.Value{}, r.unexpected()
		}
		val, err := r.value(depth)
		if err != nil {
			return vm.Value{}, err
		}
		if err := r.m.SetKey(dict, key, val); err != nil {
			return vm.Value{}, err
		}
		if !r.take(',') && r.next() != '}' {
			return vm.Value{}, r.unexpected()
		}
	}
	return dict, nil
}

// word reads a number or a name.
func (r *pythonReader) word() (vm.Value, error) {
	rest := r.s[r.pos:min(len(r.s), r.pos+maxWord)]
	n := strings.IndexFunc(rest, func(c rune) bool {
		return !(c == '+' || c == '-' || c == '.' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z')
	})
	if n < 0 {
		n = len(rest)
	}
	word := rest[:n]
	var v vm.Value
	switch word {
	case "True", "true":
		v = vm.BoolValue(true)
	case "False", "false":
		v = vm.BoolValue(false)
	case "None", "null":
		v = vm.NoneValue()
	default:
		var ok bool
		if v, ok = vm.ReadNumber(word); !ok {
			return vm.Value{}, r.unexpected()
		}
	}
	r.pos += n
	return v, work(r.m, n)
}

// quoted reads a text up to its closing quote.
func (r *pythonReader) quoted(quote byte) (vm.Value, error) {
	special := string([]byte{quote, '\\', '\n'})
	if n := strings.IndexAny(r.s[r.pos:min(len(r.s), r.pos+256)], special); n >= 0 && r.s[r.pos+n] == quote {
		short := r.s[r.pos : r.pos+n]
		r.pos += n + 1
		return r.m.Text(short)
	}
	buf, err := r.m.BuildText(0)
	if err != nil {
		return vm.Value{}, err
	}
	for r.pos < len(r.s) {
		piece := r.s[r.pos:min(len(r.s), r.pos+scanPiece)]
		n := strings.IndexAny(piece, special)
		if n < 0 {
			n = len(piece)
		}
		if err := work(r.m, n); err != nil {
			return vm.Value{}, err
		}
		if err := buf.WriteString(piece[:n]); err != nil {
			return vm.Value{}, err
		}
		r.pos += n
		if n == len(piece) {
			continue
		}
		r.pos++
		switch piece[n] {
		case quote:
			return buf.Finish()
		case '\n':
			return vm.Value{}, r.unexpected()
		}
		if err := r.escape(buf); err != nil {
			return vm.Value{}, err
		}
	}
	return vm.Value{}, r.unexpected()
}

// simpleEscapes are the letters after a backslash and what they stand for.
var simpleEscapes = strings.NewReplacer(
	"n", "\n", "t", "\t", "r", "\r", "b", "\b", "f", "\f", "v", "\v", "a", "\a",
	"\\", "\\", "'", "'", `"`, `"`, "\n", "",
)

// escape reads what follows a backslash. One that Python does not know stays as
// it is.
func (r *pythonReader) escape(buf *vm.TextBuilder) error {
	if r.pos == len(r.s) {
		return r.unexpected()
	}
	c := r.s[r.pos]
	digits := 0
	switch c {
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	case '0', '1', '2', '3', '4', '5', '6', '7':
		code := rune(0)
		for n := 0; n < 3 && r.pos < len(r.s) && '0' <= r.s[r.pos] && r.s[r.pos] <= '7'; n++ {
			code = code*8 + rune(r.s[r.pos]-'0')
			r.pos++
		}
		return buf.WriteRune(code)
	default:
		_, size := utf8.DecodeRuneInString(r.s[r.pos:])
		letter := r.s[r.pos : r.pos+size]
		r.pos += size
		if strings.IndexByte("ntrbfva\\'\"\n", c) < 0 {
			return buf.WriteString(`\` + letter)
		}
		return buf.WriteString(simpleEscapes.Replace(letter))
	}
	code, err := strconv.ParseUint(r.s[r.pos+1:min(r.pos+1+digits, len(r.s))], 16, 32)
	if err != nil || len(r.s) < r.pos+1+digits || !utf8.ValidRune(rune(code)) || code > utf8.MaxRune {
		return r.unexpected()
	}
	r.pos += 1 + digits
	return buf.WriteRune(rune(code))
}
