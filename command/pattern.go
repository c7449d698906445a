// This file holds patterns: how they are read, bounded and remembered.

package command

import (
	"errors"
	"regexp/syntax"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/avap-framework/avap/vm"
)

const (
	maxPattern      = 1000   // bytes
	maxInstructions = 10_000 // compiled
	maxTables       = 32     // classes of Unicode, \p{…}: each is a table of its own
	maxFolded       = 1 << 17
	// maxKept is how large a compiled pattern may be to be remembered, and
	// keptPatterns how many are: 16 MiB at most, as a rule some hundred KiB.
	maxKept      = 64 << 10
	keptPatterns = 256
)

// pattern is a compiled regular expression. It does not change, but for its
// scratch, and may be shared by any number of goroutines.
type pattern struct {
	prog     *syntax.Prog
	anchored bool   // it begins with \A
	prefix   string // what every match begins with
	first    *[256]bool
	names    []string // of the groups; "" for those without one
	cost     int      // of compiling, in instructions of the machine
	scratch  sync.Pool
}

// groups is how many groups the pattern has.
func (p *pattern) groups() int { return len(p.names) - 1 }

// patterns remembers compiled patterns, those used least recently first out. It
// is safe for concurrent use.
type patterns struct {
	kept *lru.Cache[string, *pattern]
}

func newPatterns() *patterns { return &patterns{newCache[*pattern](keptPatterns)} }

// compile returns the pattern of a text. It charges the same whether the pattern is
// remembered or not.
func (ps *patterns) compile(m *vm.Machine, source string, looseSpaces bool) (*pattern, error) {
	if len(source) > maxPattern {
		return nil, failed("rePattern is longer than %d bytes", maxPattern)
	}
	rewritten, cost, err := prepare("rePattern", source, looseSpaces)
	if err != nil {
		return nil, err
	}
	if err := m.Work(cost); err != nil {
		return nil, err
	}
	p, ok := ps.kept.Get(rewritten)
	if !ok {
		var size int
		if p, size, err = compilePattern(rewritten, source); err != nil {
			return nil, err
		}
		if size <= maxKept {
			ps.kept.Add(strings.Clone(rewritten), p)
		}
	}
	return p, m.Work(p.cost)
}

// compilePattern compiles a pattern and gives its size in bytes.
func compilePattern(s, source string) (*pattern, int, error) {
	tree, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		return nil, 0, explainPattern("rePattern", source, err)
	}
	tooLarge := failed("rePattern needs more than %d instructions", maxInstructions)
	if programSize(tree) > 2*maxInstructions {
		return nil, 0, tooLarge
	}
	names := tree.CapNames()
	prog, err := syntax.Compile(tree.Simplify())
	switch {
	case err != nil:
		return nil, 0, explainPattern("rePattern", source, err)
	case len(prog.Inst) > maxInstructions:
		return nil, 0, tooLarge
	}
	p := &pattern{prog: prog, names: names, cost: 4 * len(prog.Inst)}
	p.anchored = prog.StartCond()&syntax.EmptyBeginText != 0
	p.prefix, _ = prog.Prefix()
	if p.prefix == "" {
		p.first = firstBytes(prog)
	}
	size := 40*len(prog.Inst) + 512
	for i := range prog.Inst {
		size += 4 * len(prog.Inst[i].Rune)
	}
	return p, size, nil
}

// explainPattern says what is wrong with a pattern.
func explainPattern(param, source string, err error) error {
	e, ok := errors.AsType[*syntax.Error](err)
	if !ok {
		return failed("%s %q: %v", param, clip(source), err)
	}
	for _, sign := range []string{"(?=", "(?!", "(?<=", "(?<!"} {
		if strings.HasPrefix(e.Expr, sign) {
			return failed("%s %q: RE2 has no look-around (%s)", param, clip(source), sign)
		}
	}
	if e.Code == syntax.ErrInvalidEscape && len(e.Expr) == 2 && '1' <= e.Expr[1] && e.Expr[1] <= '9' {
		return failed("%s %q: RE2 has no back-references (%s)", param, clip(source), e.Expr)
	}
	return failed("%s %q: %s: %s", param, clip(source), e.Code, clip(e.Expr))
}

// programSize is how many instructions a pattern compiles to at most, found
// before its repetitions are written out.
func programSize(re *syntax.Regexp) int {
	const enough = 1 << 20
	n := 0
	for _, sub := range re.Sub {
		n = min(n+programSize(sub), enough)
	}
	switch re.Op {
	case syntax.OpConcat:
		return n
	case syntax.OpLiteral:
		return len(re.Rune)
	case syntax.OpAlternate:
		return n + len(re.Sub) - 1
	case syntax.OpCapture, syntax.OpStar:
		return n + 2
	case syntax.OpPlus, syntax.OpQuest:
		return n + 1
	case syntax.OpRepeat:
		if re.Max < 0 {
			return min(max(re.Min, 1)*n+2, enough)
		}
		return min(re.Min*n+(re.Max-re.Min)*(n+1)+1, enough)
	}
	return 1
}

