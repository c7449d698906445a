// This file holds randomString: texts drawn from a pattern.

package command

import (
	"encoding/binary"
	"io"
	"math"
	"math/big"
	"math/bits"
	"regexp/syntax"
	"slices"
	"sort"
	"unicode"
	"unicode/utf8"

	"github.com/avap-framework/avap/vm"
)

const (
	// maxRepeat is how often at most a repetition without an upper bound goes on
	// beyond its lower one.
	maxRepeat = 10
	// maxLength is beyond what any quota grants. Larger lengths are not computed with.
	maxLength = 1 << 41
	// maxDrawn bounds the code points of one repetition of a pattern.
	maxDrawn = 100_000
)

// randomString(Pattern, Length, TargetVariable)
func (l *library) randomString(m *vm.Machine, args []vm.Value) error {
	pattern, err := scalarText(m, args[0], "Pattern")
	if err != nil {
		return err
	}
	length, err := whole(args[1], "Length")
	if err != nil {
		return err
	}
	if length < 0 {
		return failed("Length must not be negative: %d", length)
	}
	g, err := parseGenerator(m, pattern.Str())
	if err != nil {
		return err
	}
	out, err := m.BuildText(int(min(length, maxLength)) * g.least)
	if err != nil {
		return err
	}
	d := &draw{m: m, source: l.host.Random, out: out}
	for range length {
		if err := d.text(g); err != nil {
			return err
		}
	}
	args[2], err = out.Finish()
	return err
}

// generator is a pattern that texts are drawn from, evenly over all the texts
// that it matches.
type generator struct {
	ranges  []rune   // of a class: pairs of the first and the last
	before  []uint32 // of a class: how many code points each pair and those before it have
	size    uint32   // how many code points the class has
	subs    []*generator
	choices []float64 // the chance of each sub, or of each number of repetitions, and all before it; nil where all subs follow each other
	min     int       // repetitions at least
	repeats bool
	count   *big.Float // how many texts there are
	least   int        // bytes of the shortest text
	most    int        // code points of the longest text
}

// parseGenerator reads a pattern.
func parseGenerator(m *vm.Machine, s string) (*generator, error) {
	if len(s) > maxPattern {
		return nil, failed("Pattern is longer than %d bytes", maxPattern)
	}
	_, cost, err := prepare("Pattern", s, false)
	if err != nil {
		return nil, err
	}
	if err := m.Work(2 * cost); err != nil {
		return nil, err
	}
	tree, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		return nil, explainPattern("Pattern", s, err)
	}
	return makeGenerator(m, tree)
}

func makeGenerator(m *vm.Machine, re *syntax.Regexp) (*generator, error) {
	if err := m.Work(4); err != nil {
		return nil, err
	}
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText:
		return sequence(), nil
	case syntax.OpLiteral:
		letters := make([]*generator, len(re.Rune))
		for i, r := range re.Rune {
			letters[i], _ = class(foldings(r, re.Flags&syntax.FoldCase != 0))
		}
		return bounded(sequence(letters...))
	case syntax.OpCharClass:
		return class(re.Rune)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return class([]rune{0, unicode.MaxRune})
	}
	subs := make([]*generator, len(re.Sub))
	for i, sub := range re.Sub {
		g, err := makeGenerator(m, sub)
		if err != nil {
			return nil, err
		}
		subs[i] = g
	}
	switch re.Op {
	case syntax.OpCapture, syntax.OpConcat:
		return bounded(sequence(subs...))
	case syntax.OpAlternate:
		return either(subs), nil
	case syntax.OpStar:
		return repeat(m, subs[0], 0, maxRepeat)
	case syntax.OpPlus:
		return repeat(m, subs[0], 1, 1+maxRepeat)
	case syntax.OpQuest:
		return repeat(m, subs[0], 0, 1)
	case syntax.OpRepeat:
		if re.Max < 0 {
			return repeat(m, subs[0], re.Min, re.Min+maxRepeat)
		}
		return repeat(m, subs[0], re.Min, re.Max)
	}
	return nil, failed("Pattern: nothing can be drawn from %s", clip(re.String()))
}

func bounded(g *generator) (*generator, error) {
	if g.most > maxDrawn {
		return nil, failed("Pattern matches texts of more than %d characters", maxDrawn)
	}
	return g, nil
}

// foldings returns a letter, and where case does not count all its forms, as a class.
func foldings(r rune, fold bool) []rune {
	class := []rune{r, r}
	for f := unicode.SimpleFold(r); fold && f != r; f = unicode.SimpleFold(f) {
		class = append(class, f, f)
	}
	return class
}

// class draws one code point. A class that goes on to the end of Unicode, as the
// dot and [^…] do, is cut down to the ASCII characters that can be printed.
func class(ranges []rune) (*generator, error) {
	if n := len(ranges); n > 0 && ranges[n-1] == unicode.MaxRune {
		if printable := intersect(ranges, ' ', '~'); printable != nil {
			ranges = printable
		}
	}
	before := intersect(ranges, 0, 0xD7FF)
	g := &generator{ranges: append(before, intersect(ranges, 0xE000, unicode.MaxRune)...), least: 4, most: 1}
	for i := 0; i < len(g.ranges); i += 2 {
		g.size += uint32(g.ranges[i+1] - g.ranges[i] + 1)
		g.before = append(g.before, g.size)
		g.least = min(g.least, utf8.RuneLen(g.ranges[i]))
	}
	if g.size == 0 {
		return nil, failed("Pattern: nothing can be drawn from an empty class")
	}
	g.count = newCount().SetInt64(int64(g.size))
	return g, nil
}

