// This file holds comparing: Python's operators, and the comparators of
// if(a, b, op).

package vm

import (
	"math"
	"strings"

	"github.com/avap-framework/avap/bytecode"
)

// maxNesting is how many levels deep a value may be to be compared, turned
// into text, exported or read.
const maxNesting = 200

func tooDeep() error {
	return runtimeErrorf("nested deeper than %d levels", maxNesting)
}

// equal is ==. Identical containers are walked as well: a value that holds
// itself cannot be compared.
func (m *Machine) equal(a, b Value) (bool, error) { return m.equalAt(a, b, 0) }

func (m *Machine) equalAt(a, b Value, depth int) (bool, error) {
	switch k := a.Kind(); k {
	case Bool, Int, Float:
		return b.isNumber() && equalNumbers(a, b), nil
	case String:
		return m.equalTexts(a, b)
	case List, Tuple:
		if b.Kind() != k {
			return false, nil
		}
		return m.equalItems(a.list(), b.list(), depth+1)
	case Dict:
		if b.Kind() != k {
			return false, nil
		}
		return m.equalDicts(a.dict(), b.dict(), depth+1)
	case None, Unset:
		return b.Kind() == k, nil
	}
	return same(a, b), nil
}

func (v Value) isNumber() bool {
	k := v.Kind()
	return k == Int || k == Float || k == Bool
}

// equalNumbers compares two numbers exactly, whatever their kinds.
func equalNumbers(a, b Value) bool {
	switch {
	case a.IsFloat() && b.IsFloat():
		return a.Float() == b.Float()
	case a.IsFloat():
		i, ok := wholeFloat(a.Float())
		return ok && i == b.Int()
	case b.IsFloat():
		i, ok := wholeFloat(b.Float())
		return ok && i == a.Int()
	}
	return a.n == b.n
}

func (m *Machine) equalTexts(a, b Value) (bool, error) {
	if b.Kind() != String || a.byteLen() != b.byteLen() {
		return false, nil
	}
	if a.p == b.p {
		return true, nil
	}
	x, y := a.str(), b.str()
	for len(x) > chunk {
		if err := m.Work(chunk / 512); err != nil {
			return false, err
		}
		if x[:chunk] != y[:chunk] {
			return false, nil
		}
		x, y = x[chunk:], y[chunk:]
	}
	if len(x) >= 512 {
		if err := m.Work(len(x) / 512); err != nil {
			return false, err
		}
	}
	return x == y, nil
}

func (m *Machine) equalItems(a, b *list, depth int) (bool, error) {
	if len(a.items) != len(b.items) {
		return false, nil
	}
	i, err := m.mismatch(a, b, depth)
	return i == len(a.items) && err == nil, err
}

// mismatch returns the index of the first items that differ, or the length of
// the shorter list.
func (m *Machine) mismatch(a, b *list, depth int) (int, error) {
	if depth > maxNesting {
		return 0, tooDeep()
	}
	n := min(len(a.items), len(b.items))
	for i := range n {
		if i%4 == 0 {
			if err := m.Work(1); err != nil {
				return 0, err
			}
		}
		eq, err := m.equalAt(a.items[i], b.items[i], depth)
		if err != nil || !eq {
			return i, err
		}
	}
	return n, nil
}

func (m *Machine) equalDicts(a, b *dict, depth int) (bool, error) {
	if depth > maxNesting {
		return false, tooDeep()
	}
	if a.live != b.live {
		return false, nil
	}
	for e, pos := a.next(0); e != nil; e, pos = a.next(pos) {
		if err := m.Work(1); err != nil {
			return false, err
		}
		i := b.find(e.key, e.hash)
		if i < 0 {
			return false, nil
		}
		eq, err := m.equalAt(e.val, b.entries[i].val, depth)
		if err != nil || !eq {
			return false, err
		}
	}
	return true, nil
}

// order is <, <=, > or >=.
func (m *Machine) order(op bytecode.Op, a, b Value) (bool, error) {
	c, err := m.orderAt(op, a, b, 0)
	if err != nil {
		return false, err
	}
	return ordered(op, c), nil
}

// ordered reports whether an operator holds of what compares as c with 0.
func ordered(op bytecode.Op, c int) bool {
	switch op {
	case bytecode.OpLt:
		return c < 0
	case bytecode.OpLe:
		return c <= 0
	case bytecode.OpGt:
		return c > 0
	}
	return c >= 0
}

// orderAt returns a negative number, 0 or a positive one as a is less than, equal
// to or greater than b. op is for the message alone.
func (m *Machine) orderAt(op bytecode.Op, a, b Value, depth int) (int, error) {
	if a.isNumber() && b.isNumber() {
		return orderNumbers(a, b), nil
	}
	k := a.Kind()
	if b.Kind() != k || k != String && k != List && k != Tuple {
		return 0, typeErrorf("'%s' not supported between instances of '%s' and '%s'",
			operatorNames[op], k, b.Kind())
	}
	if k == String {
		return m.orderTexts(a.str(), b.str())
	}
	x, y := a.list(), b.list()
	i, err := m.mismatch(x, y, depth+1)
	switch {
	case err != nil:
		return 0, err
	case i < len(x.items) && i < len(y.items):
		return m.orderAt(op, x.items[i], y.items[i], depth+1)
	}
	return len(x.items) - len(y.items), nil
}

var operatorNames = [...]string{
	bytecode.OpLt: "<", bytecode.OpLe: "<=", bytecode.OpGt: ">", bytecode.OpGe: ">=",
}

