// This file holds JSON, straight between bytes and values.

package vm

import (
	"math/bits"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// ParseJSON makes a value of a JSON text. It is strict: duplicate keys, trailing
// bytes, invalid UTF-8, unpaired surrogates, infinite numbers and nesting beyond
// 200 levels are errors of CodeRuntime that name the byte. b may change
// afterwards.
func (m *Machine) ParseJSON(b []byte) (Value, error) {
	var room [32]Value
	d := decoder{m: m, s: unsafe.String(unsafe.SliceData(b), len(b)), stack: room[:0]}
	v, err := d.value(0)
	if err == nil {
		err = d.end()
	}
	d.close()
	if err != nil {
		return Value{}, err
	}
	return v, nil
}

// decoder reads one JSON text.
type decoder struct {
	m     *Machine
	s     string
	pos   int
	paid  int             // bytes that Work was called for
	stack []Value         // the values of the containers that are still open
	grown int             // values that the stack was charged for
	keys  [keyCache]Value // keys met lately, by their first and last letters
	met   bool            // whether there are any

	shared  bool // values share allocations
	texts   slab[uint64]
	values  slab[Value]
	entries slab[entry]
	dicts   slab[dict]
	lists   slab[list]
}

// slab hands out parts of large allocations.
type slab[T any] struct {
	rest []T
	last int // size of the last allocation
}

// take returns n zero values. An allocation is twice as large as the one before,
// up to most.
func (s *slab[T]) take(n, first, most int) []T {
	if n > len(s.rest) {
		if n > most/4 {
			return make([]T, n)
		}
		s.last = min(max(2*s.last, first, n), most)
		s.rest = make([]T, s.last)
	}
	part := s.rest[:n:n]
	s.rest = s.rest[n:]
	return part
}

const (
	// keyCache is how many keys are remembered, to make those of many dicts of one
	// shape once.
	keyCache = 32
	// payEvery is how many bytes are read between two calls of Work.
	payEvery = 8 << 10
)

func (d *decoder) fail(format string, args ...any) error {
	e := Errorf(CodeRuntime, format, args...)
	e.Msg = string(appendInt([]byte("invalid JSON at byte "), int64(d.pos))) + ": " + e.Msg
	return e
}

// pay calls Work for what was read.
func (d *decoder) pay() error {
	n := d.pos - d.paid
	d.paid = d.pos
	return d.m.Work(n / 64)
}

// close pays for the rest and gives the stack back.
func (d *decoder) close() { d.m.refund(d.grown * valueSize) }

// end makes sure that nothing but white space is left.
func (d *decoder) end() error {
	if _, err := d.token(); err != nil {
		return err
	}
	if d.pos < len(d.s) {
		return d.fail("something behind the value")
	}
	return d.pay()
}

// token skips white space and gives the byte after it, 0 at the end.
func (d *decoder) token() (byte, error) {
	if i := d.pos; i < len(d.s) && d.s[i] > ' ' && i-d.paid < payEvery {
		return d.s[i], nil
	}
	return d.skip()
}

// at takes the next byte if it is c, with nothing to skip before it and nothing to pay for.
func (d *decoder) at(c byte) bool {
	i := d.pos
	if i >= len(d.s) || d.s[i] != c || i-d.paid >= payEvery {
		return false
	}
	d.pos = i + 1
	return true
}

// want takes the next byte, which must be c.
func (d *decoder) want(c byte) error {
	next, err := d.token()
	if err != nil {
		return err
	}
	if next != c {
		return d.unexpected()
	}
	d.pos++
	return nil
}

// skip is token where there is something to skip, to pay for, or nothing at all.
func (d *decoder) skip() (byte, error) {
	s, i := d.s, d.pos
	for ; i < len(s); i++ {
		if i-d.paid >= payEvery {
			d.pos = i
			if err := d.pay(); err != nil {
				return 0, err
			}
		}
		if c := s[i]; c > ' ' || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			d.pos = i
			return c, nil
		}
	}
	d.pos = i
	return 0, nil
}

