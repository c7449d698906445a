// This file holds the snapshot: a revision on disk, for a start without the
// definition server, and for units that memory has no room for.

package catalog

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/avap-framework/avap/bytecode"
)

// A snapshot's file, with numbers big-endian:
//
//	"avap-snapshot-1\n"
//	size of the key's id (1 byte) ‖ the id ‖ manifest (68 bytes) ‖ its MAC (32 bytes)
//	for each unit, in the order of the tree:
//	    kind (1 byte) ‖ version (8 bytes) ‖ size of the name (4 bytes) ‖ size of the
//	    package (4 bytes; 0 where there is none) ‖ name ‖ package
//
// The manifest's MAC and root cover all of it but the beginning and the sizes, and
// there is one way alone to write a revision: a flipped byte is always found.
const (
	snapshotMagic = "avap-snapshot-1\n"
	unitHead      = 1 + 8 + 4 + 4
)

// What may be wrong with a snapshot.
var (
	errSnapshotMagic = errors.New("not a snapshot")
	errSnapshotShort = errors.New("the snapshot ends too early")
	errSnapshotOrder = errors.New("the units are not in order")
)

// Snapshot is a snapshot's file. It stays open, and readable, when another one
// takes its place on disk. It is a Source of its units once Units has run to its
// end, and then safe for concurrent use.
type Snapshot struct {
	file   *os.File
	size   int64
	signed SignedManifest
	units  int64   // where they begin
	index  []place // in the order of the keys
}

// place is where the package of a unit is.
type place struct {
	key    uint64 // the first bytes of the unit's key
	offset int64
	size   uint32
}

// OpenSnapshot opens a snapshot and reads its manifest, which is not verified
// yet. Where there is no file the error wraps fs.ErrNotExist.
func OpenSnapshot(name string) (*Snapshot, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{file: f}
	if err := s.readHead(); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

func (s *Snapshot) readHead() error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	s.size = info.Size()
	b := make([]byte, min(s.size, int64(len(snapshotMagic)+1+255+manifestSize+sha256.Size)))
	if _, err := s.file.ReadAt(b, 0); err != nil {
		return err
	}
	rest, ok := bytes.CutPrefix(b, []byte(snapshotMagic))
	if !ok {
		return errSnapshotMagic
	}
	take := func(n int) (taken []byte) {
		if n > len(rest) {
			err = errSnapshotShort
			return nil
		}
		taken, rest = rest[:n], rest[n:]
		return taken
	}
	id := 0
	if size := take(1); size != nil {
		id = int(size[0])
	}
	s.signed = SignedManifest{KeyID: string(take(id)), Body: take(manifestSize), MAC: take(sha256.Size)}
	s.units = int64(len(b) - len(rest))
	return err
}

// Signed returns the manifest as it was sent.
func (s *Snapshot) Signed() SignedManifest { return s.signed }

// Size returns the length of the file in bytes.
func (s *Snapshot) Size() int64 { return s.size }

// Close closes the file. Units can no longer be had from it.
func (s *Snapshot) Close() error { return s.file.Close() }

// Units yields the units in the order of the tree, for Replica.Restore, and ends
// with an error where the file is not well formed. A Package is valid until the
// next one is asked for.
func (s *Snapshot) Units() iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		r := unitsReader{b: bufio.NewReaderSize(io.NewSectionReader(s.file, s.units, s.size-s.units), 1<<16), at: s.units, end: s.size}
		var last Hash
		var index []place
		for r.at < r.end {
			c, offset, err := r.next()
			key := key(c.Kind, c.Name)
			if err == nil && len(index) > 0 && bytes.Compare(last[:], key[:]) >= 0 {
				err = errSnapshotOrder
			}
			if err != nil {
				yield(Change{}, err)
				return
			}
			if !yield(c, nil) {
				return
			}
			last, index = key, append(index, newPlace(key, offset, len(c.Package)))
		}
		s.index = index
	}
}

func newPlace(key Hash, offset int64, size int) place {
	return place{key: binary.BigEndian.Uint64(key[:]), offset: offset, size: uint32(size)}
}

// unitsReader reads units one by one. It allocates no more than the file has.
type unitsReader struct {
	b       *bufio.Reader
	at, end int64
	room    []byte // for packages
}

