// This file holds calls of commands: their arguments are read as written, by the
// modes of the command's interface.

package compile

import (
	"fmt"
	"strings"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/syntax"
)

// commandStmt compiles a command that stands as a statement.
func (b *body) commandStmt(e *syntax.CommandCall, callee *symbol) {
	sig, ok := b.signature(e, callee, false)
	if !ok {
		return
	}
	switch sig.Form {
	case bytecode.FormAddVar:
		b.addVar(b.named(&e.Args[0]), arg(e, 1))
	case bytecode.FormExport:
		name := b.named(&e.Args[0])
		b.emit(bytecode.OpExport, b.peekOperand(name), 0, 0, b.u.textOf(name))
	case bytecode.FormParam:
		v, dst := b.destination(b.named(&e.Args[1]))
		b.param(arg(e, 0), dst)
		b.arrive(v, dst)
	case bytecode.FormQueryList:
		v, dst := b.destination(b.named(&e.Args[0]))
		b.emit(bytecode.OpQueryList, dst, 0, 0, 0)
		b.arrive(v, dst)
	case bytecode.FormPush:
		v := b.keptValue(&e.Args[0])
		b.modify(b.named(&e.Args[1]), bytecode.OpPush, v, 0)
	case bytecode.FormPut:
		k := b.keptValue(&e.Args[0])
		v := b.keptValue(&e.Args[1])
		b.modify(b.named(&e.Args[2]), bytecode.OpPut, k, v)
	default:
		first := b.callCommand(e, callee, noOutput)
		for i, p := range sig.Params {
			if p.Mode == bytecode.ModeOut {
				b.store(b.named(&e.Args[i]), first+i)
			}
		}
	}
}

// named gives the symbol of the variable that an argument names.
func (b *body) named(a *syntax.Arg) *symbol {
	name, _ := variableName(a)
	return b.u.symbols.get(name)
}

// commandExpr compiles a command inside of an expression: its one output, left
// out there, is the value.
func (b *body) commandExpr(e *syntax.CommandCall, dst int) {
	callee := b.u.symbols.get(e.Name)
	sig, ok := b.signature(e, callee, true)
	if !ok {
		return
	}
	switch sig.Form {
	case bytecode.FormAddVar:
		b.addVarValue(arg(e, 0), dst)
	case bytecode.FormParam:
		b.param(arg(e, 0), dst)
	case bytecode.FormQueryList:
		b.emit(bytecode.OpQueryList, dst, 0, 0, 0)
	case bytecode.FormPush:
		v := b.keptValue(arg(e, 0))
		t := b.temp()
		b.emit(bytecode.OpLoadUnset, t, 0, 0, 0)
		b.emit(bytecode.OpPush, t, v, 0, 0)
		b.move(dst, t)
	case bytecode.FormPut:
		k := b.keptValue(arg(e, 0))
		v := b.keptValue(arg(e, 1))
		t := b.temp()
		b.emit(bytecode.OpLoadUnset, t, 0, 0, 0)
		b.emit(bytecode.OpPut, t, k, v, 0)
		b.move(dst, t)
	default:
		left := output(sig.Params)
		b.move(dst, b.callCommand(e, callee, left)+left)
	}
}

// noOutput is the place of none.
const noOutput = -1

// output gives the place of the one output of an interface, or noOutput.
func output(params []bytecode.Param) int {
	at := noOutput
	for i, p := range params {
		if p.Mode != bytecode.ModeOut {
			continue
		}
		if at >= 0 {
			return noOutput
		}
		at = i
	}
	return at
}

// arg gives an argument, nil where it is missing.
func arg(e *syntax.CommandCall, i int) *syntax.Arg {
	if i < len(e.Args) {
		return &e.Args[i]
	}
	return nil
}

