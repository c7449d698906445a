// This file holds the dict: insertion-ordered, open addressing, keys compared
// as Python does (1, 1.0 and True are one key).

package vm

import (
	"hash/maphash"
	"math"
	"math/bits"
)

// dict is the object behind a dict.
type dict struct {
	mark    uint32
	mixed   bool    // it has, or had, keys that are no texts
	live    int     // entries that are not deleted
	entries []entry // in the order of insertion; a deleted one has an unset key
	index   []int32 // by hash: position in entries plus 1, or one of the slots below; nil while small
}

// entry is one key with its value.
type entry struct {
	key, val Value
	hash     uint32 // never 0, but where the entry is deleted
}

const (
	shortText   = 511 // bytes that are looked at for no instruction
	twoWords    = 16  // bytes of a text that its hash is made of at once
	smallDict   = 8   // up to this many entries there is no index
	slotEmpty   = 0
	slotDeleted = -1
	// hashChunk is how many bytes of a text are hashed between two looks at the
	// quotas.
	hashChunk = 64 << 10
)

// The seeds differ from process to process, so that nobody can make up keys
// that collide. They never change.
var (
	seed    = maphash.MakeSeed()
	seedInt = [3]uint64{maphash.String(seed, "first"), maphash.String(seed, "second") | 1, maphash.String(seed, "third")}
)

