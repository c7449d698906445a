// This file reads statements.

package syntax

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// file reads the whole source.
func (p *parser) file() {
	p.next()
	for !p.stop {
		for p.tok.kind == tNewline || p.tok.kind == tSemicolon {
			p.next()
		}
		if p.tok.kind == tEOF {
			break
		}
		p.stmt = mark{p.tok.start, p.tok.pos}
		p.floor = Pos{}
		if p.tok.kind == tName { // as most do
			p.simple()
		} else {
			p.statement()
		}
		if p.bad && !p.stop {
			p.recover()
		}
	}
	if p.stop {
		p.dropOpen()
	} else {
		p.closeAll()
	}
	p.out.Body = p.body(0)
	p.out.Calls = once(p.calls)
}

// once gives the names in a list, each once, in its place.
func once(names []string) []string {
	const few = 16 // are compared with each other
	kept := names[:0]
	for i, name := range names {
		if len(kept) == few {
			return onceOfMany(kept, names[i:])
		}
		if !slices.Contains(kept, name) {
			kept = append(kept, name)
		}
	}
	return kept
}

// onceOfMany is once behind the names that were kept already.
func onceOfMany(kept, names []string) []string {
	seen := make(map[string]bool, len(kept)+len(names))
	for _, name := range kept {
		seen[name] = true
	}
	for _, name := range names {
		if !seen[name] {
			seen[name] = true
			kept = append(kept, name)
		}
	}
	return kept
}

// statement reads one statement.
func (p *parser) statement() {
	switch p.tok.kind {
	case tBlockWord, tIf, tElse:
		p.blockStatement()
	case tRBrace:
		p.closeBody()
	case tGlobal, tString, tTemplate, tInt, tFloat, tLParen, tLBrack, tLBrace, tNone, tTrue, tFalse:
		p.simple()
	case tFor:
		p.fail(p.tok.pos, "for is not a statement: write startLoop(i, from, to) … endLoop(), or while(condition) … end()")
	case tMinus, tNot, tPlus:
		p.fail(p.tok.pos, bareExpression)
	default:
		p.unexpected("a statement")
	}
}

const bareExpression = "an expression is no statement: write x = … to keep its value"

// simple reads an assignment or a call.
func (p *parser) simple() {
	end := p.tok.end
	var x Expr
	if p.tok.kind == tName { // as most do
		if x = p.name(); bindings[p.tok.kind] == bindPostfix {
			x = p.postfix(x)
		}
	} else {
		x = p.operation(bindPostfix)
	}
	if p.bad {
		return
	}
	switch p.tok.kind {
	case tAssign:
		p.assign(x, end)
	case tAugmented:
		p.augmented()
	case tComma:
		p.fail(p.tok.pos, "unpacking is not in the language: write an assignment for each name")
	case tColon:
		p.unexpected("= and a value")
	default:
		switch x.(type) {
		case *Call, *CommandCall, *MethodCall:
			p.endOfCall()
			n := node(p, &p.nodes.do)
			n.Pos, n.X = p.stmt.pos, x
			p.add(n)
			return
		}
		p.bare(x)
	}
}

// bare refuses an expression that stands alone, and says what may be meant.
func (p *parser) bare(x Expr) {
	start := p.stmt
	name, isName := x.(*Name)
	switch {
	case !isName:
		p.fail(start.pos, bareExpression)
	case name.Name == "def":
		p.fail(start.pos, "def is not in the language: write function name(a, b) { … }")
	case name.Name == "elif":
		p.fail(start.pos, "elif is not in the language: write else() and an if(…) … end() of its own")
	case p.tok.kind == tName || p.tok.kind == tString || p.tok.kind == tLBrace:
		p.fail(p.tok.pos, "expected = or ( after %s, found %s", name.Name, p.found())
	case p.tok.kind == tNewline || p.tok.kind == tSemicolon || p.tok.kind == tEOF || p.tok.kind == tRBrace:
		p.fail(start.pos, "a name alone is no statement: write %s = … or %s(…)", name.Name, name.Name)
	case p.tok.kind == tPlus && p.off < len(p.part) && p.src[p.off] == '+':
		p.fail(p.tok.pos, "`++` is not in the language: write %s = %s + 1", name.Name, name.Name)
	case p.tok.kind == tEq:
		p.fail(start.pos, "a comparison is no statement: write %s = … to assign, if(…) to compare", name.Name)
	default:
		p.fail(start.pos, bareExpression)
	}
}