// signature looks a command up and checks how it is called. Where the call
// cannot run it emits the error instead.
func (b *body) signature(e *syntax.CommandCall, callee *symbol, inExpression bool) (*bytecode.Signature, bool) {
	b.at(e.Pos)
	sig := b.u.lookup(callee)
	if sig == nil {
		b.raise("unknown_command", "command not found: "+e.Name)
		return nil, false
	}
	if b.u.def != nil {
		b.allowed(e, sig)
	}
	params := sig.Params
	if inExpression {
		at := output(params)
		if at == noOutput {
			b.raise("bad_arguments", describe(e.Name, params)+" does not have one output: it cannot stand in an expression")
			return nil, false
		}
		params = append(append([]bytecode.Param(nil), params[:at]...), params[at+1:]...)
	}
	if problem := mismatch(params, e.Args); problem != "" {
		name := describe(e.Name, sig.Params)
		if inExpression {
			problem += ", its output left out in an expression"
		}
		b.raise("bad_arguments", name+" "+problem)
		return nil, false
	}
	return sig, true
}

// describe writes a command with its parameters.
func describe(name string, params []bytecode.Param) string {
	names := make([]string, len(params))
	for i, p := range params {
		names[i] = p.Name
	}
	return name + "(" + strings.Join(names, ", ") + ")"
}

// mismatch says what is wrong with arguments, or "".
func mismatch(params []bytecode.Param, args []syntax.Arg) string {
	if len(args) > len(params) {
		return plural(len(params), "takes", "argument", len(args))
	}
	for i := range params {
		p := &params[i]
		if p.Mode != bytecode.ModeName && p.Mode != bytecode.ModeOut {
			continue
		}
		if i >= len(args) {
			return "is called without " + p.Name
		}
		if _, ok := variableName(&args[i]); !ok {
			return fmt.Sprintf("wants the name of a variable as %s, not %s", p.Name, quoted(args[i].Text))
		}
	}
	return ""
}

func quoted(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	if s == "" {
		return "nothing"
	}
	return s
}

func plural(want int, verb, noun string, got int) string {
	if want != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%s %d %s, not %d", verb, want, noun, got)
}

// allowed refuses what a definition may not use.
func (b *body) allowed(e *syntax.CommandCall, sig *bytecode.Signature) {
	d := b.u.def
	if sig.Form.ScriptOnly() {
		b.u.fail(e.Pos, "%s belongs to scripts: a definition works on its own parameters and names", e.Name)
	}
	for _, need := range sig.Needs {
		granted := false
		for _, r := range d.Requires {
			granted = granted || r.Name == need
		}
		if !granted {
			b.u.fail(e.Pos, "%s needs the capability %s: write `requires %s` behind the parameters of %s", e.Name, need, need, d.Name)
		}
	}
}

// callCommand emits OpCommand and gives the first register of its arguments, where its
// outputs are afterwards. left is the place of an output that e has no argument for.
func (b *body) callCommand(e *syntax.CommandCall, callee *symbol, left int) int {
	sig := callee.sig
	first := b.temp()
	for range max(0, len(sig.Params)-1) {
		b.temp()
	}
	top := b.temps
	next := 0 // of the arguments
	for i, p := range sig.Params {
		t := first + i
		var a *syntax.Arg
		if i != left {
			a = arg(e, next)
			next++
		}
		switch {
		case p.Mode == bytecode.ModeOut && a == nil:
			b.emit(bytecode.OpLoadUnset, t, 0, 0, 0)
		case p.Mode == bytecode.ModeOut:
			name, _ := variableName(a)
			b.peek(name, t)
		case p.Mode == bytecode.ModeName:
			name, _ := variableName(a)
			b.peekOrNone(name, t)
		case i == 0 && sig.Form == bytecode.FormSplice:
			b.prompt(a, t)
		default:
			b.value(a, t, p.Mode)
		}
		b.release(top)
	}
	b.at(e.Pos)
	b.emit(bytecode.OpCommand, first, len(sig.Params), 0, b.u.command(callee))
	b.soil(first)
	return first
}

// peekOperand gives a register with what a name reads, unset where it is not set.
func (b *body) peekOperand(s *symbol) int {
	if b.scope == scopeGlobal {
		if v := b.variable(s); !isWide(v) {
			return v
		}
	}
	t := b.temp()
	b.peekVariable(s, t)
	return t
}

// peekOrNone copies what a name reads, None where it is not set.
func (b *body) peekOrNone(name string, t int) {
	b.peek(name, t)
	set := b.newLabel()
	b.jump(bytecode.OpJumpSet, t, 0, 0, set)
	b.emit(bytecode.OpLoadNone, t, 0, 0, 0)
	b.place(set)
}

