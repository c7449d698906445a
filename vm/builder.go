// This file holds the builder: a text that is written piece by piece, charged
// and interruptible.

package vm

import "unicode/utf8"

const (
	// chunk is how many bytes are copied or scanned between two calls of Work.
	chunk = 64 << 10
	// maxSize is beyond what any quota grants. A larger size is refused before
	// it is computed with.
	maxSize = 1 << 40
)

// builder writes one text. The zero value with a machine is ready.
type builder struct {
	m    *Machine
	buf  []byte
	text Value // what buf belongs to
	wide bool  // something that is not ASCII was written
	due  int   // bytes written since Work was called
}

// room makes room for n more bytes.
func (b *builder) room(n int) error {
	if n <= cap(b.buf)-len(b.buf) {
		return nil
	}
	if n > maxSize {
		return b.m.tooLarge()
	}
	size := max(len(b.buf)+n, min(2*cap(b.buf), cap(b.buf)+1<<20), 64)
	text, buf, err := b.m.newText(size)
	if err != nil {
		return err
	}
	if err := copyText(b.m, buf, b.buf); err != nil {
		return err
	}
	b.drop()
	b.text, b.buf = text, buf[:len(b.buf)]
	return nil
}

// exact makes room for a text of just n bytes, which is then not copied again.
func (b *builder) exact(n int) error {
	if n > maxSize {
		return b.m.tooLarge()
	}
	text, buf, err := b.m.newText(n)
	b.text, b.buf = text, buf[:0]
	return err
}

// drop gives the buffer back, if it was charged.
func (b *builder) drop() {
	if !b.text.IsUnset() {
		b.m.refund(cap(b.buf) + textSize)
	}
}

// put writes s, which is ASCII.
func (b *builder) put(s string) error {
	if err := b.room(len(s)); err != nil {
		return err
	}
	for len(s) > chunk {
		b.buf = append(b.buf, s[:chunk]...)
		s = s[chunk:]
		if err := b.pay(chunk); err != nil {
			return err
		}
	}
	b.buf = append(b.buf, s...)
	return b.pay(len(s))
}

// putWide writes s, which may be any text.
func (b *builder) putWide(s string) error {
	b.wide = true
	return b.put(s)
}

// putText writes the string v.
func (b *builder) putText(v Value) error {
	b.wide = b.wide || !v.isASCII()
	return b.put(v.str())
}

// putValue writes the text of any value.
func (b *builder) putValue(v Value) error {
	switch v.Kind() {
	case String:
		return b.putText(v)
	case Int:
		if err := b.room(20); err != nil {
			return err
		}
		b.buf = appendInt(b.buf, v.Int())
		return nil
	}
	text, err := b.m.textOf(v)
	if err != nil {
		return err
	}
	return b.putText(text)
}

// putRune writes one code point.
func (b *builder) putRune(r rune) error {
	if err := b.room(utf8.RuneLen(r)); err != nil {
		return err
	}
	b.wide = b.wide || r >= utf8.RuneSelf
	b.buf = utf8.AppendRune(b.buf, r)
	return b.pay(1)
}

// fill writes r n times.
func (b *builder) fill(r rune, n int) error {
	if n <= 0 {
		return nil
	}
	if n > maxSize {
		return b.m.tooLarge()
	}
	if err := b.room(n * utf8.RuneLen(r)); err != nil {
		return err
	}
	b.wide = b.wide || r >= utf8.RuneSelf
	for n > 0 {
		part := min(n, chunk/8)
		b.fillPart(r, part)
		if err := b.pay(8 * part); err != nil {
			return err
		}
		n -= part
	}
	return nil
}

func (b *builder) fillPart(r rune, n int) {
	if r >= utf8.RuneSelf {
		for range n {
			b.buf = utf8.AppendRune(b.buf, r)
		}
		return
	}
	from := len(b.buf)
	b.buf = b.buf[:from+n]
	for i := range b.buf[from:] {
		b.buf[from+i] = byte(r)
	}
}

// pay counts n bytes written, and charges them for a chunk at a time.
func (b *builder) pay(n int) error {
	b.due += n
	if b.due < chunk/4 {
		return nil
	}
	n, b.due = b.due, 0
	return b.m.Work(n / 512)
}

// finish returns the text. The builder is used up.
func (b *builder) finish() (Value, error) {
	if err := b.m.Work(b.due / 512); err != nil {
		return Value{}, err
	}
	v, n := b.text, len(b.buf)
	if spare := cap(b.buf) - n; spare <= n/8 && n > 0 {
		v.n -= uint64(spare)
		b.m.refund(spare)
	} else {
		text, buf, err := b.m.newText(n)
		if err != nil {
			return Value{}, err
		}
		if err := copyText(b.m, buf, b.buf); err != nil {
			return Value{}, err
		}
		b.drop()
		v = text
	}
	if b.wide {
		return b.m.flagText(v)
	}
	return v.ascii(), nil
}

// copyText copies src to dst.
func copyText[T string | []byte](m *Machine, dst []byte, src T) error {
	for len(src) > chunk {
		copy(dst, src[:chunk])
		dst, src = dst[chunk:], src[chunk:]
		if err := m.Work(chunk / 512); err != nil {
			return err
		}
	}
	copy(dst, src)
	return m.Work(len(src) / 512)
}

// flagText is finishText for a text of any length.
func (m *Machine) flagText(v Value) (Value, error) {
	ascii, err := m.allASCII(v.str())
	if ascii {
		v = v.ascii()
	}
	return v, err
}

// allASCII is isASCII for a text of any length.
func (m *Machine) allASCII(s string) (bool, error) {
	for len(s) > chunk {
		if !isASCII(s[:chunk]) {
			return false, nil
		}
		if err := m.Work(chunk / 512); err != nil {
			return false, err
		}
		s = s[chunk:]
	}
	return isASCII(s), nil
}

// tooLarge is the error of a size that no quota grants.
func (m *Machine) tooLarge() error {
	if err := m.Charge(maxSize); err != nil {
		return err
	}
	m.refund(maxSize)
	return Errorf(CodeMemory, "more than %d bytes of memory", maxSize)
}

// textFrom makes a string of s, which is valid UTF-8 of any length.
func (m *Machine) textFrom(s string) (Value, error) {
	text, buf, err := m.newText(len(s))
	if err != nil {
		return Value{}, err
	}
	if err := copyText(m, buf, s); err != nil {
		return Value{}, err
	}
	return m.flagText(text)
}

// part returns the text of the bytes from i to j of the string v.
func (m *Machine) part(v Value, i, j int) (Value, error) {
	s := v.str()
	if i == 0 && j == len(s) {
		return v, nil
	}
	if !v.isASCII() {
		return m.textFrom(s[i:j])
	}
	text, buf, err := m.newText(j - i)
	if err != nil {
		return Value{}, err
	}
	return text.ascii(), copyText(m, buf, s[i:j])
}

// sequence returns the items of anything iterable: of a list or a tuple its own,
// which are not to be changed.
func (m *Machine) sequence(v Value) ([]Value, error) {
	if items := v.Items(); items != nil {
		return items, nil
	}
	size := 0
	switch v.Kind() {
	case String:
		var err error
		if size, err = m.length(v); err != nil {
			return nil, err
		}
	case Dict:
		size = v.dict().len()
	}
	l, err := m.newList(size)
	if err != nil {
		return nil, err
	}
	err = m.each(v, func(item Value) error { return m.push(l, item) })
	return l.items, err
}
