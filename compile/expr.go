// This file holds expressions.

package compile

import (
	"math"
	"slices"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/syntax"
)

// chunk is how many values at most stand side by side in registers for a list,
// tuple or template; longer ones are put together piece by piece.
const chunk = 32

// operand gives a register that holds the value of e: the variable's own, or a
// new temporary.
func (b *body) operand(e syntax.Expr) int {
	if n, ok := e.(*syntax.Name); ok {
		if r, ok := b.bound(n.Name); ok {
			return r
		}
		s := b.u.symbols.get(n.Name)
		if v := b.variable(s); v >= 0 && !isWide(v) {
			if b.set.has(v) {
				return v
			}
			if b.scope != scopeFunction {
				b.at(n.Pos)
				b.check(v, s)
				b.set.add(v)
				return v
			}
		}
	}
	t := b.temp()
	b.expr(e, t)
	return t
}

// kept is operand for a value that must outlive the evaluation of another
// expression: a function that this one calls may write the Global pool.
func (b *body) kept(e syntax.Expr) int {
	r := b.operand(e)
	if isTemp(r) || b.scope != scopeGlobal || !b.u.writes {
		return r
	}
	t := b.temp()
	b.move(t, r)
	return t
}

// bound gives the register of a name that a comprehension around binds.
func (b *body) bound(name string) (int, bool) {
	for i := len(b.inner) - 1; i >= 0; i-- {
		if b.inner[i].name == name {
			return b.inner[i].reg, true
		}
	}
	return 0, false
}

// isTop tells whether dst is the temporary taken last: what is built in
// registers side by side can start there.
func (b *body) isTop(dst int) bool { return dst == tempTrack+b.temps-1 }

// exprAside evaluates e with all temporaries free, which are kept in wide
// registers meanwhile.
func (b *body) exprAside(e syntax.Expr, dst int) {
	n := b.temps
	aside := b.takeSpills(n + 1)
	result := aside + n
	b.spill(tempTrack, aside, n)
	b.release(0)
	t := b.temp()
	b.expr(e, t)
	b.spill(t, result, 1)
	b.temps = n
	b.unspill(tempTrack, aside, n)
	b.unspill(dst, result, 1)
	b.spills -= n + 1
}

// expr evaluates e into register dst, which is written by the last
// instruction alone unless it is a temporary.
func (b *body) expr(e syntax.Expr, dst int) {
	base := b.temps
	if base > b.keep && len(b.inner) == 0 {
		b.exprAside(e, dst)
		return
	}
	switch e := e.(type) {
	case *syntax.NoneLit:
		b.emit(bytecode.OpLoadNone, dst, 0, 0, 0)
	case *syntax.BoolLit:
		b.emit(bytecode.OpLoadBool, dst, btoi(e.Value), 0, 0)
	case *syntax.IntLit:
		b.loadInt(e.Value, dst)
	case *syntax.FloatLit:
		b.loadFloat(e.Value, dst)
	case *syntax.WideLit:
		b.at(e.Pos)
		b.raise("overflow", "the number "+e.Text+" is out of range")
	case *syntax.StringLit:
		b.emit(bytecode.OpLoadK, dst, 0, 0, b.u.text(e.Value))
	case *syntax.Template:
		b.template(e, dst)
	case *syntax.Name:
		b.variableValue(e, dst)
	case *syntax.GlobalName:
		b.at(e.Pos)
		b.globalName(e, dst)
	case *syntax.ListLit:
		b.list(e.Items, dst)
	case *syntax.TupleLit:
		b.tuple(e.Items, dst)
	case *syntax.DictLit:
		b.dict(e, dst)
	case *syntax.Unary:
		b.unary(e, dst)
	case *syntax.Binary:
		b.arithmetic(e, dst)
	case *syntax.Logical:
		b.logical(e, dst)
	case *syntax.Compare:
		b.compare(e, dst)
	case *syntax.Cond:
		b.conditional(e, dst)
	case *syntax.Index:
		x := b.kept(e.X)
		i := b.operand(e.I)
		b.at(e.Pos)
		b.emit(bytecode.OpIndex, dst, x, i, 0)
	case *syntax.Slice:
		b.slice(e, dst)
	case *syntax.Attr:
		x := b.operand(e.X)
		b.at(e.Pos)
		b.emit(bytecode.OpAttr, dst, x, 0, b.u.text(e.Key))
	case *syntax.Call:
		b.call(e, dst)
	case *syntax.MethodCall:
		b.method(e, dst)
	case *syntax.CommandCall:
		b.commandExpr(e, dst)
	case *syntax.ListComp:
		b.listComp(e, dst)
	case *syntax.DictComp:
		b.dictComp(e, dst)
	}
	b.release(base)
}