// prompt evaluates a statement of a database: a template written straight
// there keeps its values apart.
func (b *body) prompt(a *syntax.Arg, dst int) {
	if a != nil {
		if t, ok := a.Expr.(*syntax.Template); ok {
			b.splice(t, dst)
			return
		}
		if n, ok := a.Expr.(*syntax.Name); ok && b.u.symbols.get(n.Name).template {
			b.u.diagnose(Diagnostic{
				Pos: a.Pos, Severity: Caution,
				Msg: n.Name + " is made from a template, so its values become part of the statement's text; " +
					"write the template straight into the command, and they are bound",
			})
		}
	}
	b.value(a, dst, bytecode.ModeValue)
}

// addVar writes a variable of the Global pool.
func (b *body) addVar(s *symbol, value *syntax.Arg) {
	if value != nil {
		s.noteTemplate(value.Expr)
	}
	if b.scope == scopeGlobal {
		v, dst := b.destination(s)
		b.addVarValue(value, dst)
		b.arrive(v, dst)
		return
	}
	t := b.temp()
	b.addVarValue(value, t)
	b.emit(bytecode.OpSetGlobal, t, 0, 0, int32(b.u.slot(s)))
}

// addVarValue evaluates the value of an addVar: quoted text of digits only
// becomes an int where it reads as one.
func (b *body) addVarValue(a *syntax.Arg, dst int) {
	if a != nil {
		if s, ok := a.Expr.(*syntax.StringLit); ok {
			if i, ok := readDigits(s.Value); ok {
				b.loadInt(i, dst)
				return
			}
		}
	}
	b.value(a, dst, bytecode.ModeValue)
}

func (b *body) param(key *syntax.Arg, dst int) {
	r := b.valueOperand(key)
	b.emit(bytecode.OpParam, dst, r, 0, 0)
}

// modify changes the collection that a name reads by an operation with the operands x
// and y behind it, and writes the variable. In a function a collection of the Global
// pool is changed in place, and stays there.
func (b *body) modify(s *symbol, op bytecode.Op, x, y int) {
	v := b.declare(s)
	if b.scope != scopeFunction || b.set.has(v) {
		if !isWide(v) && b.set.has(v) {
			b.emit(op, v, x, y, 0)
			return
		}
		t := b.temp()
		b.load(v, t)
		b.emit(op, t, x, y, 0)
		b.store(s, t)
		return
	}
	t := b.temp()
	own, done := b.newLabel(), b.newLabel()
	slot := int32(b.u.slot(s))
	b.load(v, t)
	b.jump(bytecode.OpJumpSet, t, 0, 0, own)
	b.emit(bytecode.OpGetGlobal, t, 0, 0, slot)
	b.jump(bytecode.OpJumpUnset, t, 0, 0, own)
	none := b.temp()
	b.emit(bytecode.OpLoadNone, none, 0, 0, 0)
	b.emit(bytecode.OpIs, none, t, none, 0)
	b.jump(bytecode.OpJumpTrue, none, 0, 0, own)
	b.emit(op, t, x, y, 0)
	b.jump(bytecode.OpJump, 0, 0, 0, done)
	b.place(own)
	b.emit(op, t, x, y, 0)
	if isWide(v) {
		b.emit(bytecode.OpStoreWide, t, 0, 0, int32(v))
	} else {
		b.move(v, t)
	}
	b.place(done)
}

// valueOperand gives a register with the value of an argument in mode value.
func (b *body) valueOperand(a *syntax.Arg) int {
	if a != nil {
		if n, ok := a.Expr.(*syntax.Name); ok {
			if r, ok := b.bound(n.Name); ok {
				return r
			}
			if v := b.variable(b.u.symbols.get(n.Name)); v >= 0 && !isWide(v) && b.set.has(v) {
				return v
			}
		}
	}
	t := b.temp()
	b.value(a, t, bytecode.ModeValue)
	return t
}