// newDict makes a dict with room for that many entries.
func (m *Machine) newDict(room int) (*dict, error) {
	if err := m.Charge(dictSize); err != nil {
		return nil, err
	}
	d := &dict{}
	if room > 0 {
		if err := d.rebuild(m, room); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// len is the number of entries.
func (d *dict) len() int { return d.live }

// size is what the dict holds, in bytes, without its keys and values.
func (d *dict) size() int { return dictSize + entrySize*cap(d.entries) }

// get returns the value at a key. A kind that is no key is a type_error.
func (d *dict) get(m *Machine, key Value) (Value, bool, error) {
	hash, err := m.hashKey(key)
	if err != nil {
		return Value{}, false, err
	}
	if i := d.find(key, hash); i >= 0 {
		return d.entries[i].val, true, nil
	}
	return Value{}, false, nil
}

// set sets the value at a key. A key that is there already stays as it is, in
// its place.
func (d *dict) set(m *Machine, key, val Value) error {
	hash, err := m.hashKey(key)
	if err != nil {
		return err
	}
	if i := d.find(key, hash); i >= 0 {
		d.entries[i].val = val
		return nil
	}
	return d.add(m, entry{key, val, hash})
}

// put is set in its usual case: a short text as the key, and room for one more entry.
// ok is false, and nothing done, in every other.
func (d *dict) put(key, val Value) (ok bool) {
	hash := key.header().hash
	if key.byteLen() > shortText || hash == 0 && key.byteLen() > twoWords {
		return false
	}
	if hash == 0 {
		hash = hashShort(key.str())
		key.header().hash = hash
	}
	i, slot := d.probe(key, hash)
	if i >= 0 {
		d.entries[i].val = val
		return true
	}
	n := len(d.entries)
	if n == cap(d.entries) {
		return false
	}
	d.entries = d.entries[:n+1]
	// Field by field, which spares a call where the garbage collector marks.
	e := &d.entries[n]
	e.key, e.val, e.hash = key, val, hash
	d.live++
	if d.index != nil {
		d.index[slot] = int32(n + 1)
	}
	return true
}

// remove deletes a key and gives the value that it had.
func (d *dict) remove(m *Machine, key Value) (Value, bool, error) {
	hash, err := m.hashKey(key)
	if err != nil {
		return Value{}, false, err
	}
	i := d.find(key, hash)
	if i < 0 {
		return Value{}, false, nil
	}
	val := d.entries[i].val
	if d.index != nil {
		d.index[d.slotOf(i)] = slotDeleted
	}
	d.entries[i] = entry{}
	d.live--
	// Going through a dict must not cost much more than what lives in it.
	if n := len(d.entries); n > 32 && d.live < n/4 {
		if err := d.rebuild(m, 2*d.live); err != nil {
			return Value{}, false, err
		}
	}
	return val, true, nil
}

// clear deletes all entries.
func (d *dict) clear() { d.live, d.entries, d.index, d.mixed = 0, nil, nil, false }

// copy returns a dict of the same keys and values.
func (d *dict) copy(m *Machine) (*dict, error) {
	c, err := m.newDict(0)
	if err != nil {
		return nil, err
	}
	c.live, c.entries, c.mixed = d.live, d.entries, d.mixed
	if err := c.rebuild(m, d.live); err != nil {
		return nil, err
	}
	return c, nil
}

// next returns the first entry at or after a position, and the position to go
// on from; nil at the end. The dict may change in between: an entry may then
// be met twice or not at all, but nothing worse happens.
func (d *dict) next(pos int) (*entry, int) {
	for ; pos < len(d.entries); pos++ {
		if e := &d.entries[pos]; e.hash != 0 {
			return e, pos + 1
		}
	}
	return nil, pos
}

// find returns the position of a key, or -1.
func (d *dict) find(key Value, hash uint32) int {
	i, _ := d.probe(key, hash)
	return i
}

// probe returns the position of a key, or -1 and, where there is an index, the place in it
// for a new entry.
func (d *dict) probe(key Value, hash uint32) (pos int, slot uint32) {
	if d.index == nil {
		for i := range d.entries {
			if e := &d.entries[i]; e.hash == hash && (e.key == key || sameKey(e.key, key)) {
				return i, 0
			}
		}
		return -1, 0
	}
	mask := uint32(len(d.index) - 1)
	for slot = hash & mask; ; slot = (slot + 1) & mask {
		i := d.index[slot]
		if i == slotEmpty {
			return -1, slot
		}
		if i > 0 {
			if e := &d.entries[i-1]; e.hash == hash && (e.key == key || sameKey(e.key, key)) {
				return int(i - 1), slot
			}
		}
	}
}

// slotOf returns the place in the index of an entry.
func (d *dict) slotOf(pos int) uint32 {
	mask := uint32(len(d.index) - 1)
	slot := d.entries[pos].hash & mask
	for d.index[slot] != int32(pos+1) {
		slot = (slot + 1) & mask
	}
	return slot
}

// add appends an entry whose key is not in the dict.
func (d *dict) add(m *Machine, e entry) error {
	if len(d.entries) == cap(d.entries) {
		// Where many are deleted, closing the gaps makes room enough.
		room := 2 * d.live
		switch {
		case d.live < 512:
			room = 4 * d.live
		case d.live > 4096:
			room = d.live + d.live/2
		}
		if err := d.rebuild(m, max(room, 4)); err != nil {
			return err
		}
	}
	d.entries = append(d.entries, e)
	d.live++
	d.mixed = d.mixed || !e.key.IsString()
	if d.index != nil {
		d.enter(e.hash, len(d.entries)-1)
	}
	return nil
}

// enter notes an entry in the index.
func (d *dict) enter(hash uint32, pos int) {
	mask := uint32(len(d.index) - 1)
	slot := hash & mask
	for d.index[slot] > 0 {
		slot = (slot + 1) & mask
	}
	d.index[slot] = int32(pos + 1)
}

// rebuild moves the live entries to a new room without gaps, and indexes them.
func (d *dict) rebuild(m *Machine, room int) error {
	if room > math.MaxInt32/2 {
		room = math.MaxInt32 / 2
		if d.live >= room {
			return Errorf(CodeMemory, "a dict of more than %d keys", room)
		}
	}
	if err := m.Charge(room * entrySize); err != nil {
		return err
	}
	n := dict{entries: make([]entry, 0, room)}
	if room > smallDict {
		n.index = make([]int32, indexSize(room))
	}
	for pos := 0; pos < len(d.entries); {
		end := min(pos+1024, len(d.entries))
		if err := m.Work((end - pos) / 2); err != nil {
			return err
		}
		if d.live == len(d.entries) { // no gaps
			n.entries = append(n.entries, d.entries[pos:end]...)
			for ; pos < end && n.index != nil; pos++ {
				n.enter(d.entries[pos].hash, pos)
			}
			pos = end
			continue
		}
		for ; pos < end; pos++ {
			e := &d.entries[pos]
			if e.hash == 0 {
				continue
			}
			n.entries = append(n.entries, *e)
			if n.index != nil {
				n.enter(e.hash, len(n.entries)-1)
			}
		}
	}
	d.entries, d.index = n.entries, n.index
	return nil
}

// indexSize is the size of the index for that many entries: a power of two, at
// most three quarters full, deleted entries included.
func indexSize(room int) int {
	return 1 << bits.Len(uint(room+room/3))
}

// hashKey returns the hash of a key. A kind that is no key is a type_error.
func (m *Machine) hashKey(key Value) (uint32, error) {
	switch key.Kind() {
	case String:
		// Looking a long key up costs a comparison, also where its hash is known.
		if n := key.byteLen(); n > shortText {
			if err := m.Work(n / 512); err != nil {
				return 0, err
			}
		}
		if h := key.header().hash; h != 0 {
			return h, nil
		}
		return m.hashText(key)
	case None:
		return hashInt(-1), nil
	case Bool, Int:
		return hashInt(key.Int()), nil
	case Float:
		if i, ok := wholeFloat(key.Float()); ok {
			return hashInt(i), nil
		}
		return hashInt(int64(key.n)), nil
	}
	return 0, typeErrorf("unhashable type: '%s'", key.Kind())
}

// hashText computes the hash of a text and keeps it in the text's header.
func (m *Machine) hashText(key Value) (uint32, error) {
	s := key.str()
	if len(s) > hashChunk {
		// What hashBytes does, with looks at the quotas.
		h := uint64(0)
		for ; len(s) > hashChunk; s = s[hashChunk:] {
			if err := m.Work(hashChunk / 512); err != nil {
				return 0, err
			}
			h = chainHash(h, s[:hashChunk])
		}
		hash := foldHash(chainHash(h, s))
		key.header().hash = hash
		return hash, nil
	}
	if err := m.Work(len(s) / 512); err != nil {
		return 0, err
	}
	hash := hashBytes(s)
	key.header().hash = hash
	return hash, nil
}

// hashBytes is the hash of a text, never 0.
func hashBytes(s string) uint32 {
	if len(s) <= twoWords {
		return hashShort(s)
	}
	h := uint64(0)
	for ; len(s) > hashChunk; s = s[hashChunk:] {
		h = chainHash(h, s[:hashChunk])
	}
	return foldHash(chainHash(h, s))
}

// hashShort is hashBytes for what fits into two words, as most keys do.
func hashShort(s string) uint32 {
	a, b := wordsOf(s)
	return hashWords(a, b, len(s))
}

// wordsOf returns two words with all bytes of a text that they hold, some of them twice.
func wordsOf(s string) (a, b uint64) {
	switch n := len(s); {
	case n >= 8:
		return load64(s), load64(s[n-8:])
	case n >= 4:
		return uint64(load32(s)), uint64(load32(s[n-4:]))
	case n > 0:
		return uint64(s[0])<<16 | uint64(s[n/2])<<8 | uint64(s[n-1]), 0
	}
	return 0, 0
}

// hashWords mixes the two words of a text of n bytes by two multiplications with the
// secret seeds.
func hashWords(a, b uint64, n int) uint32 {
	hi, lo := bits.Mul64(a^seedInt[0], b^seedInt[1]^uint64(n)<<56)
	hi, lo = bits.Mul64(hi^seedInt[1], lo^seedInt[2])
	return foldHash(hi ^ lo)
}

func load32(s string) uint32 {
	_ = s[3]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

// chainHash goes on from the hash of what stood before.
func chainHash(h uint64, s string) uint64 {
	return bits.RotateLeft64(h, 23)*seedInt[1] ^ maphash.String(seed, s)
}

func foldHash(h uint64) uint32 {
	if f := uint32(h ^ h>>32); f != 0 {
		return f
	}
	return 1
}

// hashInt mixes the bits of a scalar with the secret seeds.
func hashInt(i int64) uint32 {
	hi, lo := bits.Mul64(uint64(i)^seedInt[0], seedInt[1])
	hi, lo = bits.Mul64(hi^lo^seedInt[1], seedInt[0]|1)
	return foldHash(hi ^ lo)
}

// sameKey reports whether two keys are one: texts of the same bytes, numbers of
// the same value.
func sameKey(a, b Value) bool {
	ak, bk := a.Kind(), b.Kind()
	if ak == String || bk == String {
		return ak == bk && a.str() == b.str()
	}
	return ak != None && bk != None && equalNumbers(a, b)
}

// wholeFloat returns the int that a float is equal to.
func wholeFloat(f float64) (int64, bool) {
	if f >= -1<<63 && f < 1<<63 && f == math.Trunc(f) {
		return int64(f), true
	}
	return 0, false
}
