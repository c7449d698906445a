// This file holds the hash tree that a manifest commits to.

package catalog

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"math/bits"
	"slices"

	"github.com/avap-framework/avap/bytecode"
)

// Hash is a SHA-256.
type Hash = [sha256.Size]byte

// Entry is what the tree says of one unit.
type Entry struct {
	Kind    bytecode.Kind
	Name    string
	Version uint64
	// Hash is the SHA-256 of the unit's package. It is all zeros where the
	// bytecode version that the tree is for cannot express the unit.
	Hash Hash
}

// Tree is an immutable set of entries, one for each kind and name, under one
// hash. It depends on the set alone and not on how the set came to be. The zero
// value and a nil *Tree are the empty set. A change copies the way to what
// changed: With and Without cost O(log n) in time and memory, Root nothing. It
// is safe for concurrent use.
//
// It is a binary trie over SHA-256(kind ‖ name), in which a node stands only where
// two entries part (a PATRICIA trie: D. R. Morrison, 1968), with the hashes of a
// Merkle tree. Numbers are big-endian:
//
//	key       = SHA-256(kind (1 byte) ‖ name)
//	leaf      = SHA-256(0x00 ‖ kind (1 byte) ‖ version (8 bytes) ‖ hash (32 bytes) ‖ name)
//	inner     = SHA-256(0x01 ‖ bit (1 byte) ‖ hash of the left ‖ hash of the right)
//	empty set = SHA-256(0x02)
//
// bit is the first in which the keys below the node differ, from 0 for the highest
// of the first byte; left has the keys where it is 0.
type Tree struct {
	root *node
	n    int
}

// node is a leaf, where children are nil, or an inner node.
type node struct {
	hash  Hash
	key   Hash   // of a leaf; of an inner node some key below it
	entry *Entry // of a leaf
	bit   int    // of an inner node
	child [2]*node
}

// First bytes of what is hashed.
const (
	tagLeaf  = 0
	tagInner = 1
	tagEmpty = 2
)

var emptyRoot = sha256.Sum256([]byte{tagEmpty})

// edit puts an entry in the place of the one of its key, or takes that away.
type edit struct {
	key   Hash
	entry *Entry // nil: away
}

// NewTree makes the tree of entries; of several with one kind and name the last
// counts.
func NewTree(entries ...Entry) *Tree { return (*Tree)(nil).With(entries...) }

// With returns the tree with further entries, each in the place of one of its kind
// and name.
func (t *Tree) With(entries ...Entry) *Tree {
	edits := make([]edit, len(entries))
	for i := range entries {
		e := entries[i]
		edits[i] = edit{key(e.Kind, e.Name), &e}
	}
	return t.edit(edits)
}

// Without returns the tree without an entry.
func (t *Tree) Without(kind bytecode.Kind, name string) *Tree {
	return t.edit([]edit{{key: key(kind, name)}})
}

// edit applies edits, the later ones last. It takes the slice.
func (t *Tree) edit(edits []edit) *Tree {
	if t == nil {
		t = &Tree{}
	}
	if len(edits) == 0 {
		return t
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return bytes.Compare(a.key[:], b.key[:]) })
	last := edits[:0]
	for i, e := range edits {
		if i+1 == len(edits) || edits[i+1].key != e.key {
			last = append(last, e)
		}
	}
	next := &Tree{n: t.n}
	next.root = next.apply(t.root, last)
	if next.root == t.root {
		return t
	}
	return next
}

// apply returns a subtree after edits, which are in order and have a key each. What
// does not change is the same node as before.
func (t *Tree) apply(at *node, edits []edit) *node {
	switch {
	case len(edits) == 0:
		return at
	case at == nil:
		return t.build(edits)
	}
	// The first bit in which anything here differs: edits are sorted, so their
	// first and last differ in it, or the node's key from them, or the node's own.
	bit := min(differ(&edits[0].key, &edits[len(edits)-1].key), differ(&edits[0].key, &at.key))
	if at.entry == nil {
		bit = min(bit, at.bit)
	}
	if bit == keyBits {
		return t.replace(at, edits[0].entry)
	}
	zeros, ones := split(edits, bit)
	var left, right *node
	switch {
	case at.entry == nil && at.bit == bit:
		left, right = at.child[0], at.child[1]
	case side(&at.key, bit) == 0:
		left = at
	default:
		right = at
	}
	l, r := t.apply(left, zeros), t.apply(right, ones)
	if l == left && r == right && at.entry == nil && at.bit == bit {
		return at
	}
	return join(l, r, bit)
}

