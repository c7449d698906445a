// This file holds packages: sealing and opening them. Their layout is in
// docs/package-format.md.

package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/avap-framework/avap/bytecode"
)

// Versions of packages.
const (
	VersionSource   = 1 // source text
	VersionCompiled = 2 // a compiled unit
)

const (
	magic      = "AVAP"
	signedSize = 10 // of the header, under the MAC
	headerSize = signedSize + sha256.Size
)

// Origin tells who made a unit.
type Origin uint8

// Origins of units.
const (
	OriginPublished Origin = 1 // a definition server
	OriginCompiled  Origin = 2 // avap compile, or a worker's /compile
)

func (o Origin) String() string {
	switch o {
	case OriginPublished:
		return "published"
	case OriginCompiled:
		return "compiled"
	}
	return "?"
}

// Contract is what a unit may use. It only ever lowers a machine's own limits;
// a zero quota leaves them as they are.
type Contract struct {
	Instructions int64
	Memory       int64 // bytes
	Time         time.Duration
	HostTime     time.Duration
	Depth        int64 // calls inside of calls
	Output       int64 // bytes
	HostCalls    int64
}

// quotas are the fields in the order of their encoding.
func (c *Contract) quotas() [7]*int64 {
	return [7]*int64{
		&c.Instructions, &c.Memory, (*int64)(&c.Time), (*int64)(&c.HostTime), &c.Depth, &c.Output, &c.HostCalls,
	}
}

// Unit is a compiled unit. Its kind, name, interface and capabilities are the
// program's Kind, Name, Params and Requires.
type Unit struct {
	Origin   Origin
	Contract Contract
	Source   [sha256.Size]byte // the SHA-256 of the source text
	Program  *bytecode.Program
}

// Package is what an opened package holds: a Unit in version 2, else Source.
type Package struct {
	Version int
	KeyID   string // of the key that it is sealed with
	Source  string
	Unit    *Unit
}

// What may be wrong with a package.
var (
	errShort      = errors.New("the package is shorter than its header")
	errMagic      = errors.New("not a package")
	errVersion    = errors.New("a version of packages that is not known")
	errSize       = errors.New("the size is not the payload's")
	errUnknownKey = errors.New("the key is unknown, or not valid now")
	errMAC        = errors.New("the MAC is wrong")
	errKind       = errors.New("an unknown kind")
	errOrigin     = errors.New("an unknown origin")
	errAgree      = errors.New("kind, name, interface or capabilities are not the program's")
	errTruncated  = errors.New("the unit ends too early")
	errNumber     = errors.New("a number that is too large, or written longer than it need be")
)

// Seal returns a package of version 2. The unit's program must be one that
// bytecode.Verify accepts.
func Seal(u *Unit, k *Key) ([]byte, error) {
	if err := bytecode.Verify(u.Program); err != nil {
		return nil, err
	}
	if u.Origin != OriginPublished && u.Origin != OriginCompiled {
		return nil, errOrigin
	}
	var id [maxPackageID]byte
	copy(id[:], k.ID)
	payload, err := appendUnit(id[:], u)
	if err != nil {
		return nil, err
	}
	return seal(VersionCompiled, payload, k)
}

// SealSource returns a package of version 1.
func SealSource(text string, k *Key) ([]byte, error) {
	return seal(VersionSource, []byte(text), k)
}

func seal(version uint16, payload []byte, k *Key) ([]byte, error) {
	if k.Use != UsePackage {
		return nil, errors.New("packages are sealed with package keys")
	}
	if len(payload) > math.MaxUint32 {
		return nil, errors.New("too large for a package")
	}
	b := make([]byte, 0, headerSize+len(payload))
	b = append(b, magic...)
	b = binary.BigEndian.AppendUint16(b, version)
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	sum := packageSum(k, b, payload)
	b = append(b, sum[:]...)
	return append(b, payload...), nil
}

func packageSum(k *Key, header, payload []byte) [sha256.Size]byte {
	m := k.begin()
	m.h.Write(header)
	m.h.Write(payload)
	return m.end()
}

