// This file holds the verifier: after it, the machine may use operands without
// looking at them.

package bytecode

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// VerifyError says why a program is not fit to run, and where.
type VerifyError struct {
	Function int    // its index; -1 where it is the program as a whole
	Name     string // the function's
	PC       int    // the instruction; -1 where it is the function as a whole
	Instr    Instr
	Err      error
}

func (e *VerifyError) Error() string {
	switch {
	case e.Function < 0:
		return "bytecode: " + e.Err.Error()
	case e.PC < 0:
		return fmt.Sprintf("bytecode: function %d %s: %v", e.Function, strconv.Quote(e.Name), e.Err)
	}
	return fmt.Sprintf("bytecode: function %d %s, instruction %d, %v: %v",
		e.Function, strconv.Quote(e.Name), e.PC, e.Instr, e.Err)
}

// Unwrap gives the reason.
func (e *VerifyError) Unwrap() error { return e.Err }

// Verify tells whether a program is fit to run: every operand is in range,
// every jump ends on an instruction of its function, no code runs off its end,
// and nothing but their loop touches the counters of a counted loop. It trusts
// nothing of p, takes time and memory linear in its size, and its errors are
// of type *VerifyError. AppendProgram and Decode give an accepted program back
// as it is.
func Verify(p *Program) error {
	if err := verifyProgram(p); err != nil {
		return &VerifyError{Function: -1, PC: -1, Err: err}
	}
	v := verifier{p: p}
	v.limitProgram()
	for i := range p.Functions {
		v.index, v.f, v.counted = i, &p.Functions[i], counted{}
		if pc, err := v.function(); err != nil {
			e := &VerifyError{Function: i, Name: v.f.Name, PC: pc, Err: err}
			if pc >= 0 {
				e.Instr = v.f.Code[pc]
			}
			return e
		}
	}
	return nil
}

// checks are those of what stands around the functions.
var checks = [...]func(*Program) error{
	verifyKind, verifyTexts, verifyConstants, verifyGlobals, verifyInterface, verifyCommands, verifySites,
}

// verifyProgram checks what stands around the functions.
func verifyProgram(p *Program) error {
	for _, check := range checks {
		if err := check(p); err != nil {
			return err
		}
	}
	return nil
}

func verifyKind(p *Program) error {
	switch n := len(p.Functions); {
	case p.Kind != KindScript && p.Kind != KindCommand:
		return fmt.Errorf("an unknown kind, %d", p.Kind)
	case n == 0:
		return errors.New("no function")
	case n > MaxFunctions:
		return fmt.Errorf("%d functions; the limit is %d", n, MaxFunctions)
	case p.Kind == KindCommand && n > 1:
		return errors.New("a command with functions of its own")
	case p.Kind == KindScript && len(p.Params) > 0:
		return errors.New("a script with parameters")
	case p.Functions[0].Params != len(p.Params):
		return fmt.Errorf("the first function takes %d parameters, the interface has %d", p.Functions[0].Params, len(p.Params))
	}
	return nil
}

// verifyTexts checks that all texts are UTF-8, as they are where all is ASCII.
func verifyTexts(p *Program) error {
	var t texts
	if t.seeProgram(p); t.bits&0x8080808080808080 == 0 {
		return nil
	}
	t.thorough = true
	if t.seeProgram(p); t.found {
		return fmt.Errorf("the text %q is not UTF-8", t.odd)
	}
	return nil
}

// texts looks at texts: whether all are ASCII, and when it is thorough, for the first
// that is not UTF-8.
type texts struct {
	bits     uint64 // of all bytes; a high one where something is not ASCII
	thorough bool
	odd      string
	found    bool
}

func (t *texts) seeProgram(p *Program) {
	t.see(p.Name)
	t.see(p.Globals...)
	t.see(p.Logs...)
	t.see(p.Requires...)
	t.seeParams(p.Params)
	for i := range p.Constants {
		if k := &p.Constants[i]; k.Text != "" {
			t.see(k.Text)
		}
	}
	for i := range p.Commands {
		t.see(p.Commands[i].Name)
		t.seeParams(p.Commands[i].Params)
	}
	for i := range p.Sites {
		t.see(p.Sites[i].Keywords...)
	}
	for i := range p.Functions {
		t.see(p.Functions[i].Name)
		t.see(p.Functions[i].Locals...)
	}
}

