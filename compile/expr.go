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
		if v := b.variable(n.Name); v >= 0 && !isWide(v) && (b.set.has(v) || b.scope != scopeFunction) {
			if !b.set.has(v) {
				b.at(n.Pos)
				b.check(v, n.Name)
				b.set.add(v)
			}
			return v
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

// variable gives the register of a variable of the body's own pool, or -1
// where the name is not one of it.
func (b *body) variable(name string) int {
	if b.scope == scopeGlobal {
		return b.u.slot(name)
	}
	if v, ok := b.vars[name]; ok {
		return v
	}
	return -1
}

// isTop tells whether dst is the temporary taken last: what is built in
// registers side by side can start there.
func (b *body) isTop(dst int) bool { return dst == tempTrack+b.temps-1 }

// expr evaluates e into register dst, which is written by the last
// instruction alone unless it is a temporary.
func (b *body) expr(e syntax.Expr, dst int) {
	base := b.temps
	if b.u.scarce && base > keptTemps && len(b.inner) == 0 {
		b.exprAside(e, dst)
	} else {
		b.exprInto(e, dst)
	}
	b.release(base)
}

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

func (b *body) exprInto(e syntax.Expr, dst int) {
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
	case *syntax.Unary, *syntax.Binary:
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
	b.emit(bytecode.OpLoadK, dst, 0, 0, b.u.number(bytecode.Constant{Kind: bytecode.ConstInt, Bits: uint64(i)}))
}

func (b *body) loadFloat(f float64, dst int) {
	b.emit(bytecode.OpLoadK, dst, 0, 0, b.u.number(bytecode.Constant{Kind: bytecode.ConstFloat, Bits: math.Float64bits(f)}))
}

var codeIndex = func() map[string]int {
	index := map[string]int{}
	for i, c := range bytecode.Codes {
		index[c] = i
	}
	return index
}()

// raise emits an error that is known when compiling, and tells of it.
func (b *body) raise(code, msg string) {
	b.u.diagnose(Diagnostic{Pos: b.pos, Severity: Fault, Code: code, Msg: msg})
	b.emitRaise(code, msg)
}

// emitRaise emits an error that is known when compiling.
func (b *body) emitRaise(code, msg string) {
	b.emit(bytecode.OpRaise, 0, codeIndex[code], 0, b.u.text(msg))
}

// variableValue evaluates a variable that must be set.
func (b *body) variableValue(e *syntax.Name, dst int) {
	if r, ok := b.bound(e.Name); ok {
		b.move(dst, r)
		return
	}
	b.at(e.Pos)
	v := b.variable(e.Name)
	if v < 0 {
		if b.scope == scopeLocal {
			b.raise("name_error", "name "+e.Name+" is not set")
			return
		}
		b.emit(bytecode.OpLoadGlobal, dst, 0, 0, int32(b.u.slot(e.Name)))
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
		b.emit(bytecode.OpLoadGlobal, t, 0, 0, int32(b.u.slot(e.Name)))
		b.place(found)
		b.move(dst, t)
	case isWide(v):
		t := b.temp()
		b.load(v, t)
		b.check(t, e.Name)
		b.move(dst, t)
		b.set.add(v)
	default:
		b.check(v, e.Name)
		b.move(dst, v)
		b.set.add(v)
	}
}

func (b *body) check(r int, name string) { b.emit(bytecode.OpCheck, r, 0, 0, b.u.text(name)) }

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
	v := b.variable(name)
	switch {
	case v >= 0 && (b.scope != scopeFunction || b.set.has(v)):
		b.load(v, t)
	case v >= 0:
		found := b.newLabel()
		b.load(v, t)
		b.jump(bytecode.OpJumpSet, t, 0, 0, found)
		b.emit(bytecode.OpGetGlobal, t, 0, 0, int32(b.u.slot(name)))
		b.place(found)
	case b.scope == scopeLocal:
		b.emit(bytecode.OpLoadUnset, t, 0, 0, 0)
	default:
		b.emit(bytecode.OpGetGlobal, t, 0, 0, int32(b.u.slot(name)))
	}
}

// peekGlobal copies $x into temporary t, unset where it is not set.
func (b *body) peekGlobal(pos syntax.Pos, name string, t int) {
	switch b.scope {
	case scopeGlobal:
		b.load(b.u.slot(name), t)
	case scopeFunction:
		b.emit(bytecode.OpGetGlobal, t, 0, 0, int32(b.u.slot(name)))
	case scopeLocal:
		b.noGlobals(pos, name)
	}
}

