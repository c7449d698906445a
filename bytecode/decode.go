// This file holds the decoder. It takes bytes from anyone: it allocates no
// more than a small multiple of what it is given, and accepts of all encodings
// of a program only the one that the encoder makes.

package bytecode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// VersionError says that bytes are of a version that this machine does not run.
type VersionError struct{ Version uint64 }

func (e *VersionError) Error() string {
	return fmt.Sprintf("bytecode version %d; this machine runs versions up to %d", e.Version, Version)
}

// DecodeError says where bytes stop being a program.
type DecodeError struct {
	Offset int // in bytes
	Err    error
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("bytecode: offset %d: %v", e.Offset, e.Err)
}

// Unwrap gives the reason.
func (e *DecodeError) Unwrap() error { return e.Err }

// What may be wrong with bytes.
var (
	errTruncated = errors.New("the bytes end too early")
	errTrailing  = errors.New("bytes behind the program")
	errOverlong  = errors.New("a number that is written longer than it need be")
	errTooLarge  = errors.New("a number that is too large")
	errCount     = errors.New("a count of more items than there are bytes for")
	errUTF8      = errors.New("a string that is not UTF-8")
	errRepeated  = errors.New("a string that is in the table already")
	errReference = errors.New("a string that is mentioned before its turn, or is not in the table")
	errUnused    = errors.New("strings that nothing mentions")
	errConstant  = errors.New("a constant of an unknown kind")
	errNotFinite = errors.New("a float that is not finite")
	errVersion   = errors.New("a version that is not the lowest for the program")
	errPosition  = errors.New("a position out of range")
)

// Decode reads a program that AppendProgram wrote. It does not keep b. Its
// errors are of type *DecodeError; one about another version wraps a
// *VersionError. The program is well formed, but not verified.
func Decode(b []byte) (*Program, error) {
	d := decoder{b: b}
	version := d.version()
	d.table()
	p := d.program()
	if d.err == nil && d.used < len(d.strings) {
		d.fail(errUnused)
	}
	if d.err == nil && d.at < len(d.b) {
		d.fail(errTrailing)
	}
	if d.err == nil && uint64(VersionOf(p)) != version {
		d.fail(errVersion)
	}
	if d.err != nil {
		return nil, d.err
	}
	return p, nil
}

// decoder reads b. After an error it reads zeros.
type decoder struct {
	b       []byte
	at      int
	strings []string
	used    int // strings that have been mentioned
	err     error
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = &DecodeError{d.at, err}
	}
}

