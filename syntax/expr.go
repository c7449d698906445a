// This file reads the operators of expressions: one loop over a table of how tight each
// of them binds.

package syntax

const (
	tooDeep = "nested deeper than 200 levels"
	tooLong = "an expression of more than 5,000 operators in a row: split it"
)

// deeper counts a level of nesting; shallower takes it back.
func (p *parser) deeper() {
	if p.depth++; p.depth > maxDepth {
		p.limit(p.tok.pos, tooDeep)
	}
}

func (p *parser) shallower() { p.depth-- }

// link counts an operator on top of what was read.
func (p *parser) link(links int) {
	if p.links = links + 1; p.links > maxLinks {
		p.limit(p.tok.pos, tooLong)
	}
}

// enter goes into the bracket that is the token.
func (p *parser) enter() {
	p.deeper()
	p.openings = append(p.openings, p.tok.start)
	p.brackets++
	p.next()
}

// leave goes out of the bracket that was entered last, by its closing one.
func (p *parser) leave(k kind, want string) {
	if p.tok.kind != k {
		p.unexpected(want)
		return
	}
	p.forget()
	p.next()
}

// forget takes back what enter counted.
func (p *parser) forget() {
	p.brackets--
	p.shallower()
	if !p.bad {
		p.openings = p.openings[:len(p.openings)-1]
	}
}

// binding is how tight an operator holds its operands.
type binding uint8

const (
	bindCond binding = iota + 1 // if … else
	bindOr
	bindAnd
	bindNot
	bindCompare
	bindSum
	bindProduct
	bindMinus // the sign
	bindPower
	bindPostfix // .key, […] and (…)
)

// bindings says of each token how tight it binds behind an operand; 0 where it is no
// operator.
var bindings = [256]binding{
	tIf: bindCond, tOr: bindOr, tAnd: bindAnd,
	tEq: bindCompare, tNe: bindCompare, tLt: bindCompare, tGt: bindCompare, tLe: bindCompare, tGe: bindCompare,
	tIn: bindCompare, tIs: bindCompare, tNot: bindCompare,
	tPlus: bindSum, tMinus: bindSum,
	tStar: bindProduct, tSlash: bindProduct, tFloorDiv: bindProduct, tPercent: bindProduct,
	tPower: bindPower,
	tDot:   bindPostfix, tLBrack: bindPostfix, tLParen: bindPostfix,
}

// operators are the operators of two operands as the tree has them.
var operators = [...]string{
	tOr: "or", tAnd: "and",
	tPlus: "+", tMinus: "-", tStar: "*", tSlash: "/", tFloorDiv: "//", tPercent: "%", tPower: "**",
}

// expr reads an expression.
func (p *parser) expr() Expr { return p.operation(bindCond) }

// operation reads an operand and the operators behind it that bind at least as tight as least.
func (p *parser) operation(least binding) Expr {
	var x Expr
	switch k := p.tok.kind; {
	case k == tName:
		x = p.name()
	case k == tMinus && least <= bindMinus:
		x = p.minus()
	case k == tNot && least <= bindNot:
		x = p.not()
	default:
		x = p.primary()
	}
	for {
		b := bindings[p.tok.kind]
		switch {
		case b < least:
			return x
		case b == bindPostfix:
			x = p.postfix(x)
		case b == bindCond:
			x = p.cond(x)
		case b <= bindAnd:
			x = p.logical(x, b)
		case b == bindCompare:
			y := p.compare(x)
			if y == x {
				return x
			}
			x = y
		case b == bindPower:
			x = p.power(x)
		default:
			if x = p.binary(x, b); p.bad {
				return nil
			}
		}
	}
}

// cond reads on behind the first operand of if … else.
func (p *parser) cond(x Expr) Expr {
	pos, links := p.tok.pos, p.links
	p.next()
	c := p.operation(bindOr)
	links = max(links, p.links)
	if p.tok.kind != tElse {
		p.unexpected("else: `a if condition else b`")
		return nil
	}
	p.deeper()
	p.next()
	y := p.expr()
	p.shallower()
	p.links = max(links, p.links)
	return rare(p, Cond{Pos: pos, If: c, Then: x, Else: y})
}

// logical reads on behind the first operand of and, or or.
func (p *parser) logical(x Expr, b binding) Expr {
	k, pos, links, base := p.tok.kind, p.tok.pos, p.links, len(p.exprs)
	p.exprs = append(p.exprs, x)
	for p.tok.kind == k {
		p.next()
		p.exprs = append(p.exprs, p.operation(b+1))
		links = max(links, p.links)
	}
	p.links = links
	return rare(p, Logical{Pos: pos, Op: operators[k], Xs: p.taken(base)})
}

// taken takes the expressions read since base off the stack.
func (p *parser) taken(base int) []Expr {
	if len(p.exprs) <= base {
		return nil
	}
	p.charge(16 * (len(p.exprs) - base))
	xs := p.nodes.exprs.copied(p.exprs[base:])
	p.exprs = p.exprs[:base]
	return xs
}