// intersect returns the part of a class from low to high.
func intersect(ranges []rune, low, high rune) []rune {
	var part []rune
	for i := 0; i < len(ranges); i += 2 {
		if a, b := max(ranges[i], low), min(ranges[i+1], high); a <= b {
			part = append(part, a, b)
		}
	}
	return part
}

func newCount() *big.Float { return new(big.Float).SetPrec(64) }

// sequence draws one text after another.
func sequence(subs ...*generator) *generator {
	g := &generator{subs: subs, count: newCount().SetInt64(1)}
	for _, sub := range subs {
		g.count.Mul(g.count, sub.count)
		g.least, g.most = g.least+sub.least, g.most+sub.most
	}
	return g
}

// either draws from one of several.
func either(subs []*generator) *generator {
	counts := make([]*big.Float, len(subs))
	g := &generator{subs: subs, least: math.MaxInt}
	for i, sub := range subs {
		counts[i] = sub.count
		g.least, g.most = min(g.least, sub.least), max(g.most, sub.most)
	}
	g.count, g.choices = chances(counts)
	return g
}

// repeat draws from min to max texts.
func repeat(m *vm.Machine, sub *generator, lowest, highest int) (*generator, error) {
	if err := m.Work(1 + 8*highest); err != nil {
		return nil, err
	}
	g := &generator{subs: []*generator{sub}, repeats: true, min: lowest, least: lowest * sub.least, most: highest * sub.most}
	n := newCount().SetInt64(1)
	var counts []*big.Float
	for k := 0; k <= highest; k++ {
		if k >= lowest {
			counts = append(counts, newCount().Set(n))
		}
		n.Mul(n, sub.count)
	}
	g.count, g.choices = chances(counts)
	return bounded(g)
}

// chances returns the sum of counts, and the share that each has with all before it.
func chances(counts []*big.Float) (sum *big.Float, shares []float64) {
	sum = newCount()
	for _, n := range counts {
		sum.Add(sum, n)
	}
	shares = make([]float64, len(counts))
	so := newCount()
	for i, n := range counts {
		so.Add(so, n)
		shares[i], _ = newCount().Quo(so, sum).Float64()
	}
	return sum, shares
}

// draw draws texts for one call.
type draw struct {
	m      *vm.Machine
	source io.Reader
	out    *vm.TextBuilder
	buf    [512]byte
	rest   []byte // of buf, not used yet
}

// text draws one text.
func (d *draw) text(g *generator) error {
	if err := d.m.Work(1); err != nil {
		return err
	}
	switch {
	case g.ranges != nil:
		return d.character(g)
	case g.choices == nil:
		for _, sub := range g.subs {
			if err := d.text(sub); err != nil {
				return err
			}
		}
		return nil
	}
	at, err := d.choose(g.choices)
	if err != nil {
		return err
	}
	if !g.repeats {
		return d.text(g.subs[at])
	}
	for range g.min + at {
		if err := d.text(g.subs[0]); err != nil {
			return err
		}
	}
	return nil
}

// character draws one code point of a class.
func (d *draw) character(g *generator) error {
	n, err := d.below(g.size)
	if err != nil {
		return err
	}
	i, _ := slices.BinarySearch(g.before, n+1)
	return d.out.WriteRune(g.ranges[2*i+1] - rune(g.before[i]-n-1))
}

// choose returns a place in shares, each as often as its share says.
func (d *draw) choose(shares []float64) (int, error) {
	if len(shares) == 1 {
		return 0, nil
	}
	b, err := d.bytes(8)
	if err != nil {
		return 0, err
	}
	x := float64(binary.LittleEndian.Uint64(b)>>11) / (1 << 53)
	i := sort.Search(len(shares)-1, func(i int) bool { return x < shares[i] })
	return i, nil
}

// below returns a number from 0 to n-1, all equally likely: numbers of as many bits
// as n needs are drawn until one is small enough.
func (d *draw) below(n uint32) (uint32, error) {
	width := bits.Len32(n - 1)
	for {
		b, err := d.bytes((width + 7) / 8)
		if err != nil {
			return 0, err
		}
		x := uint32(0)
		for _, c := range b {
			x = x<<8 | uint32(c)
		}
		if x &= 1<<width - 1; x < n {
			return x, nil
		}
		if err := d.m.Work(1); err != nil {
			return 0, err
		}
	}
}

// bytes returns n random bytes, which nobody has seen.
func (d *draw) bytes(n int) ([]byte, error) {
	if len(d.rest) < n {
		if _, err := io.ReadFull(d.source, d.buf[:]); err != nil {
			return nil, &vm.Error{Code: vm.CodeRuntime, Msg: "the random source failed", Err: err}
		}
		d.rest = d.buf[:]
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b, nil
}
