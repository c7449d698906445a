// This file holds reading the JSON object that is the body of a request.

package vm

import (
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// Object reading: what is called for the keys of an object.
type (
	// FieldFunc is called for a key with its value.
	FieldFunc func(key string, v Value) error
	// RawFunc is called with a text as it stands between its quotes, escapes and
	// all, and where in the object its first quote is. Nothing of it has been
	// checked: Unquote does that.
	RawFunc func(text []byte, at int) error
)

// ParseObject reads a JSON text that is an object, as strictly as ParseJSON, and
// calls field for each of its keys in order, until one call fails. Calls may
// have been made when an error is found further on.
//
// The values share a few large allocations: it is fast, but as long as one of
// them is held, the memory of others is. It is for the body of a request, which
// an execution has one of. Keys may be parts of b.
func (m *Machine) ParseObject(b []byte, field FieldFunc) error {
	return m.ParseObjectRaw(b, field, "", nil)
}

// ParseObjectRaw is ParseObject, but that the text under the key raw is handed to
// text instead: whoever has met the same bytes before need not read them again. A
// value there that is no text goes to field. The text is charged all the same.
func (m *Machine) ParseObjectRaw(b []byte, field FieldFunc, raw string, text RawFunc) error {
	r := &m.object
	if r.busy { // within a call of field
		r = new(objectReader)
	}
	r.busy = true
	r.m, r.s = m, unsafe.String(unsafe.SliceData(b), len(b))
	r.stack, r.shared = r.room[:0], true
	r.field, r.raw, r.text = field, raw, text
	err := r.fields()
	if err == nil {
		err = r.end()
	}
	r.close()
	r.clear()
	return err
}

// Unquote checks a text of n bytes that ParseObjectRaw handed out of b, and gives what it
// stands for, which is in room where there is enough of it, and else in memory of its
// own: n bytes of room are always enough. That takes neither memory nor instructions of
// the execution, so that it makes no difference to them whether it was needed.
func (m *Machine) Unquote(room, b []byte, at, n int) (string, error) {
	if text, ok := unquoteShort(room, b[at+1:at+n+2], n); ok {
		return text, nil
	}
	var other Machine
	other.Reset(m.ctx, Limits{Instructions: -1, Memory: -1, Time: m.limits.Time}, m.sched)
	defer other.Clear()
	d := decoder{m: &other, s: unsafe.String(unsafe.SliceData(b), len(b)), pos: at, paid: at}
	v, err := d.text()
	if err != nil {
		return "", err
	}
	text := append(room[:0], v.str()...)
	return unsafe.String(unsafe.SliceData(text), len(text)), nil
}

// unquoteShort is Unquote for what scripts are as a rule: a short text with escapes of
// ASCII, which a quote ends. It does not decide about any other.
func unquoteShort(room, b []byte, end int) (string, bool) {
	const short = 8 << 10 // no time that anybody would have to be asked for
	if end >= short {
		return "", false
	}
	s := unsafe.String(unsafe.SliceData(b), end)
	text := room
	if len(text) < end {
		text = make([]byte, end)
	}
	from, to := unsafe.Pointer(unsafe.StringData(s)), unsafe.Pointer(unsafe.SliceData(text))
	i, n := 0, 0      // n is never above i, so that there is room for what is read
	wide := uint64(0) // a high bit is where something is not ASCII
	for i < end {
		if i+8 <= end {
			w := loadWord(unsafe.Add(from, i))
			storeWord(unsafe.Add(to, n), w) // what follows a backslash is written over
			wide |= w
			odd := ((w - ' '*everyByte) | (w ^ '\\'*everyByte - everyByte)) &^ w & highBits
			if odd == 0 {
				i, n = i+8, n+8
				continue
			}
			plain := bits.TrailingZeros64(odd) / 8
			i, n = i+plain, n+plain
		}
		c, size := *(*byte)(unsafe.Add(from, i)), 1
		if c == '\\' {
			if c, size = escapes[*(*byte)(unsafe.Add(from, i+1))], 2; c == 0 {
				c, size = hexEscape(s[i:])
			}
		}
		if c < ' ' && size < 2 { // a control character, or an escape that is none
			return "", false
		}
		wide |= uint64(c)
		*(*byte)(unsafe.Add(to, n)) = c
		i, n = i+size, n+1
	}
	if i > end || wide&highBits != 0 && !utf8.Valid(text[:n]) {
		return "", false
	}
	return unsafe.String(unsafe.SliceData(text), n), true
}

func loadWord(p unsafe.Pointer) uint64 { return binary.LittleEndian.Uint64((*[8]byte)(p)[:]) }

func storeWord(p unsafe.Pointer, w uint64) { binary.LittleEndian.PutUint64((*[8]byte)(p)[:], w) }

// closingQuote returns the first place from i on of a quote that nothing escapes, or
// the length of s.
func closingQuote(s string, i int) int {
	for from := i; ; i++ {
		n := strings.IndexByte(s[i:], '"')
		if n < 0 {
			return len(s)
		}
		i += n
		before := i
		for before > from && s[before-1] == '\\' {
			before--
		}
		if (i-before)%2 == 0 { // each escapes the next
			return i
		}
	}
}

// escapes are the characters that a backslash and a letter stand for.
var escapes = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// hexEscape returns the ASCII character that the escape \u0012 at the beginning of s stands
// for, and the escape's length; 0 where it is another, or none.
func hexEscape(s string) (c byte, n int) {
	if s[1] == 'u' && len(s) >= 6 && s[2] == '0' && s[3] == '0' {
		var code [1]byte
		if _, err := hex.Decode(code[:], []byte(s[4:6])); err == nil && code[0] < utf8.RuneSelf {
			return code[0], 6
		}
	}
	return 0, 0
}

// fewKeys is how many keys are compared one by one before they go into a dict.
const fewKeys = 12

// objectReader reads an object. It is kept with the machine, and used again.
type objectReader struct {
	decoder
	field FieldFunc
	raw   string
	text  RawFunc
	busy  bool
	few   [fewKeys]string // the keys so far
	n     int
	many  *dict // instead of few
	room  [32]Value
}

// clear forgets everything that was read.
func (r *objectReader) clear() {
	if r.met {
		clear(r.keys[:])
	}
	if !r.room[0].IsUnset() { // something lay on the stack
		clear(r.room[:])
	}
	clearShort(r.few[:r.n])
	r.m, r.s, r.pos, r.paid, r.stack, r.grown, r.met = nil, "", 0, 0, nil, 0, false
	r.texts, r.values, r.entries = slab[uint64]{}, slab[Value]{}, slab[entry]{}
	r.dicts, r.lists = slab[dict]{}, slab[list]{}
	r.field, r.raw, r.text, r.busy, r.n, r.many = nil, "", nil, false, 0, nil
}

// fields reads the object key by key.
func (r *objectReader) fields() error {
	c, err := r.token()
	if err != nil {
		return err
	}
	if c != '{' {
		return r.fail("an object is wanted")
	}
	r.pos++
	if c, err = r.token(); err != nil {
		return err
	}
	for c != '}' {
		if err := r.member(); err != nil {
			return err
		}
		if r.at(',') {
			continue
		}
		if c, err = r.token(); err != nil {
			return err
		}
		if c != ',' && c != '}' {
			return r.unexpected()
		}
		if c == ',' {
			r.pos++
		}
	}
	r.pos++
	return nil
}

// member reads a key and its value.
func (r *objectReader) member() error {
	key, err := r.name()
	if err != nil {
		return err
	}
	if r.raw != "" && key == r.raw {
		c, err := r.token()
		if err != nil {
			return err
		}
		if c == '"' {
			return r.rawText(key)
		}
	}
	v, err := r.value(1)
	if err != nil {
		return err
	}
	if err := r.note(key); err != nil {
		return err
	}
	return r.field(key, v)
}

// name reads a key and the colon after it. A plain one is not copied.
func (r *objectReader) name() (string, error) {
	if !r.at('"') {
		if err := r.want('"'); err != nil {
			return "", err
		}
	}
	var key string
	from := r.pos
	if i := plainEnd(r.s, from, min(len(r.s), from+64)); i < len(r.s) && r.s[i] == '"' {
		key, r.pos = r.s[from:i], i+1
	} else {
		r.pos--
		v, err := r.decoder.text()
		if err != nil {
			return "", err
		}
		key = v.str()
	}
	if !r.at(':') {
		if err := r.want(':'); err != nil {
			return "", err
		}
	}
	return key, r.m.Charge(len(key) + textSize)
}

// rawText finds the end of a text and hands it out as it stands.
func (r *objectReader) rawText(key string) error {
	from := r.pos + 1
	end := closingQuote(r.s, from)
	if end == len(r.s) {
		r.pos = end
		return r.fail("a text that does not end")
	}
	r.pos = end + 1
	if err := r.m.Charge(end - from + textSize); err != nil {
		return err
	}
	if err := r.m.Work((end - from) / 64); err != nil {
		return err
	}
	if err := r.note(key); err != nil {
		return err
	}
	return r.text(unsafe.Slice(unsafe.StringData(r.s[from:end]), end-from), from-1)
}

// note notes a key, which must not have been there.
func (r *objectReader) note(key string) error {
	if r.many == nil {
		for _, k := range r.few[:r.n] {
			if k == key {
				return r.fail("the key %s is there twice", quoted(key))
			}
		}
		if r.n < fewKeys {
			r.few[r.n] = key
			r.n++
			return r.m.Work(1)
		}
		return r.manyKeys(key)
	}
	return r.noteMany(key)
}

// manyKeys moves the keys so far to a dict.
func (r *objectReader) manyKeys(key string) error {
	d, err := r.m.newDict(2 * fewKeys)
	if err != nil {
		return err
	}
	r.many = d
	for _, k := range r.few[:r.n] {
		if err := r.noteMany(k); err != nil {
			return err
		}
	}
	return r.noteMany(key)
}

func (r *objectReader) noteMany(key string) error {
	k, err := r.m.Text(key)
	if err != nil {
		return err
	}
	return r.setNew(r.many, k, Value{})
}
