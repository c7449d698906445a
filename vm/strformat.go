// This file holds the method format of strings: its template language and its
// format specifications.

package vm

import (
	"math"
	"unicode/utf8"
)

// template is one format() in progress.
type template struct {
	m      *Machine
	args   []Value
	named  []Value
	names  []string
	fields int // {} so far; -1 once one was numbered by hand
}

// formatText is format.format(args, names=named).
func (m *Machine) formatText(format Value, args, named []Value, names []string) (Value, error) {
	t := template{m: m, args: args, named: named, names: names}
	b := builder{m: m, wide: !format.isASCII()}
	if err := t.render(&b, format.str(), 2); err != nil {
		return Value{}, err
	}
	return b.finish()
}

// render writes a template, in which fields may be nested so deep.
func (t *template) render(b *builder, s string, depth int) error {
	if depth == 0 {
		return runtimeErrorf("Max string recursion exceeded")
	}
	for s != "" {
		plain, err := t.m.indexAny(s, "{}")
		if err != nil {
			return err
		}
		if plain < 0 {
			plain = len(s)
		}
		if err := b.put(s[:plain]); err != nil {
			return err
		}
		if s = s[plain:]; s == "" {
			return nil
		}
		switch {
		case len(s) > 1 && s[1] == s[0]:
			err = b.putByte(s[0])
			s = s[2:]
		case s[0] == '}':
			return runtimeErrorf("Single '}' encountered in format string")
		default:
			s, err = t.field(b, s[1:], depth)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// field writes the field that s begins with, after its brace, and gives what
// is after it.
func (t *template) field(b *builder, s string, depth int) (string, error) {
	if s == "" {
		return "", runtimeErrorf("Single '{' encountered in format string")
	}
	name, conversion, spec, rest, nested, err := t.cut(s)
	if err != nil {
		return "", err
	}
	if err := t.m.Work(1); err != nil {
		return "", err
	}
	v, err := t.lookUp(name)
	if err != nil {
		return "", err
	}
	if conversion != 0 {
		if v, err = t.convert(conversion, v); err != nil {
			return "", err
		}
	}
	if nested {
		inner := builder{m: t.m, wide: b.wide}
		if err := t.render(&inner, spec, depth-1); err != nil {
			return "", err
		}
		text, err := inner.finish()
		if err != nil {
			return "", err
		}
		spec = text.str()
	}
	return rest, t.m.formatValue(b, v, spec)
}

// convert is what follows an exclamation mark.
func (t *template) convert(c rune, v Value) (Value, error) {
	switch c {
	case 's', 'r', 'a':
		return t.m.textBy(c, v)
	}
	if c > 32 && c < 127 {
		return Value{}, runtimeErrorf("Unknown conversion specifier %c", c)
	}
	return Value{}, runtimeErrorf("Unknown conversion specifier \\x%x", c)
}

// cut takes a field apart: its name, what follows ! and :, and
// what follows its closing brace. nested says that the specification holds fields.
func (t *template) cut(s string) (name string, conversion rune, spec, rest string, nested bool, err error) {
	scan := scan{m: t.m}
	end, err := nameEnd(s, &scan)
	if err != nil {
		return "", 0, "", "", false, err
	}
	name, rest = s[:end], s[end+1:]
	switch s[end] {
	case '}':
		return name, 0, "", rest, false, nil
	case '!':
		if rest == "" {
			return "", 0, "", "", false, runtimeErrorf("end of string while looking for conversion specifier")
		}
		var size int
		conversion, size = utf8.DecodeRuneInString(rest)
		if rest = rest[size:]; rest != "" {
			c := rest[0]
			if rest = rest[1:]; c == '}' {
				return name, conversion, "", rest, false, nil
			}
			if c != ':' {
				return "", 0, "", "", false, runtimeErrorf("expected ':' after conversion specifier")
			}
		}
	}
	end, nested, err = specEnd(rest, &scan)
	if err != nil {
		return "", 0, "", "", false, err
	}
	return name, conversion, rest[:end], rest[end+1:], nested, nil
}

// nameEnd returns the place of what ends a field's name: a closing brace, a colon
// or an exclamation mark outside of square brackets.
func nameEnd(s string, scan *scan) (int, error) {
	inBrackets := false
	for i := range len(s) {
		if err := scan.at(4 * i); err != nil {
			return 0, err
		}
		switch c := s[i]; {
		case inBrackets:
			inBrackets = c != ']'
		case c == '[':
			inBrackets = true
		case c == '{':
			return 0, runtimeErrorf("unexpected '{' in field name")
		case c == '}' || c == ':' || c == '!':
			return i, nil
		}
	}
	return 0, runtimeErrorf("expected '}' before end of string")
}

// specEnd returns the place of the brace that closes a specification.
func specEnd(s string, scan *scan) (end int, nested bool, err error) {
	scan.next = 0
	open := 1
	for i := range len(s) {
		if err := scan.at(4 * i); err != nil {
			return 0, false, err
		}
		switch s[i] {
		case '{':
			nested = true
			open++
		case '}':
			if open--; open == 0 {
				return i, nested, nil
			}
		}
	}
	return 0, false, runtimeErrorf("unmatched '{' in format spec")
}

// lookUp returns what a field's name stands for.
func (t *template) lookUp(name string) (Value, error) {
	end, err := t.m.indexAny(name, ".[")
	if err != nil {
		return Value{}, err
	}
	if end < 0 {
		end = len(name)
	}
	v, err := t.argument(name[:end])
	for path := name[end:]; path != "" && err == nil; {
		if err := t.m.Work(2); err != nil {
			return Value{}, err
		}
		v, path, err = t.member(v, path)
	}
	return v, err
}

// argument returns the argument that the first part of a name stands for.
func (t *template) argument(name string) (Value, error) {
	index, numbered, err := t.fieldNumber(name)
	if err != nil {
		return Value{}, err
	}
	switch {
	case name == "" && t.fields < 0:
		return Value{}, runtimeErrorf("cannot switch from manual field specification to automatic field numbering")
	case name == "":
		index = t.fields
		t.fields++
	case numbered && t.fields > 0:
		return Value{}, runtimeErrorf("cannot switch from automatic field numbering to manual field specification")
	case numbered:
		t.fields = -1
	default:
		for i, n := range t.names {
			if n == name {
				return t.named[i], nil
			}
		}
		return Value{}, runtimeErrorf("no argument is named '%.100s'", name)
	}
	if index >= len(t.args) {
		return Value{}, runtimeErrorf("Replacement index %d out of range for positional args tuple", index)
	}
	return t.args[index], nil
}

// fieldNumber reads a name of digits.
func (t *template) fieldNumber(s string) (n int, ok bool, err error) {
	scan := scan{m: t.m}
	for at, r := range s {
		if err := scan.at(at); err != nil {
			return 0, false, err
		}
		d := decimal(r)
		if d < 0 {
			return 0, false, nil
		}
		if n > (math.MaxInt64-d)/10 {
			return 0, false, runtimeErrorf("Too many decimal digits in format string")
		}
		n = n*10 + d
	}
	return n, s != "", nil
}

// member follows one step of a path, .key or [item], and gives the rest of it.
func (t *template) member(v Value, path string) (Value, string, error) {
	dotted := path[0] == '.'
	name, rest, err := t.step(path)
	if err != nil {
		return Value{}, "", err
	}
	if !dotted {
		index, numbered, err := t.fieldNumber(name)
		if err != nil {
			return Value{}, "", err
		}
		if numbered {
			v, err = t.m.index(v, IntValue(int64(index)))
			return v, rest, err
		}
	}
	key, err := t.m.textFrom(name)
	if err != nil {
		return Value{}, "", err
	}
	if dotted {
		v, err = t.m.attr(v, key)
	} else {
		v, err = t.m.index(v, key)
	}
	return v, rest, err
}

// step cuts the name of one step off a path.
func (t *template) step(path string) (name, rest string, err error) {
	var end int
	switch path[0] {
	case '.':
		if end, err = t.m.indexAny(path[1:], ".["); err != nil {
			return "", "", err
		}
		if end++; end == 0 {
			end = len(path)
		}
		name, rest = path[1:end], path[end:]
	case '[':
		if end, err = t.m.indexAny(path, "]"); err != nil {
			return "", "", err
		}
		if end < 0 {
			return "", "", runtimeErrorf("Missing ']' in format string")
		}
		name, rest = path[1:end], path[end+1:]
	default:
		return "", "", runtimeErrorf("Only '.' or '[' may follow ']' in format field specifier")
	}
	if name == "" {
		return "", "", runtimeErrorf("Empty attribute in format string")
	}
	return name, rest, nil
}
