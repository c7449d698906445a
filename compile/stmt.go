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
		b.stmt(s)
	}
}

// nested compiles the statements of a block inside of a statement.
func (b *body) nested(stmts []syntax.Stmt) {
	b.depth++
	b.block(stmts)
	b.depth--
}

func (b *body) stmt(s syntax.Stmt) {
	b.at(s.Position())
	if b.scope == scopeGlobal && b.depth == 0 {
		b.emit(bytecode.OpLog, 0, 0, 0, b.log(logName(s)))
	}
	base := b.temps
	b.dirty = 0
	switch s := s.(type) {
	case *syntax.Assign:
		b.assign(s)
	case *syntax.Do:
		b.do(s.X)
	case *syntax.If:
		b.ifStmt(s)
	case *syntax.Loop:
		b.loopStmt(s)
	case *syntax.While:
		b.whileStmt(s)
	case *syntax.Try:
		b.tryStmt(s)
	case *syntax.Return:
		b.returnStmt(s)
	case *syntax.Break:
		b.jump(bytecode.OpJump, 0, 0, 0, b.loop.breaks)
		b.set = bits{all: true}
	case *syntax.Continue:
		b.jump(bytecode.OpJump, 0, 0, 0, b.loop.repeats)
		b.set = bits{all: true}
	}
	b.release(base)
	b.clean()
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

// log gives the index of a statement's name in the logs.
func (b *body) log(name string) int32 {
	for i, n := range b.u.program.Logs {
		if n == name {
			return int32(i)
		}
	}
	b.u.program.Logs = append(b.u.program.Logs, name)
	return int32(len(b.u.program.Logs) - 1)
}

// logName is what a top-level statement is called in the logs.
func logName(s syntax.Stmt) string {
	switch s := s.(type) {
	case *syntax.If:
		return "if"
	case *syntax.Loop:
		return "startLoop"
	case *syntax.While:
		return "while"
	case *syntax.Try:
		return "try"
	case *syntax.Return:
		return "return"
	case *syntax.Do:
		switch x := s.X.(type) {
		case *syntax.CommandCall:
			return x.Name
		case *syntax.Call:
			return x.Name
		case *syntax.MethodCall:
			return x.Name
		}
	}
	return "assign"
}

func (b *body) assign(s *syntax.Assign) {
	switch t := s.Target.(type) {
	case *syntax.Name:
		b.noteTemplate(t.Name, s.Value)
		b.assignName(t.Name, func(dst int) { b.expr(s.Value, dst) })
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

// noteTemplate notes that a variable is made from a template with values in it.
func (b *body) noteTemplate(name string, value syntax.Expr) {
	if t, ok := value.(*syntax.Template); ok && len(t.Exprs) > 0 {
		if b.u.templates == nil {
			b.u.templates = map[string]bool{}
		}
		b.u.templates[name] = true
	}
}

// assignName evaluates into the variable that `=` writes. eval must write its
// destination by its last instruction alone.
func (b *body) assignName(name string, eval func(dst int)) {
	v := b.target(name)
	if isWide(v) {
		t := b.temp()
		eval(t)
		b.emit(bytecode.OpStoreWide, t, 0, 0, int32(v))
	} else {
		eval(v)
	}
	b.born(v)
}

// target gives the register of the variable that an assignment to name writes.
func (b *body) target(name string) int {
	if b.scope == scopeGlobal {
		return b.u.slot(name)
	}
	return b.declare(name)
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

// storeText sets a variable to the text in register r.
func (b *body) store(name string, r int) {
	b.assignName(name, func(dst int) { b.move(dst, r) })
}

func (b *body) move(dst, r int) {
	if dst != r {
		b.emit(bytecode.OpMove, dst, r, 0, 0)
	}
}

// do compiles a call that stands as a statement.
func (b *body) do(x syntax.Expr) {
	if call, ok := x.(*syntax.CommandCall); ok {
		b.commandStmt(call)
		return
	}
	b.expr(x, b.temp())
}

var comparators = map[string]bytecode.Comparator{
	"=": bytecode.CmpEq, "==": bytecode.CmpEq, "!=": bytecode.CmpNe,
	"<": bytecode.CmpLt, ">": bytecode.CmpGt, "<=": bytecode.CmpLe, ">=": bytecode.CmpGe,
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
		b.jump(bytecode.OpJumpIf, x, y, int(comparators[s.Op]), otherwise)
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
	if !b.set.all {
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
	v := b.target(s.Var)
	count := v
	if isWide(v) {
		count = b.temp()
	}
	b.release(base) // all of them are dead when the body begins
	exit, top := b.newLabel(), b.newLabel()
	l := &loop{outer: b.loop, breaks: exit, repeats: b.newLabel()}
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
	b.loop = l
	b.nested(s.Body)
	b.loop = l.outer
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
	l := &loop{outer: b.loop, breaks: b.newLabel(), repeats: b.newLabel()}
	if !known {
		b.jump(bytecode.OpJump, 0, 0, 0, l.repeats)
	}
	before := b.set.copy()
	b.place(top)
	b.loop = l
	b.nested(s.Body)
	b.loop = l.outer
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
	from := int32(len(b.code))
	b.nested(s.Body)
	to := int32(len(b.code))
	handler, end := b.newLabel(), b.newLabel()
	if s.Flat {
		b.tell(s, func(dst int) { b.emit(bytecode.OpLoadK, dst, 0, 0, b.u.text(noError)) })
	}
	if !b.set.all {
		b.jump(bytecode.OpJump, 0, 0, 0, end)
	}
	after := b.set
	b.set = before
	b.place(handler)
	if from < to {
		b.handlers = append(b.handlers, bytecode.Handler{From: from, To: to, Target: int32(handler)})
	}
	b.at(s.ExceptionPos)
	base := b.temps
	caught := b.temp()
	b.emit(bytecode.OpLastError, caught, 0, 0, 0)
	b.tell(s, func(dst int) { b.move(dst, caught) })
	b.store(lastError, caught)
	b.release(base)
	b.nested(s.Handler)
	b.place(end)
	b.set = b.set.meet(after)
}

// tell puts a message into the variables that a try() names.
func (b *body) tell(s *syntax.Try, message func(dst int)) {
	for _, name := range []string{s.Err, s.Result} {
		if name != "" {
			b.assignName(name, message)
		}
	}
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
	b.set = bits{all: true}
}