func btoi(x bool) int {
	if x {
		return 1
	}
	return 0
}

func (b *body) loadInt(i int64, dst int) {
	if int64(int32(i)) == i {
		b.emit(bytecode.OpLoadI, dst, 0, 0, int32(i))
		return
	}
	b.emit(bytecode.OpLoadK, dst, 0, 0, b.u.number(number{bytecode.ConstInt, uint64(i)}))
}

func (b *body) loadFloat(f float64, dst int) {
	b.emit(bytecode.OpLoadK, dst, 0, 0, b.u.number(number{bytecode.ConstFloat, math.Float64bits(f)}))
}

// raise emits an error that is known when compiling, and tells of it.
func (b *body) raise(code, msg string) {
	b.u.diagnose(Diagnostic{Pos: b.pos, Severity: Fault, Code: code, Msg: msg})
	b.emitRaise(code, msg)
}

// emitRaise emits an error that is known when compiling.
func (b *body) emitRaise(code, msg string) {
	b.emit(bytecode.OpRaise, 0, slices.Index(bytecode.Codes[:], code), 0, b.u.text(msg))
}

// variableValue evaluates a variable that must be set.
func (b *body) variableValue(e *syntax.Name, dst int) {
	if r, ok := b.bound(e.Name); ok {
		b.move(dst, r)
		return
	}
	b.readVariable(e.Pos, b.u.symbols.get(e.Name), dst)
}

// readVariable is variableValue where no comprehension binds the name.
func (b *body) readVariable(pos syntax.Pos, s *symbol, dst int) {
	b.at(pos)
	v := b.variable(s)
	if v < 0 {
		if b.scope == scopeLocal {
			b.raise("name_error", "name "+s.name+" is not set")
			return
		}
		b.emit(bytecode.OpLoadGlobal, dst, 0, 0, int32(b.u.slot(s)))
		return
	}
	if b.set.has(v) {
		b.load(v, dst)
		return
	}
	switch {
	case b.scope == scopeFunction:
		t := b.temp()
		found := b.newLabel()
		b.load(v, t)
		b.jump(bytecode.OpJumpSet, t, 0, 0, found)
		b.emit(bytecode.OpLoadGlobal, t, 0, 0, int32(b.u.slot(s)))
		b.place(found)
		b.move(dst, t)
	case isWide(v):
		t := b.temp()
		b.load(v, t)
		b.check(t, s)
		b.move(dst, t)
		b.set.add(v)
	default:
		b.check(v, s)
		b.move(dst, v)
		b.set.add(v)
	}
}

func (b *body) check(r int, s *symbol) { b.emit(bytecode.OpCheck, r, 0, 0, b.u.textOf(s)) }

// load copies variable v into a direct register.
func (b *body) load(v, dst int) {
	if isWide(v) {
		b.emit(bytecode.OpLoadWide, dst, 0, 0, int32(v))
		return
	}
	b.move(dst, v)
}

// peek copies what a name reads into temporary t, unset where it is not set.
func (b *body) peek(name string, t int) {
	if r, ok := b.bound(name); ok {
		b.move(t, r)
		return
	}
	b.peekVariable(b.u.symbols.get(name), t)
}

// peekVariable is peek where no comprehension binds the name.
func (b *body) peekVariable(s *symbol, t int) {
	v := b.variable(s)
	switch {
	case v >= 0 && (b.scope != scopeFunction || b.set.has(v)):
		b.load(v, t)
	case v >= 0:
		found := b.newLabel()
		b.load(v, t)
		b.jump(bytecode.OpJumpSet, t, 0, 0, found)
		b.emit(bytecode.OpGetGlobal, t, 0, 0, int32(b.u.slot(s)))
		b.place(found)
	case b.scope == scopeLocal:
		b.emit(bytecode.OpLoadUnset, t, 0, 0, 0)
	default:
		b.emit(bytecode.OpGetGlobal, t, 0, 0, int32(b.u.slot(s)))
	}
}