func (b *body) globalName(e *syntax.GlobalName, dst int) {
	switch b.scope {
	case scopeGlobal:
		inner := b.inner
		b.inner = nil
		b.variableValue(&syntax.Name{Pos: e.Pos, Name: e.Name}, dst)
		b.inner = inner
	case scopeFunction:
		b.emit(bytecode.OpLoadGlobal, dst, 0, 0, int32(b.u.slot(e.Name)))
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

var binaryOps = map[string]bytecode.Op{
	"+": bytecode.OpAdd, "-": bytecode.OpSub, "*": bytecode.OpMul, "/": bytecode.OpDiv,
	"//": bytecode.OpFloorDiv, "%": bytecode.OpMod, "**": bytecode.OpPow,
}

var immediateOps = map[string]bytecode.Op{
	"+": bytecode.OpAddI, "-": bytecode.OpSubI, "*": bytecode.OpMulI,
}

// arithmetic compiles unary and binary operators, folding constants. A chain
// of operators leans to the left and may be long: it is followed in a loop.
func (b *body) arithmetic(e syntax.Expr, dst int) {
	if folded := fold(e); folded != nil {
		b.exprInto(folded, dst)
		return
	}
	if u, ok := e.(*syntax.Unary); ok {
		x := b.operand(u.X)
		b.at(u.Pos)
		op := bytecode.OpNeg
		if u.Op == "not" {
			op = bytecode.OpNot
		}
		b.emit(op, dst, x, 0, 0)
		return
	}
	chain := []*syntax.Binary{e.(*syntax.Binary)}
	for {
		next, ok := chain[len(chain)-1].X.(*syntax.Binary)
		if !ok || fold(next) != nil {
			break
		}
		chain = append(chain, next)
	}
	if b.join(chain, dst) {
		return
	}
	x := b.kept(chain[len(chain)-1].X)
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
	var few [8]syntax.Expr
	operands := append(few[:0], chain[len(chain)-1].X)
	for i := len(chain) - 1; i >= 0; i-- {
		if chain[i].Op != "+" {
			return false
		}
		operands = append(operands, chain[i].Y)
	}
	if len(operands) > chunk {
		return false
	}
	for i, e := range operands {
		inner, ok := textOperand(e)
		if !ok {
			return false
		}
		operands[i] = inner
	}
	first := b.values(operands)
	b.at(chain[0].Pos)
	b.emit(bytecode.OpJoin, dst, first, 0, int32(len(operands)))
	return true
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
	if i, ok := e.Y.(*syntax.IntLit); ok && int64(int32(i.Value)) == i.Value {
		if op, ok := immediateOps[e.Op]; ok {
			b.at(e.Pos)
			b.emit(op, dst, x, 0, int32(i.Value))
			return
		}
	}
	y := b.operand(e.Y)
	b.at(e.Pos)
	b.emit(binaryOps[e.Op], dst, x, y, 0)
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

var compareOps = map[string]bytecode.Op{
	"==": bytecode.OpEq, "!=": bytecode.OpNe, "<": bytecode.OpLt, "<=": bytecode.OpLe,
	">": bytecode.OpGt, ">=": bytecode.OpGe, "in": bytecode.OpIn, "not in": bytecode.OpNotIn,
	"is": bytecode.OpIs, "is not": bytecode.OpIsNot,
}

// compare evaluates a chain of comparisons, each operand once.
func (b *body) compare(e *syntax.Compare, dst int) {
	x := b.kept(e.Xs[0])
	if len(e.Ops) == 1 {
		y := b.operand(e.Xs[1])
		b.at(e.Pos)
		b.emit(compareOps[e.Ops[0]], dst, x, y, 0)
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
		b.emit(compareOps[op], acc, x, y, 0)
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

// jumpOps are the fused comparing jumps: where the comparison is true, and where
// it is false.
var jumpOps = map[string][2]bytecode.Op{
	"==": {bytecode.OpJumpEq, bytecode.OpJumpNe},
	"!=": {bytecode.OpJumpNe, bytecode.OpJumpEq},
	"<":  {bytecode.OpJumpLt, bytecode.OpJumpGe},
	"<=": {bytecode.OpJumpLe, bytecode.OpJumpGt},
	">":  {bytecode.OpJumpGt, bytecode.OpJumpLe},
	">=": {bytecode.OpJumpGe, bytecode.OpJumpLt},
}

// toImmediate is how far the immediate form of a comparing jump is behind it.
const toImmediate = bytecode.OpJumpEqI - bytecode.OpJumpEq

// cond jumps to a label where the truth of e is when, and goes on behind where
// it is not.
func (b *body) cond(e syntax.Expr, to label, when bool) {
	base := b.temps
	defer func() { b.release(base) }()
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
		if ops, ok := jumpOps[e.Ops[0]]; ok && len(e.Ops) == 1 {
			b.condCompare(e, ops[1-btoi(when)], to)
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
		b.jump(op+toImmediate, x, int(uint8(i)), int(uint8(i>>8)), to)
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

// template joins texts and values.
func (b *body) template(e *syntax.Template, dst int) {
	acc := -1
	base := b.temps
	var parts []func(t int)
	for i, text := range e.Texts {
		if text != "" {
			parts = append(parts, func(t int) { b.emit(bytecode.OpLoadK, t, 0, 0, b.u.text(text)) })
		}
		if i < len(e.Exprs) {
			parts = append(parts, func(t int) { b.templateValue(e.Exprs[i], t) })
		}
	}
	if len(e.Exprs) == 0 {
		b.emit(bytecode.OpLoadK, dst, 0, 0, b.u.text(e.Texts[0]))
		return
	}
	for len(parts) > 0 {
		n := min(len(parts), chunk)
		first := b.temp()
		if acc >= 0 { // what is joined so far is the first part of the next piece
			b.move(first, acc)
		} else {
			parts[0](first)
			parts = parts[1:]
			n--
		}
		for _, part := range parts[:n] {
			part(b.temp())
		}
		parts = parts[n:]
		count := int32(tempTrack + b.temps - first)
		if len(parts) == 0 {
			b.at(e.Pos)
			b.emit(bytecode.OpConcat, dst, first, 0, count)
			return
		}
		if acc < 0 {
			acc = first
		}
		b.emit(bytecode.OpConcat, acc, first, 0, count)
		b.release(base)
		b.temp() // acc
	}
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

// arguments evaluates a call's arguments side by side and gives the first
// register, which is where the result will land: dst, if that is the last
// temporary taken.
func (b *body) arguments(dst int, args []syntax.Expr, keywords []syntax.Keyword) int {
	first := dst
	if !b.isTop(dst) {
		first = b.temp()
	}
	for i, a := range args {
		b.argument(first, i, a)
	}
	for i, k := range keywords {
		b.argument(first, len(args)+i, k.Value)
	}
	return first
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
	first := b.arguments(dst, e.Args, e.Keywords)
	b.at(e.Pos)
	id := slices.Index(bytecode.Builtins[:], e.Name)
	b.callNative(bytecode.OpBuiltin, bytecode.OpBuiltinKw, id, first, len(e.Args)+len(e.Keywords), e.Keywords)
	b.move(dst, first)
}

// callNative emits a call of a built-in or a method.
func (b *body) callNative(plain, withKeywords bytecode.Op, id, first, n int, keywords []syntax.Keyword) {
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
	if want := b.u.params[e.Name]; want != len(e.Args) {
		b.at(e.Pos)
		b.raise("bad_arguments", plural(want, e.Name+" takes", "argument", len(e.Args)))
		return
	}
	first := b.arguments(dst, e.Args, nil)
	b.at(e.Pos)
	b.emit(bytecode.OpCall, first, len(e.Args), 0, int32(b.u.functions[e.Name]))
	b.soil(first + 1)
	b.move(dst, first)
}

func (b *body) method(e *syntax.MethodCall, dst int) {
	id := slices.Index(bytecode.Methods[:], e.Name)
	if id < 0 {
		b.at(e.Pos)
		b.raise("type_error", "no value has a method "+e.Name)
		return
	}
	all := append([]syntax.Expr{e.X}, e.Args...)
	first := b.arguments(dst, all, e.Keywords)
	b.at(e.Pos)
	b.callNative(bytecode.OpMethod, bytecode.OpMethodKw, id, first, len(all)+len(e.Keywords), e.Keywords)
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
