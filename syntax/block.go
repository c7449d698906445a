// This file keeps the blocks that are open. They lie on a stack of their own, as
// end() closes the innermost whatever it is, and as a try that is never closed
// turns out to be flat only at the end of the source.

package syntax

// blockKind is what opened a block.
type blockKind uint8

const (
	blockIf blockKind = iota
	blockLoop
	blockWhile
	blockTry
	blockFunction
	blockDefinition
)

// block is an open block.
type block struct {
	kind   blockKind
	pos    Pos  // where it opens
	node   Stmt // of a statement; already on the stack of statements, below base
	fn     *Function
	def    *Definition
	base   int  // its statements on the stack start here
	second bool // behind else() or exception()
	broken bool // its head could not be read
	loops  int  // open around a function
	inner  Pos  // of a function in it, legal if the try is flat
}

// String is the block's opener, for messages.
func (b *block) String() string {
	switch b.kind {
	case blockIf:
		return "if(…)"
	case blockLoop:
		return "startLoop(…)"
	case blockWhile:
		return "while(…)"
	case blockTry:
		return "try()"
	case blockFunction:
		return "function"
	}
	return "command"
}

// closer is what closes the block.
func (b *block) closer() string {
	switch {
	case b.kind == blockLoop:
		return "endLoop()"
	case b.kind == blockTry && !b.second:
		return "exception(err) and end()"
	case b.kind >= blockFunction:
		return "}"
	}
	return "end()"
}

// inBraces tells whether a function or a definition is open.
func (p *parser) inBraces() bool { return p.braces() >= 0 }

// braces is the index of the function or definition that is open, or -1.
func (p *parser) braces() int {
	for i := len(p.blocks) - 1; i >= 0; i-- {
		if p.blocks[i].kind >= blockFunction {
			return i
		}
	}
	return -1
}

// open opens a block. A head that could not be read opens one too, so that
// what closes it does not count as stray.
func (p *parser) open(b block, n Stmt) {
	if len(p.blocks) >= maxDepth {
		p.limit(b.pos, tooDeep)
		p.stop = true
		return
	}
	b.broken = b.broken || p.bad
	if b.kind < blockFunction {
		p.stmts = append(p.stmts, n)
	}
	b.base = len(p.stmts)
	if b.kind == blockLoop || b.kind == blockWhile {
		p.loops++
	}
	p.blocks = append(p.blocks, b)
}

// top is the innermost block, nil at the top level.
func (p *parser) top() *block {
	if n := len(p.blocks); n > 0 {
		return &p.blocks[n-1]
	}
	return nil
}

// body takes the statements from base on off the stack.
func (p *parser) body(base int) []Stmt {
	if len(p.stmts) <= base {
		return nil
	}
	p.charge(16 * (len(p.stmts) - base))
	stmts := p.nodes.statements.copied(p.stmts[base:])
	p.stmts = p.stmts[:base]
	return stmts
}

// pop closes the innermost block.
func (p *parser) pop() {
	b := p.top()
	if b.broken && b.kind < blockFunction {
		p.stmts = p.stmts[:b.base-1]
	}
	if b.kind == blockLoop || b.kind == blockWhile {
		p.loops--
	}
	p.blocks = p.blocks[:len(p.blocks)-1]
}

// endBlock closes the innermost block.
func (p *parser) endBlock(pos Pos) {
	b := p.top()
	if p.bad {
		return
	}
	if b == nil || b.kind >= blockFunction {
		p.report(pos, "end() closes no block: none is open")
		return
	}
	if b.kind == blockTry && !b.second && !b.broken {
		p.report(pos, "end() closes try() of line %d, which has no exception(err) yet", b.pos.Line)
		b.broken = true
	}
	if b.inner != (Pos{}) {
		p.report(b.inner, functionPlace)
	}
	body := p.body(b.base)
	switch n := b.node.(type) {
	case *If:
		if b.second {
			n.Else = body
		} else {
			n.Then = body
		}
		n.End = pos
	case *Loop:
		n.Body, n.End = body, pos
	case *While:
		n.Body, n.End = body, pos
	case *Try:
		n.Handler, n.End = body, pos
	}
	p.pop()
}

// endLoop closes a loop.
func (p *parser) endLoop(pos Pos) {
	if p.bad {
		return
	}
	isLoop := func(b *block) bool { return b.kind == blockLoop || b.kind == blockWhile }
	if !p.upTo(isLoop, "endLoop()", pos) {
		p.report(pos, "endLoop() closes no loop: none is open")
		return
	}
	p.endBlock(pos)
}

// upTo gives up the blocks inside of the innermost one that what belongs to:
// they are the ones in error, for they are not closed. It tells whether there
// is such a block.
func (p *parser) upTo(belongs func(*block) bool, what string, pos Pos) bool {
	i := len(p.blocks) - 1
	for i >= 0 && p.blocks[i].kind < blockFunction && !belongs(&p.blocks[i]) {
		i--
	}
	if i < 0 || p.blocks[i].kind >= blockFunction {
		return false
	}
	for len(p.blocks) > i+1 {
		b := p.top()
		p.report(b.pos, "%s is not closed: %s of line %d stands before its %s", b, what, pos.Line, b.closer())
		b.broken = true
		p.pop()
	}
	return true
}

func (p *parser) elseStatement(pos Pos) {
	if p.bad {
		return
	}
	if b := p.top(); b != nil && b.kind == blockIf && b.second {
		p.report(pos, "if(…) of line %d has an else() already", b.pos.Line)
		return
	}
	if !p.upTo(func(b *block) bool { return b.kind == blockIf && !b.second }, "else()", pos) {
		p.report(pos, "else() without if(…)")
		return
	}
	b := p.top()
	b.second = true
	then := p.body(b.base)
	if n, is := b.node.(*If); is {
		n.Then, n.ElsePos = then, pos
	}
}

// exception starts the handler of a try, which it returns; nil if there is none.
func (p *parser) exception(pos Pos, err string) *block {
	if !p.upTo(func(b *block) bool { return b.kind == blockTry && !b.second }, "exception()", pos) {
		if !p.bad {
			p.report(pos, "exception() without try()")
		}
		return nil
	}
	b := p.top()
	b.second = true
	body := p.body(b.base)
	if n, is := b.node.(*Try); is {
		n.Body, n.ExceptionPos, n.Err = body, pos, err
	}
	return b
}

// closeAll ends the source: what is open now is never closed, but for each
// top-level try that is past its exception, which is flat.
func (p *parser) closeAll() {
	flat, drop := true, false
	for i := range p.blocks {
		b := &p.blocks[i]
		if flat && b.kind == blockTry && b.second {
			if n, is := b.node.(*Try); is {
				n.Flat = true
			}
			drop = drop || b.broken
			continue
		}
		flat, drop = false, true
		what := b.String()
		if b.fn != nil {
			what = "function " + b.fn.Name
		}
		p.report(b.pos, "%s is not closed: %s is missing", what, b.closer())
	}
	if drop {
		p.dropOpen()
	}
}

// dropOpen takes blocks that were never closed out of the tree.
func (p *parser) dropOpen() {
	for len(p.blocks) > 0 {
		b := p.top()
		p.stmts = p.stmts[:b.base]
		b.broken = true
		p.pop()
	}
}