// augmented refuses x += y and its like, and says what to write.
func (p *parser) augmented() {
	at, op := p.tok.pos, p.text()
	target, value := clip(p.src[p.stmt.off:p.prev]), "…"
	p.next()
	p.quietly(func() int {
		from := p.tok.start
		p.expr()
		if v := p.src[from:max(from, p.prev)]; !p.bad && v != "" && !strings.Contains(v, "\n") {
			value = clip(v)
		}
		return 0
	})
	p.fail(at, "`%s` is not in the language: write %s = %s %s %s", op, target, target, strings.TrimSuffix(op, "="), value)
}

// assign reads on behind the target of an assignment, whose first token ends at first.
func (p *parser) assign(x Expr, first int) {
	if _, is := x.(*Name); !is {
		p.target(x, first)
	}
	p.next()
	if p.tok.kind == tBlockWord && p.text() == "exception" {
		p.flatException(x)
		return
	}
	value := p.expr()
	p.endOfStatement(true)
	n := node(p, &p.nodes.assign)
	n.Pos, n.Target, n.Value = p.stmt.pos, x, value
	p.add(n)
}

// target checks what is assigned and is no variable.
func (p *parser) target(x Expr, first int) {
	pos := p.stmt.pos
	switch t := x.(type) {
	case *Index, *Attr:
	case *Slice:
		p.fail(t.Pos, "a slice is no target: assign its items one by one, or a new list to the name")
	case *GlobalName:
		p.fail(pos, "$%s is read only: write %s = … at the top level, addVar(%s, …) in a function", t.Name, t.Name, t.Name)
	case *NoneLit, *BoolLit:
		p.fail(pos, "%s is a value, no name that could be assigned", p.src[p.stmt.off:first])
	case *TupleLit, *ListLit:
		p.fail(pos, "unpacking is not in the language: write an assignment for each name")
	default:
		p.fail(pos, "only a name, or what ends in [ ] or .key, is assigned")
	}
}

// add puts a whole statement into the innermost block.
func (p *parser) add(s Stmt) {
	if !p.bad {
		p.stmts = append(p.stmts, s)
	}
}

// endOfStatement checks that nothing follows a value, which is assigned or returned.
func (p *parser) endOfStatement(assigned bool) {
	switch k := p.tok.kind; {
	case k.ends(), k == tRBrace && p.inBraces():
	case k == tComma && assigned:
		p.fail(p.tok.pos, "a tuple stands in parentheses: write (a, b)")
	case k == tComma:
		p.fail(p.tok.pos, "a tuple stands in parentheses: write return (a, b)")
	case k == tAssign && assigned:
		p.fail(p.tok.pos, "one = a statement: write == to compare, or two assignments")
	default:
		p.unexpected("an operator or the end of the statement")
	}
}

// endOfCall checks that nothing but a comment follows a closing parenthesis.
func (p *parser) endOfCall() {
	if p.tok.kind == tFloorDiv {
		p.prev = p.tok.start
		p.off = p.lineComment(p.tok.start, false)
		p.next()
	}
	switch k := p.tok.kind; {
	case k.ends(), k == tRBrace && p.inBraces():
	case k == tName || k == tBlockWord || k == tIf || k == tElse:
		p.fail(p.tok.pos, "one statement a line: put %s on the next line, or a ; before it", p.found())
	default:
		p.unexpected("the end of the statement")
	}
}

