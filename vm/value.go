// This file holds the value: 16 bytes for anything that a script can name.

// Package vm is the machine: values, the interpreter, its quotas. It runs
// verified programs of package bytecode and knows no HTTP, no SQL, no catalog
// and no syntax.
package vm

import (
	"math"
	"unsafe"
)

// Kind is the kind of a value.
type Kind uint8

// Kinds of values. Unset is the zero Value: a register nobody has written.
const (
	Unset Kind = iota
	None
	Bool
	Int
	Float
	scalars // the kinds below this one live in the two words themselves

	String Kind = iota - 1
	List
	Tuple
	Dict
	iterator // over a list, tuple, dict or text; never seen by a script
	splice   // a template whose values are kept apart, for ormDirect
)

// Value is any value of the language in two words. For None, bools, ints and
// floats p points at the kind's entry of tags and n holds the bits. For
// everything else p points at the object, and n holds the kind in its top byte;
// for a string also its flags and its length.
//
// A Value that holds an object belongs to one execution, except for constants,
// which never change.
type Value struct {
	p unsafe.Pointer
	n uint64
}

// tags are never read or written: their addresses are the type words.
var tags [scalars]byte

const (
	kindShift  = 56
	asciiFlag  = 1 << 55 // a string of ASCII alone: bytes are code points
	staticFlag = 1 << 54 // a constant: not charged, never marked
	lengthMask = 1<<48 - 1
)

// Kind tells what v is.
func (v Value) Kind() Kind {
	if d := uintptr(v.p) - uintptr(unsafe.Pointer(&tags)); d < uintptr(scalars) {
		return Kind(d)
	}
	return Kind(v.n >> kindShift)
}

// isScalar reports whether v holds no object.
func (v Value) isScalar() bool {
	return uintptr(v.p)-uintptr(unsafe.Pointer(&tags)) < uintptr(scalars) || v.p == nil
}

// NoneValue is None.
func NoneValue() Value { return Value{p: unsafe.Pointer(&tags[None])} }

// BoolValue is True or False.
func BoolValue(b bool) Value {
	v := Value{p: unsafe.Pointer(&tags[Bool])}
	if b {
		v.n = 1
	}
	return v
}

// IntValue is an int.
func IntValue(i int64) Value { return Value{unsafe.Pointer(&tags[Int]), uint64(i)} }

// floatValue is a float that is known to be finite.
func floatValue(f float64) Value {
	return Value{unsafe.Pointer(&tags[Float]), math.Float64bits(f)}
}

// IsInt reports whether v is an int.
func (v Value) IsInt() bool { return v.p == unsafe.Pointer(&tags[Int]) }

// IsFloat reports whether v is a float.
func (v Value) IsFloat() bool { return v.p == unsafe.Pointer(&tags[Float]) }

// IsBool reports whether v is a bool.
func (v Value) IsBool() bool { return v.p == unsafe.Pointer(&tags[Bool]) }

// IsNone reports whether v is None.
func (v Value) IsNone() bool { return v.p == unsafe.Pointer(&tags[None]) }

// IsUnset reports whether v is the zero Value.
func (v Value) IsUnset() bool { return v.p == nil }

// IsString reports whether v is a string.
func (v Value) IsString() bool { return v.Kind() == String }

// Int returns the int, or the bool as 0 or 1.
func (v Value) Int() int64 { return int64(v.n) }

// Float returns the float.
func (v Value) Float() float64 { return math.Float64frombits(v.n) }

// Bool returns the bool.
func (v Value) Bool() bool { return v.n != 0 }

// Text of a string. The header stands directly before the bytes, in one
// allocation without pointers: a short text costs one small object.
type textHeader struct {
	mark uint32 // the epoch of the last walk that met it
	hash uint32 // of the bytes; 0 is not yet computed
}

const textHeaderSize = int(unsafe.Sizeof(textHeader{}))

func (v Value) header() *textHeader { return (*textHeader)(v.p) }

// byteLen is the length of a string in bytes.
func (v Value) byteLen() int { return int(v.n & lengthMask) }

// isASCII reports whether a string's bytes are its code points.
func (v Value) isASCII() bool { return v.n&asciiFlag != 0 }

// str returns the bytes of a string as a Go string that shares them. The Go string keeps
// the object alive by itself.
func (v Value) str() string {
	return unsafe.String((*byte)(unsafe.Add(v.p, textHeaderSize)), int(v.n&lengthMask))
}

// Str returns the text of a string value, sharing its bytes; "" for any other kind.
func (v Value) Str() string {
	if v.Kind() != String {
		return ""
	}
	return v.str()
}

// list is the object behind a list or a tuple.
type list struct {
	mark  uint32
	items []Value
}

func (v Value) list() *list { return (*list)(v.p) }
func (v Value) dict() *dict { return (*dict)(v.p) }

// Items returns the items of a list or a tuple, shared; nil for any other kind.
func (v Value) Items() []Value {
	if k := v.Kind(); k != List && k != Tuple {
		return nil
	}
	return v.list().items
}

func listValue(l *list) Value  { return Value{unsafe.Pointer(l), uint64(List) << kindShift} }
func tupleValue(l *list) Value { return Value{unsafe.Pointer(l), uint64(Tuple) << kindShift} }
func dictValue(d *dict) Value  { return Value{unsafe.Pointer(d), uint64(Dict) << kindShift} }

// same reports whether two values are the same object or the same scalar.
func same(a, b Value) bool { return a == b }

var kindNames = [...]string{
	Unset: "unset", None: "NoneType", Bool: "bool", Int: "int", Float: "float", String: "str",
	List: "list", Tuple: "tuple", Dict: "dict", iterator: "iterator", splice: "template",
}

// String returns the name that type() gives.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}
