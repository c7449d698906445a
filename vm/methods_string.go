// This file holds the methods of strings, except for case and format.

package vm

import (
	"math"
	"strings"
	"unicode/utf8"
)

// textArg reads an argument that must be a string.
func textArg(name string, v Value) (string, error) {
	if !v.IsString() {
		return "", typeErrorf("%s() argument must be str, not %s", name, v.Kind())
	}
	return v.str(), nil
}

// intArg reads an argument that must be an int.
func intArg(v Value) (int, error) {
	if !v.IsInt() && !v.IsBool() {
		return 0, typeErrorf("'%s' object cannot be interpreted as an integer", v.Kind())
	}
	return int(v.Int()), nil
}

// countArg reads the optional argument i that limits how often something is
// done; a negative one is no limit.
func countArg(args []Value, i int) (int, error) {
	if len(args) <= i {
		return math.MaxInt, nil
	}
	n, err := intArg(args[i])
	if n < 0 {
		n = math.MaxInt
	}
	return n, err
}

// textStrip makes the methods strip, lstrip and rstrip.
func textStrip(left, right bool) func(*Machine, Value, []Value) (Value, error) {
	return func(m *Machine, v Value, args []Value) (Value, error) {
		set := spaces
		if len(args) > 0 && !args[0].IsNone() {
			if !args[0].IsString() {
				return Value{}, typeErrorf("strip arg must be None or str, not %s", args[0].Kind())
			}
			var err error
			if set, err = m.newCharSet(args[0].str()); err != nil {
				return Value{}, err
			}
		}
		i, j := 0, v.byteLen()
		var err error
		if left {
			i, err = m.skipLeft(v.str(), set)
		}
		if right && err == nil {
			j, err = m.skipRight(v.str(), i, set)
		}
		if err != nil {
			return Value{}, err
		}
		return m.substring(v, i, j)
	}
}

// charSet is what strip takes away.
type charSet struct {
	space bool      // white space
	ascii [2]uint64 // by code point
	wide  string    // a text with the others
}

// spaces is white space, below U+0080 the bits of \t to \r, U+001C to U+001F and blank.
var spaces = charSet{space: true, ascii: [2]uint64{0x1_F000_3E00, 0}}

func (m *Machine) newCharSet(chars string) (charSet, error) {
	var set charSet
	scan := scan{m: m}
	for at, r := range chars {
		if err := scan.at(at); err != nil {
			return set, err
		}
		if r < utf8.RuneSelf {
			set.ascii[r/64] |= 1 << (r % 64)
		} else {
			set.wide = chars
		}
	}
	return set, nil
}

// hasByte reports whether an ASCII byte is in the set.
func (s *charSet) hasByte(c byte) bool { return s.ascii[c/64&1]>>(c%64)&1 != 0 }

// has reports whether r, which is not ASCII, is in the set.
func (s *charSet) has(m *Machine, r rune) (bool, error) {
	switch {
	case s.space:
		return isSpace(r), nil
	case s.wide == "":
		return false, nil
	}
	if err := m.Work(1); err != nil {
		return false, err
	}
	at, err := m.search(s.wide, string(r), 0)
	return at >= 0, err
}

// skipLeft returns where s goes on after what is in the set.
func (m *Machine) skipLeft(s string, set charSet) (int, error) {
	scan := scan{m: m}
	for at := 0; at < len(s); {
		if err := scan.at(at); err != nil {
			return 0, err
		}
		if c := s[at]; c < utf8.RuneSelf {
			if !set.hasByte(c) {
				return at, nil
			}
			at++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[at:])
		if in, err := set.has(m, r); !in || err != nil {
			return at, err
		}
		at += size
	}
	return len(s), nil
}

// skipRight returns where s[from:] ends before what is in the set.
func (m *Machine) skipRight(s string, from int, set charSet) (int, error) {
	scan, end := scan{m: m}, len(s)
	for end > from {
		if err := scan.at(len(s) - end); err != nil {
			return 0, err
		}
		if c := s[end-1]; c < utf8.RuneSelf {
			if !set.hasByte(c) {
				return end, nil
			}
			end--
			continue
		}
		r, size := utf8.DecodeLastRuneInString(s[:end])
		if in, err := set.has(m, r); !in || err != nil {
			return end, err
		}
		end -= size
	}
	return end, nil
}

