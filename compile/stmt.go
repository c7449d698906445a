// This file holds statements.

package compile

import (
	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/syntax"
)

// noError is what a flat try() puts into its variables where nothing went wrong.
const noError = "No error detected"

// block compiles statements.
func (b *body) block(stmts []syntax.Stmt) {
	for _, s := range stmts {
		base := b.temps
		b.dirty = 0
		switch s := s.(type) {
		case *syntax.Assign:
			b.begin(s.Pos, kindAssign)
			b.assign(s)
		case *syntax.Do:
			b.do(s)
		case *syntax.If:
			b.begin(s.Pos, kindIf)
			b.ifStmt(s)
		case *syntax.Loop:
			b.begin(s.Pos, kindLoop)
			b.loopStmt(s)
		case *syntax.While:
			b.begin(s.Pos, kindWhile)
			b.whileStmt(s)
		case *syntax.Try:
			b.begin(s.Pos, kindTry)
			b.tryStmt(s)
		case *syntax.Return:
			b.begin(s.Pos, kindReturn)
			b.returnStmt(s)
		case *syntax.Break:
			b.leave(s.Pos, b.innermost().breaks)
		case *syntax.Continue:
			b.leave(s.Pos, b.innermost().repeats)
		}
		b.release(base)
		if b.dirty != 0 {
			b.clean()
		}
	}
}

// leave jumps out of the statements of a loop.
func (b *body) leave(pos syntax.Pos, to label) {
	b.at(pos) // not of the top level: nothing is logged
	b.jump(bytecode.OpJump, 0, 0, 0, to)
	b.set = bits{first: all}
}

// nested compiles the statements of a block inside of a statement.
func (b *body) nested(stmts []syntax.Stmt) {
	b.depth++
	b.block(stmts)
	b.depth--
}

// kind is a kind of statement that calls nothing.
type kind uint8

const (
	kindAssign kind = iota
	kindIf
	kindLoop
	kindWhile
	kindTry
	kindReturn
	kinds = iota
)

// kindNames are what statements of a kind are called in the logs.
var kindNames = [kinds]string{"assign", "if", "startLoop", "while", "try", "return"}

// begin begins a statement: one of the top level is logged.
func (b *body) begin(pos syntax.Pos, k kind) {
	b.at(pos)
	if b.depth > 0 {
		return
	}
	log := &b.u.kinds[k]
	if *log == 0 {
		*log = b.u.log(b.u.symbols.get(kindNames[k])) + 1
	}
	b.emit(bytecode.OpLog, 0, 0, 0, *log-1)
}

// beginCall begins a statement that calls something.
func (b *body) beginCall(pos syntax.Pos, callee *symbol) {
	b.at(pos)
	if b.depth == 0 {
		b.emit(bytecode.OpLog, 0, 0, 0, b.u.log(callee))
	}
}

// clean clears temporaries in which a call left something that may be large,
// so that what a statement dropped does not count as held.
func (b *body) clean() {
	if b.dirty == 0 {
		return
	}
	b.emit(bytecode.OpClear, b.dirty, tempTrack+b.mostTemps, 0, 0)
	b.dirty = 0
}

// soil notes that temporaries from r on may hold something large.
func (b *body) soil(r int) {
	if b.dirty == 0 || r < b.dirty {
		b.dirty = r
	}
}

func (b *body) assign(s *syntax.Assign) {
	switch t := s.Target.(type) {
	case *syntax.Name:
		name := b.u.symbols.get(t.Name)
		name.noteTemplate(s.Value)
		v, dst := b.destination(name)
		b.expr(s.Value, dst)
		b.arrive(v, dst)
	case *syntax.Index:
		v := b.kept(s.Value)
		x := b.kept(t.X)
		i := b.operand(t.I)
		b.at(t.Pos)
		b.emit(bytecode.OpSetIndex, x, i, v, 0)
	case *syntax.Attr:
		v := b.kept(s.Value)
		x := b.operand(t.X)
		b.at(t.Pos)
		b.emit(bytecode.OpSetAttr, x, v, 0, b.u.text(t.Key))
	}
}