// orderNumbers compares two numbers exactly, whatever their kinds.
func orderNumbers(a, b Value) int {
	switch {
	case a.IsFloat() && b.IsFloat():
		return orderOf(a.Float(), b.Float())
	case a.IsFloat():
		return -orderMixed(b.Int(), a.Float())
	case b.IsFloat():
		return orderMixed(a.Int(), b.Float())
	}
	return orderOf(a.Int(), b.Int())
}

func orderOf[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// orderMixed compares an int with a float without rounding either.
func orderMixed(i int64, f float64) int {
	switch {
	case f >= 1<<63:
		return -1
	case f < -1<<63:
		return 1
	}
	whole := math.Trunc(f)
	if c := orderOf(i, int64(whole)); c != 0 {
		return c
	}
	return orderOf(whole, f)
}

// orderTexts compares by code point, which in UTF-8 is by byte.
func (m *Machine) orderTexts(x, y string) (int, error) {
	for len(x) > chunk && len(y) > chunk {
		if err := m.Work(chunk / 512); err != nil {
			return 0, err
		}
		if c := strings.Compare(x[:chunk], y[:chunk]); c != 0 {
			return c, nil
		}
		x, y = x[chunk:], y[chunk:]
	}
	if n := min(len(x), len(y)); n >= 512 {
		if err := m.Work(min(n, chunk) / 512); err != nil {
			return 0, err
		}
	}
	return strings.Compare(x, y), nil
}

// contains is `x in in`.
func (m *Machine) contains(x, in Value) (bool, error) {
	switch in.Kind() {
	case String:
		if x.Kind() != String {
			return false, typeErrorf("'in <string>' requires string as left operand, not %s", x.Kind())
		}
		if x.byteLen() == 0 {
			return true, nil
		}
		i, err := m.search(in.str(), x.str(), 0)
		return i >= 0 && err == nil, err
	case List, Tuple:
		for i, item := range in.list().items {
			if i%4 == 0 {
				if err := m.Work(1); err != nil {
					return false, err
				}
			}
			if eq, err := m.equal(x, item); eq || err != nil {
				return eq, err
			}
		}
		return false, nil
	case Dict:
		_, ok, err := in.dict().get(m, x)
		return ok, err
	}
	return false, typeErrorf("argument of type '%s' is not iterable", in.Kind())
}

// identical is `is`: identity of lists and dicts, same type and equal for the
// rest.
func (m *Machine) identical(a, b Value) (bool, error) {
	if a.Kind() != b.Kind() {
		return false, nil
	}
	switch a.Kind() {
	case List, Dict:
		return same(a, b), nil
	}
	return m.equal(a, b)
}

var comparatorOps = [...]bytecode.Op{
	bytecode.CmpLt: bytecode.OpLt, bytecode.CmpGt: bytecode.OpGt,
	bytecode.CmpLe: bytecode.OpLe, bytecode.CmpGe: bytecode.OpGe,
}

// ifCompare is if(a, b, op): what reads as a number compares as a number, the
// rest as text. None and the empty text are equal to each other and to nothing
// else.
func (m *Machine) ifCompare(c bytecode.Comparator, a, b Value) (bool, error) {
	x, xNumber, err := m.readsAsNumber(a)
	if err != nil {
		return false, err
	}
	y, yNumber, err := m.readsAsNumber(b)
	if err != nil {
		return false, err
	}
	if xNumber && yNumber {
		return holds(c, orderNumbers(x, y)), nil
	}
	if isBlank(a) || isBlank(b) {
		switch c {
		case bytecode.CmpEq:
			return isBlank(a) && isBlank(b), nil
		case bytecode.CmpNe:
			return !isBlank(a) || !isBlank(b), nil
		}
		return false, typeErrorf("'%s' not supported with None or an empty text", operatorNames[comparatorOps[c]])
	}
	return m.compareAsText(c, a, b)
}

// compareAsText is ifCompare for what is not two numbers.
func (m *Machine) compareAsText(c bytecode.Comparator, a, b Value) (bool, error) {
	x, err := m.textOf(a)
	if err != nil {
		return false, err
	}
	y, err := m.textOf(b)
	if err != nil {
		return false, err
	}
	if a.IsBool() || b.IsBool() {
		return holds(c, orderFolded(x.str(), y.str())), nil
	}
	if c == bytecode.CmpEq || c == bytecode.CmpNe {
		eq, err := m.equalTexts(x, y)
		return eq == (c == bytecode.CmpEq) && err == nil, err
	}
	order, err := m.orderTexts(x.str(), y.str())
	return holds(c, order) && err == nil, err
}

// holds reports whether a comparator holds of what compares as c with 0.
func holds(op bytecode.Comparator, c int) bool {
	switch op {
	case bytecode.CmpEq:
		return c == 0
	case bytecode.CmpNe:
		return c != 0
	}
	return ordered(comparatorOps[op], c)
}

// readsAsNumber returns the number that a value is or reads as. A bool is none.
func (m *Machine) readsAsNumber(v Value) (Value, bool, error) {
	switch v.Kind() {
	case Int, Float:
		return v, true, nil
	case String:
		n, ok := readNumber(v.str())
		return n, ok, m.Work(min(v.byteLen(), maxNumber) / 16)
	}
	return Value{}, false, nil
}

// isBlank reports whether v is None, unset or the empty text.
func isBlank(v Value) bool {
	switch v.Kind() {
	case None, Unset:
		return true
	case String:
		return v.byteLen() == 0
	}
	return false
}

// orderFolded compares without regard to the case of ASCII letters. One of the
// two is the text of a bool, so that only its few bytes matter.
func orderFolded(x, y string) int {
	n := min(len(x), len(y))
	for i := range n {
		if a, b := lower(x[i]), lower(y[i]); a != b {
			return int(a) - int(b)
		}
	}
	return len(x) - len(y)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