// peekGlobal copies $x into temporary t, unset where it is not set.
func (b *body) peekGlobal(pos syntax.Pos, name string, t int) {
	switch b.scope {
	case scopeGlobal:
		b.load(b.u.slot(b.u.symbols.get(name)), t)
	case scopeFunction:
		b.emit(bytecode.OpGetGlobal, t, 0, 0, int32(b.u.slot(b.u.symbols.get(name))))
	case scopeLocal:
		b.noGlobals(pos, name)
	}
}

func (b *body) globalName(e *syntax.GlobalName, dst int) {
	switch b.scope {
	case scopeGlobal:
		b.readVariable(e.Pos, b.u.symbols.get(e.Name), dst)
	case scopeFunction:
		b.emit(bytecode.OpLoadGlobal, dst, 0, 0, int32(b.u.slot(b.u.symbols.get(e.Name))))
	case scopeLocal:
		b.noGlobals(e.Pos, e.Name)
	}
}

func (b *body) noGlobals(pos syntax.Pos, name string) {
	b.u.fail(pos, "$%s belongs to scripts: a definition has no Global pool", name)
}

// values evaluates expressions side by side in new temporaries, or from dst on
// where that is the last one, and gives the first of them.
func (b *body) values(es []syntax.Expr) int {
	if len(es) == 0 {
		return 0
	}
	first := 0
	for i, e := range es {
		t := b.temp()
		if i == 0 {
			first = t
		}
		b.expr(e, t)
	}
	return first
}

func (b *body) list(items []syntax.Expr, dst int) {
	if len(items) <= chunk {
		b.emit(bytecode.OpList, dst, b.values(items), len(items), int32(len(items)))
		return
	}
	acc := b.temporary(dst)
	b.longList(items, acc)
	b.move(dst, acc)
}

// temporary gives dst if it is a temporary, else a new one.
func (b *body) temporary(dst int) int {
	if isTemp(dst) {
		return dst
	}
	return b.temp()
}

func (b *body) longList(items []syntax.Expr, acc int) {
	b.emit(bytecode.OpList, acc, 0, 0, int32(len(items)))
	for _, e := range items {
		base := b.temps
		b.emit(bytecode.OpAppend, acc, b.operand(e), 0, 0)
		b.release(base)
	}
}

func (b *body) tuple(items []syntax.Expr, dst int) {
	if len(items) <= chunk {
		b.emit(bytecode.OpTuple, dst, b.values(items), 0, int32(len(items)))
		return
	}
	acc := b.temp()
	b.longList(items, acc)
	b.emit(bytecode.OpTuplify, dst, acc, 0, 0)
}

func (b *body) dict(e *syntax.DictLit, dst int) {
	if len(e.Keys) == 0 {
		b.emit(bytecode.OpDict, dst, 0, 0, 0)
		return
	}
	acc := b.temp()
	b.emit(bytecode.OpDict, acc, 0, 0, int32(len(e.Keys)))
	for i := range e.Keys {
		base := b.temps
		k := b.kept(e.Keys[i])
		v := b.operand(e.Values[i])
		b.at(e.Keys[i].Position())
		b.emit(bytecode.OpSetIndex, acc, k, v, 0)
		b.release(base)
	}
	b.move(dst, acc)
}

func (b *body) slice(e *syntax.Slice, dst int) {
	x := b.kept(e.X)
	first := b.temp()
	b.temp()
	b.temp()
	for i, part := range []syntax.Expr{e.Lo, e.Hi, e.Step} {
		if part == nil {
			b.emit(bytecode.OpLoadNone, first+i, 0, 0, 0)
		} else {
			b.expr(part, first+i)
		}
	}
	b.at(e.Pos)
	b.emit(bytecode.OpSlice, dst, x, first, 0)
}

// binaryOp gives the operation of an operator.
func binaryOp(operator string) bytecode.Op {
	switch operator {
	case "+":
		return bytecode.OpAdd
	case "-":
		return bytecode.OpSub
	case "*":
		return bytecode.OpMul
	case "/":
		return bytecode.OpDiv
	case "//":
		return bytecode.OpFloorDiv
	case "%":
		return bytecode.OpMod
	default:
		return bytecode.OpPow
	}
}