// noteTemplate notes where a variable is made from a template with values in it.
func (s *symbol) noteTemplate(value syntax.Expr) {
	if t, ok := value.(*syntax.Template); ok && len(t.Exprs) > 0 {
		s.template = true
	}
}

// destination gives the variable that an assignment to a name writes, and the register
// to evaluate its value into, which must be written by the last instruction alone.
// Arrive is to follow.
func (b *body) destination(s *symbol) (v, dst int) {
	v = b.declare(s)
	if isWide(v) {
		return v, b.temp()
	}
	return v, v
}

// arrive notes that the value of a variable is in its destination.
func (b *body) arrive(v, dst int) {
	if dst != v {
		b.emit(bytecode.OpStoreWide, dst, 0, 0, int32(v))
	}
	b.born(v)
}

// born notes that variable v is set now, in the Global pool also at run time.
func (b *body) born(v int) {
	if b.set.has(v) {
		return
	}
	if b.scope == scopeGlobal {
		b.emit(bytecode.OpBirth, 0, 0, 0, int32(v))
	}
	b.set.add(v)
}

// store sets a variable to what is in register r.
func (b *body) store(s *symbol, r int) {
	v, dst := b.destination(s)
	b.move(dst, r)
	b.arrive(v, dst)
}

func (b *body) move(dst, r int) {
	if dst != r {
		b.emit(bytecode.OpMove, dst, r, 0, 0)
	}
}

// do compiles a call that stands as a statement.
func (b *body) do(s *syntax.Do) {
	switch x := s.X.(type) {
	case *syntax.CommandCall:
		callee := b.u.symbols.get(x.Name)
		b.beginCall(s.Pos, callee)
		b.commandStmt(x, callee)
	case *syntax.Call:
		b.beginCall(s.Pos, b.u.symbols.get(x.Name))
		b.expr(x, b.temp())
	case *syntax.MethodCall:
		b.beginCall(s.Pos, b.u.symbols.get(x.Name))
		b.expr(x, b.temp())
	}
}

// comparator gives the comparator of the third argument of if().
func comparator(operator string) bytecode.Comparator {
	switch operator {
	case "!=":
		return bytecode.CmpNe
	case "<":
		return bytecode.CmpLt
	case ">":
		return bytecode.CmpGt
	case "<=":
		return bytecode.CmpLe
	case ">=":
		return bytecode.CmpGe
	default: // = and ==
		return bytecode.CmpEq
	}
}

func (b *body) ifStmt(s *syntax.If) {
	if s.Cond != nil {
		if always, known := constantTruth(s.Cond); known {
			if always {
				b.nested(s.Then)
			} else {
				b.nested(s.Else)
			}
			return
		}
	}
	otherwise := b.newLabel()
	base := b.temps
	if s.Cond != nil {
		b.cond(s.Cond, otherwise, false)
	} else {
		x := b.keptValue(s.A)
		y := b.valueOperand(s.B)
		b.at(s.Pos)
		b.jump(bytecode.OpJumpIf, x, y, int(comparator(s.Op)), otherwise)
	}
	b.release(base)
	b.clean()
	before := b.set.copy()
	b.nested(s.Then)
	if len(s.Else) == 0 {
		b.place(otherwise)
		b.set = b.set.meet(before)
		return
	}
	end := b.newLabel()
	if !b.set.all() {
		b.jump(bytecode.OpJump, 0, 0, 0, end)
	}
	after := b.set
	b.set = before
	b.place(otherwise)
	b.nested(s.Else)
	b.place(end)
	b.set = b.set.meet(after)
}

