// This file holds the writer of JSON.

package vm

import "unsafe"

// AppendJSON appends a value as compact JSON: dicts in their order, tuples as
// lists, floats as Python writes them, texts escaped only where JSON demands
// it. Of two keys with one text the later value stands in the earlier place.
//
// What is appended is charged before dst grows, and counts as output. Values
// nested beyond 200 levels, or in themselves, are errors of CodeRuntime.
func (m *Machine) AppendJSON(dst []byte, v Value) ([]byte, error) {
	from := len(dst)
	switch v.Kind() { // most values are short, and cost what the writer asks for first
	case String:
		if v.byteLen() > shortJSON/2 {
			return m.appendLong(dst, v)
		}
		if dst = AppendQuoted(dst, v.str()); len(dst)-from > shortJSON-2 {
			return m.appendLong(dst[:from], v)
		}
	case Int:
		dst = appendInt(dst, v.Int())
	case Float:
		dst = appendFloat(dst, v.Float())
	default:
		return m.appendLong(dst, v)
	}
	if err := m.Charge(shortJSON); err != nil {
		return dst, err
	}
	return dst, m.output(len(dst) - from)
}

// shortJSON is how many bytes the writer pays for at once when it begins.
const shortJSON = 64

// appendLong is AppendJSON for any value.
func (m *Machine) appendLong(dst []byte, v Value) ([]byte, error) {
	w := jsonWriter{m: m, dst: dst, base: len(dst)}
	err := w.value(v, 0)
	if err == nil {
		err = m.output(len(w.dst) - w.base - w.counted)
	}
	return w.dst, err
}

// jsonWriter writes one value.
type jsonWriter struct {
	m       *Machine
	dst     []byte
	base    int // where the value begins in dst
	charged int // bytes that are paid for
	counted int // bytes that the output quota knows of
	values  int
}

// room pays for n more bytes. What it charges depends on the value alone, not
// on the buffer that it is written to.
func (w *jsonWriter) room(n int) error {
	written := len(w.dst) - w.base
	if written+n <= w.charged {
		return nil
	}
	more := max(written+n, 2*w.charged, shortJSON) - w.charged
	if err := w.m.Charge(more); err != nil {
		return err
	}
	if err := w.m.output(written - w.counted); err != nil {
		return err
	}
	w.charged += more
	w.counted = written
	return nil
}

// value writes a value that lies depth levels deep.
func (w *jsonWriter) value(v Value, depth int) error {
	if w.values++; w.values%2 == 0 {
		if err := w.m.Work(1); err != nil {
			return err
		}
	}
	k := v.Kind()
	if k == String {
		return w.text(v.str())
	}
	if err := w.room(32); err != nil {
		return err
	}
	switch k {
	case Int:
		w.dst = appendInt(w.dst, v.Int())
	case Float:
		w.dst = appendFloat(w.dst, v.Float())
	case Bool:
		if v.Bool() {
			w.dst = append(w.dst, "true"...)
		} else {
			w.dst = append(w.dst, "false"...)
		}
	case None, Unset:
		w.dst = append(w.dst, "null"...)
	case List, Tuple:
		return w.list(v.list().items, depth+1)
	case Dict:
		return w.dict(v.dict(), depth+1)
	default:
		return typeErrorf("'%s' object has no JSON", k)
	}
	return nil
}

func (w *jsonWriter) list(items []Value, depth int) error {
	if depth > maxNesting {
		return tooDeep()
	}
	w.dst = append(w.dst, '[')
	for i, v := range items {
		if i > 0 {
			w.dst = append(w.dst, ',')
		}
		if err := w.value(v, depth); err != nil {
			return err
		}
	}
	return w.close(']')
}

// close writes the end of a container.
func (w *jsonWriter) close(c byte) error {
	// Two bytes: the comma behind it, too, is paid for.
	if err := w.room(2); err != nil {
		return err
	}
	w.dst = append(w.dst, c)
	return nil
}

func (w *jsonWriter) dict(d *dict, depth int) error {
	if depth > maxNesting {
		return tooDeep()
	}
	if d.mixed {
		var err error
		if d, err = w.m.textKeys(d); err != nil {
			return err
		}
	}
	w.dst = append(w.dst, '{')
	first := true
	for e, pos := d.next(0); e != nil; e, pos = d.next(pos) {
		if !first {
			w.dst = append(w.dst, ',')
		}
		first = false
		if err := w.text(e.key.str()); err != nil {
			return err
		}
		w.dst = append(w.dst, ':')
		if err := w.value(e.val, depth); err != nil {
			return err
		}
	}
	return w.close('}')
}