// next reads one unit, and tells where its package begins.
func (r *unitsReader) next() (c Change, offset int64, err error) {
	var head [unitHead]byte
	if err := r.read(head[:]); err != nil {
		return c, 0, err
	}
	c.Kind, c.Version = bytecode.Kind(head[0]), binary.BigEndian.Uint64(head[1:])
	nameSize, size := int64(binary.BigEndian.Uint32(head[9:])), int64(binary.BigEndian.Uint32(head[13:]))
	if nameSize+size > r.end-r.at {
		return c, 0, errSnapshotShort
	}
	name := make([]byte, nameSize)
	if err := r.read(name); err != nil {
		return c, 0, err
	}
	c.Name, offset = string(name), r.at
	r.room = slices.Grow(r.room[:0], int(size))[:size]
	if err := r.read(r.room); err != nil {
		return c, 0, err
	}
	if size > 0 {
		c.Package, c.Hash = r.room, sha256.Sum256(r.room)
	}
	return c, offset, nil
}

func (r *unitsReader) read(b []byte) error {
	n, err := io.ReadFull(r.b, b)
	r.at += int64(n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errSnapshotShort
	}
	return err
}

// Unit returns the package of an entry; where the snapshot has another one, or
// none, it is ErrNotFound.
func (s *Snapshot) Unit(_ context.Context, e Entry) ([]byte, error) {
	key := key(e.Kind, e.Name)
	i, ok := slices.BinarySearchFunc(s.index, binary.BigEndian.Uint64(key[:]), func(p place, key uint64) int {
		return cmp.Compare(p.key, key)
	})
	if ok {
		b := make([]byte, s.index[i].size)
		if _, err := s.file.ReadAt(b, s.index[i].offset); err != nil {
			return nil, err
		}
		if sha256.Sum256(b) == e.Hash {
			return b, nil
		}
	}
	return nil, fmt.Errorf("%w: in the snapshot", ErrNotFound)
}

// WriteSnapshot writes a revision with the packages that a source gives, and puts
// the file in its place atomically: after a crash there is the old one or the new
// one, whole. What the source gives is held against the revision. Nothing has
// changed on disk after an error, but where the last step fails, which makes the
// rename last.
func WriteSnapshot(ctx context.Context, name string, v *Revision, source Source) (*Snapshot, error) {
	folder, base := filepath.Split(name)
	if folder == "" {
		folder = "."
	}
	removeLitter(name)
	f, err := os.CreateTemp(folder, base+litterMark+"*")
	if err != nil {
		return nil, err
	}
	s := &Snapshot{file: f, signed: v.signed}
	err = s.write(ctx, v.Tree(), source)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err == nil {
		err = syncFolder(folder)
	}
	if err != nil {
		f.Close()
		_ = os.Remove(f.Name()) // gone already where it was renamed
		return nil, err
	}
	return s, nil
}

// What a crash may leave behind: files that are being written, recognized by
// their names, and too old to be that still.
const (
	litterMark = ".tmp-"
	litterAge  = 10 * time.Minute
)

func removeLitter(name string) {
	files, _ := filepath.Glob(name + litterMark + "*") // fails on a name with brackets: then it stays
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && time.Since(info.ModTime()) > litterAge {
			_ = os.Remove(file)
		}
	}
}

// syncFolder makes a rename last.
func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// write writes the file.
func (s *Snapshot) write(ctx context.Context, tree *Tree, source Source) error {
	w := bufio.NewWriterSize(s.file, 1<<16)
	head := append([]byte(snapshotMagic), byte(len(s.signed.KeyID)))
	head = slices.Concat(head, []byte(s.signed.KeyID), s.signed.Body, s.signed.MAC)
	_, _ = w.Write(head) // bufio keeps the error for Flush
	s.units, s.size = int64(len(head)), int64(len(head))
	s.index = make([]place, 0, tree.Len())
	for e := range tree.All() {
		var b []byte
		if e.Hash != (Hash{}) {
			var err error
			if b, err = source.Unit(ctx, e); err != nil {
				return fmt.Errorf("%s %q: %w", kindName(e.Kind), e.Name, err)
			}
			if sha256.Sum256(b) != e.Hash {
				return fmt.Errorf("%s %q: %w", kindName(e.Kind), e.Name, ErrHash)
			}
		}
		var room [unitHead]byte
		head := append(room[:0], byte(e.Kind))
		head = binary.BigEndian.AppendUint64(head, e.Version)
		head = binary.BigEndian.AppendUint32(head, uint32(len(e.Name)))
		head = binary.BigEndian.AppendUint32(head, uint32(len(b)))
		_, _ = w.Write(head)
		_, _ = w.WriteString(e.Name)
		_, _ = w.Write(b)
		offset := s.size + int64(unitHead+len(e.Name))
		s.index = append(s.index, newPlace(key(e.Kind, e.Name), offset, len(b)))
		s.size = offset + int64(len(b))
	}
	return w.Flush()
}

// SetAside renames a snapshot that does not verify, so that it is not met again
// and can be looked at. It returns the new name.
func SetAside(name string) (string, error) { return name + ".bad", os.Rename(name, name+".bad") }