// blockStatement reads a statement that starts with a block word.
func (p *parser) blockStatement() {
	word, pos := p.text(), p.tok.pos
	if p.ahead('(') {
		p.take(tLParen)
	} else {
		p.next()
	}
	switch word {
	case "function":
		p.function(pos)
		return
	case "command":
		p.definition(pos)
		return
	case "return":
		p.returned(pos)
		return
	case "else":
		if p.tok.kind == tIf {
			p.fail(p.tok.pos, "else if is not in the language: write else() and an if(…) … end() of its own")
			return
		}
	}
	if p.tok.kind != tLParen {
		if p.tok.kind == tAssign || p.tok.kind == tDot || p.tok.kind == tLBrack {
			p.fail(pos, "%s is a word of the language and names nothing else", word)
		} else {
			p.fail(pos, "write %s, with parentheses", usage(word))
		}
		if word == "try" {
			p.open(block{kind: blockTry, pos: pos, broken: true}, nil)
		}
		return
	}
	switch word {
	case "if":
		p.ifStatement(pos)
	case "while":
		p.while(pos)
	case "startLoop":
		p.startLoop(pos)
	case "exception":
		err := p.errName()
		p.endOfCall()
		p.exception(pos, err)
	default:
		if p.ahead(')') {
			p.take(tRParen)
			p.next()
		} else {
			p.enter()
			if p.tok.kind != tRParen {
				p.unexpected(") at once: " + word + "() takes nothing")
			}
			p.leave(tRParen, ")")
		}
		p.endOfCall()
		p.bareWord(word, pos)
	}
}

// usage is how a block word is written.
func usage(word string) string {
	switch word {
	case "if", "while":
		return word + "(condition)"
	case "startLoop":
		return "startLoop(i, from, to)"
	case "exception":
		return "exception(err)"
	}
	return word + "()"
}

// bareWord does what a block word without arguments says.
func (p *parser) bareWord(word string, pos Pos) {
	switch word {
	case "try":
		n := rare(p, Try{Pos: pos})
		p.open(block{kind: blockTry, pos: pos, node: n}, n)
	case "else":
		p.elseStatement(pos)
	case "end":
		p.endBlock(pos)
	case "endLoop":
		p.endLoop(pos)
	case "break", "continue":
		if p.loops == 0 {
			p.report(pos, "%s() stands in a loop only", word)
			return
		}
		if word == "break" {
			p.add(rare(p, Break{Pos: pos}))
		} else {
			p.add(rare(p, Continue{Pos: pos}))
		}
	}
}

func (p *parser) returned(pos Pos) {
	open := p.tok
	n := node(p, &p.nodes.returns)
	*n = Return{Pos: pos}
	switch open.kind {
	case tNewline, tSemicolon, tEOF, tRBrace:
		p.endOfStatement(false)
		p.add(n)
		return
	}
	x := p.expr()
	p.endOfStatement(false)
	if t, is := x.(*TupleLit); is && len(t.Items) == 0 && open.kind == tLParen && t.Pos == open.pos {
		x = nil // return()
	}
	n.Value = x
	p.add(n)
}

// errName reads (), (err) or ("err") of exception.
func (p *parser) errName() string {
	p.enter()
	name := ""
	switch p.tok.kind {
	case tRParen:
	case tName:
		name = p.text()
		p.next()
	case tString:
		if name = p.src[p.tok.start+1 : p.tok.end-1]; !isName(name) {
			p.fail(p.tok.pos, "exception(err) takes the name of a variable")
		}
		p.next()
	default:
		p.unexpected("the name of a variable: exception(err)")
	}
	p.leave(tRParen, ")")
	return name
}

// isName tells whether text is the name of a variable.
func isName(s string) bool {
	return s != "" && nameEnd(s, 0) == len(s) && !isDigit(s[0]) && wordKind(s) == tName
}

// IsName tells whether text is the name of a variable, as an assignment takes it.
func IsName(s string) bool {
	first, _ := utf8.DecodeRuneInString(s)
	return (first == '_' || unicode.IsLetter(first)) && isName(s)
}