// not reads not and its operand.
func (p *parser) not() Expr {
	pos := p.tok.pos
	p.deeper()
	p.next()
	x := p.operation(bindNot)
	p.shallower()
	return p.unary(pos, "not", x)
}

// compare reads on behind the first operand of a chain of comparisons; it gives x where
// none follows.
func (p *parser) compare(x Expr) Expr {
	pos, links, base := p.tok.pos, p.links, len(p.exprs)
	var few [4]string
	ops := few[:0]
	for {
		op := p.comparison()
		if op == "" {
			break
		}
		if len(ops) == 0 {
			p.exprs = append(p.exprs, x)
		}
		p.charge(16)
		ops = append(ops, op)
		p.exprs = append(p.exprs, p.operation(bindSum))
		links = max(links, p.links)
	}
	if len(ops) == 0 {
		return x
	}
	p.links = links
	n := node(p, &p.nodes.compare)
	n.Pos, n.Ops, n.Xs = pos, p.nodes.ops.copied(ops), p.taken(base)
	return n
}

// comparison reads an operator of a comparison; "" if there is none.
func (p *parser) comparison() string {
	op := ""
	switch p.tok.kind {
	case tEq:
		op = "=="
	case tNe:
		op = "!="
	case tLt:
		op = "<"
	case tGt:
		op = ">"
	case tLe:
		op = "<="
	case tGe:
		op = ">="
	case tIn:
		op = "in"
	case tIs:
		p.next()
		if p.tok.kind != tNot {
			return "is"
		}
		op = "is not"
	case tNot:
		p.next()
		if p.tok.kind != tIn {
			p.unexpected("in: `not in`")
			return ""
		}
		op = "not in"
	default:
		return ""
	}
	p.next()
	return op
}

// binary reads on behind the left operand of an arithmetic operator.
func (p *parser) binary(x Expr, b binding) Expr {
	k, pos, links := p.tok.kind, p.tok.pos, p.links
	p.noteOperator()
	p.next()
	y := p.operation(b + 1)
	p.link(max(links, p.links))
	n := node(p, &p.nodes.binary)
	n.Pos, n.Op, n.X, n.Y = pos, operators[k], x, y
	return n
}

// noteOperator keeps what else the operator at hand may mean: a date, 1-2, or
// a comment.
func (p *parser) noteOperator() {
	t := p.tok
	switch {
	case t.kind == tFloorDiv && !p.piece:
		p.floor = t.pos
	case (t.kind == tMinus || t.kind == tSlash) && t.start > 0 && t.end < len(p.part) &&
		isDigit(p.src[t.start-1]) && isDigit(p.src[t.end]):
		p.joined = true
	}
}

// minus reads signs and their operand, without recursion: a long line of them may be text.
func (p *parser) minus() Expr {
	var few [4]Pos
	signs, smallest := few[:0], false
	for ; p.tok.kind == tMinus; p.next() {
		signs = append(signs, p.tok.pos)
		if p.depth+len(signs) > maxDepth && !p.piece {
			p.limit(p.tok.pos, tooDeep)
		}
	}
	if p.tok.kind == tInt {
		smallest = p.src[p.tok.start:p.tok.end] == "9223372036854775808"
	}
	wide := p.wide
	x := p.operation(bindPower)
	if p.depth+len(signs) > maxDepth {
		p.limit(signs[0], tooDeep)
	}
	if p.bad {
		return nil
	}
	n := len(signs) - 1
	if _, is := x.(*WideLit); is && smallest {
		x = p.integer(signs[n], -1<<63)
		p.wide = wide
		n--
	}
	for ; n >= 0; n-- {
		x = p.unary(signs[n], "-", x)
	}
	return x
}

// power reads on behind the base of a power.
func (p *parser) power(x Expr) Expr {
	pos, links := p.tok.pos, p.links
	p.deeper()
	p.next()
	y := p.operation(bindMinus)
	p.shallower()
	p.link(max(links, p.links))
	n := node(p, &p.nodes.binary)
	n.Pos, n.Op, n.X, n.Y = pos, "**", x, y
	return n
}

func (p *parser) unary(pos Pos, op string, x Expr) Expr {
	n := node(p, &p.nodes.unary)
	n.Pos, n.Op, n.X = pos, op, x
	return n
}

// Start is the place of an expression's first character, but for brackets
// around it; an operator's node has its place at the operator.
func Start(x Expr) Pos {
	for {
		switch e := x.(type) {
		case *Binary:
			x = e.X
		case *Logical:
			x = e.Xs[0]
		case *Compare:
			x = e.Xs[0]
		case *Cond:
			x = e.Then
		case *Index:
			x = e.X
		case *Slice:
			x = e.X
		case *Attr:
			x = e.X
		case *MethodCall:
			x = e.X
		default:
			return x.Position()
		}
	}
}