// toImmediate is how far the immediate forms of + - * are behind them, and
// jumpToImmediate those of the comparing jumps.
const (
	toImmediate     = bytecode.OpAddI - bytecode.OpAdd
	jumpToImmediate = bytecode.OpJumpEqI - bytecode.OpJumpEq
)

// unary compiles an operator before its operand, folding constants.
func (b *body) unary(e *syntax.Unary, dst int) {
	if folded := foldUnary(e); folded != nil {
		b.expr(folded, dst)
		return
	}
	x := b.operand(e.X)
	b.at(e.Pos)
	op := bytecode.OpNeg
	if e.Op == "not" {
		op = bytecode.OpNot
	}
	b.emit(op, dst, x, 0, 0)
}

// arithmetic compiles binary operators, folding constants. A chain of operators
// leans to the left and may be long: it is followed in a loop.
func (b *body) arithmetic(e *syntax.Binary, dst int) {
	if folded := fold(e); folded != nil {
		b.expr(folded, dst)
		return
	}
	var few [8]*syntax.Binary
	chain := append(few[:0], e)
	for {
		next, ok := e.X.(*syntax.Binary)
		if !ok || fold(next) != nil {
			break
		}
		chain, e = append(chain, next), next
	}
	if e.Op == "+" && b.join(chain, dst) {
		return
	}
	x := b.kept(e.X)
	acc := dst
	for i := len(chain) - 1; i >= 0; i-- {
		if i > 0 && !isTemp(acc) {
			acc = b.temp()
		} else if i == 0 {
			acc = dst
		}
		b.binary(chain[i], x, acc)
		x = acc
	}
}

// join compiles a sum of texts at once, where each operand is surely a text: one
// text is made instead of one for each operator, and str() makes none.
func (b *body) join(chain []*syntax.Binary, dst int) bool {
	start := chain[len(chain)-1].X
	if len(chain) >= chunk {
		return false
	}
	if _, ok := textOperand(start); !ok {
		return false
	}
	for _, e := range chain {
		if _, ok := textOperand(e.Y); !ok || e.Op != "+" {
			return false
		}
	}
	first := b.temp()
	b.textValue(start, first)
	for i := len(chain) - 1; i >= 0; i-- {
		b.textValue(chain[i].Y, b.temp())
	}
	b.at(chain[0].Pos)
	b.emit(bytecode.OpJoin, dst, first, 0, int32(len(chain)+1))
	return true
}

// textValue evaluates what the text of an operand of join is the text of.
func (b *body) textValue(e syntax.Expr, t int) {
	e, _ = textOperand(e)
	b.expr(e, t)
}

// textOperand tells whether e is surely a text, and gives the expression whose
// text it is.
func textOperand(e syntax.Expr) (syntax.Expr, bool) {
	switch e := e.(type) {
	case *syntax.StringLit, *syntax.Template:
		return e, true
	case *syntax.Call:
		if e.Builtin && e.Name == "str" && len(e.Args) == 1 && len(e.Keywords) == 0 {
			return e.Args[0], true
		}
	}
	return nil, false
}

// binary emits one operator whose left operand is in register x.
func (b *body) binary(e *syntax.Binary, x, dst int) {
	base := b.temps
	op := binaryOp(e.Op)
	if i, ok := e.Y.(*syntax.IntLit); ok && op <= bytecode.OpMul && int64(int32(i.Value)) == i.Value {
		b.at(e.Pos)
		b.emit(op+toImmediate, dst, x, 0, int32(i.Value))
		return
	}
	y := b.operand(e.Y)
	b.at(e.Pos)
	b.emit(op, dst, x, y, 0)
	b.release(base)
}

// logical evaluates and/or: the first operand that decides, else the last.
func (b *body) logical(e *syntax.Logical, dst int) {
	acc := b.temporary(dst)
	end := b.newLabel()
	op := bytecode.OpJumpFalse
	if e.Op == "or" {
		op = bytecode.OpJumpTrue
	}
	var before bits
	for i, x := range e.Xs {
		b.expr(x, acc)
		if i == 0 {
			before = b.set.copy()
		}
		if i < len(e.Xs)-1 {
			b.jump(op, acc, 0, 0, end)
		}
	}
	b.place(end)
	b.set = b.set.meet(before)
	b.move(dst, acc)
}

