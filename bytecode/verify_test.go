package bytecode

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestVerifyAccepts(t *testing.T) {
	for name, p := range examples() {
		if err := Verify(p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// change gives an example with one thing changed.
func change(example func() *Program, f func(p *Program)) *Program {
	p := example()
	f(p)
	return p
}

// in gives an example with one instruction of a function changed.
func in(example func() *Program, function, pc int, in Instr) *Program {
	return change(example, func(p *Program) { p.Functions[function].Code[pc] = in })
}

// code gives a script of six registers, two functions besides the top level,
// two constants (a text, an int), one slot, a command of two parameters and one
// call site each of a built-in and of a method.
func code(top ...Instr) *Program {
	return &Program{
		Kind:      KindScript,
		Constants: []Constant{textConstant("text"), {Kind: ConstInt, Bits: 5}},
		Globals:   []string{"x"},
		Commands:  []Command{{Name: "c", Params: []Param{{"in", ModeValue}, {"out", ModeOut}}}},
		Sites: []CallSite{
			{Target: 10, Keywords: []string{"reverse"}},
			{Target: int32(len(Methods)) - 1, Keywords: []string{"a", "b"}},
		},
		Logs: []string{"x"},
		Functions: []Function{
			{Registers: 6, Code: append(top, Instr{Op: OpStop})},
			{Name: "f", Params: 2, Registers: 3, Code: []Instr{{Op: OpReturnNone}}},
			{Name: "g", Registers: 4, Code: []Instr{{Op: OpMove, A: 1, B: 0}, {Op: OpReturn, A: 0}}},
		},
	}
}

// looping is a counted loop of registers 2 and 3 from instruction 1 to 5, with
// an instruction in it, and one each before and behind it.
func looping(before, inside, behind Instr) *Program {
	return code(
		before,
		Instr{Op: OpForPrep, A: 2, B: 1, X: 4, C: 6},
		inside,
		Instr{Op: OpMove, A: 4, B: 1},
		Instr{Op: OpMove, A: 5, B: 1},
		Instr{Op: OpForLoop, A: 2, B: 1, C: 2},
		behind,
	)
}

var nothing = Instr{Op: OpMove, A: 1, B: 1}

func TestVerifyRefuses(t *testing.T) {
	tests := []struct {
		name    string
		program *Program
		want    string
	}{
		// The program as a whole.
		{"nothing", &Program{}, "unknown kind, 0"},
		{"an unknown kind", change(sumProgram, func(p *Program) { p.Kind = 3 }), "unknown kind, 3"},
		{"no function", &Program{Kind: KindScript}, "no function"},
		{"too many functions", change(sumProgram, func(p *Program) { p.Functions = make([]Function, MaxFunctions+1) }), "65537 functions"},
		{"a command with functions", change(greetProgram, func(p *Program) { p.Functions = append(p.Functions, Function{}) }), "functions of its own"},
		{"a script with parameters", change(sumProgram, func(p *Program) { p.Params = []Param{{"total", ModeValue}} }), "a script with parameters"},
		{"a script whose top level has parameters", change(sumProgram, func(p *Program) { p.Functions[0].Params = 1 }), "takes 1 parameters"},
		{"a command that takes too few", change(greetProgram, func(p *Program) { p.Functions[0].Params = 1 }), "takes 1 parameters"},
		{"a parameter that is another slot", change(greetProgram, func(p *Program) { p.Params[0].Name = "whom" }), `"whom", is not what register 0 is called`},
		{"a parameter whose register has no name", change(greetProgram, func(p *Program) { p.Functions[0].Locals = []string{"who"} }), `"target", is not what register 1 is called`},
		{"a parameter twice", change(greetProgram, func(p *Program) { p.Params[1].Name, p.Functions[0].Locals[1] = "who", "who" }), `"who" is empty, or there twice`},
		{"a parameter without a name", change(greetProgram, func(p *Program) { p.Functions[0].Locals[0], p.Params[0].Name = "", "" }), `"" is empty`},
		{"a parameter of an unknown mode", change(greetProgram, func(p *Program) { p.Params[1].Mode = 4 }), "unknown mode, 4"},
		{"too many constants", change(sumProgram, func(p *Program) { p.Constants = make([]Constant, MaxConstants+1) }), "1048577 constants"},
		{"a constant of an unknown kind", change(sumProgram, func(p *Program) { p.Constants[0].Kind = 3 }), "constant 0 is of an unknown kind, 3"},
		{"an infinite constant", change(callsProgram, func(p *Program) { p.Constants[4].Bits = math.Float64bits(math.Inf(1)) }), "constant 4 is not finite"},
		{"a constant that is no number", change(callsProgram, func(p *Program) { p.Constants[4].Bits = math.MaxUint64 }), "constant 4 is not finite"},
		{"a number with a text", change(callsProgram, func(p *Program) { p.Constants[3].Text = "x" }), "both a text and a number"},
		{"a text with a number", change(sumProgram, func(p *Program) { p.Constants[0].Bits = 1 }), "both a text and a number"},
		{"a constant that is not UTF-8", change(sumProgram, func(p *Program) { p.Constants[0].Text = "\xff" }), "not UTF-8"},
		{"a name that is not UTF-8", change(sumProgram, func(p *Program) { p.Functions[0].Name = "\xed\xa0\x80" }), "not UTF-8"},
		{"a keyword that is not UTF-8", change(callsProgram, func(p *Program) { p.Sites[0].Keywords[0] = "\xff" }), "not UTF-8"},
		{"a parameter's name that is not UTF-8", change(callsProgram, func(p *Program) { p.Commands[0].Params[0].Name = "\xff" }), "not UTF-8"},
		{"more slots than registers", change(sumProgram, func(p *Program) { p.Functions[0].Registers = 1 }), "2 slots of the pool in 1 registers"},
		{"a name twice", change(sumProgram, func(p *Program) { p.Globals[1] = "total" }), `"total" twice`},
		{"a command without a name", change(callsProgram, func(p *Program) { p.Commands[0].Name = "" }), "command 0 has no name"},
		{"a command with an unknown mode", change(callsProgram, func(p *Program) { p.Commands[0].Params[1].Mode = 9 }), "unknown mode, 9"},
		{"a command with too many parameters", change(callsProgram, func(p *Program) { p.Commands[0].Params = make([]Param, MaxParameters+1) }), "251 parameters"},
		{"a capability twice", change(greetProgram, func(p *Program) { p.Requires = []string{"http", "http"} }), `"http" is empty, or there twice`},
		{"an empty capability", change(greetProgram, func(p *Program) { p.Requires = []string{""} }), "empty, or there twice"},
		{"a site of a negative target", change(callsProgram, func(p *Program) { p.Sites[0].Target = -1 }), "unknown target, -1"},
		{"a site of an unknown target", change(callsProgram, func(p *Program) { p.Sites[0].Target = 1000 }), "unknown target, 1000"},
		{"a site of too many keywords", change(callsProgram, func(p *Program) { p.Sites[0].Keywords = make([]string, 251) }), "251 keywords"},

		// A function as a whole.
		{"no code", change(sumProgram, func(p *Program) { p.Functions[0].Code = nil }), "no code"},
		{"negative registers", change(noCode, func(p *Program) { p.Functions[1].Registers = -1 }), "-1 registers"},
		{"too many registers", change(noCode, func(p *Program) { p.Functions[1].Registers = MaxRegisters + 1 }), "65537 registers"},
		{"negative parameters", change(noCode, func(p *Program) { p.Functions[1].Params = -1 }), "-1 parameters"},
		{"more parameters than registers", change(noCode, func(p *Program) { p.Functions[1].Params = 4 }), "4 parameters in 3 registers"},
		{"too many parameters", change(noCode, func(p *Program) { p.Functions[1].Params, p.Functions[1].Registers = 251, 300 }), "251 parameters in 300"},
		{"more names than registers", change(noCode, func(p *Program) { p.Functions[1].Locals = make([]string, 4) }), "4 names of 3 registers"},
		{"a first position that is not 0", change(sumProgram, func(p *Program) { p.Functions[0].Positions[0].PC = 1 }), "the first position is that of instruction 1"},
		{"positions out of order", change(sumProgram, func(p *Program) { p.Functions[0].Positions[2].PC = 2 }), "position 2, of instruction 2, is out of order"},
		{"a position behind the code", change(sumProgram, func(p *Program) { p.Functions[0].Positions[4].PC = 11 }), "instruction 11, is out of order"},
		{"a negative line", change(sumProgram, func(p *Program) { p.Functions[0].Positions[1].Line = -1 }), "-1:1, is negative"},
		{"a handler before the code", change(callsProgram, func(p *Program) { p.Functions[0].Handlers[0].From = -1 }), "handler 0, from -1"},
		{"a handler that ends before it begins", change(callsProgram, func(p *Program) { p.Functions[0].Handlers[0].To = -1 }), "from 0 to -1"},
		{"a handler that goes back", change(callsProgram, func(p *Program) { p.Functions[0].Handlers[0].Target = 5 }), "goes back"},
		{"a handler that leaves the code", change(callsProgram, func(p *Program) { p.Functions[0].Handlers[0].Target = 15 }), "out of range"},
		{"handlers out of order", change(callsProgram, func(p *Program) { p.Functions[0].Handlers = []Handler{{0, 6, 7}, {0, 5, 7}} }), "before the one in front"},
		{"handlers that cut each other", change(callsProgram, func(p *Program) { p.Functions[0].Handlers = []Handler{{0, 3, 7}, {2, 5, 7}} }), "handler 1, from 2 to 5, cuts"},
		{"a handler cut behind a nested one", change(callsProgram, func(p *Program) {
			p.Functions[0].Handlers = []Handler{{0, 3, 7}, {4, 5, 7}, {2, 6, 7}}
		}), "handler 2, from 2 to 6, cuts"},

		// Instructions.
		{"an invalid operation", code(Instr{}), "an unknown operation, 0"},
		{"an unknown operation", code(Instr{Op: Op(NumOps)}), "an unknown operation"},
		{"an operation of 255", code(Instr{Op: 255}), "an unknown operation, 255"},
		{"code that runs off its end", change(noCode, func(p *Program) { p.Functions[2].Code = p.Functions[2].Code[:1] }), "instruction 0, move r1, r0: the code runs off its end"},
		{"a conditional jump at the end", change(noCode, func(p *Program) { p.Functions[1].Code[0] = Instr{Op: OpJumpTrue} }), "runs off its end"},
		{"an operand without a meaning", code(Instr{Op: OpMove, A: 1, B: 1, X: 1}), "operand X: an operand without a meaning 1"},
		{"a C without a meaning", code(Instr{Op: OpMove, A: 1, B: 1, C: -1}), "operand C: an operand without a meaning -1"},
		{"a register that is read out of range", code(Instr{Op: OpMove, A: 1, B: 6}), "operand B: 1 registers from 6 on are out of range, there are 6"},
		{"a register that is written out of range", code(Instr{Op: OpLoadNone, A: 6}), "operand A: 1 registers from 6"},
		{"a direct register of a wide function", in(wideProgram, 1, 0, Instr{Op: OpReturn, A: 255}), "1 registers from 255"},
		{"a wide register out of range", in(wideProgram, 0, 0, Instr{Op: OpLoadWide, A: 254, C: 300}), "1 registers from 300"},
		{"a negative wide register", in(wideProgram, 0, 0, Instr{Op: OpStoreWide, A: 254, C: -1}), "1 registers from -1"},
		{"a range that is read out of range", code(Instr{Op: OpTuple, A: 1, B: 4, C: 3}), "3 registers from 4"},
		{"a range of negative length", code(Instr{Op: OpConcat, A: 1, B: 4, C: -1}), "-1 registers from 4"},
		{"a range of enormous length", code(Instr{Op: OpConcat, A: 1, B: 4, C: math.MaxInt32}), "2147483647 registers"},
		{"a range beyond the direct registers", in(wideProgram, 0, 0, Instr{Op: OpTuple, A: 254, B: 255, C: 2}), "2 registers from 255 on are out of range, there are 256"},
		{"a range that is written out of range", code(Instr{Op: OpUnpack, A: 4, B: 1, X: 3}), "3 registers from 4"},
		{"a range that ends before it begins", code(Instr{Op: OpClear, A: 4, B: 3}), "-1 registers from 4"},
		{"a range that ends out of range", code(Instr{Op: OpClear, A: 4, B: 7}), "3 registers from 4"},
		{"a slice of registers out of range", code(Instr{Op: OpSlice, A: 1, B: 1, X: 4}), "3 registers from 4"},
		{"a slice of registers that wraps", in(wideProgram, 0, 0, Instr{Op: OpSlice, A: 254, B: 254, X: 254}), "3 registers from 254"},
		{"a constant out of range", code(Instr{Op: OpLoadK, A: 1, C: 2}), "constant 2 is out of range"},
		{"a negative constant", code(Instr{Op: OpLoadK, A: 1, C: -1}), "constant -1 is out of range"},
		{"a name that is an int", code(Instr{Op: OpCheck, A: 1, C: 1}), "constant 1 is no text"},
		{"a key out of range", code(Instr{Op: OpAttr, A: 1, B: 1, C: 9}), "constant 9 is out of range"},
		{"a slot out of range", code(Instr{Op: OpGetGlobal, A: 1, C: 1}), "slot 1 is out of range"},
		{"a negative slot", code(Instr{Op: OpSetGlobal, A: 1, C: -1}), "slot -1 is out of range"},
		{"a slot without a name", in(requestProgram, 0, 1, Instr{Op: OpBirth, C: 2}), "slot 2 has no name"},
		{"a jump behind the code", code(Instr{Op: OpJump, C: 2}), "instruction 2 is out of range"},
		{"a jump before the code", code(Instr{Op: OpJumpTrue, A: 1, C: -1}), "instruction -1 is out of range"},
		{"an unknown comparator", code(Instr{Op: OpJumpIf, A: 1, B: 1, X: 6, C: 0}), "comparator 6 is out of range"},
		{"a bool of 2", code(Instr{Op: OpLoadBool, A: 1, B: 2}), "flag 2 is out of range"},
		{"room for less than nothing", code(Instr{Op: OpDict, A: 1, C: -1}), "room -1 is out of range"},
		{"room for too much", code(Instr{Op: OpList, A: 1, B: 1, C: MaxCode + 1}), "room 16777217 is out of range"},
		{"an unknown error code", code(Instr{Op: OpRaise, B: 99}), "error code 99 is out of range"},
		{"a message that is an int", code(Instr{Op: OpRaise, C: 1}), "constant 1 is no text"},
		{"a name in the log out of range", code(Instr{Op: OpLog, C: 1}), "name in the log 1 is out of range"},

		// Calls.
		{"a call of the top level", code(Instr{Op: OpCall, A: 1}), "a call of the top level"},
		{"a call of an unknown function", code(Instr{Op: OpCall, A: 1, C: 3}), "function 3 is out of range"},
		{"a call of a negative function", code(Instr{Op: OpCall, A: 1, B: 1, C: -1}), "function -1 is out of range"},
		{"a call of too few arguments", code(Instr{Op: OpCall, A: 1, B: 1, C: 1}), "1 arguments, it takes 2"},
		{"a call of too many arguments", code(Instr{Op: OpCall, A: 1, B: 3, C: 1}), "3 arguments, it takes 2"},
		{"a call whose arguments are out of range", code(Instr{Op: OpCall, A: 5, B: 2, C: 1}), "2 registers from 5"},
		{"a call whose result is out of range", code(Instr{Op: OpCall, A: 6, B: 0, C: 2}), "1 registers from 6"},
		{"a call over the pool", code(Instr{Op: OpCall, A: 0, B: 2, C: 1}), "a call at register 0, inside of the pool of 1"},
		{"a command over the pool", code(Instr{Op: OpCommand, A: 0, B: 2, C: 0}), "inside of the pool"},
		{"a command of too few arguments", code(Instr{Op: OpCommand, A: 1, B: 1, C: 0}), "1 arguments, it takes 2"},
		{"a command out of range", code(Instr{Op: OpCommand, A: 1, B: 2, C: 1}), "command 1 is out of range"},
		{"a command whose arguments are out of range", code(Instr{Op: OpCommand, A: 5, B: 2, C: 0}), "2 registers from 5"},
		{"a built-in out of range", code(Instr{Op: OpBuiltin, A: 1, C: int32(len(Builtins))}), "is out of range"},
		{"a built-in whose result is out of range", code(Instr{Op: OpBuiltin, A: 6}), "1 registers from 6"},
		{"a built-in of too many arguments", in(wideProgram, 0, 0, Instr{Op: OpBuiltin, A: 0, B: 251}), "argument count 251 is out of range"},
		{"a method out of range", code(Instr{Op: OpMethod, A: 1, B: 1, C: -1}), "method -1 is out of range"},
		{"a method without a receiver", code(Instr{Op: OpMethod, A: 1, B: 0}), "a method without its receiver"},
		{"a call site out of range", code(Instr{Op: OpBuiltinKw, A: 1, B: 2, C: 2}), "call site 2 is out of range"},
		{"a method's site for a built-in", code(Instr{Op: OpBuiltinKw, A: 1, B: 3, C: 1}), fmt.Sprintf("target %d is out of range", len(Methods)-1)},
		{"a built-in with more keywords than arguments", code(Instr{Op: OpBuiltinKw, A: 1, B: 0, C: 0}), "1 keywords for 0 arguments"},
		{"a receiver that is a keyword", code(Instr{Op: OpMethodKw, A: 1, B: 2, C: 1}), "2 keywords for 1 arguments"},

		// Where an operation may stand.
		{"a return at the top level", code(Instr{Op: OpReturn, A: 1}), "not at the top level"},
		{"a return of None at the top level", code(Instr{Op: OpReturnNone}), "not at the top level"},
		{"a stop in a function", change(noCode, func(p *Program) { p.Functions[1].Code[0] = Instr{Op: OpStop} }), "not in a function"},
		{"a return in a definition", in(greetProgram, 0, 8, Instr{Op: OpReturnNone}), "not at the top level"},
		{"a call in a definition", in(greetProgram, 0, 0, Instr{Op: OpCall, A: 2, C: 1}), "function 1 is out of range"},
		{"a variable of the script in a definition", in(greetProgram, 0, 0, Instr{Op: OpGetGlobal, A: 2}), "not in a command"},
		{"a variable that a definition writes", in(greetProgram, 0, 0, Instr{Op: OpSetGlobal, A: 2}), "not in a command"},
		{"a variable that a definition makes", in(greetProgram, 0, 0, Instr{Op: OpBirth}), "not in a command"},
		{"a parameter of the request in a definition", in(greetProgram, 0, 0, Instr{Op: OpParam, A: 2, B: 2}), "not in a command"},
		{"the query in a definition", in(greetProgram, 0, 0, Instr{Op: OpQueryList, A: 2}), "not in a command"},
		{"a result of a definition", in(greetProgram, 0, 0, Instr{Op: OpExport, A: 2}), "not in a command"},
		{"a log of a definition", in(greetProgram, 0, 0, Instr{Op: OpLog}), "not in a command"},

		// Counted loops.
		{"a counter that is a variable", code(
			Instr{Op: OpForPrep, A: 0, B: 4, X: 2, C: 1},
			Instr{Op: OpSetGlobal, A: 4, C: 0},
		), "register 0 or 1 is a variable that functions write"},
		{"a counter out of range", code(Instr{Op: OpForPrep, A: 5, B: 4, X: 2, C: 1}), "2 registers from 5"},
		{"a counter that wraps", in(wideProgram, 0, 0, Instr{Op: OpForPrep, A: 255, B: 1, X: 2, C: 1}), "2 registers from 255"},
		{"bounds out of range", code(Instr{Op: OpForPrep, A: 1, B: 4, X: 5, C: 1}), "2 registers from 5"},
		{"a variable that is the count", code(Instr{Op: OpForPrep, A: 1, B: 1, X: 3, C: 1}), "both a counter and the variable"},
		{"a variable that is the end", code(Instr{Op: OpForPrep, A: 1, B: 2, X: 3, C: 1}), "both a counter and the variable"},
		{"a loop without a beginning", code(nothing, Instr{Op: OpForLoop, A: 2, B: 1, C: 1}), "no place between a forprep of its registers and itself"},
		{"a loop to the start of the code", code(Instr{Op: OpForLoop, A: 2, B: 1, C: 0}), "no place between a forprep of its registers and itself"},
		{"a loop to another one's beginning", code(Instr{Op: OpForPrep, A: 2, B: 1, X: 4, C: 2}, Instr{Op: OpForLoop, A: 3, B: 1, C: 1}), "no place between a forprep of its registers and itself"},
		{"a loop that goes forward", code(Instr{Op: OpForLoop, A: 2, B: 1, C: 2}, Instr{Op: OpForPrep, A: 2, B: 1, X: 4, C: 2}), "no place between a forprep of its registers and itself"},
		{"a loop that goes back to its own beginning", looping(nothing, nothing, nothing).with(5, Instr{Op: OpForLoop, A: 2, B: 1, C: 1}), "no place between"},
		{"a loop that goes out of itself", looping(nothing, nothing, nothing).with(5, Instr{Op: OpForLoop, A: 2, B: 1, C: 6}), "no place between"},
		{"a loop to behind a second beginning", code(
			Instr{Op: OpForPrep, A: 2, B: 1, X: 4, C: 3},
			Instr{Op: OpForPrep, A: 2, B: 1, X: 4, C: 3},
			Instr{Op: OpForLoop, A: 2, B: 1, C: 1},
		), "no place between"},
		{"loops that cut each other", code(
			Instr{Op: OpForPrep, A: 2, B: 1, X: 2, C: 4},
			Instr{Op: OpForPrep, A: 4, B: 1, X: 4, C: 4},
			Instr{Op: OpForLoop, A: 2, B: 1, C: 1},
			Instr{Op: OpForLoop, A: 4, B: 1, C: 2},
		), "its loop ends behind the one around it, at 3"},
		{"a loop of the counters of the one around it", code(
			Instr{Op: OpForPrep, A: 2, B: 1, X: 4, C: 4},
			Instr{Op: OpForPrep, A: 3, B: 1, X: 4, C: 3},
			Instr{Op: OpForLoop, A: 3, B: 1, C: 2},
			Instr{Op: OpForLoop, A: 2, B: 1, C: 1},
		), "instruction 1, forprep r3, r1, r4, @3: it touches a counter"},
		{"a variable that is the counter of the loop around it", code(
			Instr{Op: OpForPrep, A: 2, B: 1, X: 4, C: 4},
			Instr{Op: OpForPrep, A: 4, B: 3, X: 4, C: 3},
			Instr{Op: OpForLoop, A: 4, B: 1, C: 2},
			Instr{Op: OpForLoop, A: 2, B: 1, C: 1},
		), "touches a counter"},
		{"an outer count that is written in an inner loop", code(
			Instr{Op: OpForPrep, A: 1, B: 5, X: 3, C: 5},
			Instr{Op: OpForPrep, A: 3, B: 5, X: 3, C: 4},
			Instr{Op: OpLoadNone, A: 1},
			Instr{Op: OpForLoop, A: 3, B: 5, C: 2},
			Instr{Op: OpForLoop, A: 1, B: 5, C: 1},
		), "instruction 2, loadnone r1: it touches a counter"},
		{"a count that is written", looping(nothing, Instr{Op: OpLoadNone, A: 2}, nothing), "touches a counter"},
		{"an end that is written", looping(nothing, Instr{Op: OpAdd, A: 3, B: 1, X: 1}, nothing), "touches a counter"},
		{"a count that is read", looping(nothing, Instr{Op: OpMove, A: 1, B: 2}, nothing), "touches a counter"},
		{"an end that is read in a range", looping(nothing, Instr{Op: OpTuple, A: 1, B: 1, C: 3}, nothing), "touches a counter"},
		{"a count that is written as a wide register", looping(nothing, Instr{Op: OpStoreWide, A: 1, C: 2}, nothing), "touches a counter"},
		{"a count that is written in a range", looping(nothing, Instr{Op: OpUnpack, A: 1, B: 5, X: 2}, nothing), "touches a counter"},
		{"a count that is cleared", looping(nothing, Instr{Op: OpClear, A: 0, B: 3}, nothing), "touches a counter"},
		{"a count that is an argument", looping(nothing, Instr{Op: OpBuiltin, A: 1, B: 2}, nothing), "touches a counter"},
		{"a count below a call's frame", looping(nothing, Instr{Op: OpCall, A: 1, C: 2}, nothing), "touches a counter"},
		{"an end below a call's frame", looping(nothing, Instr{Op: OpCall, A: 3, C: 2}, nothing), "touches a counter"},
		{"a count below a command's frame", looping(nothing, Instr{Op: OpCommand, A: 1, B: 2, C: 0}, nothing), "touches a counter"},
		{"a jump into a loop from before it", looping(Instr{Op: OpJump, C: 3}, nothing, nothing), "instruction 0, jump @3: it leads into the loop of instruction 1"},
		{"a jump into a loop from behind it", looping(nothing, nothing, Instr{Op: OpJumpTrue, A: 1, C: 5}), "leads into the loop of instruction 1"},
		{"a loop whose beginning skips into it", looping(nothing, nothing, nothing).with(1, Instr{Op: OpForPrep, A: 2, B: 1, X: 4, C: 4}), "leads into the loop of instruction 1"},
		{"a handler that leads into a loop", looping(nothing, nothing, nothing).handled(Handler{0, 1, 3}), "handler 0 leads into the loop of instruction 1"},
		{"a handler of a beginning that leads into its loop", looping(nothing, nothing, nothing).handled(Handler{1, 2, 3}), "handler 0 leads into the loop"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := Verify(test.program)
			var refused *VerifyError
			if !errors.As(err, &refused) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// Many loops, and much code, are held to the same: here each is behind loops that are right.
func TestVerifyRefusesBehindMany(t *testing.T) {
	touching, right := looping(nothing, Instr{Op: OpMove, A: 1, B: 2}, nothing), looping(nothing, nothing, nothing)
	for loops := range 3 * fewLoops {
		for _, padding := range []int{0, fewInstructions} {
			var top []Instr
			add := func(code []Instr) {
				base := int32(len(top))
				for _, in := range code {
					if Ops[in.Op].Jumps() {
						in.C += base
					}
					top = append(top, in)
				}
			}
			for range loops {
				add(right.Functions[0].Code[:6])
			}
			for range padding {
				top = append(top, nothing)
			}
			if err := Verify(code(top...)); err != nil {
				t.Fatalf("%d loops, and %d instructions more: %v", loops, padding, err)
			}
			fault := len(top) + 2
			add(touching.Functions[0].Code[:6])
			var refused *VerifyError
			if err := Verify(code(top...)); !errors.As(err, &refused) || refused.PC != fault || !strings.Contains(err.Error(), "touches a counter") {
				t.Errorf("behind %d loops, and %d instructions more: %v, want a fault of instruction %d", loops, padding, err, fault)
			}
		}
	}
}

// noCode is code with no more at the top level than its end.
func noCode() *Program { return code() }

func (p *Program) with(pc int, in Instr) *Program {
	p.Functions[0].Code[pc] = in
	return p
}

func (p *Program) handled(h ...Handler) *Program {
	p.Functions[0].Handlers = h
	return p
}

// What the rules do not forbid.
func TestVerifyAcceptsCorners(t *testing.T) {
	corners := map[string]*Program{
		"counters that are used behind their loop":     looping(nothing, nothing, Instr{Op: OpMove, A: 2, B: 3}),
		"counters that are used before their loop":     looping(Instr{Op: OpLoadNone, A: 3}, nothing, nothing),
		"a call above the counters":                    looping(nothing, Instr{Op: OpCall, A: 4, C: 2}, nothing),
		"a break":                                      looping(nothing, Instr{Op: OpJump, C: 6}, nothing),
		"a continue":                                   looping(nothing, Instr{Op: OpJumpTrue, A: 1, C: 5}, nothing),
		"a second forloop":                             looping(nothing, Instr{Op: OpForLoop, A: 2, B: 1, C: 2}, nothing),
		"a loop that begins anew":                      looping(nothing, Instr{Op: OpJumpTrue, A: 1, C: 1}, nothing),
		"bounds in the counters themselves":            looping(nothing, nothing, nothing).with(1, Instr{Op: OpForPrep, A: 2, B: 1, X: 2, C: 6}),
		"a loop that leaves out its first instruction": looping(nothing, nothing, nothing).with(5, Instr{Op: OpForLoop, A: 2, B: 1, C: 3}),
		"counters in a slot that no function writes":   code(Instr{Op: OpForPrep, A: 0, B: 4, X: 2, C: 1}),
		"a loop without a body":                        code(Instr{Op: OpForPrep, A: 2, B: 1, X: 4, C: 2}, Instr{Op: OpForLoop, A: 2, B: 1, C: 1}),
		"a forprep alone":                              code(Instr{Op: OpForPrep, A: 2, B: 1, X: 4, C: 1}),
		"a handler inside of a loop":                   looping(nothing, nothing, nothing).handled(Handler{2, 4, 5}),
		"a handler out of a loop":                      looping(nothing, nothing, nothing).handled(Handler{1, 6, 6}),
		"an empty handler":                             code().handled(Handler{0, 0, 0}),
		"handlers that are nested and apart":           looping(nothing, nothing, nothing).handled(Handler{0, 1, 1}, Handler{2, 3, 4}, Handler{0, 5, 6}),
		"an empty range at the end of the frame":       code(Instr{Op: OpTuple, A: 1, B: 6}),
		"a command without arguments at its end":       change(noCode, func(p *Program) { p.Commands[0].Params = nil }).append(Instr{Op: OpCommand, A: 6}),
		"slots without names":                          change(wideProgram, func(p *Program) { p.Globals[0] = "" }),
		"the least function":                           change(noCode, func(p *Program) { p.Functions[2] = Function{Code: []Instr{{Op: OpReturnNone}}} }),
		"a keyword twice":                              code(Instr{Op: OpBuiltinKw, A: 1, B: 2, C: 0}).keywords("reverse", "reverse"),
		"a negative number, and one of 16 bits":        code(Instr{Op: OpAddI, A: 1, B: 1, C: math.MinInt32}, Instr{Op: OpJumpLtI, A: 1, B: 0, X: 0x80, C: 0}),
		"a program without positions and names":        change(sumProgram, func(p *Program) { p.Functions[0].Positions = nil }),
		"a definition without parameters":              {Kind: KindCommand, Functions: []Function{{Code: []Instr{{Op: OpStop}}}}},
		"a call at the top of a wide frame's slots":    wideProgram(),
	}
	for name, p := range corners {
		if err := Verify(p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func (p *Program) keywords(k ...string) *Program {
	p.Sites[0].Keywords = k
	return p
}

// append puts an instruction in front of the last one.
func (p *Program) append(in Instr) *Program {
	f := &p.Functions[0]
	f.Code = append(f.Code[:len(f.Code)-1:len(f.Code)-1], in, f.Code[len(f.Code)-1])
	return p
}

func TestVerifyErrorNamesThePlace(t *testing.T) {
	p := callsProgram()
	p.Functions[1].Code[6].B = 100
	err := Verify(p)
	const want = `bytecode: function 1 "walk", instruction 6, move r6, r100: operand B: 1 registers from 100 on are out of range, there are 7`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	var at *VerifyError
	if !errors.As(err, &at) || at.Function != 1 || at.PC != 6 || at.Instr != p.Functions[1].Code[6] {
		t.Errorf("the error does not hold its place: %#v", at)
	}
}

// A text that is not UTF-8 is found wherever it is wrong.
func TestVerifyReadsWholeTexts(t *testing.T) {
	for n := range 40 {
		whole := strings.Repeat("x", n)
		for i := range n {
			for _, odd := range []string{"\xff", "\x80", "\xc3", "ä"} {
				p := sumProgram()
				p.Name = whole[:i] + odd + whole[i+1:]
				if err := Verify(p); (err == nil) != utf8.ValidString(p.Name) {
					t.Errorf("%q: %v", p.Name, err)
				}
			}
		}
	}
}

// A name that stands twice is found among few and among many, whatever others are there.
func TestVerifyFindsNamesTwice(t *testing.T) {
	for n := range 40 {
		p := code()
		p.Functions[0].Registers, p.Globals = 60, nil
		for i := range n {
			p.Globals = append(p.Globals, fmt.Sprintf("a%da", i), "")
		}
		p.Globals = p.Globals[:min(2*n, 50)]
		if err := Verify(p); err != nil {
			t.Fatalf("%d names: %v", n, err)
		}
		for i := 0; i < len(p.Globals); i += 2 {
			p.Globals = append(p.Globals, p.Globals[i])
			want := fmt.Sprintf("the pool has the name %q twice", p.Globals[i])
			if err := Verify(p); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%d names: %v; want %s", n, err, want)
			}
			p.Globals = p.Globals[:len(p.Globals)-1]
		}
	}
}

// What is taken for plain must be right when it is looked at in full.
func TestPlainIsRight(t *testing.T) {
	gaps := code()
	gaps.Globals = []string{"x", "", "y"}
	command := code()
	command.Kind = KindCommand
	values := []int32{0, 1, 2, 3, 4, 5, 6, 10, 250, 255, 256, 1 << 20, -1, -1 << 31}
	plain := 0
	for _, p := range []*Program{code(), gaps, command, wideProgram(), callsProgram()} {
		for i := range p.Functions {
			v := verifier{p: p, index: i, f: &p.Functions[i]}
			v.limitProgram()
			v.limitFunction()
			for op := range 256 {
				for n := range len(values) * len(values) * len(values) {
					c := values[n%len(values)]
					a, b := values[n/len(values)%len(values)], values[n/len(values)/len(values)]
					v.f.Code[0] = Instr{Op: Op(op), A: uint8(a), B: uint8(b), X: uint8(a + b), C: c}
					v.counted = counted{}
					if v.plain(0) == 0 {
						continue
					}
					plain++
					if err := v.instruction(0); err != nil {
						t.Fatalf("function %d: %v is plain, but %v", i, v.f.Code[0], err)
					}
				}
			}
		}
	}
	if plain == 0 {
		t.Error("nothing is plain")
	}
}

// BenchmarkVerify is of a program of a million instructions: loops nested 100
// deep, a handler for every tenth instruction, ranges, calls.
func BenchmarkVerify(b *testing.B) {
	p := bigProgram(1_000_000)
	if err := Verify(p); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := Verify(p); err != nil {
			b.Fatal(err)
		}
	}
	perInstruction := float64(b.Elapsed().Nanoseconds()) / float64(b.N) / float64(len(p.Functions[0].Code))
	b.ReportMetric(perInstruction, "ns/instruction")
}

// bigProgram has about n instructions in its first function.
func bigProgram(n int) *Program {
	const depth = 100
	p := code()
	f := &p.Functions[0]
	f.Registers = MaxDirect
	var top []Instr
	for len(top) < n {
		start := len(top)
		for d := range depth {
			top = append(top, Instr{Op: OpForPrep, A: uint8(6 + 2*d), B: 1, X: 4, C: int32(start + 12*depth)})
		}
		for i := range 10 * depth {
			if i%10 == 0 {
				pc := int32(len(top))
				f.Handlers = append(f.Handlers, Handler{pc, pc + 5, pc + 6})
			}
			top = append(top, Instr{Op: OpConcat, A: 1, B: 220, C: 36})
		}
		for d := range depth {
			top = append(top, Instr{Op: OpForLoop, A: uint8(6 + 2*(depth-1-d)), B: 1, C: int32(start + depth - d)})
		}
	}
	f.Code = append(top, Instr{Op: OpStop})
	return p
}