// see looks at texts, eight bytes at a time, of which the last ones it may see twice.
func (t *texts) see(list ...string) {
	if t.thorough {
		t.find(list)
		return
	}
	all := t.bits
	for _, s := range list {
		switch n := len(s); {
		case n >= 8:
			all |= load64(s[n-8:])
			for rest := s; len(rest) > 8; rest = rest[8:] {
				all |= load64(rest)
			}
		case n >= 4:
			all |= uint64(load32(s) | load32(s[n-4:]))
		case n > 0:
			all |= uint64(s[0] | s[n/2] | s[n-1])
		}
	}
	t.bits = all
}

// find finds the first text that is not UTF-8.
func (t *texts) find(list []string) {
	for _, s := range list {
		if !t.found && !utf8.ValidString(s) {
			t.odd, t.found = s, true
		}
	}
}

func (t *texts) seeParams(params []Param) {
	for i := range params {
		t.see(params[i].Name)
	}
}

func load64(s string) uint64 { return uint64(load32(s)) | uint64(load32(s[4:]))<<32 }

func load32(s string) uint32 {
	_ = s[3]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

func verifyConstants(p *Program) error {
	if n := len(p.Constants); n > MaxConstants {
		return fmt.Errorf("%d constants; the limit is %d", n, MaxConstants)
	}
	for i := range p.Constants {
		switch c := &p.Constants[i]; {
		case c.Kind > ConstString:
			return fmt.Errorf("constant %d is of an unknown kind, %d", i, c.Kind)
		case c.Kind == ConstFloat && !finite(c.Bits):
			return fmt.Errorf("constant %d is not finite", i)
		case c.Kind == ConstString && c.Bits != 0, c.Kind != ConstString && c.Text != "":
			return fmt.Errorf("constant %d is both a text and a number", i)
		}
	}
	return nil
}

// verifyGlobals checks the names of the pool. A slot without a name is a
// register that the pool leaves to the code.
func verifyGlobals(p *Program) error {
	if n := len(p.Globals); n > p.Functions[0].Registers {
		return fmt.Errorf("%d slots of the pool in %d registers", n, p.Functions[0].Registers)
	}
	if name, ok := twice(p.Globals); ok {
		return fmt.Errorf("the pool has the name %q twice", name)
	}
	return nil
}

// twice gives the first name that was there before, the empty one left out.
func twice(names []string) (name string, ok bool) {
	const few = 16 // are compared with each other
	var seen map[string]struct{}
	if len(names) > few {
		seen = make(map[string]struct{}, len(names))
	}
	met := uint64(0) // a bit for each of the names so far, which some may share
	for i, name := range names {
		if name == "" {
			continue
		}
		bit := uint64(1) << ((3*uint(name[0]) + 5*uint(name[len(name)-1]) + uint(len(name))) % 64)
		switch {
		case seen != nil:
			_, ok = seen[name]
			seen[name] = struct{}{}
		case met&bit != 0:
			ok = slices.Contains(names[:i], name)
		}
		if ok {
			return name, true
		}
		met |= bit
	}
	return "", false
}

// verifyInterface checks the parameters of a command, which are the first
// names of its only function.
func verifyInterface(p *Program) error {
	if len(p.Params) == 0 {
		return nil
	}
	locals := p.Functions[0].Locals
	seen := make(map[string]struct{}, len(p.Params))
	for i, param := range p.Params {
		if i >= len(locals) || locals[i] != param.Name {
			return fmt.Errorf("parameter %d, %q, is not what register %d is called", i, param.Name, i)
		}
		if _, ok := seen[param.Name]; ok || param.Name == "" {
			return fmt.Errorf("the parameter %q is empty, or there twice", param.Name)
		}
		seen[param.Name] = struct{}{}
	}
	return verifyParams(p.Params)
}

func verifyParams(params []Param) error {
	if n := len(params); n > MaxParameters {
		return fmt.Errorf("%d parameters; the limit is %d", n, MaxParameters)
	}
	for i, p := range params {
		if p.Mode > ModeOut {
			return fmt.Errorf("parameter %d has an unknown mode, %d", i, p.Mode)
		}
	}
	return nil
}

func verifyCommands(p *Program) error {
	for i, c := range p.Commands {
		if c.Name == "" {
			return fmt.Errorf("command %d has no name", i)
		}
		if err := verifyParams(c.Params); err != nil {
			return fmt.Errorf("command %d, %q: %w", i, c.Name, err)
		}
	}
	if len(p.Requires) == 0 {
		return nil
	}
	seen := make(map[string]struct{}, len(p.Requires))
	for _, name := range p.Requires {
		if _, ok := seen[name]; ok || name == "" {
			return fmt.Errorf("the capability %q is empty, or there twice", name)
		}
		seen[name] = struct{}{}
	}
	return nil
}

func verifySites(p *Program) error {
	for i, s := range p.Sites {
		if s.Target < 0 || int(s.Target) >= max(len(Builtins), len(Methods)) {
			return fmt.Errorf("call site %d has an unknown target, %d", i, s.Target)
		}
		if n := len(s.Keywords); n > MaxParameters {
			return fmt.Errorf("call site %d has %d keywords; the limit is %d", i, n, MaxParameters)
		}
	}
	return nil
}

// verifier checks one function.
type verifier struct {
	p       *Program
	index   int
	f       *Function
	limits  limits
	asked   bool        // for what is written:
	written registerSet // slots that functions write
	counted counted
}

// writtenSlots are the slots with direct registers that some setglobal writes.
func writtenSlots(p *Program) (written registerSet) {
	for i := range p.Functions {
		code := p.Functions[i].Code
		for pc := range code {
			if code[pc].Op == OpSetGlobal && code[pc].C >= 0 && code[pc].C < MaxDirect {
				written.add(int(code[pc].C))
			}
		}
	}
	return written
}

// function gives the first fault, and the instruction that has it, or -1.
func (v *verifier) function() (pc int, err error) {
	if err := v.frame(); err != nil {
		return -1, err
	}
	v.limitFunction()
	for pc := v.plain(0); pc < len(v.f.Code); pc = v.plain(pc + 1) {
		if err := v.instruction(pc); err != nil {
			return pc, err
		}
	}
	if last := len(v.f.Code) - 1; !Ops[v.f.Code[last].Op].Ends {
		return last, errors.New("the code runs off its end")
	}
	if err := v.positions(); err != nil {
		return -1, err
	}
	if err := v.handlers(); err != nil {
		return -1, err
	}
	if v.counted.n == 0 {
		return -1, nil
	}
	return verifyLoops(v.f, &v.counted)
}

// frame checks the function's numbers.
func (v *verifier) frame() error {
	f := v.f
	switch n := len(f.Code); {
	case n == 0:
		return errors.New("no code")
	case n > MaxCode:
		return fmt.Errorf("%d instructions; the limit is %d", n, MaxCode)
	case f.Registers < 0 || f.Registers > MaxRegisters:
		return fmt.Errorf("%d registers; the limit is %d", f.Registers, MaxRegisters)
	case f.Params < 0 || f.Params > MaxParameters || f.Params > f.Registers:
		return fmt.Errorf("%d parameters in %d registers; the limit is %d", f.Params, f.Registers, MaxParameters)
	case len(f.Locals) > f.Registers:
		return fmt.Errorf("%d names of %d registers", len(f.Locals), f.Registers)
	}
	return nil
}

// positions checks that there are none, or that they follow each other from
// instruction 0 on.
func (v *verifier) positions() error {
	last, signs := int32(-1), int32(0)
	for i, p := range v.f.Positions {
		if p.PC <= last {
			return v.position(i)
		}
		last, signs = p.PC, signs|p.Line|p.Col
	}
	if n := len(v.f.Positions); n > 0 && (v.f.Positions[0].PC != 0 || int(last) >= len(v.f.Code) || signs < 0) {
		return v.position(n - 1)
	}
	return nil
}

// position gives the first that is wrong with the positions up to the last-th, which is
// something.
func (v *verifier) position(last int) error {
	before := int32(-1)
	for i, p := range v.f.Positions[:last+1] {
		switch {
		case i == 0 && p.PC != 0:
			return fmt.Errorf("the first position is that of instruction %d", p.PC)
		case p.PC <= before || int(p.PC) >= len(v.f.Code):
			return fmt.Errorf("position %d, of instruction %d, is out of order", i, p.PC)
		case p.Line < 0 || p.Col < 0:
			return fmt.Errorf("position %d, %d:%d, is negative", i, p.Line, p.Col)
		}
		before = p.PC
	}
	return nil
}

// handlers checks that handlers are in the order of their ends, nested or
// apart, and that they go forward: else a handler could be a loop that no
// backward jump shows.
func (v *verifier) handlers() error {
	var apart []Handler // that no later one may cut
	end := int32(0)
	for i, h := range v.f.Handlers {
		if h.From < 0 || h.From > h.To || h.To > h.Target || int(h.Target) >= len(v.f.Code) {
			return fmt.Errorf("handler %d, from %d to %d at %d, is out of range or goes back", i, h.From, h.To, h.Target)
		}
		if h.To < end {
			return fmt.Errorf("handler %d ends at %d, before the one in front of it", i, h.To)
		}
		end = h.To
		for len(apart) > 0 && apart[len(apart)-1].From >= h.From {
			apart = apart[:len(apart)-1]
		}
		if len(apart) > 0 && apart[len(apart)-1].To > h.From {
			return fmt.Errorf("handler %d, from %d to %d, cuts another one", i, h.From, h.To)
		}
		apart = append(apart, h)
	}
	return nil
}

// instruction checks an instruction by itself.
func (v *verifier) instruction(pc int) error {
	in := v.f.Code[pc]
	if !in.Op.Known() {
		return fmt.Errorf("an unknown operation, %d", in.Op)
	}
	info := &Ops[in.Op]
	if err := v.scope(info.Scope); err != nil {
		return err
	}
	count := info.count(in)
	for i, o := range info.operands(in) {
		if err := v.operand(pc, o.Kind, o.Value, count); err != nil {
			return fmt.Errorf("operand %c: %w", "ABXC"[i], err)
		}
	}
	return nil
}

// stands tells whether an operation of a scope may stand in the function.
func (v *verifier) stands(s Scope) bool {
	switch s {
	case InScript:
		return v.p.Kind == KindScript
	case InTop:
		return v.index == 0
	case InFunction:
		return v.index > 0
	}
	return true
}

func (v *verifier) scope(s Scope) error {
	if v.stands(s) {
		return nil
	}
	switch s {
	case InScript:
		return errors.New("not in a command")
	case InTop:
		return errors.New("not in a function")
	}
	return errors.New("not at the top level")
}

// operand checks an operand. count is the instruction's count of registers or
// arguments.
func (v *verifier) operand(pc int, kind Operand, value, count int) error {
	switch kind {
	case Unused:
		return under(value, 1, "an operand without a meaning")
	case Read, Write, Update, ReadRange, WriteRange, ReadTwo, ReadThree, WriteUpTo, Native, Receiver, ReadWide, WriteWide:
		return v.registers(kind, value, count)
	case Frame, Outs:
		return v.window(kind, value, count)
	case Counter:
		return v.counter(pc)
	case Count, End, LowByte, TopByte, Number:
		return nil // checked with its range; or anything goes
	case Arguments:
		return v.arguments(v.f.Code[pc], value)
	case Const:
		return under(value, len(v.p.Constants), "constant")
	case Name:
		return v.name(value)
	case Global:
		return v.global(value)
	case Target:
		return under(value, len(v.f.Code), "instruction")
	case Func:
		return v.callee(value)
	case Builtin:
		return under(value, len(Builtins), "built-in")
	case Method:
		return under(value, len(Methods), "method")
	case BuiltinSite:
		return v.site(value, len(Builtins), count)
	case MethodSite:
		return v.site(value, len(Methods), count-1)
	case Catalog:
		return under(value, len(v.p.Commands), "command")
	case LogName:
		return under(value, len(v.p.Logs), "name in the log")
	case ErrorCode:
		return under(value, len(Codes), "error code")
	case Compare:
		return under(value, int(CmpGe)+1, "comparator")
	case Flag:
		return under(value, 2, "flag")
	case Room:
		return under(value, MaxCode+1, "room")
	}
	return fmt.Errorf("an operand of the unknown kind %d", kind)
}

// under checks that 0 <= value < limit.
func under(value, limit int, what string) error {
	if value < 0 || value >= limit {
		return fmt.Errorf("%s %d is out of range, there are %d", what, value, limit)
	}
	return nil
}

// size is how many registers an operand names.
func (o Operand) size(count int) int {
	switch o {
	case Read, Write, Update, ReadWide, WriteWide:
		return 1
	case Counter, ReadTwo:
		return 2
	case ReadThree:
		return 3
	case ReadRange, WriteRange, WriteUpTo, Outs:
		return count
	case Native, Receiver, Frame:
		return max(count, 1)
	}
	return 0
}

// registers checks that the registers of an operand are the function's.
func (v *verifier) registers(kind Operand, first, count int) error {
	limit := min(v.f.Registers, MaxDirect)
	if kind == ReadWide || kind == WriteWide {
		limit = v.f.Registers
	}
	if n := kind.size(count); first < 0 || n < 0 || n > limit || first > limit-n {
		return fmt.Errorf("%d registers from %d on are out of range, there are %d", n, first, limit)
	}
	return nil
}

// window checks where a callee's frame begins. At the top level that is behind
// the pool, which the callee may write while its frame is there; frames of
// callers with wide registers do not overlap their callees'.
func (v *verifier) window(kind Operand, first, count int) error {
	if err := v.registers(kind, first, count); err != nil {
		return err
	}
	if pool := len(v.p.Globals); v.index == 0 && v.f.Registers <= MaxDirect && first < pool {
		return fmt.Errorf("a call at register %d, inside of the pool of %d", first, pool)
	}
	return nil
}

// counter checks the registers of a counted loop: they are no variables that
// functions write, and the loop's own variable is none of them.
func (v *verifier) counter(pc int) error {
	v.counted.add(int32(pc))
	in := v.f.Code[pc]
	first := int(in.A)
	if err := v.registers(Counter, first, 0); err != nil {
		return err
	}
	if v.index == 0 && !v.asked {
		v.asked, v.written = true, writtenSlots(v.p)
	}
	if v.index == 0 && (v.written.has(first) || v.written.has(first+1)) {
		return fmt.Errorf("register %d or %d is a variable that functions write", first, first+1)
	}
	if b := int(in.B); b == first || b == first+1 {
		return fmt.Errorf("register %d is both a counter and the variable", b)
	}
	return nil
}

// arguments checks the number of arguments of a call.
func (v *verifier) arguments(in Instr, n int) error {
	info := &Ops[in.Op]
	want := n
	switch {
	case info.C == Func && v.callee(int(in.C)) == nil:
		want = v.p.Functions[in.C].Params
	case info.C == Catalog && under(int(in.C), len(v.p.Commands), "") == nil:
		want = len(v.p.Commands[in.C].Params)
	case info.A == Receiver && n == 0:
		return errors.New("a method without its receiver")
	}
	if n != want {
		return fmt.Errorf("%d arguments, it takes %d", n, want)
	}
	return under(n, MaxParameters+1, "argument count")
}

// callee checks the number of a function that is called. Nothing calls the
// first: its frame is the pool.
func (v *verifier) callee(n int) error {
	if n == 0 {
		return errors.New("a call of the top level")
	}
	return under(n, len(v.p.Functions), "function")
}

func (v *verifier) name(n int) error {
	if err := under(n, len(v.p.Constants), "constant"); err != nil {
		return err
	}
	if v.p.Constants[n].Kind != ConstString {
		return fmt.Errorf("constant %d is no text", n)
	}
	return nil
}

func (v *verifier) global(n int) error {
	if err := under(n, len(v.p.Globals), "slot"); err != nil {
		return err
	}
	if v.p.Globals[n] == "" {
		return fmt.Errorf("slot %d has no name", n)
	}
	return nil
}

// site checks a call with keywords: its target is one of so many, and it has
// arguments for its keywords.
func (v *verifier) site(n, targets, arguments int) error {
	if err := under(n, len(v.p.Sites), "call site"); err != nil {
		return err
	}
	s := v.p.Sites[n]
	if len(s.Keywords) > arguments {
		return fmt.Errorf("%d keywords for %d arguments", len(s.Keywords), arguments)
	}
	return under(int(s.Target), targets, "target")
}
