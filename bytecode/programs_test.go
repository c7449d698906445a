// This file holds the programs of the tests, put together by hand.

package bytecode

import "math"

// examples are good programs that between them use every operation.
func examples() map[string]*Program {
	return map[string]*Program{
		"sum":         sumProgram(),
		"calls":       callsProgram(),
		"collections": collectionsProgram(),
		"request":     requestProgram(),
		"operators":   operatorsProgram(),
		"greet":       greetProgram(),
		"wide":        wideProgram(),
	}
}

func textConstant(s string) Constant { return Constant{Kind: ConstString, Text: s} }

// sumProgram is
//
//	total = 0
//	startLoop(i, 1, 3)
//	    total = total + i
//	end()
//	addResult(total)
func sumProgram() *Program {
	return &Program{
		Kind:      KindScript,
		Name:      "sum",
		Constants: []Constant{textConstant("total")},
		Globals:   []string{"total", "i"},
		Logs:      []string{"=", "startLoop", "addResult"},
		Functions: []Function{{
			Registers: 6,
			Code: []Instr{
				{Op: OpLog, C: 0},
				{Op: OpLoadI, A: 0, C: 0},
				{Op: OpLog, C: 1},
				{Op: OpLoadI, A: 4, C: 1},
				{Op: OpLoadI, A: 5, C: 3},
				{Op: OpForPrep, A: 2, B: 1, X: 4, C: 8},
				{Op: OpAdd, A: 0, B: 0, X: 1},
				{Op: OpForLoop, A: 2, B: 1, C: 6},
				{Op: OpLog, C: 2},
				{Op: OpExport, A: 0, C: 0},
				{Op: OpStop},
			},
			Positions: []Position{{0, 1, 1}, {2, 2, 1}, {6, 3, 5}, {7, 2, 1}, {8, 5, 1}},
		}},
	}
}

// callsProgram has a function that loops and calls itself, built-ins, methods
// and a command, under a handler.
func callsProgram() *Program {
	return &Program{
		Kind: KindScript,
		Name: "calls",
		Constants: []Constant{
			textConstant("Hi {who}"), textConstant("n"), textConstant("no luck"),
			{Kind: ConstInt, Bits: 1 << 40},
			{Kind: ConstFloat, Bits: math.Float64bits(2.5)},
		},
		Globals:  []string{"n", "err"},
		Commands: []Command{{Name: "getListLen", Params: []Param{{"SourceVariable", ModeValue}, {"TargetVariable", ModeOut}}}},
		Sites: []CallSite{
			{Target: 18, Keywords: []string{"who"}},
			{Target: 10, Keywords: []string{"reverse"}},
		},
		Functions: []Function{
			{
				Registers: 6,
				Code: []Instr{
					{Op: OpLoadK, A: 2, C: 3},
					{Op: OpLoadK, A: 3, C: 4},
					{Op: OpCall, A: 2, B: 2, C: 1},
					{Op: OpMove, A: 0, B: 2},
					{Op: OpLoadUnset, A: 3},
					{Op: OpCommand, A: 2, B: 2, C: 0},
					{Op: OpJump, C: 8},
					{Op: OpLastError, A: 1},
					{Op: OpBuiltin, A: 2, B: 0, C: 13},
					{Op: OpLoadBool, A: 3, B: 1},
					{Op: OpBuiltinKw, A: 2, B: 2, C: 1},
					{Op: OpLoadK, A: 2, C: 0},
					{Op: OpMethod, A: 2, B: 1, C: 0},
					{Op: OpMethodKw, A: 2, B: 2, C: 0},
					{Op: OpStop},
				},
				Handlers:  []Handler{{0, 6, 7}},
				Positions: []Position{{0, 1, 1}, {7, 9, 3}},
			},
			{
				Name: "walk", Params: 2, Registers: 7, Locals: []string{"a", "b", "i"},
				Code: []Instr{
					{Op: OpClear, A: 2, B: 7},
					{Op: OpLoadGlobal, A: 5, C: 0},
					{Op: OpForPrep, A: 3, B: 2, X: 0, C: 10},
					{Op: OpJumpEqI, A: 2, B: 0xff, X: 0xff, C: 9},
					{Op: OpGetGlobal, A: 5, C: 0},
					{Op: OpCheck, A: 5, C: 1},
					{Op: OpMove, A: 6, B: 2},
					{Op: OpCall, A: 5, B: 2, C: 1},
					{Op: OpSetGlobal, A: 5, C: 0},
					{Op: OpForLoop, A: 3, B: 2, C: 3},
					{Op: OpBirth, C: 1},
					{Op: OpJumpFalse, A: 0, C: 13},
					{Op: OpReturn, A: 0},
					{Op: OpJumpTrue, A: 1, C: 15},
					{Op: OpReturnNone},
					{Op: OpRaise, B: 5, C: 2},
				},
				Positions: []Position{{0, 20, 1}},
			},
		},
	}
}