// compareOp gives the operation of a comparing operator.
func compareOp(operator string) bytecode.Op {
	switch operator {
	case "==":
		return bytecode.OpEq
	case "!=":
		return bytecode.OpNe
	case "<":
		return bytecode.OpLt
	case "<=":
		return bytecode.OpLe
	case ">":
		return bytecode.OpGt
	case ">=":
		return bytecode.OpGe
	case "in":
		return bytecode.OpIn
	case "not in":
		return bytecode.OpNotIn
	case "is":
		return bytecode.OpIs
	default:
		return bytecode.OpIsNot
	}
}

// compare evaluates a chain of comparisons, each operand once.
func (b *body) compare(e *syntax.Compare, dst int) {
	x := b.kept(e.Xs[0])
	if len(e.Ops) == 1 {
		y := b.operand(e.Xs[1])
		b.at(e.Pos)
		b.emit(compareOp(e.Ops[0]), dst, x, y, 0)
		return
	}
	acc := b.temp()
	end := b.newLabel()
	var before bits
	for i, op := range e.Ops {
		y := b.kept(e.Xs[i+1])
		if i == 0 {
			before = b.set.copy()
		}
		b.at(e.Pos)
		b.emit(compareOp(op), acc, x, y, 0)
		if i < len(e.Ops)-1 {
			b.jump(bytecode.OpJumpFalse, acc, 0, 0, end)
		}
		x = y
	}
	b.place(end)
	b.set = b.set.meet(before)
	b.move(dst, acc)
}

func (b *body) conditional(e *syntax.Cond, dst int) {
	otherwise, end := b.newLabel(), b.newLabel()
	b.cond(e.If, otherwise, false)
	before := b.set.copy()
	b.expr(e.Then, dst)
	b.jump(bytecode.OpJump, 0, 0, 0, end)
	after := b.set
	b.set = before
	b.place(otherwise)
	b.expr(e.Else, dst)
	b.place(end)
	b.set = b.set.meet(after)
}

// jumpOps are the fused comparing jumps, by comparison from OpEq on: where it is false,
// and where it is true.
var jumpOps = [...][2]bytecode.Op{
	{bytecode.OpJumpNe, bytecode.OpJumpEq},
	{bytecode.OpJumpEq, bytecode.OpJumpNe},
	{bytecode.OpJumpGe, bytecode.OpJumpLt},
	{bytecode.OpJumpGt, bytecode.OpJumpLe},
	{bytecode.OpJumpLe, bytecode.OpJumpGt},
	{bytecode.OpJumpLt, bytecode.OpJumpGe},
}

// cond jumps to a label where the truth of e is when, and goes on behind where
// it is not.
func (b *body) cond(e syntax.Expr, to label, when bool) {
	base := b.temps
	b.condition(e, to, when)
	b.release(base)
}

func (b *body) condition(e syntax.Expr, to label, when bool) {
	switch e := e.(type) {
	case *syntax.Unary:
		if e.Op == "not" {
			b.cond(e.X, to, !when)
			return
		}
	case *syntax.Logical:
		b.condLogical(e, to, when)
		return
	case *syntax.Compare:
		if op := compareOp(e.Ops[0]); op <= bytecode.OpGe && len(e.Ops) == 1 {
			b.condCompare(e, jumpOps[op-bytecode.OpEq][btoi(when)], to)
			return
		}
	}
	r := b.operand(e)
	op := bytecode.OpJumpFalse
	if when {
		op = bytecode.OpJumpTrue
	}
	b.jump(op, r, 0, 0, to)
}

func (b *body) condCompare(e *syntax.Compare, op bytecode.Op, to label) {
	x := b.kept(e.Xs[0])
	if i, ok := constantInt(e.Xs[1]); ok && int64(int16(i)) == i {
		b.at(e.Pos)
		b.jump(op+jumpToImmediate, x, int(uint8(i)), int(uint8(i>>8)), to)
		return
	}
	y := b.operand(e.Xs[1])
	b.at(e.Pos)
	b.jump(op, x, y, 0, to)
}

func (b *body) condLogical(e *syntax.Logical, to label, when bool) {
	last := len(e.Xs) - 1
	var before bits
	if decides := e.Op == "or"; decides == when {
		// Each operand that decides jumps straight to the label.
		for i, x := range e.Xs {
			b.cond(x, to, when)
			if i == 0 {
				before = b.set.copy()
			}
		}
	} else {
		behind := b.newLabel()
		for i, x := range e.Xs[:last] {
			b.cond(x, behind, !when)
			if i == 0 {
				before = b.set.copy()
			}
		}
		b.cond(e.Xs[last], to, when)
		b.place(behind)
	}
	b.set = b.set.meet(before)
}

