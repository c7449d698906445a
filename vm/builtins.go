// This file holds the built-in functions, except for conversions and rounding.

package vm

import (
	"math"
	"unicode/utf8"

	"github.com/avap-framework/avap/bytecode"
)

// builtin is what a built-in function does with at least min and at most max
// arguments, the last of which have the names kw. call must not keep args.
type builtin struct {
	min, max int
	call     func(m *Machine, args []Value, kw []string) (Value, error)
}

// builtins stand in the order of bytecode.Builtins.
var builtins = [len(bytecode.Builtins)]builtin{
	{0, 1, builtinStr},
	{0, 2, builtinInt},
	{0, 1, builtinFloat},
	{0, 1, builtinBool},
	{1, 1, builtinLen},
	{1, 1, builtinAbs},
	{1, many, builtinMin},
	{1, many, builtinMax},
	{1, 2, builtinRound},
	{1, 2, builtinSum},
	{1, 2, builtinSorted},
	{1, 1, builtinReversed},
	{1, 3, builtinRange},
	{0, 1, builtinList},
	{0, 1, builtinDict},
	{0, 1, builtinTuple},
	{1, 1, builtinType},
	{1, 2, builtinEnumerate},
	{0, many, builtinZip},
	{1, 1, builtinAny},
	{1, 1, builtinAll},
	{1, 1, builtinOrd},
	{1, 1, builtinChr},
}

// callBuiltin calls built-in id with args, of which the last ones have the
// names kw. args are not kept.
func (m *Machine) callBuiltin(id int, args []Value, kw []string) (Value, error) {
	f, name := &builtins[id], bytecode.Builtins[id]
	if len(kw) > 0 && (name != "sorted" || len(kw) > 1 || kw[0] != "reverse") {
		return Value{}, unknownKeyword(name, kw)
	}
	if err := checkCount(name, len(args), f.min, f.max); err != nil {
		return Value{}, err
	}
	return f.call(m, args, kw)
}

func builtinStr(m *Machine, args []Value, _ []string) (Value, error) {
	if len(args) == 0 {
		return emptyText, nil
	}
	return m.textOf(args[0])
}

func builtinBool(_ *Machine, args []Value, _ []string) (Value, error) {
	return BoolValue(len(args) > 0 && truth(args[0])), nil
}

func builtinLen(m *Machine, args []Value, _ []string) (Value, error) {
	n := 0
	switch v := args[0]; v.Kind() {
	case String:
		var err error
		if n, err = m.length(v); err != nil {
			return Value{}, err
		}
	case List, Tuple:
		n = len(v.list().items)
	case Dict:
		n = v.dict().len()
	default:
		return Value{}, typeErrorf("object of type '%s' has no len()", v.Kind())
	}
	return IntValue(int64(n)), nil
}

func builtinAbs(_ *Machine, args []Value, _ []string) (Value, error) {
	switch v := args[0]; v.Kind() {
	case Int, Bool:
		i := v.Int()
		if i == math.MinInt64 {
			return Value{}, intOverflow("abs()")
		}
		return IntValue(max(i, -i)), nil
	case Float:
		return floatValue(math.Abs(v.Float())), nil
	}
	return Value{}, typeErrorf("bad operand type for abs(): '%s'", args[0].Kind())
}

func builtinMin(m *Machine, args []Value, _ []string) (Value, error) {
	return m.extreme("min", bytecode.OpLt, args)
}

func builtinMax(m *Machine, args []Value, _ []string) (Value, error) {
	return m.extreme("max", bytecode.OpGt, args)
}

// extreme returns the first of several values, or of one iterable's, that no
// other is op than.
func (m *Machine) extreme(name string, op bytecode.Op, items []Value) (Value, error) {
	if len(items) == 1 {
		var err error
		if items, err = m.sequence(items[0]); err != nil {
			return Value{}, err
		}
		if len(items) == 0 {
			return Value{}, runtimeErrorf("%s() arg is an empty sequence", name)
		}
	}
	best := items[0]
	for _, v := range items[1:] {
		if err := m.Work(1); err != nil {
			return Value{}, err
		}
		better, err := m.order(op, v, best)
		if err != nil {
			return Value{}, err
		}
		if better {
			best = v
		}
	}
	return best, nil
}