// value reads a value that lies so many levels deep.
func (d *decoder) value(depth int) (Value, error) {
	c, err := d.token()
	if err != nil {
		return Value{}, err
	}
	switch c {
	case '"':
		return d.text()
	case '{':
		return d.object(depth + 1)
	case '[':
		return d.array(depth + 1)
	case 't':
		return BoolValue(true), d.literal("true")
	case 'f':
		return BoolValue(false), d.literal("false")
	case 'n':
		return NoneValue(), d.literal("null")
	}
	return d.number()
}

func (d *decoder) literal(word string) error {
	if !strings.HasPrefix(d.s[d.pos:], word) {
		return d.unexpected()
	}
	d.pos += len(word)
	return nil
}

func (d *decoder) unexpected() error {
	if d.pos >= len(d.s) {
		return d.fail("unexpected end")
	}
	return d.fail("unexpected %q", d.s[d.pos])
}

func (d *decoder) number() (Value, error) {
	if n, end := shortInt(d.s, d.pos); end > 0 {
		d.pos = end
		return IntValue(n), nil
	}
	rest := d.s[d.pos:]
	n := scanNumber(rest[:min(len(rest), maxNumber+1)])
	if n.end == 0 {
		return Value{}, d.unexpected()
	}
	if n.end > maxNumber {
		return Value{}, d.fail("a number of more than %d bytes", maxNumber)
	}
	if n.whole && !n.long && n.fits() {
		d.pos += n.end
		return IntValue(n.int()), nil
	}
	if n.end > 64 {
		if err := d.m.Work(n.end / 16); err != nil {
			return Value{}, err
		}
	}
	f, ok := n.float(rest)
	if !ok {
		return Value{}, d.fail("a number too large for a float")
	}
	d.pos += n.end
	return floatValue(f), nil
}

// shortInt reads what most numbers are: a few digits and no more. It returns where they end,
// 0 where it is for others to say what is there.
func shortInt(s string, from int) (n int64, end int) {
	const most = 18 // digits, which 64 bits surely hold
	i := from
	for last := min(len(s), from+most); i < last && isDigitByte(s[i]); i++ {
		n = 10*n + int64(s[i]-'0')
	}
	if i == from || i == len(s) || s[from] == '0' && i > from+1 {
		return 0, 0
	}
	switch s[i] {
	case ',', '}', ']', ' ', '\n':
		return n, i
	}
	return 0, 0
}

// array reads a list. Its items gather on the stack, so that the list is made
// once, as large as it has to be.
func (d *decoder) array(depth int) (Value, error) {
	if depth > maxNesting {
		return Value{}, d.fail("nested deeper than %d levels", maxNesting)
	}
	d.pos++
	base := len(d.stack)
	c, err := d.token()
	for first := true; err == nil && (c != ']' || !first); first = false {
		var v Value
		if v, err = d.value(depth); err != nil {
			break
		}
		if err = d.push(v); err != nil {
			break
		}
		if c, err = d.token(); err != nil || c == ']' {
			break
		}
		if c != ',' {
			return Value{}, d.unexpected()
		}
		d.pos++
	}
	if err != nil {
		return Value{}, err
	}
	d.pos++
	return d.makeList(base)
}

// makeList makes a list of the values on the stack.
func (d *decoder) makeList(base int) (Value, error) {
	items := d.stack[base:]
	l, err := d.newList(len(items))
	if err != nil {
		return Value{}, err
	}
	if err := d.m.appendAll(l, items); err != nil {
		return Value{}, err
	}
	d.drop(base)
	return listValue(l), nil
}

func (d *decoder) newList(n int) (*list, error) {
	if !d.shared {
		return d.m.newList(n)
	}
	if err := d.m.Charge(listSize + n*valueSize); err != nil {
		return nil, err
	}
	l := &d.lists.take(1, 4, 64)[0]
	l.items = d.values.take(n, 16, 256)[:0]
	return l, nil
}