// textSplit is split(sep=None, maxsplit=-1).
func textSplit(m *Machine, v Value, args []Value) (Value, error) {
	limit, err := countArg(args, 1)
	if err != nil {
		return Value{}, err
	}
	if len(args) == 0 || args[0].IsNone() {
		return m.splitFields(v, limit)
	}
	if !args[0].IsString() {
		return Value{}, typeErrorf("must be str or None, not %s", args[0].Kind())
	}
	sep := args[0].str()
	if sep == "" {
		return Value{}, runtimeErrorf("empty separator")
	}
	parts, err := m.occurrences(v.str(), sep, limit)
	if err != nil {
		return Value{}, err
	}
	l, err := m.newList(parts + 1)
	if err != nil {
		return Value{}, err
	}
	from := 0
	for range parts {
		at, err := m.search(v.str(), sep, from)
		if err != nil {
			return Value{}, err
		}
		if err := m.pushPart(l, v, from, at); err != nil {
			return Value{}, err
		}
		from = at + len(sep)
	}
	return listValue(l), m.pushPart(l, v, from, v.byteLen())
}

// pushPart appends the text of some bytes of v to l.
func (m *Machine) pushPart(l *list, v Value, i, j int) error {
	text, err := m.substring(v, i, j)
	if err != nil {
		return err
	}
	if err := m.Work(1); err != nil {
		return err
	}
	return m.push(l, text)
}

// splitFields splits v at white space, at most limit times.
func (m *Machine) splitFields(v Value, limit int) (Value, error) {
	s, space := v.str(), spaces
	l, err := m.newList(0)
	if err != nil {
		return Value{}, err
	}
	from, scan := 0, scan{m: m}
	for {
		skip, err := m.skipLeft(s[from:], space)
		if err != nil {
			return Value{}, err
		}
		from += skip
		if from == len(s) {
			return listValue(l), nil
		}
		end := len(s)
		if len(l.items) < limit {
			if end, err = fieldEnd(s, from, &scan); err != nil {
				return Value{}, err
			}
		}
		if err := m.pushPart(l, v, from, end); err != nil || len(l.items) > limit {
			return listValue(l), err
		}
		from = end
	}
}

// fieldEnd returns where the white space after s[from:] begins.
func fieldEnd(s string, from int, scan *scan) (int, error) {
	for i, r := range s[from:] {
		if err := scan.at(from + i); err != nil {
			return 0, err
		}
		if isSpace(r) {
			return from + i, nil
		}
	}
	return len(s), nil
}

// textJoin is sep.join(items).
func textJoin(m *Machine, sep Value, args []Value) (Value, error) {
	switch args[0].Kind() {
	case String, List, Tuple, Dict:
	default:
		return Value{}, typeErrorf("can only join an iterable")
	}
	items, err := m.sequence(args[0])
	if err != nil {
		return Value{}, err
	}
	size := 0
	for i, item := range items {
		if !item.IsString() {
			return Value{}, typeErrorf("sequence item %d: expected str instance, %s found", i, item.Kind())
		}
		if size += item.byteLen() + sep.byteLen(); size > maxSize {
			return Value{}, m.tooLarge()
		}
		if i&63 == 63 {
			if err := m.Work(16); err != nil {
				return Value{}, err
			}
		}
	}
	switch len(items) {
	case 0:
		return emptyText, nil
	case 1:
		return items[0], nil
	}
	b := builder{m: m}
	if err := b.exact(size - sep.byteLen()); err != nil {
		return Value{}, err
	}
	return b.join(sep, items)
}

// join writes the texts of items with sep between them.
func (b *builder) join(sep Value, items []Value) (Value, error) {
	for i, item := range items {
		if i > 0 && sep.byteLen() > 0 {
			if err := b.putText(sep); err != nil {
				return Value{}, err
			}
		}
		if err := b.putText(item); err != nil {
			return Value{}, err
		}
		b.due += 128
	}
	return b.finish()
}

// textReplace is replace(old, new, count=-1).
func textReplace(m *Machine, v Value, args []Value) (Value, error) {
	old, err := textArg("replace", args[0])
	if err != nil {
		return Value{}, err
	}
	if _, err = textArg("replace", args[1]); err != nil {
		return Value{}, err
	}
	limit, err := countArg(args, 2)
	if err != nil {
		return Value{}, err
	}
	n, err := m.occurrences(v.str(), old, limit)
	if n == 0 || err != nil {
		return v, err
	}
	growth := args[1].byteLen() - len(old)
	if growth > 0 && n > maxSize/growth {
		return Value{}, m.tooLarge()
	}
	b := builder{m: m, wide: !v.isASCII()}
	if err := b.exact(v.byteLen() + n*growth); err != nil {
		return Value{}, err
	}
	return b.replace(v.str(), old, args[1], n)
}