func builtinSum(m *Machine, args []Value, _ []string) (Value, error) {
	sum := IntValue(0)
	if len(args) > 1 {
		sum = args[1]
	}
	if sum.IsString() {
		return Value{}, typeErrorf("sum() can't sum strings [use ''.join(seq) instead]")
	}
	items, err := m.sequence(args[0])
	if err != nil {
		return Value{}, err
	}
	for i, v := range items {
		if i&3 == 0 {
			if err := m.Work(1); err != nil {
				return Value{}, err
			}
		}
		if sum, err = m.add(sum, v); err != nil {
			return Value{}, err
		}
	}
	return sum, nil
}

func builtinSorted(m *Machine, args []Value, kw []string) (Value, error) {
	backwards := 0
	if len(kw) > 0 {
		var err error
		if backwards, err = intArg(args[len(args)-1]); err != nil {
			return Value{}, err
		}
	}
	if err := checkCount("sorted", len(args)-len(kw), 1, 1); err != nil {
		return Value{}, err
	}
	v, err := m.listFrom(args[0])
	if err != nil {
		return Value{}, err
	}
	return v, m.sortValues(v.list().items, backwards != 0)
}

// listFrom makes a new list of what v gives.
func (m *Machine) listFrom(v Value) (Value, error) {
	items, err := m.sequence(v)
	if err != nil {
		return Value{}, err
	}
	if k := v.Kind(); k == Dict || k == String {
		return listValue(&list{items: items}), nil // nobody else has them
	}
	return m.listOf(items)
}

func builtinReversed(m *Machine, args []Value, _ []string) (Value, error) {
	switch args[0].Kind() {
	case String, List, Tuple, Dict:
	default:
		return Value{}, typeErrorf("'%s' object is not reversible", args[0].Kind())
	}
	v, err := m.listFrom(args[0])
	if err != nil {
		return Value{}, err
	}
	return v, m.reverse(v.list().items)
}

func builtinRange(m *Machine, args []Value, _ []string) (Value, error) {
	bounds := [3]int{0, 0, 1}
	for i, a := range args {
		n, err := intArg(a)
		if err != nil {
			return Value{}, err
		}
		bounds[i] = n
	}
	from, to, step := bounds[0], bounds[1], bounds[2]
	if len(args) == 1 {
		from, to = 0, from
	}
	if step == 0 {
		return Value{}, runtimeErrorf("range() arg 3 must not be zero")
	}
	count := rangeCount(from, to, step)
	if count > maxSize/valueSize {
		return Value{}, m.tooLarge()
	}
	return m.countUp(from, step, int(count))
}

// rangeCount is how many ints lie from one bound up or down to before another.
func rangeCount(from, to, step int) uint64 {
	switch {
	case step > 0 && from < to:
		return (uint64(to)-uint64(from)-1)/uint64(step) + 1
	case step < 0 && from > to:
		return (uint64(from)-uint64(to)-1)/-uint64(step) + 1
	}
	return 0
}

// countUp makes a list of ints.
func (m *Machine) countUp(from, step, count int) (Value, error) {
	l, err := m.newList(count)
	if err != nil {
		return Value{}, err
	}
	for i := range count {
		if i&1023 == 1023 {
			if err := m.Work(256); err != nil {
				return Value{}, err
			}
		}
		l.items = append(l.items, IntValue(int64(from+i*step)))
	}
	return listValue(l), m.Work(count & 1023 / 4)
}

func builtinList(m *Machine, args []Value, _ []string) (Value, error) {
	if len(args) == 0 {
		return m.listOf(nil)
	}
	return m.listFrom(args[0])
}

func builtinTuple(m *Machine, args []Value, _ []string) (Value, error) {
	if len(args) > 0 && args[0].Kind() == Tuple {
		return args[0], nil
	}
	v, err := builtinList(m, args, nil)
	if err != nil {
		return Value{}, err
	}
	return tupleValue(v.list()), nil
}

func builtinDict(m *Machine, args []Value, _ []string) (Value, error) {
	if len(args) > 0 && args[0].Kind() == Dict {
		return dictCopy(m, args[0], nil)
	}
	d, err := m.newDict(0)
	if err != nil {
		return Value{}, err
	}
	if len(args) > 0 {
		err = m.fillDict(d, args[0])
	}
	return dictValue(d), err
}

// typeTexts are the names that type() gives.
var typeTexts = makeTypeTexts()

func makeTypeTexts() *[Dict + 1]Value {
	var texts [Dict + 1]Value
	for k := range texts {
		texts[k] = staticText(Kind(k).String())
	}
	return &texts
}

