// This file holds the meter of memory: what an execution holds is charged
// before it is allocated, and measured anew when the charges reach the quota.

package vm

import (
	"strings"
	"unicode/utf8"
	"unsafe"
)

// Sizes in bytes that are charged for objects beside their contents.
const (
	valueSize = 16
	listSize  = 48 // list header and allocation overhead
	dictSize  = 112
	entrySize = 48 // of a dict, index included
	textSize  = 16 // header and rounding
)

// largeText is from how many bytes on a text is work to allocate.
const largeText = 64 << 10

// meter counts the bytes that an execution holds. left falls with each charge;
// below zero the machine reserves more of the scheduler, and once the whole quota
// is reserved it walks its roots.
type meter struct {
	left     int64  // bytes until the scheduler is asked, or the next walk
	beyond   int64  // bytes of the quota that are not reserved yet
	reserved int64  // bytes that the scheduler has granted
	limit    int64  // the quota
	mark     uint32 // the epoch of the last walk
	// op is left as it was when the running native operation began: what it has
	// allocated since then is held by nothing but itself, and counts as held.
	op int64
}

// reset makes the quota whole.
func (t *meter) reset(limit int64) {
	t.limit = limit
	t.left = min(limit, FreeMemory)
	t.op, t.beyond, t.reserved = t.left, limit-t.left, 0
}

// lower takes cut bytes off the quota.
func (t *meter) lower(cut int64) {
	t.limit -= cut
	if t.beyond -= cut; t.beyond < 0 {
		t.left, t.op, t.beyond = t.left+t.beyond, t.op+t.beyond, 0
	}
}

// raise gives cut bytes back to the quota.
func (t *meter) raise(cut int64) {
	t.limit += cut
	t.beyond += cut
}

// room is how many bytes may be charged before the next walk.
func (t *meter) room() int64 { return t.left + t.beyond }

// Charge asks for n bytes before they are allocated. Its errors are quota_memory
// and, where a scheduler has no more memory to share, overloaded.
func (m *Machine) Charge(n int) error {
	m.mem.left -= int64(n)
	if m.mem.left < 0 {
		return m.extend()
	}
	return nil
}

// Taken is how many bytes the execution was charged for, less what it was found to hold
// no more.
func (m *Machine) Taken() int64 { return m.mem.limit - m.mem.room() }

// extend reserves what the charges need, and at the quota measures anew.
func (m *Machine) extend() error {
	t := &m.mem
	if need := -t.left; need <= t.beyond {
		return m.grant(min(t.beyond, need+memoryStep))
	}
	return m.remeasure()
}

// grant moves n bytes of the quota from beyond to left.
func (m *Machine) grant(n int64) error {
	if err := m.sched.Reserve(n); err != nil {
		return err
	}
	t := &m.mem
	t.left, t.op = t.left+n, t.op+n
	t.beyond, t.reserved = t.beyond-n, t.reserved+n
	return nil
}

// refund takes back a charge for something that was given up at once.
func (m *Machine) refund(n int) { m.mem.left += int64(n) }

// newText makes room for a text of n bytes, zeroed, and gives the buffer to
// fill before the value is shown to anybody. The caller says with setASCII, or
// finishText, whether it is ASCII.
func (m *Machine) newText(n int) (Value, []byte, error) {
	if err := m.Charge(n + textSize); err != nil {
		return Value{}, nil, err
	}
	if n >= largeText { // the system has to find pages for it
		if err := m.Work(n / 1024); err != nil {
			return Value{}, nil, err
		}
	}
	v, buf := allocText(n)
	return v, buf, nil
}

// allocText allocates a text of n bytes that is charged already.
func allocText(n int) (Value, []byte) {
	words := make([]uint64, textWords(n))
	return textIn(unsafe.Pointer(unsafe.SliceData(words)), n)
}

// ascii marks a string as ASCII.
func (v Value) ascii() Value {
	v.n |= asciiFlag
	return v
}

// finishText sets the flags of a text that was just filled.
func finishText(v Value) Value {
	if isASCII(v.str()) {
		v.n |= asciiFlag
	}
	return v
}

// Text makes a string value of s, which must be valid UTF-8 (anything else is
// replaced by U+FFFD).
func (m *Machine) Text(s string) (Value, error) {
	if !utf8.ValidString(s) {
		if err := m.Charge(3 * len(s)); err != nil {
			return Value{}, err
		}
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	v, buf, err := m.newText(len(s))
	if err != nil {
		return Value{}, err
	}
	if err := copyText(m, buf, s); err != nil {
		return Value{}, err
	}
	return finishText(v), nil
}

// staticText makes a constant string: not charged, not marked, hashed at once so
// that nobody ever writes to it.
func staticText(s string) Value {
	words := make([]uint64, textWords(len(s)))
	return staticTextIn(unsafe.Pointer(unsafe.SliceData(words)), s)
}

// textWords is how many words a text of n bytes takes: its header, and at least a byte
// behind it, so that no pointer leads past the end.
func textWords(n int) int { return (max(n, 1) + textHeaderSize + 7) / 8 }

// staticTextIn is staticText in textWords of zeroed memory.
func staticTextIn(p unsafe.Pointer, s string) Value {
	v, buf := textIn(p, len(s))
	copy(buf, s)
	if len(s) <= twoWords {
		a, b := wordsOf(s)
		if (a|b)&highBits == 0 {
			v = v.ascii()
		}
		v.header().hash = hashWords(a, b, len(s))
	} else {
		v = finishText(v)
		v.header().hash = hashBytes(s)
	}
	v.n |= staticFlag
	return v
}

func isASCII(s string) bool {
	for len(s) >= 8 {
		p := (*[8]byte)(unsafe.Pointer(unsafe.StringData(s)))
		if *(*uint64)(unsafe.Pointer(p))&0x8080808080808080 != 0 {
			return false
		}
		s = s[8:]
	}
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// newList makes a list with room for n items.
func (m *Machine) newList(n int) (*list, error) {
	if err := m.Charge(listSize + n*valueSize); err != nil {
		return nil, err
	}
	return &list{items: make([]Value, 0, n)}, nil
}

// push appends an item to a list, charging for growth.
func (m *Machine) push(l *list, v Value) error {
	if len(l.items) == cap(l.items) {
		if err := m.growList(l, 1); err != nil {
			return err
		}
	}
	l.items = append(l.items, v)
	return nil
}

// copyPiece is how many values are copied between two looks at the clock.
const copyPiece = 8192

// growList makes room for n more items. A small list doubles, a large one
// grows by a quarter, so that the room it wastes stays in proportion.
func (m *Machine) growList(l *list, n int) error {
	room := len(l.items) + n
	if room <= cap(l.items) {
		return nil
	}
	c := 2 * cap(l.items)
	if c > 1024 {
		c = cap(l.items) + cap(l.items)/4
	}
	c = max(c, room, 4)
	if err := m.Charge(c * valueSize); err != nil {
		return err
	}
	items := make([]Value, 0, c)
	for from := 0; from < len(l.items); from += copyPiece {
		part := l.items[from:min(from+copyPiece, len(l.items))]
		if err := m.Work(len(part) / 16); err != nil {
			return err
		}
		items = append(items, part...)
	}
	l.items = items
	return nil
}