// firstBytes returns the bytes that a match may begin with, nil where it may be
// empty.
func firstBytes(prog *syntax.Prog) *[256]bool {
	first := new([256]bool)
	seen := make([]bool, len(prog.Inst))
	todo := []uint32{uint32(prog.Start)}
	for len(todo) > 0 {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		switch inst := &prog.Inst[pc]; inst.Op {
		case syntax.InstMatch:
			return nil
		case syntax.InstFail:
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, inst.Out, inst.Arg)
		case syntax.InstCapture, syntax.InstEmptyWidth, syntax.InstNop:
			todo = append(todo, inst.Out)
		default:
			for c := range first {
				first[c] = first[c] || c >= utf8.RuneSelf || inst.MatchRune(rune(c))
			}
		}
	}
	return first
}

// prepare makes a pattern ready for the parser: where spaces are loose a space
// becomes \s, but for one that is escaped, quoted by \Q…\E, or the end of a
// range. It returns what parsing will cost, in instructions of the machine, and
// refuses what would take the parser too long.
func prepare(param, source string, looseSpaces bool) (string, int, error) {
	p := preparer{s: source, loose: looseSpaces}
	for p.pos < len(p.s) {
		switch {
		case strings.HasPrefix(p.s[p.pos:], `\Q`):
			end := strings.Index(p.s[p.pos:], `\E`)
			if end < 0 {
				end = len(p.s) - p.pos
			}
			p.copy(end)
		case p.s[p.pos] == '[':
			p.class()
		default:
			p.item(true)
		}
	}
	switch {
	case p.tables > maxTables:
		return "", 0, failed("%s has more than %d classes \\p", param, maxTables)
	case p.folded > maxFolded && ignoresCase(source):
		return "", 0, failed("%s ignores case in ranges of more than %d characters", param, maxFolded)
	}
	return p.out.String(), 32 + len(source)/2 + 32*p.tables, nil
}

// ignoresCase reports whether a pattern may hold the flag i.
func ignoresCase(s string) bool {
	for {
		_, rest, ok := strings.Cut(s, "(?")
		if !ok {
			return false
		}
		flags := rest[:len(rest)-len(strings.TrimLeft(rest, "imsU-"))]
		if strings.Contains(flags, "i") {
			return true
		}
		s = rest
	}
}

// preparer walks over a pattern.
type preparer struct {
	s      string
	pos    int
	loose  bool
	out    strings.Builder
	tables int
	folded int // characters in ranges
}

// copy takes the next n bytes as they are.
func (p *preparer) copy(n int) {
	p.out.WriteString(p.s[p.pos : p.pos+n])
	p.pos += n
}

// class takes a class in brackets.
func (p *preparer) class() {
	p.copy(1)
	if strings.HasPrefix(p.s[p.pos:], "^") {
		p.copy(1)
	}
	for first := true; p.pos < len(p.s); first = false {
		rest := p.s[p.pos:]
		if rest[0] == ']' && !first {
			p.copy(1)
			return
		}
		if strings.HasPrefix(rest, "[:") {
			if end := strings.Index(rest, ":]"); end > 0 {
				p.copy(end + 2)
				continue
			}
		}
		n, low := p.peek()
		if after := rest[n:]; len(after) > 1 && after[0] == '-' && after[1] != ']' {
			p.copy(n + 1)
			m, high := p.peek()
			p.copy(m)
			p.folded += max(0, int(high-low))
			continue
		}
		p.item(true)
	}
}

// item takes one character, escape or class.
func (p *preparer) item(bare bool) {
	n, _ := p.peek()
	item := p.s[p.pos : p.pos+n]
	if strings.HasPrefix(item, `\p`) || strings.HasPrefix(item, `\P`) {
		p.tables++
	}
	if item == " " && p.loose && bare {
		p.out.WriteString(`\s`)
		p.pos++
		return
	}
	p.copy(n)
}

// peek returns the length of the next character or escape, and what it stands for
// where that is one character.
func (p *preparer) peek() (int, rune) {
	rest := p.s[p.pos:]
	c, n := utf8.DecodeRuneInString(rest)
	if c != '\\' || len(rest) == 1 {
		return n, c
	}
	c, n = utf8.DecodeRuneInString(rest[1:])
	n++
	switch {
	case c != 'x' && c != 'p' && c != 'P':
		return n, c
	case strings.HasPrefix(rest[n:], "{"):
		end := strings.IndexByte(rest, '}')
		if end < 0 {
			return n, c
		}
		code, err := strconv.ParseUint(rest[n+1:end], 16, 32)
		if err != nil {
			code = 0
		}
		return end + 1, rune(code)
	case c == 'x':
		return min(n+2, len(rest)), 0
	}
	_, size := utf8.DecodeRuneInString(rest[n:])
	return n + size, 0
}