// flatException reads x = exception(err), which ends its try.
func (p *parser) flatException(target Expr) {
	pos := p.tok.pos
	p.next()
	if p.tok.kind != tLParen {
		p.fail(pos, "write exception(err), with parentheses")
		return
	}
	err := p.errName()
	p.endOfCall()
	x, is := target.(*Name)
	if !is && !p.bad {
		p.fail(target.Position(), "the message of exception(err) goes to a variable: write x = exception(err)")
	}
	b := p.exception(pos, err)
	if b == nil {
		return
	}
	if n, ok := b.node.(*Try); ok && is {
		n.Flat, n.Result = true, x.Name
	}
	p.pop()
}

// ifStatement reads if(condition) or if(a, b, op); the token is its bracket.
func (p *parser) ifStatement(pos Pos) {
	n := node(p, &p.nodes.ifs)
	*n = If{Pos: pos}
	first, cuts := len(p.pieces), len(p.cuts)
	before := retreat{p.cursor, len(p.errs), len(p.out.Comments), p.commented, p.stop}
	end := p.split(p.tok.start)
	reach := end
	if end < 0 {
		reach = p.reach
	}
	pieces := p.pieces[first:]
	switch {
	case !p.bad && len(pieces) == 3 && p.ifArgs(n, pieces):
		p.closeArgs(end)
	case !p.bad && len(pieces) != 3 || p.hasCommentedCondition(&before):
		p.cursor, p.errs, p.stop = before.cursor, p.errs[:before.errs], before.stop
		p.out.Comments, p.commented = p.out.Comments[:before.comments], before.commented
		n.Cond = p.condition("if")
		p.lookedVainly(reach, pos)
	case !p.bad:
		p.fail(p.pos(pieces[2].start), "`%s` is no comparison: write one of = == != < > <= >=", clip(p.ifOperator(pieces[2])))
	}
	p.pieces, p.cuts = p.pieces[:first], p.cuts[:cuts]
	p.endOfCall()
	p.open(block{kind: blockIf, pos: pos, node: n}, n)
}

// mostVainly is how many bytes behind conditions may be looked at for arguments: far more
// than any comment calls for, and some milliseconds.
const mostVainly = 4 << 20

// lookedVainly notes that split has looked up to reach for what is a condition after all.
// It does so to the end of the source for each where a comment opens what nothing closes.
func (p *parser) lookedVainly(reach int, pos Pos) {
	if p.vainly += max(0, reach-p.tok.end); p.vainly > mostVainly {
		p.limit(pos, "too many conditions have comments that look like arguments without an end")
	}
}

// retreat is the state before something that may have to be read in another way.
type retreat struct {
	cursor
	errs, comments, commented int
	stop                      bool
}

// hasCommentedCondition tells whether what is no if(a, b, op) is a condition all the same:
// a comment in it may hold the commas, quotes and brackets that were in the way.
func (p *parser) hasCommentedCondition(before *retreat) bool {
	if p.over || p.fatal != nil || !strings.Contains(p.src[before.tok.start:], "/*") {
		return false
	}
	saved := p.reading
	p.cursor = before.cursor
	p.quiet = true
	p.condition("if")
	if p.fatal != nil {
		return false
	}
	is := !p.bad
	saved.owed = p.owed
	p.reading = saved
	return is
}

// condition reads (condition); the token is its bracket.
func (p *parser) condition(word string) Expr {
	p.enter()
	if p.tok.kind == tRParen {
		p.fail(p.tok.pos, "%s(condition) needs a condition", word)
	}
	x := p.expr()
	if p.tok.kind == tComma {
		if word == "if" {
			p.fail(p.tok.pos, "if takes a condition, or two values and a comparison: write if(a, b, ==)")
		} else {
			p.fail(p.tok.pos, "%s takes one condition: write %s(a == b)", word, word)
		}
	}
	p.leave(tRParen, ")")
	return x
}