// collectionsProgram iterates, with a counted loop around and a handler inside.
func collectionsProgram() *Program {
	return &Program{
		Kind:      KindScript,
		Name:      "collections",
		Constants: []Constant{textConstant("key"), textConstant("größer")},
		Globals:   []string{"out"},
		Functions: []Function{{
			Registers: 12,
			Locals:    []string{"out", "i", "k", "v"},
			Code: []Instr{
				{Op: OpLoadI, A: 10, C: 1},
				{Op: OpLoadI, A: 11, C: 2},
				{Op: OpForPrep, A: 10, B: 1, X: 10, C: 21},
				{Op: OpList, A: 4, B: 2, X: 2, C: 2},
				{Op: OpTuple, A: 5, B: 2, C: 2},
				{Op: OpDict, A: 6, C: 1},
				{Op: OpAppend, A: 4, B: 5},
				{Op: OpIter, A: 7, B: 4},
				{Op: OpIterNext, A: 7, B: 8, C: 11},
				{Op: OpUnpack, A: 2, B: 8, X: 2},
				{Op: OpJump, C: 8},
				{Op: OpSetIndex, A: 4, B: 2, X: 3},
				{Op: OpIndex, A: 5, B: 4, X: 2},
				{Op: OpSlice, A: 5, B: 4, X: 7},
				{Op: OpAttr, A: 5, B: 6, C: 0},
				{Op: OpJump, C: 18},
				{Op: OpLastError, A: 5},
				{Op: OpJump, C: 21},
				{Op: OpSetAttr, A: 6, B: 5, C: 1},
				{Op: OpTuplify, A: 5, B: 4},
				{Op: OpForLoop, A: 10, B: 1, C: 3},
				{Op: OpLoadNone, A: 10},
				{Op: OpStop},
			},
			Handlers:  []Handler{{9, 10, 11}, {3, 15, 16}},
			Positions: []Position{{0, 1, 1}},
		}},
	}
}

// requestProgram uses what only scripts do.
func requestProgram() *Program {
	return &Program{
		Kind:      KindScript,
		Constants: []Constant{textConstant("id"), {Kind: ConstInt, Bits: math.MaxUint64}},
		Globals:   []string{"id", "list", "", "dict"},
		Logs:      []string{"addParam"},
		Functions: []Function{{
			Registers: 8,
			Code: []Instr{
				{Op: OpLog, C: 0},
				{Op: OpLoadK, A: 4, C: 0},
				{Op: OpParam, A: 0, B: 4},
				{Op: OpQueryList, A: 1},
				{Op: OpPush, A: 1, B: 0},
				{Op: OpPut, A: 3, B: 4, X: 0},
				{Op: OpLoadK, A: 2, C: 1},
				{Op: OpConcat, A: 5, B: 4, C: 2},
				{Op: OpJoin, A: 5, B: 4, C: 2},
				{Op: OpSplice, A: 5, B: 4, C: 2},
				{Op: OpJumpSet, A: 0, C: 12},
				{Op: OpJumpUnset, A: 3, C: 13},
				{Op: OpExport, A: 0, C: 0},
				{Op: OpStop},
			},
		}},
	}
}