func (d *decoder) newDict(n int) (*dict, error) {
	if !d.shared || n > smallDict {
		return d.m.newDict(n)
	}
	if err := d.m.Charge(dictSize + n*entrySize); err != nil {
		return nil, err
	}
	o := &d.dicts.take(1, 4, 64)[0]
	o.entries = d.entries.take(n, 16, 128)[:0]
	return o, nil
}

// newText is Machine.newText.
func (d *decoder) newText(n int) (Value, []byte, error) {
	if !d.shared || n > 1024 {
		return d.m.newText(n)
	}
	if err := d.m.Charge(n + textSize); err != nil {
		return Value{}, nil, err
	}
	words := d.texts.take((n+textHeaderSize+7)/8, 64, 1024)
	v, buf := textIn(unsafe.Pointer(unsafe.SliceData(words)), n)
	return v, buf, nil
}

// textIn makes a text of zeroed memory: n bytes after a header.
func textIn(p unsafe.Pointer, n int) (Value, []byte) {
	v := Value{p, uint64(String)<<kindShift | uint64(n)}
	return v, unsafe.Slice((*byte)(unsafe.Add(p, textHeaderSize)), n)
}

// object reads a dict. Its keys and values gather on the stack.
func (d *decoder) object(depth int) (Value, error) {
	if depth > maxNesting {
		return Value{}, d.fail("nested deeper than %d levels", maxNesting)
	}
	d.pos++
	base := len(d.stack)
	c, err := d.token()
	for first := true; err == nil && (c != '}' || !first); first = false {
		var key, v Value
		if key, err = d.key(); err != nil {
			break
		}
		if v, err = d.value(depth); err != nil {
			break
		}
		if err = d.push(key); err != nil {
			break
		}
		if err = d.push(v); err != nil {
			break
		}
		if c, err = d.token(); err != nil || c == '}' {
			break
		}
		if c != ',' {
			return Value{}, d.unexpected()
		}
		d.pos++
	}
	if err != nil {
		return Value{}, err
	}
	d.pos++
	return d.makeDict(base)
}

// makeDict makes a dict of the keys and values on the stack.
func (d *decoder) makeDict(base int) (Value, error) {
	pairs := d.stack[base:]
	o, err := d.newDict(len(pairs) / 2)
	if err != nil {
		return Value{}, err
	}
	for i := 0; i < len(pairs); i += 2 {
		if i%1024 == 1022 {
			if err := d.m.Work(256); err != nil {
				return Value{}, err
			}
		}
		if err := d.setNew(o, pairs[i], pairs[i+1]); err != nil {
			return Value{}, err
		}
	}
	d.drop(base)
	return dictValue(o), nil
}

// setNew sets a key that must not be there.
func (d *decoder) setNew(o *dict, key, v Value) error {
	hash, err := d.m.hashKey(key)
	if err != nil {
		return err
	}
	if o.find(key, hash) >= 0 {
		return d.fail("the key %s is there twice", quoted(key.str()))
	}
	return o.add(d.m, entry{key, v, hash})
}

// quoted returns the beginning of a text in quotes, for messages.
func quoted(s string) string {
	const most = 100
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return `"` + s + `"`
}

// push puts a value on the stack.
func (d *decoder) push(v Value) error {
	if len(d.stack) == cap(d.stack) {
		old := cap(d.stack)
		size := max(2*old, 32)
		if err := d.m.Charge(size * valueSize); err != nil {
			return err
		}
		if err := d.m.Work(old / 32); err != nil {
			return err
		}
		grown := make([]Value, old, size)
		copy(grown, d.stack)
		d.stack = grown
		d.m.refund(d.grown * valueSize)
		d.grown = size
	}
	d.stack = append(d.stack, v)
	return d.m.Work(1)
}

// drop takes the values from base on off the stack.
func (d *decoder) drop(base int) { d.stack = d.stack[:base] }

