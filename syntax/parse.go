// This file holds the entry point of the parser, its options and its errors.

package syntax

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Options tune the parser. The zero value is useful.
type Options struct {
	// Charge is told of the bytes that the tree takes: of much beforehand, of little
	// when it has come to a KiB, of the rest at the end. Its error ends the parse and
	// is returned as it is. nil charges nothing.
	Charge func(bytes int) error
}

// Error is a syntax error at a place; its message says what was expected.
type Error struct {
	Pos Pos
	Msg string
}

func (e *Error) Error() string {
	return fmt.Sprintf("line %d: %s", e.Pos.Line, e.Msg)
}

// Errors are all syntax errors found in one pass, in the order of the source.
type Errors []*Error

func (es Errors) Error() string {
	var b strings.Builder
	for i, e := range es {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.Error())
	}
	return b.String()
}

// Limits of the source.
const (
	maxErrors = 20
	maxDepth  = 200   // levels of blocks, and of brackets and other nesting in an expression
	maxLinks  = 5_000 // operators and postfixes on one way down an expression
	maxPasses = 3
)

// Parse reads one source. A source with syntax errors gives Errors (at most 20
// of them) beside the part of the tree that could be read.
func Parse(src string, opt Options) (*File, error) {
	f, err := new(Parser).Parse(src, opt)
	if f == nil {
		return nil, err
	}
	own := *f // nothing of the parser, which would be held with it
	own.Calls = slices.Clone(f.Calls)
	return &own, err
}

// Parser reads sources one after the other, each into the memory of the one before.
// The zero value is ready. It is not safe for concurrent use.
type Parser struct{ parser }

// Parse is the function of that name, but that the tree lasts until the next call
// of Parse, or of Forget.
func (r *Parser) Parse(src string, opt Options) (*File, error) {
	r.Forget()
	return r.parse(src, opt)
}

// Forget gives the tree up. It may stay in memory for a while: of sources of 8 KiB in all
// a Parser may still hold some text and nodes, of more it holds nothing any more.
func (r *Parser) Forget() {
	r.opt = Options{}
	if r.held > mostHeld {
		r.wipe()
	}
}

// parse reads one source. Calls of the script's functions are read in another way
// than calls of commands, also above the function. So the names of the functions are
// guessed beforehand; only a wrong guess costs a second pass.
func (p *parser) parse(src string, opt Options) (*File, error) {
	p.begin(src, opt, nil)
	if i := p.invalidUTF8(); i >= 0 {
		return p.out, Errors{{Pos: p.pos(i), Msg: "the source is not UTF-8"}}
	}
	p.known = guessFunctions(src)
	for pass := 1; ; pass++ {
		p.file()
		p.settle()
		switch wrong := p.wrongGuess(); {
		case p.fatal != nil:
			return nil, p.fatal
		case wrong == "" || pass == maxPasses && len(p.errs) > 0:
			return p.out, p.errors()
		case pass == maxPasses:
			return p.out, Errors{{Pos: Pos{1, 1}, Msg: fmt.Sprintf("the calls of function %s decide whether it is one: quote their arguments", wrong)}}
		}
		p.begin(src, opt, p.funcs)
	}
}

// parser is the work of a Parser, and its memory.
type parser struct {
	reading
	first first
	nodes nodes
	held  int // bytes of the sources that the memory may hold something of
}

// mostHeld is how many bytes of sources a Parser holds at most when it has no tree.
const mostHeld = 8 << 10

// reading is the state of reading one source in one pass. Its errors are sticky: after
// fail, next moves no more and no token matches, so that every loop ends and the
// statement is given up; file then goes on behind it.
type reading struct {
	cursor
	src       string
	ascii     bool // all of src is
	opt       Options
	known     map[string]bool // functions of the script
	out       *File
	errs      Errors
	owed      int   // bytes that Options.Charge is not told of yet
	fatal     error // of Options.Charge
	stop      bool  // nothing behind can be read
	mark      mark
	stmt      mark // where the statement starts
	failed    int  // where the statement was given up
	floor     Pos  // of a // in the statement that was read as floor division
	blocks    []block
	loops     int
	stmts     []Stmt // statements of the open blocks
	exprs     []Expr // items of the open lists
	openings  []int  // offsets of the open brackets
	nest      []opening
	pieces    []piece
	cuts      []span          // comments inside of a command's arguments
	reach     int             // how far split has looked for arguments that do not end well
	vainly    int             // bytes that split has looked at behind conditions
	calls     []string        // names of the commands that are called
	names     map[string]Pos  // of what was declared
	funcs     map[string]bool // the functions that were read
	commented int             // end of the last comment
}

// first is what the stacks start with.
type first struct {
	file     File
	stmts    [16]Stmt
	exprs    [16]Expr
	blocks   [4]block
	calls    [8]string
	openings [8]int
	nest     [8]opening
	pieces   [8]piece
}

// wipe clears the memory.
func (p *parser) wipe() {
	p.reading = reading{}
	p.first = first{}
	p.nodes.wipe()
	p.held = 0
}