// replace puts an entry, or nothing where it is nil, in the place of a leaf.
func (t *Tree) replace(leaf *node, e *Entry) *node {
	if e == nil {
		t.n--
		return nil
	}
	if *e == *leaf.entry {
		return leaf
	}
	return newLeaf(leaf.key, e)
}

// build makes a subtree of edits alone.
func (t *Tree) build(edits []edit) *node {
	if len(edits) == 0 {
		return nil
	}
	bit := differ(&edits[0].key, &edits[len(edits)-1].key)
	if bit < keyBits {
		zeros, ones := split(edits, bit)
		return join(t.build(zeros), t.build(ones), bit)
	}
	if edits[0].entry == nil {
		return nil
	}
	t.n++
	return newLeaf(edits[0].key, edits[0].entry)
}

func newLeaf(key Hash, e *Entry) *node {
	b := make([]byte, 0, 42+len(e.Name))
	b = append(b, tagLeaf, byte(e.Kind))
	b = binary.BigEndian.AppendUint64(b, e.Version)
	b = append(b, e.Hash[:]...)
	return &node{key: key, entry: e, hash: sha256.Sum256(append(b, e.Name...))}
}

// join makes an inner node; where one side is empty the other stands for both.
func join(left, right *node, bit int) *node {
	if left == nil {
		return right
	}
	if right == nil {
		return left
	}
	var b [2 + 2*sha256.Size]byte
	b[0], b[1] = tagInner, byte(bit)
	copy(b[2:], left.hash[:])
	copy(b[2+sha256.Size:], right.hash[:])
	return &node{key: left.key, bit: bit, child: [2]*node{left, right}, hash: sha256.Sum256(b[:])}
}

// keyBits is the length of a key in bits: what differ gives for equal ones.
const keyBits = 8 * sha256.Size

func key(kind bytecode.Kind, name string) Hash {
	var room [128]byte
	return sha256.Sum256(append(append(room[:0], byte(kind)), name...))
}

// differ returns the first bit in which two keys differ.
func differ(a, b *Hash) int {
	for i := range a {
		if x := a[i] ^ b[i]; x != 0 {
			return 8*i + bits.LeadingZeros8(x)
		}
	}
	return keyBits
}

// side returns a bit of a key.
func side(key *Hash, bit int) int { return int(key[bit/8]>>(7-bit%8)) & 1 }

// split parts edits, which agree up to a bit, by that bit.
func split(edits []edit, bit int) (zeros, ones []edit) {
	i, _ := slices.BinarySearchFunc(edits, 1, func(e edit, want int) int { return side(&e.key, bit) - want })
	return edits[:i], edits[i:]
}

// Get returns the entry of a kind and name.
func (t *Tree) Get(kind bytecode.Kind, name string) (Entry, bool) {
	return t.get(key(kind, name))
}

func (t *Tree) get(key Hash) (Entry, bool) {
	if t == nil || t.root == nil {
		return Entry{}, false
	}
	at := t.root
	for at.entry == nil {
		at = at.child[side(&key, at.bit)]
	}
	if at.key != key {
		return Entry{}, false
	}
	return *at.entry, true
}

// All yields the entries, in the order of their keys.
func (t *Tree) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		if t != nil {
			t.root.each(yield)
		}
	}
}

func (n *node) each(yield func(Entry) bool) bool {
	if n == nil {
		return true
	}
	if n.entry != nil {
		return yield(*n.entry)
	}
	return n.child[0].each(yield) && n.child[1].each(yield)
}

// Len returns the number of entries.
func (t *Tree) Len() int {
	if t == nil {
		return 0
	}
	return t.n
}

// Root returns the hash of the set.
func (t *Tree) Root() Hash {
	if t == nil || t.root == nil {
		return emptyRoot
	}
	return t.root.hash
}

// Change is a unit of a new revision, or one that is no longer in it.
type Change struct {
	Entry
	Package []byte // empty where Hash is zero
	Removed bool   // of the Entry, Kind and Name alone count
}
