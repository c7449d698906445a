// This file holds the search in texts: interruptible, and in code points where
// a script sees positions.

package vm

import (
	"math/bits"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// longNeedle is the length from which a text is looked for by its beginning
// first, so that one step of a search stays short.
const longNeedle = chunk / 4

// scan charges for a walk over a text.
type scan struct {
	m    *Machine
	next int // the position from which to charge again
}

// at is called with each position in turn.
func (s *scan) at(pos int) error {
	if pos < s.next {
		return nil
	}
	return s.pay(pos)
}

func (s *scan) pay(pos int) error {
	s.next = pos + 64
	return s.m.Work(1)
}

// indexAny is strings.IndexAny for a text of any length.
func (m *Machine) indexAny(s, chars string) (int, error) {
	for at := 0; at < len(s); at += chunk {
		end := min(len(s), at+chunk)
		if i := strings.IndexAny(s[at:end], chars); i >= 0 {
			return at + i, m.Work(i / 64)
		}
		if err := m.Work((end - at) / 64); err != nil {
			return 0, err
		}
	}
	return -1, nil
}

// search returns the byte position of sub in s from a position on, or -1. Neither
// is empty.
func (m *Machine) search(s, sub string, from int) (int, error) {
	if len(s)-from <= chunk && len(sub) < longNeedle {
		i := strings.Index(s[from:], sub)
		if i < 0 {
			return -1, m.Work((len(s) - from) / 64)
		}
		return from + i, m.Work((i + len(sub)) / 64)
	}
	for from+len(sub) <= len(s) {
		head := sub[:min(len(sub), longNeedle)]
		end := min(len(s), from+chunk+len(head)-1)
		i := strings.Index(s[from:end], head)
		if i < 0 {
			if err := m.Work((end - from) / 64); err != nil {
				return -1, err
			}
			from = end - len(head) + 1
			continue
		}
		if err := m.Work((i + len(head)) / 64); err != nil {
			return -1, err
		}
		from += i
		found, err := m.hasPrefix(s[from:], sub)
		if found || err != nil {
			return from, err
		}
		from++
	}
	return -1, nil
}

// hasPrefix is strings.HasPrefix for texts of any length.
func (m *Machine) hasPrefix(s, prefix string) (bool, error) {
	if len(s) < len(prefix) {
		return false, nil
	}
	for len(prefix) > chunk {
		if s[:chunk] != prefix[:chunk] {
			return false, nil
		}
		s, prefix = s[chunk:], prefix[chunk:]
		if err := m.Work(chunk / 512); err != nil {
			return false, err
		}
	}
	return s[:len(prefix)] == prefix, m.Work(len(prefix) / 512)
}

// occurrences counts how often sub occurs in s without overlap, up to limit
// times. An empty sub occurs around each code point.
func (m *Machine) occurrences(s, sub string, limit int) (int, error) {
	if sub == "" {
		n, err := m.runes(s)
		return min(n+1, limit), err
	}
	n := 0
	for from := 0; n < limit; n++ {
		at, err := m.search(s, sub, from)
		if at < 0 || err != nil {
			return n, err
		}
		from = at + len(sub)
		if n&3 == 3 {
			if err := m.Work(1); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// runes counts the code points of s.
func (m *Machine) runes(s string) (int, error) {
	n := 0
	for len(s) > chunk {
		n += countRunes(s[:chunk])
		if err := m.Work(chunk / 64); err != nil {
			return 0, err
		}
		s = s[chunk:]
	}
	return n + countRunes(s), m.Work(len(s) / 64)
}

// countRunes counts the bytes of s that begin a code point.
func countRunes(s string) int {
	n := len(s)
	for len(s) >= 8 {
		w := *(*uint64)(unsafe.Pointer(unsafe.StringData(s)))
		n -= bits.OnesCount64(w >> 7 &^ (w >> 6) & 0x0101010101010101)
		s = s[8:]
	}
	for i := range len(s) {
		if !utf8.RuneStart(s[i]) {
			n--
		}
	}
	return n
}

// length is the number of code points of the string v.
func (m *Machine) length(v Value) (int, error) {
	if v.isASCII() {
		return v.byteLen(), nil
	}
	return m.runes(v.str())
}

// offset returns the byte position of code point n of s, or the length of s where
// it has no more than n.
func (m *Machine) offset(s string, n int) (int, error) {
	at := 0
	for at+chunk < len(s) {
		c := countRunes(s[at : at+chunk])
		if c > n {
			break
		}
		n -= c
		at += chunk
		if err := m.Work(chunk / 64); err != nil {
			return 0, err
		}
	}
	for end := min(len(s), at+chunk); at < end && !utf8.RuneStart(s[at]); {
		at++ // of a code point counted before
	}
	start := at
	for at < len(s) && n > 0 {
		_, size := utf8.DecodeRuneInString(s[at:])
		at += size
		n--
	}
	return at, m.Work((at - start) / 64)
}

// span is the part of a string that the arguments start and end of a method
// choose, in bytes.
type span struct {
	text     string
	from     int // of text in the string
	skipped  int // code points before from
	ascii    bool
	inverted bool // start lies after end: not even the empty text is found
}

// spanOf reads the optional arguments start and end after a method's first one.
func (m *Machine) spanOf(v Value, args []Value) (span, error) {
	s := v.str()
	sp := span{text: s, ascii: v.isASCII()}
	if len(args) < 2 {
		return sp, nil
	}
	n, err := m.length(v)
	if err != nil {
		return sp, err
	}
	start, end, err := bounds(args[1:], n)
	if err != nil {
		return sp, err
	}
	if start > end {
		sp.inverted = true
		return sp, nil
	}
	sp.skipped = start
	from, to := start, end
	if !sp.ascii {
		if from, err = m.offset(s, start); err != nil {
			return sp, err
		}
		if to, err = m.offset(s[from:], end-start); err != nil {
			return sp, err
		}
		to += from
	}
	sp.text, sp.from = s[from:to], from
	return sp, nil
}

// position turns a byte position in the span's text into code points of the
// whole string.
func (m *Machine) position(sp span, at int) (int, error) {
	if sp.ascii {
		return sp.skipped + at, nil
	}
	n, err := m.runes(sp.text[:at])
	return sp.skipped + n, err
}

// bounds reads optional start and end as a slice of n items does; start may
// lie beyond end and n.
func bounds(args []Value, n int) (start, end int, err error) {
	end = n
	if len(args) > 0 {
		if start, err = bound(args[0], 0); err != nil {
			return 0, 0, err
		}
	}
	if len(args) > 1 {
		if end, err = bound(args[1], n); err != nil {
			return 0, 0, err
		}
	}
	if end < 0 {
		end = max(0, end+n)
	}
	if start < 0 {
		start = max(0, start+n)
	}
	return start, min(end, n), nil
}

// bound reads one end of a slice; None is left out.
func bound(v Value, absent int) (int, error) {
	switch v.Kind() {
	case None:
		return absent, nil
	case Int, Bool:
		return int(v.Int()), nil
	}
	return 0, typeErrorf("slice indices must be integers or None, not '%s'", v.Kind())
}
