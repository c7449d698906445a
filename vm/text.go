// This file holds text: str() and repr() of any value, and joining.

package vm

import (
	"unicode"
	"unicode/utf8"
)

// Texts that are made once.
var (
	emptyText  = staticText("")
	noneText   = staticText("None")
	trueText   = staticText("True")
	falseText  = staticText("False")
	asciiTexts = makeASCIITexts()
)

func makeASCIITexts() *[utf8.RuneSelf]Value {
	var texts [utf8.RuneSelf]Value
	for c := range texts {
		texts[c] = staticText(string(rune(c)))
	}
	return &texts
}

// text makes a short string of bytes that are valid UTF-8.
func (m *Machine) text(b []byte) (Value, error) {
	v, buf, err := m.newText(len(b))
	if err != nil {
		return Value{}, err
	}
	copy(buf, b)
	return finishText(v), nil
}

// textOf is str(): a string is its own text.
func (m *Machine) textOf(v Value) (Value, error) {
	var scratch [32]byte
	switch v.Kind() {
	case String:
		return v, nil
	case None, Unset:
		return noneText, nil
	case Bool:
		if v.Bool() {
			return trueText, nil
		}
		return falseText, nil
	case Int:
		if i := v.n; i < 10 {
			return asciiTexts['0'+i], nil
		}
		return m.text(appendInt(scratch[:0], v.Int()))
	case Float:
		return m.text(appendFloat(scratch[:0], v.Float()))
	}
	return m.reprOf(v)
}

// reprOf is repr(), which nested values are written by.
func (m *Machine) reprOf(v Value) (Value, error) {
	b := builder{m: m}
	if err := b.repr(v, 0); err != nil {
		return Value{}, err
	}
	return b.finish()
}

// concat joins the texts of values; None and unset are empty.
func (m *Machine) concat(vs []Value) (Value, error) {
	size := 0
	for _, v := range vs {
		switch v.Kind() {
		case String:
			size += v.byteLen()
		case Int:
			size += intLen(v.Int())
		case None, Unset:
		default:
			return m.concatAny(vs)
		}
	}
	if size == 0 {
		return emptyText, nil
	}
	if len(vs) == 1 && vs[0].IsString() {
		return vs[0], nil
	}
	r, buf, err := m.newText(size)
	if err != nil {
		return Value{}, err
	}
	ascii := uint64(asciiFlag)
	for _, v := range vs {
		switch v.Kind() {
		case String:
			n := v.byteLen()
			if n < 512 {
				copy(buf, v.str())
			} else if err := copyText(m, buf, v.str()); err != nil {
				return Value{}, err
			}
			buf = buf[n:]
			ascii &= v.n
		case Int:
			buf = buf[len(appendInt(buf[:0], v.Int())):]
		}
	}
	r.n |= ascii
	return r, nil
}

// label is concat for a short text and an int, as in "T-" + str(n): what keys and labels
// are made of. ok is false, and nothing done, where memory has to be asked for.
func (m *Machine) label(text Value, i int64) (v Value, ok bool) {
	n := text.byteLen()
	size := n + intLen(i)
	charge := int64(size + textSize)
	if n >= 512 || m.mem.left < charge {
		return Value{}, false
	}
	m.mem.left -= charge
	v, buf := allocText(size)
	copy(buf, text.str())
	writeInt(buf[n:], i)
	v.n |= text.n & asciiFlag
	return v, true
}

// concatAny is concat for values of all kinds.
func (m *Machine) concatAny(vs []Value) (Value, error) {
	b := builder{m: m}
	size := 0
	for _, v := range vs {
		if v.IsString() {
			size += v.byteLen()
		} else {
			size += 20
		}
	}
	if err := b.room(size); err != nil {
		return Value{}, err
	}
	for _, v := range vs {
		var err error
		switch v.Kind() {
		case None, Unset:
		case String:
			err = b.putText(v)
		default:
			err = b.repr(v, 0)
		}
		if err != nil {
			return Value{}, err
		}
	}
	return b.finish()
}

