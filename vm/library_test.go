// This file tests built-ins, methods and formats against what Python says.

package vm

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/avap-framework/avap/bytecode"
)

// call calls what has a name: an operator, a built-in or a method. What a
// method does to its list or dict is seen because the receiver follows the result.
func call(m *Machine, name string, args []Value, kw []string) (Value, error) {
	if name == "%" {
		return m.percentFormat(args[0], args[1])
	}
	if id := slices.Index(bytecode.Builtins[:], name); id >= 0 {
		return m.callBuiltin(id, args, kw)
	}
	v, err := m.callMethod(slices.Index(bytecode.Methods[:], name), slices.Clone(args), kw)
	if k := args[0].Kind(); err == nil && (k == List || k == Dict) {
		return m.pair(v, args[0])
	}
	return v, err
}

// callLiterals calls with arguments and keyword arguments as Python writes them.
func callLiterals(t testing.TB, m *Machine, name, args, kw string) string {
	t.Helper()
	values := literal(t, m, args).Items()
	var names []string
	named := literal(t, m, kw).dict()
	for e, pos := named.next(0); e != nil; e, pos = named.next(pos) {
		names = append(names, e.key.str())
		values = append(values, e.val)
	}
	m.mem.op = m.mem.left
	v, err := call(m, name, values, names)
	return shown(m, v, err)
}

func TestLibrary(t *testing.T) {
	table, err := os.ReadFile("testdata/library.txt")
	if err != nil {
		t.Fatal(err)
	}
	m := NewMachine(Limits{Instructions: -1, Time: -1})
	for line := range strings.Lines(string(table)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 4 {
			continue
		}
		got := callLiterals(t, m, f[0], f[1], f[2])
		if f[3][0] == '!' {
			got, _, _ = strings.Cut(got, " ")
		}
		if got != f[3] {
			t.Errorf("%s%s %s = %s, want %s", f[0], f[1], f[2], got, f[3])
		}
	}
}

