// This file holds what is computed when compiling. Folding never makes a value
// over 1 KiB, and leaves to the machine whatever would be an error.

package compile

import (
	"math"
	"strconv"

	"github.com/avap-framework/avap/syntax"
)

// maxFolded is how large a folded text may be, in bytes.
const maxFolded = 1 << 10

// fold gives the literal that an operator on literals comes to, or nil.
func fold(e *syntax.Binary) syntax.Expr {
	x := literal(e.X)
	if x == nil {
		return nil
	}
	y := literal(e.Y)
	if y == nil {
		return nil
	}
	return foldBinary(e, x, y)
}

// literal gives e itself where it is a literal number or text, or what a
// negated number comes to. It does not look further, so that folding a chain
// costs no more than its length.
func literal(e syntax.Expr) syntax.Expr {
	switch e := e.(type) {
	case *syntax.IntLit, *syntax.FloatLit, *syntax.StringLit:
		return e
	case *syntax.Unary:
		return foldUnary(e)
	}
	return nil
}

func foldUnary(e *syntax.Unary) syntax.Expr {
	if e.Op == "not" {
		if b, ok := e.X.(*syntax.BoolLit); ok {
			return &syntax.BoolLit{Pos: e.Pos, Value: !b.Value}
		}
		return nil
	}
	switch x := e.X.(type) {
	case *syntax.IntLit:
		if x.Value != math.MinInt64 {
			return &syntax.IntLit{Pos: e.Pos, Value: -x.Value}
		}
	case *syntax.FloatLit:
		return &syntax.FloatLit{Pos: e.Pos, Value: -x.Value}
	}
	return nil
}

func foldBinary(e *syntax.Binary, x, y syntax.Expr) syntax.Expr {
	switch x := x.(type) {
	case *syntax.IntLit:
		if y, ok := y.(*syntax.IntLit); ok {
			return foldInts(e, x.Value, y.Value)
		}
	case *syntax.FloatLit:
		if y, ok := y.(*syntax.FloatLit); ok {
			return foldFloats(e, x.Value, y.Value)
		}
	case *syntax.StringLit:
		if y, ok := y.(*syntax.StringLit); ok && e.Op == "+" && len(x.Value)+len(y.Value) <= maxFolded {
			return &syntax.StringLit{Pos: e.Pos, Value: x.Value + y.Value}
		}
	}
	return nil
}

func foldInts(e *syntax.Binary, x, y int64) syntax.Expr {
	var v int64
	switch e.Op {
	case "+":
		v = x + y
		if (v > x) != (y > 0) {
			return nil
		}
	case "-":
		v = x - y
		if (v < x) != (y > 0) {
			return nil
		}
	case "*":
		if int64(int32(x)) != x || int64(int32(y)) != y {
			return nil
		}
		v = x * y
	default:
		return nil
	}
	return &syntax.IntLit{Pos: e.Pos, Value: v}
}

func foldFloats(e *syntax.Binary, x, y float64) syntax.Expr {
	var v float64
	switch e.Op {
	case "+":
		v = x + y
	case "-":
		v = x - y
	case "*":
		v = x * y
	default:
		return nil
	}
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return nil
	}
	return &syntax.FloatLit{Pos: e.Pos, Value: v}
}

// constantTruth gives the truth of a condition that is a literal.
func constantTruth(e syntax.Expr) (truth, known bool) {
	switch e := e.(type) {
	case *syntax.BoolLit:
		return e.Value, true
	case *syntax.NoneLit:
		return false, true
	case *syntax.IntLit:
		return e.Value != 0, true
	case *syntax.StringLit:
		return e.Value != "", true
	}
	return false, false
}

// constantInt gives the value of a literal int, negated or not.
func constantInt(e syntax.Expr) (int64, bool) {
	i, ok := literal(e).(*syntax.IntLit)
	if !ok {
		return 0, false
	}
	return i.Value, true
}

// readDigits reads text of digits only that is an int as it stands: without
// leading zeros, within 64 bits.
func readDigits(s string) (int64, bool) {
	if s == "" || len(s) > 1 && s[0] == '0' {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	i, err := strconv.ParseInt(s, 10, 64)
	return i, err == nil
}