// template joins texts and values, a chunk at a time.
func (b *body) template(e *syntax.Template, dst int) {
	if len(e.Exprs) == 0 {
		b.emit(bytecode.OpLoadK, dst, 0, 0, b.u.text(e.Texts[0]))
		return
	}
	j := joining{base: b.temps, most: chunk}
	for i, text := range e.Texts {
		if text != "" {
			b.emit(bytecode.OpLoadK, b.part(&j), 0, 0, b.u.text(text))
		}
		if i < len(e.Exprs) {
			b.templateValue(e.Exprs[i], b.part(&j))
		}
	}
	b.at(e.Pos)
	b.emit(bytecode.OpConcat, dst, j.first, 0, j.n)
}

// joining is a template that is being joined: the n registers from first on are next.
type joining struct {
	base, first int
	n, most     int32
}

// part gives the register of the next part of a template. Where there are as many
// as are joined at once, what is joined so far becomes the first of the next ones.
func (b *body) part(j *joining) int {
	if j.n == j.most {
		acc := tempTrack + j.base
		b.emit(bytecode.OpConcat, acc, j.first, 0, j.n)
		b.release(j.base)
		b.temp() // acc
		j.first, j.n, j.most = b.temp(), 1, chunk+1
		b.move(j.first, acc)
	}
	t := b.temp()
	if j.n++; j.n == 1 {
		j.first = t
	}
	return t
}

// templateValue evaluates one ${…}: a lone name may be unset.
func (b *body) templateValue(e syntax.Expr, t int) {
	if n, ok := e.(*syntax.Name); ok {
		b.peek(n.Name, t)
		return
	}
	b.soil(t)
	b.expr(e, t)
}

// splice keeps a template's texts and values apart.
func (b *body) splice(e *syntax.Template, dst int) {
	first := b.temp()
	for i, text := range e.Texts {
		t := first
		if i > 0 {
			t = b.temp()
		}
		b.emit(bytecode.OpLoadK, t, 0, 0, b.u.text(text))
		if i < len(e.Exprs) {
			t = b.temp()
			b.templateValue(e.Exprs[i], t)
		}
	}
	b.at(e.Pos)
	b.emit(bytecode.OpSplice, dst, first, 0, int32(2*len(e.Exprs)+1))
}

// landing gives the register that a call's arguments begin at, which is where its
// result will be: dst, if that is the last temporary taken.
func (b *body) landing(dst int) int {
	if b.isTop(dst) {
		return dst
	}
	return b.temp()
}

// arguments evaluates a call's arguments side by side; those before the n-th are there.
func (b *body) arguments(first, n int, args []syntax.Expr, keywords []syntax.Keyword) {
	for i, a := range args {
		b.argument(first, n+i, a)
	}
	for i, k := range keywords {
		b.argument(first, n+len(args)+i, k.Value)
	}
}

func (b *body) argument(first, i int, e syntax.Expr) {
	t := first
	if i > 0 {
		t = b.temp()
		switch e.(type) {
		case *syntax.IntLit, *syntax.FloatLit, *syntax.StringLit, *syntax.Name, *syntax.NoneLit, *syntax.BoolLit:
		default:
			b.soil(t)
		}
	}
	b.expr(e, t)
}

func (b *body) call(e *syntax.Call, dst int) {
	if !e.Builtin {
		b.callFunction(e, dst)
		return
	}
	first := b.landing(dst)
	b.arguments(first, 0, e.Args, e.Keywords)
	b.at(e.Pos)
	b.callNative(bytecode.OpBuiltin, bytecode.OpBuiltinKw, builtins.number(e.Name), first, len(e.Args)+len(e.Keywords), e.Keywords)
	b.move(dst, first)
}