// repr appends repr() of a value that lies depth levels deep.
func (b *builder) repr(v Value, depth int) error {
	switch v.Kind() {
	case String:
		return b.quote(v)
	case Int:
		if err := b.room(24); err != nil {
			return err
		}
		b.buf = appendInt(b.buf, v.Int())
		return nil
	case Float:
		if err := b.room(32); err != nil {
			return err
		}
		b.buf = appendFloat(b.buf, v.Float())
		return nil
	case Bool:
		if v.Bool() {
			return b.put("True")
		}
		return b.put("False")
	case List:
		return b.reprItems(v.list(), '[', ']', depth+1)
	case Tuple:
		return b.reprItems(v.list(), '(', ')', depth+1)
	case Dict:
		return b.reprDict(v.dict(), depth+1)
	case None, Unset:
		return b.put("None")
	}
	return b.put("<" + v.Kind().String() + ">")
}

func (b *builder) reprItems(l *list, open, end byte, depth int) error {
	if depth > maxNesting {
		return tooDeep()
	}
	if err := b.putByte(open); err != nil {
		return err
	}
	for i, v := range l.items {
		if i > 0 {
			if err := b.put(", "); err != nil {
				return err
			}
		}
		if err := b.m.Work(1); err != nil {
			return err
		}
		if err := b.repr(v, depth); err != nil {
			return err
		}
	}
	if open == '(' && len(l.items) == 1 {
		if err := b.putByte(','); err != nil {
			return err
		}
	}
	return b.putByte(end)
}

func (b *builder) reprDict(d *dict, depth int) error {
	if depth > maxNesting {
		return tooDeep()
	}
	if err := b.putByte('{'); err != nil {
		return err
	}
	first := true
	for e, pos := d.next(0); e != nil; e, pos = d.next(pos) {
		if !first {
			if err := b.put(", "); err != nil {
				return err
			}
		}
		first = false
		if err := b.m.Work(1); err != nil {
			return err
		}
		if err := b.repr(e.key, depth); err != nil {
			return err
		}
		if err := b.put(": "); err != nil {
			return err
		}
		if err := b.repr(e.val, depth); err != nil {
			return err
		}
	}
	return b.putByte('}')
}

func (b *builder) putByte(c byte) error {
	if err := b.room(1); err != nil {
		return err
	}
	b.buf = append(b.buf, c)
	return nil
}

// quote appends a string in quotes, as Python writes it.
func (b *builder) quote(v Value) error {
	s := v.str()
	quote, err := b.m.chooseQuote(s)
	if err != nil {
		return err
	}
	if err := b.putByte(quote); err != nil {
		return err
	}
	for len(s) > 0 {
		if err := b.room(min(len(s), 4096)); err != nil {
			return err
		}
		if s, err = b.quotePart(s, quote); err != nil {
			return err
		}
	}
	return b.putByte(quote)
}

// chooseQuote returns the quotes for a text: single ones, but where it holds
// those and no double ones.
func (m *Machine) chooseQuote(s string) (byte, error) {
	single, err := m.search(s, "'", 0)
	if err != nil || single < 0 {
		return '\'', err
	}
	double, err := m.search(s, `"`, 0)
	if double < 0 {
		return '"', err
	}
	return '\'', err
}

// quotePart appends the beginning of a text, escaped, and gives the rest.
func (b *builder) quotePart(s string, quote byte) (string, error) {
	n := min(len(s), 4096)
	escapes := 0
	for i := 0; i < n; {
		plain := i
		for i < n && s[i] >= ' ' && s[i] < 0x7f && s[i] != quote && s[i] != '\\' {
			i++
		}
		if err := b.room(i - plain + 12); err != nil {
			return "", err
		}
		b.buf = append(b.buf, s[plain:i]...)
		if i == n {
			break
		}
		escapes++
		r, size := utf8.DecodeRuneInString(s[i:])
		if unicode.IsPrint(r) && r != rune(quote) && r != '\\' {
			b.buf = append(b.buf, s[i:i+size]...)
			b.wide = true
		} else {
			b.buf = appendEscaped(b.buf, r)
		}
		i += size
		n = max(n, i)
	}
	return s[n:], b.m.Work(n/64 + escapes/2)
}

// appendEscaped appends a code point the way repr() escapes it.
func appendEscaped(dst []byte, r rune) []byte {
	switch r {
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	case '\\', '\'', '"':
		return append(dst, '\\', byte(r))
	}
	digits := 8
	switch {
	case r < 0x100:
		dst, digits = append(dst, `\x`...), 2
	case r < 0x10000:
		dst, digits = append(dst, `\u`...), 4
	default:
		dst = append(dst, `\U`...)
	}
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[r>>shift&15])
	}
	return dst
}

const hexDigits = "0123456789abcdef"
