// This file tests the operators against what Python says.

package vm

import (
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/avap-framework/avap/bytecode"
)

// operate runs an operator as the machine does.
func operate(m *Machine, op string, a, b Value) string {
	arithmetic := map[string]func(a, b Value) (Value, error){
		"+": m.add, "-": m.sub, "*": m.mul, "/": m.div, "//": m.floorDiv, "%": m.mod, "**": m.pow,
	}
	if f := arithmetic[op]; f != nil {
		v, err := f(a, b)
		return shown(m, v, err)
	}
	var ok bool
	var err error
	switch op {
	case "==":
		ok, err = m.equal(a, b)
	case "in":
		ok, err = m.contains(a, b)
	default:
		orders := map[string]bytecode.Op{
			"<": bytecode.OpLt, "<=": bytecode.OpLe, ">": bytecode.OpGt, ">=": bytecode.OpGe,
		}
		ok, err = m.order(orders[op], a, b)
	}
	return shownBool(m, ok, err)
}

func TestOperators(t *testing.T) {
	table, err := os.ReadFile("testdata/operators.txt")
	if err != nil {
		t.Fatal(err)
	}
	m := NewMachine(unlimited)
	for line := range strings.Lines(string(table)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 4 {
			continue
		}
		got := operate(m, f[1], literal(t, m, f[0]), literal(t, m, f[2]))
		want := f[3]
		if code, message, _ := strings.Cut(want, " "); want[0] == '!' && message == "" {
			got, _, _ = strings.Cut(got, " ")
			want = code
		}
		if got != want {
			t.Errorf("%s %s %s = %s, want %s", f[0], f[1], f[2], got, want)
		}
	}
}

func TestTrueDivisionIsRoundedOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		x := int64(rng.Uint64()) >> rng.IntN(64)
		y := int64(rng.Uint64()) >> rng.IntN(64)
		if y == 0 {
			continue
		}
		want, _ := big.NewRat(0, 1).SetFrac(big.NewInt(x), big.NewInt(y)).Float64()
		if got := divInts(x, y); got != want {
			t.Fatalf("%d / %d = %v, want %v", x, y, got, want)
		}
	}
}

func TestMulInts(t *testing.T) {
	edges := []int64{0, 1, -1, 2, 3037000499, 3037000500, -3037000500, math.MaxInt64, math.MinInt64, 1 << 32, -1 << 31}
	for _, x := range edges {
		for _, y := range edges {
			want := new(big.Int).Mul(big.NewInt(x), big.NewInt(y))
			got, ok := mulInts(x, y)
			if ok != want.IsInt64() || ok && got != want.Int64() {
				t.Errorf("%d * %d = %d, %v, want %v", x, y, got, ok, want)
			}
		}
	}
}

func TestNegation(t *testing.T) {
	m := NewMachine(patient)
	for in, want := range map[string]string{
		"1": "-1", "True": "-1", "0": "0", "0.0": "-0.0", "1.5": "-1.5",
		"-9223372036854775808": "!overflow the result of unary - does not fit in 64 bits",
		"'a'":                  "!type_error bad operand type for unary -: 'str'",
	} {
		v, err := m.neg(literal(t, m, in))
		if got := shown(m, v, err); got != want {
			t.Errorf("-(%s) = %s, want %s", in, got, want)
		}
	}
}

func TestTruth(t *testing.T) {
	m := NewMachine(patient)
	for _, in := range []string{"None", "False", "0", "0.0", "-0.0", "''", "[]", "()", "{}"} {
		if truth(literal(t, m, in)) {
			t.Errorf("%s is true", in)
		}
	}
	for _, in := range []string{"True", "-1", "0.1", "' '", "[0]", "(None,)", "{0: 0}"} {
		if !truth(literal(t, m, in)) {
			t.Errorf("%s is false", in)
		}
	}
}

func TestRepeatingAcrossChunks(t *testing.T) {
	m := NewMachine(unlimited)
	for _, n := range []int{1, 3, chunk - 1, chunk, chunk + 1, 2*chunk + 5} {
		s := strings.Repeat("abcdefg", n/7+1)[:n]
		v, err := m.mul(IntValue(5), text(t, m, s))
		if err != nil || v.str() != strings.Repeat(s, 5) {
			t.Errorf("a text of %d bytes, five times: %v", n, err)
		}
	}
	l := literal(t, m, "[1, 2, 3]")
	v, err := m.mul(l, IntValue(50_000))
	if err != nil {
		t.Fatal(err)
	}
	for i, item := range v.Items() {
		if item.Int() != int64(i%3+1) {
			t.Fatalf("item %d is %d", i, item.Int())
		}
	}
}

func TestHugeResultsCostAnErrorOnly(t *testing.T) {
	for _, c := range [][2]string{{"'x'", "10000000000"}, {"[1]", "9223372036854775807"}, {"'xy'", "9223372036854775807"}} {
		m := NewMachine(patient)
		got := operate(m, "*", literal(t, m, c[0]), literal(t, m, c[1]))
		if code, _, _ := strings.Cut(got, " "); code != "!quota_memory" {
			t.Errorf("%s * %s: %s", c[0], c[1], got)
		}
	}
}