// take returns the next n bytes; nil where there are fewer.
func (d *decoder) take(n int) []byte {
	if d.err == nil && n > len(d.b)-d.at {
		d.fail(errTruncated)
	}
	if d.err != nil {
		return nil
	}
	d.at += n
	return d.b[d.at-n : d.at]
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

// uint64 reads a number in its shortest form.
func (d *decoder) uint64() uint64 {
	if d.err != nil {
		return 0
	}
	n, size := binary.Uvarint(d.b[d.at:])
	switch {
	case size == 0:
		d.fail(errTruncated)
	case size < 0:
		d.fail(errTooLarge)
	case size > 1 && d.b[d.at+size-1] == 0:
		d.fail(errOverlong)
	default:
		d.at += size
		return n
	}
	return 0
}

// uint reads a number of at most 31 bits.
func (d *decoder) uint() int {
	start := d.at
	n := d.uint64()
	if n > math.MaxInt32 {
		d.at = start
		d.fail(errTooLarge)
		return 0
	}
	return int(n)
}

// int reads a signed number: 0, -1, 1, -2 … are written as 0, 1, 2, 3 …
func (d *decoder) int() int64 {
	n := d.uint64()
	return int64(n>>1) ^ -int64(n&1)
}

// count reads how many items follow, of which each takes size bytes or more.
func (d *decoder) count(size int) int {
	start := d.at
	n := d.uint()
	if n > (len(d.b)-d.at)/size {
		d.at = start
		d.fail(errCount)
		return 0
	}
	return n
}

func (d *decoder) version() uint64 {
	v := d.uint64()
	if (v < 1 || v > Version) && d.err == nil {
		d.at = 0
		d.fail(&VersionError{v})
	}
	return v
}

// table reads the strings.
func (d *decoder) table() {
	n := d.count(1)
	d.strings = make([]string, 0, n)
	seen := map[string]struct{}{}
	for range n {
		start := d.at
		s := d.take(d.count(1))
		if d.err == nil && !utf8.Valid(s) {
			d.at = start
			d.fail(errUTF8)
		}
		if _, ok := seen[string(s)]; ok && d.err == nil {
			d.at = start
			d.fail(errRepeated)
		}
		if d.err != nil {
			return
		}
		d.strings = append(d.strings, string(s))
		seen[d.strings[len(d.strings)-1]] = struct{}{}
	}
}

// string reads a reference: to a string that was mentioned before, or to the
// next one of the table.
func (d *decoder) string() string {
	start := d.at
	ref := d.uint()
	if d.err == nil && (ref > d.used || ref >= len(d.strings)) {
		d.at = start
		d.fail(errReference)
	}
	if d.err != nil {
		return ""
	}
	d.used = max(d.used, ref+1)
	return d.strings[ref]
}

// decodeAll reads how many items there are, each of size bytes or more, and
// each of them.
func decodeAll[T any](d *decoder, size int, read func(*decoder) T) []T {
	n := d.count(size)
	if n == 0 {
		return nil
	}
	items := make([]T, n)
	for i := range items {
		items[i] = read(d)
		if d.err != nil {
			return nil
		}
	}
	return items
}

func (d *decoder) names() []string { return decodeAll(d, 1, (*decoder).string) }

func (d *decoder) params() []Param {
	return decodeAll(d, 2, func(d *decoder) Param {
		return Param{Name: d.string(), Mode: Mode(d.byte())}
	})
}

func (d *decoder) program() *Program {
	return &Program{
		Kind:      Kind(d.byte()),
		Name:      d.string(),
		Constants: decodeAll(d, 2, (*decoder).constant),
		Globals:   d.names(),
		Params:    d.params(),
		Commands: decodeAll(d, 2, func(d *decoder) Command {
			return Command{Name: d.string(), Params: d.params()}
		}),
		Sites: decodeAll(d, 2, func(d *decoder) CallSite {
			return CallSite{Target: int32(d.uint()), Keywords: d.names()}
		}),
		Logs:      d.names(),
		Requires:  d.names(),
		Functions: decodeAll(d, 7, (*decoder).function),
	}
}

func (d *decoder) constant() Constant {
	start := d.at
	c := Constant{Kind: ConstantKind(d.byte())}
	switch c.Kind {
	case ConstInt:
		c.Bits = uint64(d.int())
	case ConstFloat:
		if b := d.take(8); b != nil {
			c.Bits = binary.LittleEndian.Uint64(b)
		}
		if !finite(c.Bits) {
			d.at = start
			d.fail(errNotFinite)
		}
	case ConstString:
		c.Text = d.string()
	default:
		d.at = start
		d.fail(errConstant)
	}
	return c
}

func finite(bits uint64) bool {
	f := math.Float64frombits(bits)
	return !math.IsNaN(f) && !math.IsInf(f, 0)
}

func (d *decoder) function() Function {
	return Function{
		Name:      d.string(),
		Params:    d.uint(),
		Registers: d.uint(),
		Code:      d.code(),
		Handlers: decodeAll(d, 3, func(d *decoder) Handler {
			return Handler{From: int32(d.uint()), To: int32(d.uint()), Target: int32(d.uint())}
		}),
		Positions: d.positions(),
		Locals:    d.names(),
	}
}

func (d *decoder) code() []Instr {
	b := d.take(d.count(instrSize) * instrSize)
	if len(b) == 0 {
		return nil
	}
	code := make([]Instr, len(b)/instrSize)
	for i := range code {
		in := b[i*instrSize:][:instrSize]
		code[i] = Instr{Op(in[0]), in[1], in[2], in[3], int32(binary.LittleEndian.Uint32(in[4:]))}
	}
	return code
}

func (d *decoder) positions() []Position {
	var last Position
	return decodeAll(d, 3, func(d *decoder) Position {
		start := d.at
		pc := int(last.PC) + d.uint()
		lines := d.int()
		line := int64(last.Line) + lines
		if pc > math.MaxInt32 || lines > math.MaxInt32 || line < 0 || line > math.MaxInt32 {
			d.at = start
			d.fail(errPosition)
			return Position{}
		}
		last = Position{int32(pc), int32(line), int32(d.uint())}
		return last
	})
}
