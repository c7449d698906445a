// This file holds the power of floats. math.Pow is off by several units in the
// last place, which shows in interest that is compounded; this one computes
// with twice the digits and rounds once.

package vm

import "math"

// powFloats returns x to the power y, nearly always the nearest float. x is not
// negative where y has a fraction, and not 0 where y is negative.
func powFloats(x, y float64) float64 {
	switch {
	case y == 0 || x == 1:
		return 1
	case x == 0:
		if oddFloat(y) {
			return x
		}
		return 0
	case x < 0:
		p := powFloats(-x, y)
		if oddFloat(y) {
			return -p
		}
		return p
	case y == 0.5:
		return math.Sqrt(x)
	case y == math.Trunc(y) && math.Abs(y) <= 64:
		return powSmall(x, int(y))
	}
	mantissa, e := math.Frexp(x)
	if mantissa < math.Sqrt2/2 {
		mantissa *= 2
		e--
	}
	log := ln2.times(float64(e)).plus(logNearOne(mantissa))
	if e := log.hi * y; math.Abs(e) > 800 {
		return math.Exp(e) // 0 or infinite
	}
	return log.times(y).exp()
}

// oddFloat reports whether y is an odd whole number.
func oddFloat(y float64) bool { return math.Abs(math.Mod(y, 2)) == 1 }

// powSmall multiplies. As long as the result has few digits it is exact, so
// that a tie is rounded as one.
func powSmall(x float64, n int) float64 {
	mantissa, e := math.Frexp(x)
	e *= n
	p, square := double{1, 0}, double{mantissa, 0}
	for i := max(n, -n); ; {
		if i&1 != 0 {
			p = p.mul(square)
		}
		if i >>= 1; i == 0 {
			break
		}
		square = square.mul(square)
	}
	if n < 0 {
		p = p.inverse()
	}
	return math.Ldexp(p.hi, e)
}

// logNearOne is the logarithm of x, which lies between √½ and √2.
func logNearOne(x float64) double {
	// A step of Newton's method doubles the digits of math.Log.
	first := math.Log(x)
	s := double{-first, 0}.expm1()
	d := x - 1
	rest := twoSum(d, s.hi).plus(double{s.lo, 0}).plus(s.times(d))
	rest = rest.plus(rest.mul(rest).times(-0.5))
	return double{first, 0}.plus(rest)
}

// double is a number of about 106 bits: the sum of two floats, hi being the
// float nearest to it.
type double struct{ hi, lo float64 }

var ln2 = double{0.6931471805599453, 2.3190468138462996e-17}

// twoSum is the exact sum of two floats.
func twoSum(a, b float64) double {
	s := a + b
	t := s - a
	return double{s, (a - (s - t)) + (b - t)}
}

// twoProduct is the exact product of two floats.
func twoProduct(a, b float64) double {
	p := a * b
	return double{p, math.FMA(a, b, -p)}
}

// normal makes hi the nearest float again; lo is much the smaller.
func (a double) normal() double {
	s := a.hi + a.lo
	return double{s, a.lo - (s - a.hi)}
}

func (a double) plus(b double) double {
	s, t := twoSum(a.hi, b.hi), twoSum(a.lo, b.lo)
	s = double{s.hi, s.lo + t.hi}.normal()
	return double{s.hi, s.lo + t.lo}.normal()
}

func (a double) times(f float64) double {
	p := twoProduct(a.hi, f)
	p.lo += a.lo * f
	return p.normal()
}

func (a double) mul(b double) double {
	p := twoProduct(a.hi, b.hi)
	p.lo += a.hi*b.lo + a.lo*b.hi
	return p.normal()
}

// inverse is 1 divided by a.
func (a double) inverse() double {
	q := 1 / a.hi
	// What is left of 1 after the first quotient, divided once more.
	rest := double{math.FMA(-q, a.hi, 1) - q*a.lo, 0}
	return double{q, rest.hi / a.hi}.normal()
}

// over divides by a small whole number.
func (a double) over(n float64) double {
	q := a.hi / n
	return double{q, (math.FMA(-q, n, a.hi) + a.lo) / n}.normal()
}

// exp is e to the power a as a float; a is less than 1000.
func (a double) exp() float64 {
	k := math.Round(a.hi / ln2.hi)
	r := a.plus(ln2.times(-k))
	e := double{1, 0}.plus(r.expm1())
	return math.Ldexp(e.hi, int(k))
}

// expm1 is e to the power a, less 1; a lies between -½ and ½.
func (a double) expm1() double {
	const (
		halvings = 9
		terms    = 11
	)
	r := double{math.Ldexp(a.hi, -halvings), math.Ldexp(a.lo, -halvings)}
	p := double{1, 0}
	for n := terms; n >= 2; n-- {
		p = double{1, 0}.plus(r.mul(p).over(float64(n)))
	}
	s := r.mul(p)
	for range halvings {
		s = s.times(2).plus(s.mul(s))
	}
	return s
}