// callNative emits a call of a built-in or a method.
func (b *body) callNative(plain, withKeywords bytecode.Op, id, first, n int, keywords []syntax.Keyword) {
	if n > bytecode.MaxParameters {
		panic(abort{&registersFull{b.pos}})
	}
	if len(keywords) == 0 {
		b.emit(plain, first, n, 0, int32(id))
		return
	}
	site := bytecode.CallSite{Target: int32(id)}
	for _, k := range keywords {
		site.Keywords = append(site.Keywords, k.Name)
	}
	b.u.program.Sites = append(b.u.program.Sites, site)
	b.emit(withKeywords, first, n, 0, int32(len(b.u.program.Sites)-1))
}

func (b *body) callFunction(e *syntax.Call, dst int) {
	if b.u.def != nil {
		b.u.fail(e.Pos, "%s is a function of a script: a definition cannot call it", e.Name)
	}
	s := b.u.symbols.get(e.Name)
	if want := int(s.params); want != len(e.Args) {
		b.at(e.Pos)
		b.raise("bad_arguments", plural(want, e.Name+" takes", "argument", len(e.Args)))
		return
	}
	first := b.landing(dst)
	b.arguments(first, 0, e.Args, nil)
	b.at(e.Pos)
	b.emit(bytecode.OpCall, first, len(e.Args), 0, s.function)
	b.soil(first + 1)
	b.move(dst, first)
}

func (b *body) method(e *syntax.MethodCall, dst int) {
	id := methods.number(e.Name)
	if id < 0 {
		b.at(e.Pos)
		b.raise("type_error", "no value has a method "+e.Name)
		return
	}
	first := b.landing(dst)
	b.expr(e.X, first)
	b.arguments(first, 1, e.Args, e.Keywords)
	b.at(e.Pos)
	b.callNative(bytecode.OpMethod, bytecode.OpMethodKw, id, first, 1+len(e.Args)+len(e.Keywords), e.Keywords)
	b.move(dst, first)
}

func (b *body) listComp(e *syntax.ListComp, dst int) {
	acc := b.temp()
	b.emit(bytecode.OpList, acc, 0, 0, 0)
	b.comprehension(e.Clauses, func() {
		b.emit(bytecode.OpAppend, acc, b.operand(e.Elem), 0, 0)
	})
	b.move(dst, acc)
}

func (b *body) dictComp(e *syntax.DictComp, dst int) {
	acc := b.temp()
	b.emit(bytecode.OpDict, acc, 0, 0, 0)
	b.comprehension(e.Clauses, func() {
		k := b.kept(e.Key)
		v := b.operand(e.Value)
		b.emit(bytecode.OpSetIndex, acc, k, v, 0)
	})
	b.move(dst, acc)
}

// comprehension runs result for each combination that the clauses let through.
func (b *body) comprehension(clauses []syntax.Clause, result func()) {
	base, names, before := b.temps, len(b.inner), b.set.copy()
	again := b.newLabel() // of the innermost loop
	var tops, exits []label
	for i, c := range clauses {
		if c.Cond != nil {
			b.cond(c.Cond, again, false)
			continue
		}
		it := b.temp()
		x := b.operand(c.Iter)
		if i == 0 {
			before = b.set.copy()
		}
		b.at(c.Pos)
		b.emit(bytecode.OpIter, it, x, 0, 0)
		b.release(it - tempTrack + 1)
		top, exit := b.newLabel(), b.newLabel()
		b.place(top)
		b.bind(c, it, exit)
		tops, exits = append(tops, top), append(exits, exit)
		again = top
	}
	inner := b.temps
	result()
	b.release(inner)
	for i := len(tops) - 1; i >= 0; i-- {
		b.jump(bytecode.OpJump, 0, 0, 0, tops[i])
		b.place(exits[i])
	}
	b.set = before
	b.inner = b.inner[:names]
	b.soil(tempTrack + base)
	b.release(base)
}

// bind takes the next item of an iterator into the names of a for clause.
func (b *body) bind(c syntax.Clause, it int, exit label) {
	if len(c.Vars) == 1 {
		r := b.temp()
		b.jump(bytecode.OpIterNext, it, r, 0, exit)
		b.inner = append(b.inner, binding{c.Vars[0].Name, r})
		return
	}
	item := b.temp()
	b.jump(bytecode.OpIterNext, it, item, 0, exit)
	first := b.temp()
	for i, v := range c.Vars {
		r := first
		if i > 0 {
			r = b.temp()
		}
		b.inner = append(b.inner, binding{v.Name, r})
	}
	b.emit(bytecode.OpUnpack, first, item, len(c.Vars), 0)
}