// begin makes ready for a pass over a source in which these are the functions.
func (p *parser) begin(src string, opt Options, known map[string]bool) {
	p.held += len(src)
	p.nodes.reset()
	p.reading = reading{}
	p.src, p.ascii, p.opt, p.known = src, isASCII(src), opt, known
	p.out = &p.first.file
	*p.out = File{src: src}
	p.off = len(src) - len(strings.TrimPrefix(src, "\uFEFF"))
	p.part = src
	p.tok.kind = tNewline
	p.mark = mark{off: p.off, pos: Pos{1, 1}}
	p.line = line{number: 1}
	p.stmt = p.mark
	p.stmts, p.exprs, p.blocks, p.calls = p.first.stmts[:0], p.first.exprs[:0], p.first.blocks[:0], p.first.calls[:0]
	p.openings, p.nest, p.pieces = p.first.openings[:0], p.first.nest[:0], p.first.pieces[:0]
}

// portion is how many bytes are taken before Options.Charge is asked for them. What is
// larger is asked for beforehand.
const portion = 1 << 10

// charge counts memory that is about to be taken.
func (p *parser) charge(bytes int) {
	if p.owed += bytes; p.owed >= portion {
		p.settle()
	}
}

// settle asks for what is owed.
func (p *parser) settle() {
	bytes := p.owed
	p.owed = 0
	if p.opt.Charge == nil || p.fatal != nil || bytes == 0 {
		return
	}
	if p.fatal = p.opt.Charge(bytes); p.fatal != nil {
		p.stop = true
		p.giveUp(p.off)
	}
}

// fail gives the statement up with an error. In a piece of a command's
// arguments that is tried as an expression it is no error, but the answer.
func (p *parser) fail(pos Pos, format string, args ...any) {
	if p.bad {
		return
	}
	if !p.quiet {
		if open := p.mayBeOpen(); open >= 0 {
			p.openings = p.openings[:0]
			if p.matching(open, false); p.bad {
				return
			}
		}
		p.report(pos, format, args...)
	}
	p.giveUp(p.tok.start)
}

// mayBeOpen is the offset of the innermost open bracket, if its being left open
// would explain an error at the token; else -1.
func (p *parser) mayBeOpen() int {
	n := len(p.openings)
	if n == 0 {
		return -1
	}
	open := p.openings[n-1]
	switch p.tok.kind {
	case tRParen, tRBrack, tRBrace, tEOF:
		return open
	}
	if open < p.tok.start && strings.Contains(p.src[open:p.tok.start], "\n") {
		return open
	}
	return -1
}

// giveUp makes the state sticky, see parser.
func (p *parser) giveUp(off int) {
	p.bad = true
	p.failed = off
	p.tok.kind = tBad
}

// report notes an error without giving the statement up.
func (p *parser) report(pos Pos, format string, args ...any) {
	if len(p.errs) < maxErrors {
		p.errs = append(p.errs, &Error{Pos: pos, Msg: fmt.Sprintf(format, args...)})
	}
	p.stop = p.stop || len(p.errs) == maxErrors
}

// limit is fail for what no source may hold, tried or not.
func (p *parser) limit(pos Pos, msg string) {
	if p.bad {
		return
	}
	p.quiet, p.over = false, true
	p.fail(pos, "%s", msg)
}

// errors gives the errors in the order of the source.
func (p *parser) errors() error {
	if len(p.errs) == 0 {
		return nil
	}
	slices.SortStableFunc(p.errs, func(a, b *Error) int {
		if a.Pos.Line != b.Pos.Line {
			return int(a.Pos.Line - b.Pos.Line)
		}
		return int(a.Pos.Col - b.Pos.Col)
	})
	return p.errs
}

// wrongGuess is a name that is a function against what was thought, or the
// other way round; "" if there is none.
func (p *parser) wrongGuess() string {
	if len(p.funcs) == 0 && len(p.known) == 0 {
		return ""
	}
	wrong := ""
	compare := func(a, b map[string]bool) {
		for name := range a {
			if !b[name] && (wrong == "" || name < wrong) {
				wrong = name
			}
		}
	}
	compare(p.funcs, p.known)
	compare(p.known, p.funcs)
	return wrong
}

// guessFunctions looks for `function name(` where a statement may start.
func guessFunctions(src string) map[string]bool {
	const word = "function"
	var names map[string]bool
	for at := 0; ; {
		i := strings.Index(src[at:], word)
		if i < 0 {
			return names
		}
		before := strings.TrimRight(src[at:at+i], " \t\r\uFEFF")
		at += i + len(word)
		if before != "" && !strings.HasSuffix(before, "*/") && !strings.ContainsAny(before[len(before)-1:], "\n;{}") {
			continue
		}
		rest := strings.TrimLeft(src[at:], " \t")
		name := rest[:nameEnd(rest, 0)]
		if name == "" || len(rest) == len(src)-at || !strings.HasPrefix(strings.TrimLeft(rest[len(name):], " \t"), "(") {
			continue
		}
		if names == nil {
			names = make(map[string]bool)
		}
		names[name] = true
	}
}

// invalidUTF8 is the offset of the first byte that is no UTF-8, or -1.
func (p *parser) invalidUTF8() int {
	if p.ascii || utf8.ValidString(p.src) {
		return -1
	}
	for i, r := range p.src {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(p.src[i:]); n == 1 {
				return i
			}
		}
	}
	return -1
}
