// This file holds reading JSON, straight from bytes into values: containers, numbers and
// words. Texts are in json_text.go, the body of a request is read by json_object.go.

package vm

import (
	"strings"
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

// value reads a value that lies depth levels deep.
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