// operatorsProgram has one of each operator and conditional jump.
func operatorsProgram() *Program {
	p := &Program{Kind: KindScript, Name: "operators", Functions: []Function{{Registers: 3}}}
	f := &p.Functions[0]
	for op := OpAdd; op <= OpPow; op++ {
		f.Code = append(f.Code, Instr{Op: op, A: 0, B: 1, X: 2})
	}
	for op := OpAddI; op <= OpMulI; op++ {
		f.Code = append(f.Code, Instr{Op: op, A: 0, B: 1, C: -3})
	}
	f.Code = append(f.Code, Instr{Op: OpNeg, A: 0, B: 1}, Instr{Op: OpNot, A: 0, B: 1})
	for op := OpEq; op <= OpIsNot; op++ {
		f.Code = append(f.Code, Instr{Op: op, A: 0, B: 1, X: 2})
	}
	for op := OpJumpEq; op <= OpJumpGe; op++ {
		f.Code = append(f.Code, Instr{Op: op, A: 0, B: 1, C: 0})
	}
	for op := OpJumpEqI; op <= OpJumpGeI; op++ {
		f.Code = append(f.Code, Instr{Op: op, A: 0, B: 5, C: int32(len(f.Code)) + 1})
	}
	f.Code = append(f.Code, Instr{Op: OpJumpIf, A: 0, B: 1, X: uint8(CmpLe), C: 1}, Instr{Op: OpStop})
	return p
}

// greetProgram is a definition:
//
//	command greet(who: value, target: out) requires http {
//	    target = RequestGet(`https://h/${who}`)
//	}
func greetProgram() *Program {
	return &Program{
		Kind:      KindCommand,
		Name:      "greet",
		Constants: []Constant{textConstant("https://h/")},
		Params:    []Param{{"who", ModeValue}, {"target", ModeOut}},
		Commands: []Command{{Name: "RequestGet", Params: []Param{
			{"url", ModeValue}, {"querystring", ModeValue}, {"headers", ModeValue}, {"o_result", ModeOut},
		}}},
		Requires: []string{"http"},
		Functions: []Function{{
			Name: "greet", Params: 2, Registers: 6, Locals: []string{"who", "target"},
			Code: []Instr{
				{Op: OpLoadK, A: 2, C: 0},
				{Op: OpMove, A: 3, B: 0},
				{Op: OpConcat, A: 2, B: 2, C: 2},
				{Op: OpLoadNone, A: 3},
				{Op: OpLoadNone, A: 4},
				{Op: OpLoadUnset, A: 5},
				{Op: OpCommand, A: 2, B: 4, C: 0},
				{Op: OpMove, A: 1, B: 5},
				{Op: OpStop},
			},
			Positions: []Position{{0, 2, 14}},
		}},
	}
}

// wideProgram has more variables than direct registers.
func wideProgram() *Program {
	p := &Program{
		Kind:    KindScript,
		Name:    "wide",
		Globals: make([]string, 300),
		Functions: []Function{
			{
				Registers: 300,
				Code: []Instr{
					{Op: OpLoadWide, A: 254, C: 299},
					{Op: OpCall, A: 254, B: 1, C: 1},
					{Op: OpStoreWide, A: 254, C: 299},
					{Op: OpStop},
				},
			},
			{Name: "same", Params: 1, Registers: 1, Code: []Instr{{Op: OpReturn, A: 0}}},
		},
	}
	for i := range p.Globals {
		if i < 200 || i >= MaxDirect {
			p.Globals[i] = "v" + string(rune('a'+i%26)) + string(rune('a'+i/26))
		}
	}
	return p
}