func builtinType(_ *Machine, args []Value, _ []string) (Value, error) {
	return typeTexts[min(args[0].Kind(), Dict)], nil
}

func builtinEnumerate(m *Machine, args []Value, _ []string) (Value, error) {
	start := 0
	if len(args) > 1 {
		var err error
		if start, err = intArg(args[1]); err != nil {
			return Value{}, err
		}
	}
	items, err := m.sequence(args[0])
	if err != nil {
		return Value{}, err
	}
	if len(items) > 0 && start > math.MaxInt64-(len(items)-1) {
		return Value{}, intOverflow("enumerate()")
	}
	l, err := m.newList(len(items))
	if err != nil {
		return Value{}, err
	}
	for i, v := range items {
		if err := m.Work(1); err != nil {
			return Value{}, err
		}
		p, err := m.pair(IntValue(int64(start+i)), v)
		if err != nil {
			return Value{}, err
		}
		l.items = append(l.items, p)
	}
	return listValue(l), nil
}

func builtinZip(m *Machine, args []Value, _ []string) (Value, error) {
	var few [4][]Value
	columns, n := few[:0], math.MaxInt
	for _, a := range args {
		items, err := m.sequence(a)
		if err != nil {
			return Value{}, err
		}
		columns, n = append(columns, items), min(n, len(items))
	}
	if len(args) == 0 {
		n = 0
	}
	l, err := m.newList(n)
	if err != nil {
		return Value{}, err
	}
	for i := range n {
		if err := m.Work(1 + len(columns)/4); err != nil {
			return Value{}, err
		}
		row, err := m.row(columns, i)
		if err != nil {
			return Value{}, err
		}
		l.items = append(l.items, row)
	}
	return listValue(l), nil
}

// row makes a tuple of item i of each column.
func (m *Machine) row(columns [][]Value, i int) (Value, error) {
	if len(columns) == 2 {
		return m.pair(columns[0][i], columns[1][i])
	}
	row, err := m.newList(len(columns))
	if err != nil {
		return Value{}, err
	}
	for _, items := range columns {
		row.items = append(row.items, items[i])
	}
	return tupleValue(row), nil
}

func builtinAny(m *Machine, args []Value, _ []string) (Value, error) {
	return m.meets(args[0], true)
}

func builtinAll(m *Machine, args []Value, _ []string) (Value, error) {
	v, err := m.meets(args[0], false)
	return BoolValue(!v.Bool()), err
}

// meets tells whether v gives an item of a truth.
func (m *Machine) meets(v Value, want bool) (Value, error) {
	if v.IsString() { // none of its characters is empty
		return BoolValue(want && v.byteLen() > 0), nil
	}
	items, err := m.sequence(v)
	if err != nil {
		return Value{}, err
	}
	for i, item := range items {
		if i&3 == 0 {
			if err := m.Work(1); err != nil {
				return Value{}, err
			}
		}
		if truth(item) == want {
			return BoolValue(true), nil
		}
	}
	return BoolValue(false), nil
}

func builtinOrd(m *Machine, args []Value, _ []string) (Value, error) {
	if !args[0].IsString() {
		return Value{}, typeErrorf("ord() expected string of length 1, but %s found", args[0].Kind())
	}
	r, size := utf8.DecodeRuneInString(args[0].str())
	if size == 0 || size < args[0].byteLen() {
		n, err := m.length(args[0])
		if err != nil {
			return Value{}, err
		}
		return Value{}, typeErrorf("ord() expected a character, but string of length %d found", n)
	}
	return IntValue(int64(r)), nil
}

func builtinChr(m *Machine, args []Value, _ []string) (Value, error) {
	i, err := intArg(args[0])
	if err != nil {
		return Value{}, err
	}
	if i < 0 || i > utf8.MaxRune {
		return Value{}, runtimeErrorf("chr() arg not in range(0x110000)")
	}
	return m.single(rune(i))
}

// single is the text of one code point.
func (m *Machine) single(r rune) (Value, error) {
	if r < utf8.RuneSelf {
		return asciiTexts[r], nil
	}
	if !utf8.ValidRune(r) {
		return Value{}, runtimeErrorf("U+%04X is half of a code point and stands in no text", r)
	}
	var buf [utf8.UTFMax]byte
	return m.text(utf8.AppendRune(buf[:0], r))
}