// ifArgs fills an if from its three arguments, if they are such.
func (p *parser) ifArgs(n *If, pieces []piece) bool {
	switch op := p.ifOperator(pieces[2]); op {
	case "=", "==", "!=", "<", ">", "<=", ">=":
		p.charge(2 * 72)
		ab := p.nodes.args.take(2)
		n.Op, n.A, n.B = op, &ab[0], &ab[1]
		p.arg(n.A, &pieces[0])
		p.arg(n.B, &pieces[1])
		return true
	}
	if !p.blank(pieces[0]) || !p.blank(pieces[1]) {
		return false
	}
	n.Cond = p.backtickCondition(pieces[2].span)
	return true
}

// ifOperator is the third argument of if(a, b, op), without its quotes.
func (p *parser) ifOperator(s piece) string {
	op := p.src[s.start:s.end]
	if len(op) > 2 && (op[0] == '"' || op[0] == '\'') && op[len(op)-1] == op[0] {
		op = strings.TrimSpace(op[1 : len(op)-1])
	}
	return op
}

// blank tells whether a piece of if(None, None, …) is one.
func (p *parser) blank(s piece) bool {
	switch p.src[s.start:s.end] {
	case "", "None", "null", `""`, `''`:
		return true
	}
	return false
}

// backtickCondition reads the condition between the backticks of
// if(None, None, `condition`).
func (p *parser) backtickCondition(s span) Expr {
	text := p.src[s.start:s.end]
	if len(text) < 3 || text[0] != '`' || !p.whole(s) {
		p.fail(p.pos(s.start), "`%s` is neither a comparison nor a condition: write if(condition)", clip(strings.Trim(text, "`")))
		return nil
	}
	if i := strings.Index(text, "${"); i >= 0 {
		p.fail(p.pos(s.start+i), "`${` does not stand in a condition: write the name alone")
		return nil
	}
	saved := p.cursor
	p.goTo(s.start)
	p.cursor = cursor{
		off: s.start + 1, part: p.src[:s.end-1], line: p.line, tok: token{kind: tComma, start: s.start, end: s.start + 1},
		brackets: 1, depth: saved.depth + 1, piece: true, template: true,
	}
	p.next()
	x := p.expr()
	if p.tok.kind != tEOF {
		p.unexpected("an operator or the end of the condition")
	}
	if !p.bad {
		p.cursor = saved
	}
	return x
}

func (p *parser) while(pos Pos) {
	n := rare(p, While{Pos: pos, Cond: p.condition("while")})
	p.endOfCall()
	p.open(block{kind: blockWhile, pos: pos, node: n}, n)
}

// startLoop reads startLoop(i, from, to); the token is its bracket.
func (p *parser) startLoop(pos Pos) {
	n := node(p, &p.nodes.loop)
	*n = Loop{Pos: pos}
	first, cuts := len(p.pieces), len(p.cuts)
	open := p.tok.pos
	end := p.split(p.tok.start)
	switch pieces := p.pieces[first:]; {
	case p.bad:
	case len(pieces) != 3:
		p.fail(open, "startLoop takes a name and two bounds: write startLoop(i, from, to)")
	default:
		name := pieces[0]
		n.Var, n.VarPos = p.loopVar(p.src[name.start:name.end]), p.pos(name.start)
		if n.Var == "" {
			p.fail(n.VarPos, "startLoop counts in a variable: write startLoop(i, from, to)")
		}
		p.charge(2 * 72)
		bounds := p.nodes.args.take(2)
		n.From, n.To = &bounds[0], &bounds[1]
		p.arg(n.From, &pieces[1])
		p.arg(n.To, &pieces[2])
		p.closeArgs(end)
	}
	p.pieces, p.cuts = p.pieces[:first], p.cuts[:cuts]
	p.endOfCall()
	p.open(block{kind: blockLoop, pos: pos, node: n}, n)
}

// loopVar is the name that text is, bare or quoted; "" if it is none.
func (p *parser) loopVar(text string) string {
	if n := len(text); n > 2 && (text[0] == '"' || text[0] == '\'') && text[n-1] == text[0] {
		text = text[1 : n-1]
	}
	if !isName(text) {
		return ""
	}
	return text
}