// key reads a key and the colon after it.
func (d *decoder) key() (Value, error) {
	c, err := d.token()
	if err != nil {
		return Value{}, err
	}
	if c != '"' {
		return Value{}, d.unexpected()
	}
	key, err := d.keyText()
	if err != nil {
		return Value{}, err
	}
	if c, err = d.token(); err != nil {
		return Value{}, err
	}
	if c != ':' {
		return Value{}, d.unexpected()
	}
	d.pos++
	return key, nil
}

// keyText reads the text of a key. A short one that was met lately is not made
// again.
func (d *decoder) keyText() (Value, error) {
	from := d.pos + 1
	i := plainEnd(d.s, from, min(len(d.s), from+32))
	if i >= len(d.s) || d.s[i] != '"' || i <= from+1 {
		return d.text()
	}
	raw := d.s[from:i]
	d.pos = i + 1
	slot := &d.keys[(int(raw[0])*5+int(raw[len(raw)-1])*3+len(raw))%keyCache]
	if slot.byteLen() == len(raw) && slot.str() == raw {
		return *slot, nil
	}
	v, err := d.makeText(raw, false)
	*slot, d.met = v, true
	return v, err
}

// text reads a text.
func (d *decoder) text() (Value, error) {
	from := d.pos + 1
	i, wide := plainEnd(d.s, from, min(len(d.s), from+512)), false
	if i >= len(d.s) || d.s[i] != '"' {
		var err error
		if i, wide, err = d.plain(i); err != nil {
			return Value{}, err
		}
		if i < len(d.s) && d.s[i] == '\\' {
			return d.escapedText()
		}
		if err := d.checkPart(from, i, wide); err != nil {
			return Value{}, err
		}
	}
	d.pos = i + 1
	return d.makeText(d.s[from:i], wide)
}

// makeText makes a text; wide where something in it is not ASCII.
func (d *decoder) makeText(s string, wide bool) (Value, error) {
	if len(s) <= 1 {
		if s == "" {
			return emptyText, nil
		}
		return asciiTexts[s[0]], nil
	}
	v, buf, err := d.newText(len(s))
	if err != nil {
		return Value{}, err
	}
	if len(s) <= 512 {
		copy(buf, s)
	} else if err := copyText(d.m, buf, s); err != nil {
		return Value{}, err
	}
	if !wide {
		v = v.ascii()
	}
	return v, nil
}

// plain returns the end of what stands for itself in a text: a quote, a
// backslash, a control character or the end of input; and whether anything
// before it is not ASCII.
func (d *decoder) plain(i int) (end int, wide bool, err error) {
	for {
		limit := min(len(d.s), i+chunk)
		for i = plainEnd(d.s, i, limit); i < limit && d.s[i] >= utf8.RuneSelf; i = plainEnd(d.s, i, limit) {
			wide = true
			for i < limit && d.s[i] >= utf8.RuneSelf {
				i++
			}
		}
		if i < limit || i >= len(d.s) {
			return i, wide, nil
		}
		if err := d.m.Work(chunk / 64); err != nil {
			return i, wide, err
		}
		d.paid += chunk
	}
}

// checkPart makes sure that a part of a text may stand there, and that a quote
// or a backslash ends it.
func (d *decoder) checkPart(from, to int, wide bool) error {
	if wide {
		if err := d.checkUTF8(from, to); err != nil {
			return err
		}
	}
	switch {
	case to >= len(d.s):
		d.pos = to
		return d.fail("a text that does not end")
	case d.s[to] < ' ':
		d.pos = to
		return d.fail("a control character in a text")
	}
	return nil
}

func (d *decoder) checkUTF8(from, to int) error {
	for from < to {
		end := min(to, from+chunk)
		for back := 0; end < to && back < 3 && !utf8.RuneStart(d.s[end]); back++ {
			end--
		}
		if !utf8.ValidString(d.s[from:end]) {
			d.pos = from
			return d.fail("invalid UTF-8")
		}
		if err := d.m.Work((end - from) / 64); err != nil {
			return err
		}
		from = end
	}
	return nil
}