func codeOf(err error) ErrorCode {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestLibraryErrors(t *testing.T) {
	for _, test := range []struct{ name, args, kw, want string }{
		{"upper", "(1,)", "{}", "!type_error 'int' object has no method 'upper'"},
		{"append", "((1, 2), 3)", "{}", "!type_error 'tuple' object has no method 'append'"},
		{"upper", "('a', 'b')", "{}", "!type_error upper() takes exactly 0 arguments (1 given)"},
		{"replace", "('a', 'b')", "{}", "!type_error replace() takes at least 2 arguments (1 given)"},
		{"sorted", "([1],)", "{'key': 1}", "!type_error sorted() got an unexpected keyword argument 'key'"},
		{"sum", "([1],)", "{'start': 1}", "!type_error sum() got an unexpected keyword argument 'start'"},
		{"sorted", "([1, 'a'],)", "{}", "!type_error '<' not supported between instances of 'str' and 'int'"},
		{"join", "(', ', ['a', 1])", "{}", "!type_error sequence item 1: expected str instance, int found"},
		{"int", "('12x',)", "{}", "!runtime_error invalid literal for int() with base 10: '12x'"},
		{"float", "('1.5.2',)", "{}", "!runtime_error could not convert string to float: '1.5.2'"},
		{"int", "(1e19,)", "{}", "!overflow the result of int() does not fit in 64 bits"},
		{"min", "([],)", "{}", "!runtime_error min() arg is an empty sequence"},
		{"len", "(5,)", "{}", "!type_error object of type 'int' has no len()"},
		{"chr", "(55296,)", "{}", "!runtime_error U+D800 is half of a code point and stands in no text"},
		{"pop", "([],)", "{}", "!runtime_error pop from empty list"},
		{"pop", "({}, [])", "{}", "!runtime_error key [] is not in the dict"},
		{"index", "([1], 'x')", "{}", "!runtime_error 'x' is not in list"},
		{"pop", "({}, 'k')", "{}", "!runtime_error key 'k' is not in the dict"},
		{"update", "({}, [(1, 2, 3)])", "{}", "!runtime_error dictionary update sequence element #0 has length 3; 2 is required"},
		{"%", "('%d %d', (1,))", "{}", "!type_error not enough arguments for format string"},
		{"%", "('%d', 'x')", "{}", "!type_error %d format: a real number is required, not str"},
		{"%", "('a', 1)", "{}", "!type_error not all arguments converted during string formatting"},
		{"%", "('é%y', 1)", "{}", "!runtime_error unsupported format character 'y' (0x79) at index 2"},
		{"format", "('{}',)", "{}", "!runtime_error Replacement index 0 out of range for positional args tuple"},
		{"format", "('{x}',)", "{'y': 1}", "!runtime_error no argument is named 'x'"},
		{"format", "('{:d}', 'a')", "{}", "!runtime_error Unknown format code 'd' for object of type 'str'"},
		{"format", "('{.k[1]} {0.k}', {'k': 'ab'})", "{}", "!runtime_error cannot switch from automatic field numbering to manual field specification"},
		{"format", "('{0.k[1]} {0[k]}', {'k': 'ab'})", "{}", "'b ab'"},
		{"format", "('{0.k}', 5)", "{}", "!type_error 'int' object has no key 'k'"},
	} {
		if got := callLiterals(t, NewMachine(Limits{Time: -1}), test.name, test.args, test.kw); got != test.want {
			t.Errorf("%s%s %s = %s, want %s", test.name, test.args, test.kw, got, test.want)
		}
	}
}

// A size that no quota grants ends the call before it is allocated.
func TestSizeBombs(t *testing.T) {
	for _, test := range []struct {
		name, args string
		want       ErrorCode
	}{
		{"zfill", "('1', 1000000000000)", CodeMemory},
		{"zfill", "('1', 9223372036854775807)", CodeMemory},
		{"range", "(1000000000000,)", CodeMemory},
		{"range", "(-9223372036854775808, 9223372036854775807)", CodeMemory},
		{"range", "(9223372036854775807, -9223372036854775808, -1)", CodeMemory},
		{"%", "('%1000000000000d', 1)", CodeMemory},
		{"%", "('%*s', (9223372036854775807, 'x'))", CodeMemory},
		{"%", "('%*s', (-9223372036854775808, 'x'))", CodeMemory},
		{"%", "('%.2000000000d', 1)", CodeMemory},
		{"%", "('%.2000000000f', 1.5)", CodeMemory},
		{"%", "('%.2000000000e', 1.5)", CodeMemory},
		{"%", "('%#.2000000000g', 1.5)", CodeMemory},
		{"%", "('%99999999999999999999d', 1)", CodeRuntime},
		{"%", "('%.9999999999f', 1.5)", CodeRuntime},
		{"format", "('{:1000000000000}', 'x')", CodeMemory},
		{"format", "('{:é^9223372036854775807}', 'x')", CodeMemory},
		{"format", "('{:09223372036854775807,}', 1)", CodeMemory},
		{"format", "('{:.2000000000f}', 1.5)", CodeMemory},
		{"format", "('{0:{1}}', 1, 9223372036854775807)", CodeMemory},
		{"format", "('{:99999999999999999999}', 1)", CodeRuntime},
		{"format", "('{99999999999999999999}', 1)", CodeRuntime},
		{"round", "(9223372036854775807, -9223372036854775808)", ""},
		{"round", "(9223372036854775807, -1)", CodeOverflow},
		{"round", "(1e308, 9223372036854775807)", ""},
		{"round", "(1.7e308, -308)", CodeOverflow},
		{"enumerate", "([1, 2], 9223372036854775807)", CodeOverflow},
		{"sum", "([9223372036854775807, 1],)", CodeOverflow},
		{"abs", "(-9223372036854775808,)", CodeOverflow},
		{"int", "('9223372036854775808',)", CodeOverflow},
		{"int", "('-9223372036854775808',)", ""},
		{"find", "('abc', 'b', -9223372036854775808, 9223372036854775807)", ""},
		{"insert", "([1, 2], -9223372036854775808, 0)", ""},
		{"pop", "([1, 2], -9223372036854775808)", CodeRuntime},
		{"split", "('a b', None, 9223372036854775807)", ""},
	} {
		m := NewMachine(Limits{Time: -1})
		args := literal(t, m, test.args).Items()
		before := bytesAllocated()
		_, err := call(m, test.name, args, nil)
		if n := bytesAllocated() - before; n > 1<<20 {
			t.Errorf("%s%s allocated %d bytes", test.name, test.args, n)
		}
		if codeOf(err) != test.want {
			t.Errorf("%s%s: %v, want code %q", test.name, test.args, err, test.want)
		}
	}
}

func bytesAllocated() uint64 {
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.TotalAlloc
}

// Bombs whose parts all exist: what they would make is charged before it is made.
func TestProductBombs(t *testing.T) {
	m := NewMachine(Limits{Time: -1})
	long := text(t, m, strings.Repeat("ab", 1<<19))
	many, err := m.callBuiltin(slices.Index(bytecode.Builtins[:], "list"), []Value{long}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		args []Value
	}{
		{"replace", []Value{long, text(t, m, "a"), long}},
		{"replace", []Value{long, emptyText, long}},
		{"join", []Value{long, many}},
		{"join", []Value{long, long}},
		{"%", []Value{text(t, m, strings.Repeat("%(k)s", 100)), mapping(t, m, "k", long)}},
		{"format", []Value{text(t, m, strings.Repeat("{0}", 100)), long}},
		{"enumerate", []Value{many}},
	} {
		m := NewMachine(Limits{Memory: 16 << 20, Instructions: -1, Time: -1})
		before := bytesAllocated()
		_, err := call(m, test.name, test.args, nil)
		if codeOf(err) != CodeMemory {
			t.Errorf("%s: %v, want %s", test.name, err, CodeMemory)
		}
		if n := bytesAllocated() - before; n > 48<<20 {
			t.Errorf("%s allocated %d bytes", test.name, n)
		}
	}
}

func mapping(t testing.TB, m *Machine, key string, v Value) Value {
	t.Helper()
	d, err := m.newDict(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.set(m, text(t, m, key), v); err != nil {
		t.Fatal(err)
	}
	return dictValue(d)
}

// large are calls whose work grows with their input, with a mebibyte of it.
func large(t testing.TB, m *Machine) []largeCall {
	const size = 1 << 20
	ascii, wide := text(t, m, strings.Repeat("a b ", size/4)), text(t, m, strings.Repeat("éΣ", size/4))
	digits, blank := text(t, m, strings.Repeat("1", size)), text(t, m, strings.Repeat(" ", size))
	ints := make([]Value, size/valueSize)
	for i := range ints {
		ints[i] = IntValue(int64(i * 7919 % len(ints)))
	}
	copied := func() Value { return listValue(&list{items: slices.Clone(ints)}) }
	x, one := text(t, m, "x"), IntValue(1)
	return []largeCall{
		{"upper", []Value{ascii}},
		{"lower", []Value{wide}},
		{"title", []Value{wide}},
		{"capitalize", []Value{ascii}},
		{"strip", []Value{blank}},
		{"rstrip", []Value{wide, wide}},
		{"split", []Value{ascii}},
		{"split", []Value{ascii, x}},
		{"join", []Value{x, ascii}},
		{"replace", []Value{ascii, text(t, m, "a"), x}},
		{"replace", []Value{wide, emptyText, x}},
		{"startswith", []Value{wide, wide}},
		{"find", []Value{wide, x}},
		{"count", []Value{digits, text(t, m, "1")}},
		{"isdigit", []Value{digits}},
		{"zfill", []Value{x, IntValue(size)}},
		{"format", []Value{ascii}},
		{"format", []Value{text(t, m, "{:>1048576}"), x}},
		{"format", []Value{text(t, m, "{:01048576,}"), one}},
		{"%", []Value{ascii, tupleValue(&list{})}},
		{"%", []Value{text(t, m, "%r"), wide}},
		{"%", []Value{text(t, m, "%01048576d"), one}},
		{"len", []Value{wide}},
		{"int", []Value{digits}},
		{"float", []Value{digits}},
		{"sorted", []Value{copied()}},
		{"min", []Value{copied()}},
		{"sum", []Value{copied()}},
		{"reversed", []Value{copied()}},
		{"list", []Value{ascii}},
		{"range", []Value{IntValue(size / valueSize)}},
		{"enumerate", []Value{copied()}},
		{"zip", []Value{copied(), copied()}},
		{"str", []Value{copied()}},
		{"insert", []Value{copied(), IntValue(0), one}},
		{"pop", []Value{copied(), IntValue(0)}},
		{"index", []Value{copied(), x}},
		{"count", []Value{copied(), x}},
		{"reverse", []Value{copied()}},
		{"copy", []Value{copied()}},
		{"extend", []Value{copied(), copied()}},
		{"sort", []Value{copied()}},
	}
}

type largeCall struct {
	name string
	args []Value
}

// A large call charges for its work, and ends when nobody waits for it any more.
func TestLargeCallsAreCharged(t *testing.T) {
	builder := NewMachine(unlimited)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range large(t, builder) {
		m := NewMachine(Limits{Instructions: 500, Time: -1})
		if _, err := call(m, c.name, c.args, nil); codeOf(err) != CodeInstructions {
			t.Errorf("%s with 500 instructions: %v", c.name, err)
		}
	}
	for _, c := range large(t, builder) {
		m := NewMachine(Limits{Time: -1})
		m.Reset(cancelled, Limits{Memory: -1, Instructions: -1, Time: -1}, nil)
		m.fuel = 1000
		if _, err := call(m, c.name, c.args, nil); codeOf(err) != CodeCancelled {
			t.Errorf("%s when cancelled: %v", c.name, err)
		}
	}
}

// What a failed sort leaves is its list in another order.
func TestSortKeepsItems(t *testing.T) {
	m := NewMachine(Limits{Time: -1})
	items := make([]Value, 100)
	for i := range items {
		items[i] = IntValue(int64(i * 37 % 100))
	}
	items[60] = emptyText
	if err := m.sortValues(items, false); codeOf(err) != CodeType {
		t.Fatal(err)
	}
	sum, texts := 0, 0
	for _, v := range items {
		if v.IsInt() {
			sum += int(v.Int())
		} else {
			texts++
		}
	}
	if want := 4950 - 60*37%100; sum != want || texts != 1 {
		t.Errorf("the ints add up to %d, want %d, and there are %d texts", sum, want, texts)
	}
}

func TestSortIsStable(t *testing.T) {
	m := NewMachine(unlimited)
	for _, backwards := range []bool{false, true} {
		items := make([]Value, 1000)
		for i := range items { // 1 and 1.0 are equal, yet can be told apart
			if items[i] = IntValue(int64(i * 7 % 10)); i%3 == 0 {
				items[i] = floatValue(float64(i * 7 % 10))
			}
		}
		want := slices.Clone(items)
		slices.SortStableFunc(want, func(a, b Value) int {
			if backwards {
				a, b = b, a
			}
			return orderNumbers(a, b)
		})
		if err := m.sortValues(items, backwards); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(items, want) {
			t.Errorf("backwards %v: not stable", backwards)
		}
	}
}

// A search that goes on past chunks finds what strings.Index finds.
func TestSearchAcrossChunks(t *testing.T) {
	m := NewMachine(unlimited)
	for _, size := range []int{1, 7, longNeedle - 1, longNeedle, longNeedle + 9, chunk, chunk + 3, 2*chunk + 1} {
		for _, at := range []int{0, 1, chunk - size/2, chunk - 1, chunk, 2*chunk - 1} {
			needle := strings.Repeat("a", size-1) + "b"
			s := strings.Repeat("x", at) + needle + strings.Repeat("c", 100)
			got, err := m.search(s, needle, 0)
			if want := strings.Index(s, needle); got != want || err != nil {
				t.Errorf("%d bytes at %d: found at %d, want %d (%v)", size, at, got, want, err)
			}
		}
	}
}

func TestRunes(t *testing.T) {
	m := NewMachine(unlimited)
	for _, unit := range []string{"a", "é", "aé日😀", "日"} {
		for _, n := range []int{0, 1, 5, 1000, chunk/3 + 1, chunk} {
			s := strings.Repeat(unit, n)
			got, err := m.runes(s)
			if want := utf8.RuneCountInString(s); got != want || err != nil {
				t.Errorf("%d of %q: %d code points, want %d (%v)", n, unit, got, want, err)
			}
			for _, at := range []int{0, 1, got / 2, got - 1, got, got + 5} {
				place, err := m.offset(s, max(at, 0))
				if want := len(string([]rune(s)[:min(max(at, 0), got)])); place != want || err != nil {
					t.Errorf("%d of %q: code point %d at %d, want %d (%v)", n, unit, at, place, want, err)
				}
			}
		}
	}
}

func BenchmarkLibrary(b *testing.B) {
	for _, bench := range []struct{ name, args string }{
		{"str", "(123456,)"},
		{"int", "('123456',)"},
		{"float", "('1234.56',)"},
		{"round", "(1234.5678, 2)"},
		{"join", "('-', ['alpha', 'beta', 'gamma', 'delta'])"},
		{"split", "('alpha,beta,gamma,delta', ',')"},
		{"split", "('alpha beta gamma delta',)"},
		{"replace", "('the quick brown fox', 'quick', 'slow')"},
		{"upper", "('the quick brown fox',)"},
		{"upper", "('el niño rápido',)"},
		{"strip", "('  the quick brown fox  ',)"},
		{"find", "('the quick brown fox', 'fox')"},
		{"startswith", "('the quick brown fox', 'the')"},
		{"%", "('%s has %d items at %.2f', ('cart', 3, 9.99))"},
		{"format", "('{} has {} items at {:.2f}', 'cart', 3, 9.99)"},
		{"sorted", "([5, 3, 9, 1, 7, 2, 8, 4, 6, 0],)"},
		{"range", "(100,)"},
		{"get", "({'a': 1, 'b': 2}, 'b')"},
		{"items", "({'a': 1, 'b': 2},)"},
	} {
		b.Run(bench.name+bench.args, func(b *testing.B) {
			m := NewMachine(unlimited)
			args := literal(b, m, bench.args).Items()
			builtinID := slices.Index(bytecode.Builtins[:], bench.name)
			methodID := slices.Index(bytecode.Methods[:], bench.name)
			b.ReportAllocs()
			for b.Loop() {
				var err error
				switch {
				case bench.name == "%":
					_, err = m.percentFormat(args[0], args[1])
				case builtinID >= 0:
					_, err = m.callBuiltin(builtinID, args, nil)
				default:
					_, err = m.callMethod(methodID, args, nil)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