// replace writes s with the first n times old replaced.
func (b *builder) replace(s, old string, with Value, n int) (Value, error) {
	from := 0
	for i := range n {
		at := from
		switch {
		case old != "":
			var err error
			if at, err = b.m.search(s, old, from); err != nil {
				return Value{}, err
			}
		case i > 0:
			_, size := utf8.DecodeRuneInString(s[from:])
			at += size
		}
		if err := b.put(s[from:at]); err != nil {
			return Value{}, err
		}
		if err := b.putText(with); err != nil {
			return Value{}, err
		}
		b.due += 512
		from = at + len(old)
	}
	if err := b.put(s[from:]); err != nil {
		return Value{}, err
	}
	return b.finish()
}

// textAffix makes the methods startswith and endswith.
func textAffix(name string, atEnd bool) func(*Machine, Value, []Value) (Value, error) {
	return func(m *Machine, v Value, args []Value) (Value, error) {
		affixes := args[:1]
		if args[0].Kind() == Tuple {
			affixes = args[0].Items()
		} else if !args[0].IsString() {
			return Value{}, typeErrorf("%s first arg must be str or a tuple of str, not %s", name, args[0].Kind())
		}
		sp, err := m.spanOf(v, args)
		if err != nil {
			return Value{}, err
		}
		for _, affix := range affixes {
			if !affix.IsString() {
				return Value{}, typeErrorf("tuple for %s must only contain str, not %s", name, affix.Kind())
			}
			found, err := m.hasAffix(sp, affix.str(), atEnd)
			if found || err != nil {
				return BoolValue(true), err
			}
		}
		return BoolValue(false), nil
	}
}

func (m *Machine) hasAffix(sp span, affix string, atEnd bool) (bool, error) {
	if err := m.Work(1); sp.inverted || len(affix) > len(sp.text) {
		return false, err
	}
	if atEnd {
		return m.hasPrefix(sp.text[len(sp.text)-len(affix):], affix)
	}
	return m.hasPrefix(sp.text, affix)
}

// textFind is find(sub, start=None, end=None).
func textFind(m *Machine, v Value, args []Value) (Value, error) {
	sub, err := textArg("find", args[0])
	if err != nil {
		return Value{}, err
	}
	sp, err := m.spanOf(v, args)
	if err != nil {
		return Value{}, err
	}
	if sp.inverted {
		return IntValue(-1), nil
	}
	at := 0
	if sub != "" {
		at, err = m.search(sp.text, sub, 0)
		if at < 0 || err != nil {
			return IntValue(-1), err
		}
	}
	n, err := m.position(sp, at)
	return IntValue(int64(n)), err
}

// textCount is count(sub, start=None, end=None).
func textCount(m *Machine, v Value, args []Value) (Value, error) {
	sub, err := textArg("count", args[0])
	if err != nil {
		return Value{}, err
	}
	sp, err := m.spanOf(v, args)
	if sp.inverted || err != nil {
		return IntValue(0), err
	}
	n, err := m.occurrences(sp.text, sub, math.MaxInt)
	return IntValue(int64(n)), err
}

// textZfill is zfill(width).
func textZfill(m *Machine, v Value, args []Value) (Value, error) {
	width, err := intArg(args[0])
	if err != nil {
		return Value{}, err
	}
	n, err := m.length(v)
	if n >= width || err != nil {
		return v, err
	}
	if width > maxSize {
		return Value{}, m.tooLarge()
	}
	b, s := builder{m: m, wide: !v.isASCII()}, v.str()
	if err := b.exact(len(s) + width - n); err != nil {
		return Value{}, err
	}
	sign := 0
	if strings.HasPrefix(s, "-") || strings.HasPrefix(s, "+") {
		sign = 1
	}
	b.buf = append(b.buf, s[:sign]...)
	if err := b.fill('0', width-n); err != nil {
		return Value{}, err
	}
	if err := b.put(s[sign:]); err != nil {
		return Value{}, err
	}
	return b.finish()
}

// textFormat is format(…) without keyword arguments.
func textFormat(m *Machine, v Value, args []Value) (Value, error) {
	return m.formatText(v, args, nil, nil)
}