// escapedText reads a text that holds escapes.
func (d *decoder) escapedText() (Value, error) {
	b := builder{m: d.m}
	for from := d.pos + 1; ; {
		i, wide, err := d.plain(from)
		if err != nil {
			return Value{}, err
		}
		if err := d.checkPart(from, i, wide); err != nil {
			return Value{}, err
		}
		b.wide = b.wide || wide
		if err := b.put(d.s[from:i]); err != nil {
			return Value{}, err
		}
		if d.pos = i + 1; d.s[i] == '"' {
			return b.finish()
		}
		if err := d.m.Work(1); err != nil {
			return Value{}, err
		}
		r, err := d.escape()
		if err != nil {
			return Value{}, err
		}
		if err := b.putRune(r); err != nil {
			return Value{}, err
		}
		from = d.pos
	}
}

// escape reads what follows a backslash.
func (d *decoder) escape() (rune, error) {
	if d.pos >= len(d.s) {
		return 0, d.unexpected()
	}
	c := d.s[d.pos]
	d.pos++
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		return d.unicodeEscape()
	}
	d.pos--
	return 0, d.fail("an unknown escape")
}

// unicodeEscape reads the digits after \u, and the other half of a pair of
// surrogates.
func (d *decoder) unicodeEscape() (rune, error) {
	r, err := d.hex4()
	if err != nil || r < 0xD800 || r > 0xDFFF {
		return r, err
	}
	if r < 0xDC00 && strings.HasPrefix(d.s[d.pos:], `\u`) {
		d.pos += 2
		low, err := d.hex4()
		if err != nil {
			return 0, err
		}
		if low >= 0xDC00 && low <= 0xDFFF {
			return (r-0xD800)<<10 + (low - 0xDC00) + 0x10000, nil
		}
	}
	return 0, d.fail("an unpaired surrogate")
}

func (d *decoder) hex4() (rune, error) {
	if len(d.s)-d.pos < 4 {
		return 0, d.fail("four hexadecimal digits are wanted")
	}
	var r rune
	for _, c := range []byte(d.s[d.pos : d.pos+4]) {
		switch {
		case isDigitByte(c):
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, d.fail("four hexadecimal digits are wanted")
		}
		r = r<<4 | rune(c)
	}
	d.pos += 4
	return r, nil
}

const (
	everyByte = 0x0101010101010101
	highBits  = 0x80 * everyByte
)

// special marks in the high bits the bytes of w that may not stand for
// themselves in a JSON text: control characters, quotes, backslashes. Bits above the
// first mark mean nothing.
func special(w uint64) uint64 { return anySpecial(w) &^ w }

// anySpecial is special for ASCII: bytes that are not may be marked as well.
func anySpecial(w uint64) uint64 {
	quotes := w ^ '"'*everyByte
	slashes := w ^ '\\'*everyByte
	return (w - ' '*everyByte) | (quotes - everyByte) | (slashes - everyByte)
}

// plainEnd returns the first place from i on, before limit, of what is no plain
// ASCII or may not stand for itself in a JSON text; or limit.
func plainEnd(s string, i, limit int) int {
	for ; limit-i >= 8; i += 8 {
		w := load64(s[i:])
		if marks := (anySpecial(w) | w) & highBits; marks != 0 {
			return i + bits.TrailingZeros64(marks)/8
		}
	}
	for ; i < limit; i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return i
		}
	}
	return i
}

// escapeStart returns the first place in s of what has to be escaped in a JSON
// text, or its length.
func escapeStart(s string) int {
	i := 0
	for ; len(s)-i >= 8; i += 8 {
		if marks := special(load64(s[i:])) & highBits; marks != 0 {
			return i + bits.TrailingZeros64(marks)/8
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			return i
		}
	}
	return i
}