// loopStmt compiles startLoop: the count and its end have registers of their
// own, so that assigning the variable does not change the count.
func (b *body) loopStmt(s *syntax.Loop) {
	base := b.temps
	from, to := b.temp(), b.temp()
	b.value(s.From, from, bytecode.ModeValue)
	b.value(s.To, to, bytecode.ModeValue)
	b.clean()
	pair, aside := b.takeLoop()
	v := b.declare(b.u.symbols.get(s.Var))
	count := v
	if isWide(v) {
		count = b.temp()
	}
	b.release(base) // all of them are dead when the body begins
	exit, top := b.newLabel(), b.newLabel()
	l := loop{breaks: exit, repeats: b.newLabel()}
	b.at(s.Pos)
	b.jump(bytecode.OpForPrep, pair, count, from, exit)
	before := b.set.copy()
	if isWide(v) {
		b.place(top)
		b.emit(bytecode.OpStoreWide, count, 0, 0, int32(v))
		b.born(v)
	} else {
		b.born(v)
		b.place(top)
	}
	if aside > 0 {
		b.spill(pair, aside, 2)
	}
	b.inside(l, s.Body)
	b.place(l.repeats)
	b.at(s.Pos)
	b.countLoop(pair, aside, count, top, exit)
	b.place(exit)
	b.leaveLoop(aside)
	b.set = before
}

// countLoop goes on to the next round of a counted loop, or behind it.
func (b *body) countLoop(pair, aside, count int, top, exit label) {
	if aside == 0 {
		b.jump(bytecode.OpForLoop, pair, count, 0, top)
		return
	}
	b.unspill(pair, aside, 2)
	b.jump(bytecode.OpJumpGe, pair, pair+1, 0, exit)
	b.emit(bytecode.OpAddI, pair, pair, 0, 1)
	b.move(count, pair)
	b.jump(bytecode.OpJump, 0, 0, 0, top)
}

// whileStmt puts the condition behind the body: one jump for each round.
func (b *body) whileStmt(s *syntax.While) {
	always, known := constantTruth(s.Cond)
	if known && !always {
		return
	}
	top := b.newLabel()
	l := loop{breaks: b.newLabel(), repeats: b.newLabel()}
	if !known {
		b.jump(bytecode.OpJump, 0, 0, 0, l.repeats)
	}
	before := b.set.copy()
	b.place(top)
	b.inside(l, s.Body)
	b.place(l.repeats)
	b.set = before.copy()
	b.at(s.Pos)
	if known {
		b.jump(bytecode.OpJump, 0, 0, 0, top)
	} else {
		b.cond(s.Cond, top, true)
		b.clean()
	}
	b.place(l.breaks)
	b.set = before
}

func (b *body) tryStmt(s *syntax.Try) {
	if s.Flat {
		b.u.diagnose(Diagnostic{
			Pos: s.Pos, Severity: Caution,
			Msg: "a flat try(): what follows its exception runs in either case; close it with end()",
		})
	}
	before := b.set.copy()
	from := int32(b.pc)
	b.nested(s.Body)
	to := int32(b.pc)
	end := b.newLabel()
	if s.Flat {
		for _, name := range caughtBy(s) {
			v, dst := b.destination(b.u.symbols.get(name))
			b.emit(bytecode.OpLoadK, dst, 0, 0, b.u.text(noError))
			b.arrive(v, dst)
		}
	}
	if !b.set.all() {
		b.jump(bytecode.OpJump, 0, 0, 0, end)
	}
	after := b.set
	b.set = before
	if from < to {
		b.handlers = append(b.handlers, bytecode.Handler{From: from, To: to, Target: int32(b.pc)})
	}
	b.at(s.ExceptionPos)
	base := b.temps
	caught := b.temp()
	b.emit(bytecode.OpLastError, caught, 0, 0, 0)
	for _, name := range caughtBy(s) {
		b.store(b.u.symbols.get(name), caught)
	}
	b.store(b.u.symbols.get(lastError), caught)
	b.release(base)
	b.nested(s.Handler)
	b.place(end)
	b.set = b.set.meet(after)
}

func (b *body) returnStmt(s *syntax.Return) {
	switch {
	case b.scope != scopeFunction:
		if s.Value != nil {
			b.expr(s.Value, b.temp())
		}
		b.emit(bytecode.OpStop, 0, 0, 0, 0)
	case s.Value == nil:
		b.emit(bytecode.OpReturnNone, 0, 0, 0, 0)
	default:
		b.emit(bytecode.OpReturn, b.operand(s.Value), 0, 0, 0)
	}
	b.dirty = 0
	b.set = bits{first: all}
}