// appendUnit appends the encoding of a unit.
func appendUnit(b []byte, u *Unit) ([]byte, error) {
	p := u.Program
	b = append(b, byte(p.Kind), byte(u.Origin))
	b = appendText(b, p.Name)
	b = binary.AppendUvarint(b, uint64(len(p.Params)))
	for _, param := range p.Params {
		b = append(appendText(b, param.Name), byte(param.Mode))
	}
	contract := u.Contract
	for _, quota := range contract.quotas() {
		if *quota < 0 {
			return nil, errors.New("a contract with a quota below 0")
		}
		b = binary.AppendUvarint(b, uint64(*quota))
	}
	b = binary.AppendUvarint(b, uint64(len(p.Requires)))
	for _, name := range p.Requires {
		b = appendText(b, name)
	}
	b = append(b, u.Source[:]...)
	return bytecode.AppendProgram(b, p), nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// IsPackage reports whether bytes are meant as a package: no source begins like one.
func IsPackage(b []byte) bool { return len(b) > len(magic) && string(b[:len(magic)+1]) == magic+"\x00" }

// Open verifies a package with the package keys of a keyring that are valid
// now, and gives what it holds. Nothing of the payload is read before the MAC,
// but the key's id in version 2. Whatever is wrong, the error is an *Error with
// CodeIntegrity; where it is the bytecode's version, it wraps a
// *bytecode.VersionError. The package does not keep b.
func Open(keys *Keyring, b []byte) (*Package, error) {
	p, err := open(b, verifier(keys, b))
	return p, integrity(err)
}

// verifier looks at the MAC of a package with the key that it names, or else with
// each.
func verifier(keys *Keyring, b []byte) func(version int, id string) (string, error) {
	return func(version int, id string) (string, error) {
		if version == VersionCompiled {
			k := keys.Lookup(UsePackage, id)
			if k == nil {
				return "", errUnknownKey
			}
			return k.ID, checkSum(k, b)
		}
		for k := range keys.Valid(UsePackage) {
			if checkSum(k, b) == nil {
				return k.ID, nil
			}
		}
		return "", errMAC
	}
}

// Verify tells whether Open would find the MAC of a package in order. It reads
// nothing after it. Its errors are those of Open.
func Verify(keys *Keyring, b []byte) error {
	_, err := verifyHeader(b, verifier(keys, b))
	return integrity(err)
}

// OpenUnverified returns what a package holds without a look at its MAC: for
// showing it to people. Its errors are those of Open.
func OpenUnverified(b []byte) (*Package, error) {
	p, err := open(b, func(_ int, id string) (string, error) { return id, nil })
	return p, integrity(err)
}

func integrity(err error) error {
	if err == nil {
		return nil
	}
	return &Error{Code: CodeIntegrity, Msg: "the package does not verify", Err: err}
}

func checkSum(k *Key, b []byte) error {
	sum := packageSum(k, b[:signedSize], b[headerSize:])
	return check(hmac.Equal(sum[:], b[signedSize:headerSize]), errMAC)
}

// header is what stands in front of a package's contents.
type header struct {
	version int
	keyID   string
	rest    []byte // the payload after the key's id
}

// open reads a package; verify looks at its MAC and names the key.
func open(b []byte, verify func(version int, id string) (string, error)) (*Package, error) {
	h, err := verifyHeader(b, verify)
	if err != nil {
		return nil, err
	}
	p := &Package{Version: h.version, KeyID: h.keyID}
	if p.Version == VersionSource {
		p.Source = string(h.rest)
		return p, nil
	}
	if p.Unit, err = readUnit(h.rest); err != nil {
		return nil, err
	}
	return p, nil
}

// verifyHeader reads the header of a package and has its MAC looked at.
func verifyHeader(b []byte, verify func(version int, id string) (string, error)) (h header, err error) {
	if len(b) < headerSize {
		return h, errShort
	}
	if string(b[:len(magic)]) != magic {
		return h, errMagic
	}
	h.rest = b[headerSize:]
	if uint64(binary.BigEndian.Uint32(b[6:])) != uint64(len(h.rest)) {
		return h, errSize
	}
	h.version = int(binary.BigEndian.Uint16(b[4:]))
	id := ""
	switch {
	case h.version == VersionCompiled && len(h.rest) >= maxPackageID:
		id = strings.TrimRight(string(h.rest[:maxPackageID]), "\x00")
		h.rest = h.rest[maxPackageID:]
	case h.version == VersionCompiled:
		return h, errTruncated
	case h.version != VersionSource:
		return h, errVersion
	}
	h.keyID, err = verify(h.version, id)
	return h, err
}

// readUnit decodes a unit and verifies its program. It accepts nothing but
// what appendUnit writes.
func readUnit(payload []byte) (*Unit, error) {
	r := unitReader{b: payload}
	u := &Unit{}
	r.head(u)
	if r.err != nil {
		return nil, r.err
	}
	p, err := bytecode.Decode(r.b)
	if err != nil {
		return nil, err
	}
	if err := bytecode.Verify(p); err != nil {
		return nil, err
	}
	if p.Kind != u.Program.Kind || p.Name != u.Program.Name ||
		!slices.Equal(p.Params, u.Program.Params) || !slices.Equal(p.Requires, u.Program.Requires) {
		return nil, errAgree
	}
	u.Program = p
	return u, nil
}

// unitReader reads b from its beginning. After an error it reads zeros.
type unitReader struct {
	b   []byte
	err error
}

// head reads what stands in front of the program, whose own copy of it goes
// into a program that holds nothing else.
func (r *unitReader) head(u *Unit) {
	p := &bytecode.Program{Kind: bytecode.Kind(r.byte())}
	u.Program, u.Origin = p, Origin(r.byte())
	if r.err == nil && p.Kind != bytecode.KindScript && p.Kind != bytecode.KindCommand {
		r.err = errKind
	}
	if r.err == nil && u.Origin != OriginPublished && u.Origin != OriginCompiled {
		r.err = errOrigin
	}
	p.Name = r.text()
	for n := r.count(); n > 0 && r.err == nil; n-- {
		p.Params = append(p.Params, bytecode.Param{Name: r.text(), Mode: bytecode.Mode(r.byte())})
	}
	for _, quota := range u.Contract.quotas() {
		*quota = r.number()
	}
	for n := r.count(); n > 0 && r.err == nil; n-- {
		p.Requires = append(p.Requires, r.text())
	}
	copy(u.Source[:], r.take(len(u.Source)))
}

// take returns the next n bytes; nil where there are fewer.
func (r *unitReader) take(n int) []byte {
	if r.err == nil && n > len(r.b) {
		r.err = errTruncated
	}
	if r.err != nil {
		return nil
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return taken
}

func (r *unitReader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

// number reads a number of at most 63 bits in its shortest form.
func (r *unitReader) number() int64 {
	if r.err != nil {
		return 0
	}
	n, size := binary.Uvarint(r.b)
	switch {
	case size == 0:
		r.err = errTruncated
		return 0
	case size < 0, n > math.MaxInt64, size > 1 && r.b[size-1] == 0:
		r.err = errNumber
		return 0
	}
	r.b = r.b[size:]
	return int64(n)
}

// count reads how many items follow, of a byte or more each.
func (r *unitReader) count() int {
	n := r.number()
	if n > int64(len(r.b)) {
		r.err = errTruncated
		return 0
	}
	return int(n)
}

func (r *unitReader) text() string { return string(r.take(r.count())) }