// keptValue is valueOperand for a value that must outlive the evaluation of
// another argument.
func (b *body) keptValue(a *syntax.Arg) int {
	r := b.valueOperand(a)
	if isTemp(r) || b.scope != scopeGlobal || !b.u.writes {
		return r
	}
	t := b.temp()
	b.move(t, r)
	return t
}

// value evaluates an argument in mode value or text into dst, by the first rule
// of the language's section 5 that fits.
func (b *body) value(a *syntax.Arg, dst int, mode bytecode.Mode) {
	if a == nil || a.Text == "" {
		b.emit(bytecode.OpLoadNone, dst, 0, 0, 0)
		return
	}
	b.at(a.Pos)
	switch e := a.Expr.(type) {
	case nil:
		b.literalText(a, dst)
	case *syntax.StringLit, *syntax.Template:
		b.expr(e, dst)
	case *syntax.GlobalName:
		b.expr(e, dst)
	case *syntax.Name:
		b.bareName(e.Name, dst)
	case *syntax.IntLit, *syntax.FloatLit, *syntax.BoolLit, *syntax.NoneLit:
		if mode == bytecode.ModeText {
			b.literalText(a, dst)
		} else {
			b.expr(e, dst)
		}
	default:
		if mode == bytecode.ModeText && !strings.ContainsAny(a.Text, "'\"`") {
			b.literalText(a, dst)
			return
		}
		b.piece(a, dst)
	}
}

func (b *body) literalText(a *syntax.Arg, dst int) {
	b.emit(bytecode.OpLoadK, dst, 0, 0, b.u.text(a.Text))
}

// bareName evaluates a lone name: the variable if it is set, else its own text.
func (b *body) bareName(name string, dst int) {
	if r, ok := b.bound(name); ok {
		b.move(dst, r)
		return
	}
	s := b.u.symbols.get(name)
	if v := b.variable(s); v >= 0 && b.set.has(v) {
		b.load(v, dst)
		return
	}
	t := b.temporary(dst)
	b.peekVariable(s, t)
	set := b.newLabel()
	b.jump(bytecode.OpJumpSet, t, 0, 0, set)
	b.emit(bytecode.OpLoadK, t, 0, 0, b.u.textOf(s))
	b.place(set)
	b.move(dst, t)
}

// piece evaluates an argument that reads as an expression, where every variable
// in it is set; else it is text.
func (b *body) piece(a *syntax.Arg, dst int) {
	found := mentions{u: b.u}
	found.expr(a.Expr)
	asText, end := b.newLabel(), b.newLabel()
	tested := false
	before := b.set.copy()
	for _, v := range found.vars {
		if b.testSet(a.Pos, v, asText) {
			tested = true
		}
	}
	if found.unknown != nil {
		b.at(found.unknown.Pos)
		if tested { // it may well be text: nothing to tell of
			b.emitRaise("unknown_command", "command not found: "+found.unknown.Name)
		} else {
			b.raise("unknown_command", "command not found: "+found.unknown.Name)
		}
	} else {
		b.expr(a.Expr, dst)
	}
	b.set = before
	if !tested {
		return
	}
	b.jump(bytecode.OpJump, 0, 0, 0, end)
	b.place(asText)
	b.literalText(a, dst)
	b.place(end)
}

// testSet jumps to unset where a variable is not set. It tells whether there is
// anything to test.
func (b *body) testSet(pos syntax.Pos, v mention, unset label) bool {
	var t int
	base := b.temps
	s := b.u.symbols.get(v.name)
	if v.global {
		if b.scope == scopeGlobal && b.set.has(b.u.slot(s)) {
			return false
		}
		t = b.temp()
		b.peekGlobal(pos, v.name, t)
	} else {
		if _, ok := b.bound(v.name); ok {
			return false
		}
		r := b.variable(s)
		if r >= 0 && b.set.has(r) {
			return false
		}
		if r >= 0 && !isWide(r) && b.scope != scopeFunction {
			b.jump(bytecode.OpJumpUnset, r, 0, 0, unset)
			b.set.add(r)
			return true
		}
		t = b.temp()
		b.peekVariable(s, t)
	}
	b.jump(bytecode.OpJumpUnset, t, 0, 0, unset)
	b.release(base)
	return true
}