// textKeys returns a dict of the same values whose keys are the texts of d's.
func (m *Machine) textKeys(d *dict) (*dict, error) {
	t, err := m.newDict(d.live)
	if err != nil {
		return nil, err
	}
	for e, pos := d.next(0); e != nil; e, pos = d.next(pos) {
		if err := m.Work(4); err != nil {
			return nil, err
		}
		key, err := m.keyText(e.key)
		if err != nil {
			return nil, err
		}
		if err := t.set(m, key, e.val); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// keyText returns what a key of a dict is called in JSON.
func (m *Machine) keyText(key Value) (Value, error) {
	switch key.Kind() {
	case None:
		return nullKey, nil
	case Bool:
		if key.Bool() {
			return trueKey, nil
		}
		return falseKey, nil
	}
	return m.textOf(key)
}

var nullKey, trueKey, falseKey = staticText("null"), staticText("true"), staticText("false")

// text writes a text.
func (w *jsonWriter) text(s string) error {
	// Four bytes more: the quotes, a comma or colon, and one to spare.
	if err := w.room(len(s) + 4); err != nil {
		return err
	}
	if len(s) < 512 {
		w.dst = AppendQuoted(w.dst, s)
		return w.room(2)
	}
	w.dst = append(w.dst, '"')
	for len(s) > 0 {
		part := s[:min(len(s), payEvery)]
		from := len(w.dst)
		w.dst = appendEscapedJSON(w.dst, part)
		escaped := len(w.dst) - from - len(part)
		if err := w.m.Work(len(part)/64 + escaped/4); err != nil {
			return err
		}
		s = s[len(part):]
		if err := w.room(len(s) + 3); err != nil {
			return err
		}
	}
	w.dst = append(w.dst, '"')
	return nil
}

// AppendQuoted appends a short text, which must be valid UTF-8, as JSON: unescaped
// but for what JSON demands. Nothing is charged for it.
func AppendQuoted(dst []byte, s string) []byte {
	n := len(s)
	if end := len(dst) + n + 2; end <= cap(dst) {
		quote := unsafe.Add(unsafe.Pointer(unsafe.SliceData(dst)), len(dst))
		from, to := unsafe.Pointer(unsafe.StringData(s)), unsafe.Add(quote, 1)
		odd := uint64(0) // a high bit is where something has to be escaped
		switch {         // the words that it is copied in may overlap
		case n > 16:
			if odd = highBits; escapeStart(s) == n {
				odd = 0
				copy(unsafe.Slice((*byte)(to), n), s)
			}
		case n >= 8:
			a, b := *(*uint64)(from), *(*uint64)(unsafe.Add(from, n-8))
			*(*uint64)(to), *(*uint64)(unsafe.Add(to, n-8)) = a, b
			odd = special(a) | special(b)
		case n >= 4:
			a, b := *(*uint32)(from), *(*uint32)(unsafe.Add(from, n-4))
			*(*uint32)(to), *(*uint32)(unsafe.Add(to, n-4)) = a, b
			odd = special(uint64(a) | uint64(b)<<32)
		case n > 0:
			a, b, c := s[0], s[n/2], s[n-1]
			*(*byte)(to), *(*byte)(unsafe.Add(to, n/2)), *(*byte)(unsafe.Add(to, n-1)) = a, b, c
			const spaces = ' ' * everyByte &^ 0xffffff
			odd = special(uint64(a) | uint64(b)<<8 | uint64(c)<<16 | spaces)
		}
		if odd&highBits == 0 {
			*(*byte)(quote) = '"'
			*(*byte)(unsafe.Add(to, n)) = '"'
			return dst[:end]
		}
	}
	return append(appendEscapedJSON(append(dst, '"'), s), '"')
}

// appendEscapedJSON appends what stands between the quotes.
func appendEscapedJSON(dst []byte, s string) []byte {
	for {
		n := escapeStart(s)
		dst = append(dst, s[:n]...)
		if n == len(s) {
			return dst
		}
		dst = appendJSONEscape(dst, s[n])
		s = s[n+1:]
	}
}

// appendJSONEscape appends a byte as JSON has to escape it.
func appendJSONEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
