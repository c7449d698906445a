// This file holds the table of the instruction set: the operands of every
// operation and what it does with them. The verifier, the disassembler and
// docs/bytecode.md all follow it.

package bytecode

//go:generate go test -run TestDocument -update .

// Operand tells what one operand of an instruction means.
type Operand uint8

// Kinds of operands. A direct register is one of the first MaxDirect.
const (
	Unused Operand = iota // holds 0

	Read   // a direct register that is read
	Write  // a direct register that is written
	Update // a direct register that is read and written

	ReadRange  // the first of Count direct registers that are read
	WriteRange // the first of Count direct registers that are written
	ReadTwo    // the first of two direct registers that are read
	ReadThree  // the first of three direct registers that are read
	WriteUpTo  // the first of the direct registers up to End that are written
	Native     // the first of Arguments direct registers; the result lands in it
	Receiver   // the same, and the first argument is the receiver
	Frame      // the same, and everything from it on is the callee's while it runs
	Outs       // the same, but that results land in the arguments themselves
	Counter    // the first of the two direct registers that a counted loop owns

	ReadWide  // any register, read
	WriteWide // any register, written

	Count     // how many registers a range has
	End       // the register after a range
	Arguments // how many arguments a call has

	Const   // a constant
	Name    // a constant that is a string
	Global  // a named slot of the Global pool
	Target  // an instruction of the same function
	Func    // a function other than the first
	Builtin // a built-in's number
	Method  // a method's number

	BuiltinSite // a call site whose target is a built-in
	MethodSite  // a call site whose target is a method

	Catalog   // a command of Program.Commands
	LogName   // an index into Program.Logs
	ErrorCode // an index into Codes
	Compare   // a Comparator

	Number  // a signed whole number
	LowByte // the low byte of a signed 16-bit number
	TopByte // its high byte
	Flag    // 0 or 1
	Room    // a hint of how many items will come, from 0 to MaxCode
)

// Scope tells where an operation may stand.
type Scope uint8

// Scopes.
const (
	Anywhere   Scope = iota
	InScript         // in programs of KindScript
	InTop            // in Functions[0]
	InFunction       // in the other functions
)

// Info describes an operation.
type Info struct {
	Name       string
	Group      string // its heading in the documentation
	A, B, X, C Operand
	Scope      Scope
	Raises     bool   // may raise an error that try() catches
	Calls      bool   // runs code other than its own
	Ends       bool   // never goes on to the next instruction
	Effect     string // in words, with R[A], K[C], G[C] for a register, a constant, a slot
	Example    string // an instruction as the disassembler writes it
	Picture    string // registers before → after it
}

// Jumps reports whether the operation may go on at the instruction C.
func (i *Info) Jumps() bool { return i.C == Target }

// operands returns the four operands of an instruction by kind and value.
func (i *Info) operands(in Instr) [4]struct {
	Kind  Operand
	Value int
} {
	return [4]struct {
		Kind  Operand
		Value int
	}{{i.A, int(in.A)}, {i.B, int(in.B)}, {i.X, int(in.X)}, {i.C, int(in.C)}}
}

// count returns how many registers the range, or arguments the call, of an
// instruction has; 0 where it has neither. It is negative where a range ends
// before it begins.
func (i *Info) count(in Instr) int {
	for n, kind := range [...]Operand{i.A, i.B, i.X, i.C} {
		switch kind {
		case Count, Arguments:
			return i.operands(in)[n].Value
		case End:
			return i.operands(in)[n].Value - int(in.A)
		}
	}
	return 0
}

// register reports whether an operand is a register, or the first of several.
func (o Operand) register() bool { return o >= Read && o <= WriteWide }

// Known reports whether the operation exists.
func (o Op) Known() bool { return int(o) < NumOps && Ops[o].Name != "" }

// String returns the mnemonic.
func (o Op) String() string {
	if o.Known() {
		return Ops[o].Name
	}
	return "?"
}

var comparatorNames = [...]string{"==", "!=", "<", ">", "<=", ">="}

// String returns the comparator as a script writes it.
func (c Comparator) String() string {
	if int(c) < len(comparatorNames) {
		return comparatorNames[c]
	}
	return "?"
}

var kindNames = [...]string{KindScript: "script", KindCommand: "command"}

// String returns the kind's name.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return "?"
}

// Groups of operations, as the documentation orders them.
const (
	groupMoving      = "Moving"
	groupArithmetic  = "Arithmetic"
	groupComparing   = "Comparing"
	groupJumping     = "Jumping"
	groupLoops       = "Loops"
	groupCalling     = "Calling"
	groupCollections = "Collections"
	groupText        = "Text"
	groupCommands    = "Commands that are instructions"
)

// Ops describes the operations by number.
var Ops = [NumOps]Info{
	OpMove: {
		Name: "move", Group: groupMoving, A: Write, B: Read,
		Effect:  "R[A] = R[B]",
		Example: "move r0, r1", Picture: "r1=7 → r0=7",
	},
	OpLoadK: {
		Name: "loadk", Group: groupMoving, A: Write, C: Const,
		Effect:  "R[A] = K[C]",
		Example: "loadk r0, k2", Picture: `k2="hello" → r0="hello"`,
	},
	OpLoadI: {
		Name: "loadi", Group: groupMoving, A: Write, C: Number,
		Effect:  "R[A] = C, an int",
		Example: "loadi r0, -5", Picture: "→ r0=-5",
	},
	OpLoadNone: {
		Name: "loadnone", Group: groupMoving, A: Write,
		Effect:  "R[A] = None",
		Example: "loadnone r0", Picture: "→ r0=None",
	},
	OpLoadBool: {
		Name: "loadbool", Group: groupMoving, A: Write, B: Flag,
		Effect:  "R[A] = True if B is 1, else False",
		Example: "loadbool r0, 1", Picture: "→ r0=True",
	},
	OpLoadUnset: {
		Name: "loadunset", Group: groupMoving, A: Write,
		Effect:  "R[A] is unset",
		Example: "loadunset r0", Picture: "r0=7 → r0 unset",
	},
	OpLoadWide: {
		Name: "loadwide", Group: groupMoving, A: Write, C: ReadWide,
		Effect:  "R[A] = R[C], any register of the frame",
		Example: "loadwide r0, r300", Picture: "r300=7 → r0=7",
	},
	OpStoreWide: {
		Name: "storewide", Group: groupMoving, A: Read, C: WriteWide,
		Effect:  "R[C] = R[A], any register of the frame",
		Example: "storewide r0, r300", Picture: "r0=7 → r300=7",
	},
	OpGetGlobal: {
		Name: "getglobal", Group: groupMoving, A: Write, C: Global, Scope: InScript,
		Effect:  "R[A] = G[C]; may be unset",
		Example: "getglobal r0, g3", Picture: "g3=7 → r0=7",
	},
	OpLoadGlobal: {
		Name: "loadglobal", Group: groupMoving, A: Write, C: Global, Scope: InScript, Raises: true,
		Effect:  "R[A] = G[C]; name_error if it is unset",
		Example: "loadglobal r0, g3", Picture: "g3=7 → r0=7",
	},
	OpSetGlobal: {
		Name: "setglobal", Group: groupMoving, A: Read, C: Global, Scope: InScript,
		Effect:  "G[C] = R[A], which comes to be if it was unset",
		Example: "setglobal r0, g3", Picture: "r0=7 → g3=7",
	},
	OpClear: {
		Name: "clear", Group: groupMoving, A: WriteUpTo, B: End,
		Effect:  "R[A] … R[B-1] are unset",
		Example: "clear r4, r6", Picture: "r4=7 r5=8 → r4, r5 unset",
	},
	OpBirth: {
		Name: "birth", Group: groupMoving, C: Global, Scope: InScript,
		Effect:  "G[C] comes to be if it was unset: it takes its place in the order of the variables",
		Example: "birth g3", Picture: "variables a, b → a, b, g3",
	},
	OpCheck: {
		Name: "check", Group: groupMoving, A: Read, C: Name, Raises: true,
		Effect:  "name_error for the name K[C] if R[A] is unset",
		Example: "check r0, k2", Picture: `r0 unset, k2="total" → name_error`,
	},

	OpAdd: {
		Name: "add", Group: groupArithmetic, A: Write, B: Read, X: Read, Raises: true,
		Effect:  "R[A] = R[B] + R[X]",
		Example: "add r0, r1, r2", Picture: "r1=7 r2=2 → r0=9",
	},
	OpSub: {
		Name: "sub", Group: groupArithmetic, A: Write, B: Read, X: Read, Raises: true,
		Effect:  "R[A] = R[B] - R[X]",
		Example: "sub r0, r1, r2", Picture: "r1=7 r2=2 → r0=5",
	},
	OpMul: {
		Name: "mul", Group: groupArithmetic, A: Write, B: Read, X: Read, Raises: true,
		Effect:  "R[A] = R[B] * R[X]",
		Example: "mul r0, r1, r2", Picture: "r1=7 r2=2 → r0=14",
	},
	OpDiv: {
		Name: "div", Group: groupArithmetic, A: Write, B: Read, X: Read, Raises: true,
		Effect:  "R[A] = R[B] / R[X], a float",
		Example: "div r0, r1, r2", Picture: "r1=7 r2=2 → r0=3.5",
	},
	OpFloorDiv: {
		Name: "floordiv", Group: groupArithmetic, A: Write, B: Read, X: Read, Raises: true,
		Effect:  "R[A] = R[B] // R[X]",
		Example: "floordiv r0, r1, r2", Picture: "r1=7 r2=2 → r0=3",
	},
	OpMod: {
		Name: "mod", Group: groupArithmetic, A: Write, B: Read, X: Read, Raises: true,
		Effect:  "R[A] = R[B] % R[X]: the remainder, or a text with its formats filled in",
		Example: "mod r0, r1, r2", Picture: "r1=7 r2=2 → r0=1",
	},
	OpPow: {
		Name: "pow", Group: groupArithmetic, A: Write, B: Read, X: Read, Raises: true,
		Effect:  "R[A] = R[B] ** R[X]",
		Example: "pow r0, r1, r2", Picture: "r1=7 r2=2 → r0=49",
	},
	OpAddI: {
		Name: "addi", Group: groupArithmetic, A: Write, B: Read, C: Number, Raises: true,
		Effect:  "R[A] = R[B] + C",
		Example: "addi r0, r1, 3", Picture: "r1=7 → r0=10",
	},
	OpSubI: {
		Name: "subi", Group: groupArithmetic, A: Write, B: Read, C: Number, Raises: true,
		Effect:  "R[A] = R[B] - C",
		Example: "subi r0, r1, 3", Picture: "r1=7 → r0=4",
	},
	OpMulI: {
		Name: "muli", Group: groupArithmetic, A: Write, B: Read, C: Number, Raises: true,
		Effect:  "R[A] = R[B] * C",
		Example: "muli r0, r1, 3", Picture: "r1=7 → r0=21",
	},
	OpNeg: {
		Name: "neg", Group: groupArithmetic, A: Write, B: Read, Raises: true,
		Effect:  "R[A] = -R[B]",
		Example: "neg r0, r1", Picture: "r1=7 → r0=-7",
	},
	OpNot: {
		Name: "not", Group: groupArithmetic, A: Write, B: Read,
		Effect:  "R[A] = not R[B]",
		Example: "not r0, r1", Picture: "r1=7 → r0=False",
	},

	OpEq: {
		Name: "eq", Group: groupComparing, A: Write, B: Read, X: Read, Raises: true,
		Effect:  "R[A] = R[B] == R[X]",
		Example: "eq r0, r1, r2", Picture: "r1=7 r2=2 → r0=False",
	},
	OpNe: {
		Name: "ne", Group: groupComparing, A: Write, B: Read, X: Read, Raises: true,
		Effect:  "R[A] = R[B] != R[X]",
		Example: "ne r0, r1, r2", Picture: "r1=7 r2=2 → r0=True",
	},
	OpLt: {
		Name: "lt", Group: groupComparing, A: Write, B: Read, X: Read, Raises: true,
		Effect:  "R[A] = R[B] < R[X]",
		Example: "lt r0, r1, r2", Picture: "r1=7 r2=2 → r0=False",
	},
	OpLe: {
		Name: "le", Group: groupComparing, A: Write, B: Read, X: Read, Raises: true,
		Effect:  "R[A] = R[B] <= R[X]",
		Example: "le r0, r1, r2", Picture: "r1=7 r2=7 → r0=True",
	},
	OpGt: {
		Name: "gt", Group: groupComparing, A: Write, B: Read, X: Read, Raises: true,
		Effect:  "R[A] = R[B] > R[X]",
		Example: "gt r0, r1, r2", Picture: "r1=7 r2=2 → r0=True",
	},
	OpGe: {
		Name: "ge", Group: groupComparing, A: Write, B: Read, X: Read, Raises: true,
		Effect:  "R[A] = R[B] >= R[X]",
		Example: "ge r0, r1, r2", Picture: "r1=7 r2=7 → r0=True",
	},
	OpIn: {
		Name: "in", Group: groupComparing, A: Write, B: Read, X: Read, Raises: true,
		Effect:  "R[A] = R[B] in R[X]",
		Example: "in r0, r1, r2", Picture: "r1=7 r2=[7, 8] → r0=True",
	},
	OpNotIn: {
		Name: "notin", Group: groupComparing, A: Write, B: Read, X: Read, Raises: true,
		Effect:  "R[A] = R[B] not in R[X]",
		Example: "notin r0, r1, r2", Picture: "r1=7 r2=[7, 8] → r0=False",
	},
	OpIs: {
		Name: "is", Group: groupComparing, A: Write, B: Read, X: Read, Raises: true,
		Effect:  "R[A] = R[B] is R[X]",
		Example: "is r0, r1, r2", Picture: "r1=[] r2=[] → r0=False",
	},
	OpIsNot: {
		Name: "isnot", Group: groupComparing, A: Write, B: Read, X: Read, Raises: true,
		Effect:  "R[A] = R[B] is not R[X]",
		Example: "isnot r0, r1, r2", Picture: "r1=[] r2=[] → r0=True",
	},

	OpJump: {
		Name: "jump", Group: groupJumping, C: Target, Ends: true,
		Effect:  "go to C",
		Example: "jump L1", Picture: "→ L1",
	},
	OpJumpTrue: {
		Name: "jumptrue", Group: groupJumping, A: Read, C: Target,
		Effect:  "go to C if R[A] is true",
		Example: "jumptrue r0, L1", Picture: "r0=7 → L1",
	},
	OpJumpFalse: {
		Name: "jumpfalse", Group: groupJumping, A: Read, C: Target,
		Effect:  "go to C if R[A] is false",
		Example: "jumpfalse r0, L1", Picture: "r0=[] → L1",
	},
	OpJumpSet: {
		Name: "jumpset", Group: groupJumping, A: Read, C: Target,
		Effect:  "go to C if R[A] is set",
		Example: "jumpset r0, L1", Picture: "r0=None → L1",
	},
	OpJumpUnset: {
		Name: "jumpunset", Group: groupJumping, A: Read, C: Target,
		Effect:  "go to C if R[A] is unset",
		Example: "jumpunset r0, L1", Picture: "r0 unset → L1",
	},
	OpJumpEq: {
		Name: "jumpeq", Group: groupJumping, A: Read, B: Read, C: Target, Raises: true,
		Effect:  "go to C if R[A] == R[B]",
		Example: "jumpeq r0, r1, L1", Picture: "r0=7 r1=7 → L1",
	},
	OpJumpNe: {
		Name: "jumpne", Group: groupJumping, A: Read, B: Read, C: Target, Raises: true,
		Effect:  "go to C if R[A] != R[B]",
		Example: "jumpne r0, r1, L1", Picture: "r0=7 r1=2 → L1",
	},
	OpJumpLt: {
		Name: "jumplt", Group: groupJumping, A: Read, B: Read, C: Target, Raises: true,
		Effect:  "go to C if R[A] < R[B]",
		Example: "jumplt r0, r1, L1", Picture: "r0=2 r1=7 → L1",
	},
	OpJumpLe: {
		Name: "jumple", Group: groupJumping, A: Read, B: Read, C: Target, Raises: true,
		Effect:  "go to C if R[A] <= R[B]",
		Example: "jumple r0, r1, L1", Picture: "r0=7 r1=7 → L1",
	},
	OpJumpGt: {
		Name: "jumpgt", Group: groupJumping, A: Read, B: Read, C: Target, Raises: true,
		Effect:  "go to C if R[A] > R[B]",
		Example: "jumpgt r0, r1, L1", Picture: "r0=7 r1=2 → L1",
	},
	OpJumpGe: {
		Name: "jumpge", Group: groupJumping, A: Read, B: Read, C: Target, Raises: true,
		Effect:  "go to C if R[A] >= R[B]",
		Example: "jumpge r0, r1, L1", Picture: "r0=7 r1=7 → L1",
	},
	OpJumpEqI: {
		Name: "jumpeqi", Group: groupJumping, A: Read, B: LowByte, X: TopByte, C: Target,
		Effect:  "go to C if R[A] == the signed 16-bit number of B (low byte) and X (high byte)",
		Example: "jumpeqi r0, 7, L1", Picture: "r0=7 → L1",
	},
	OpJumpNeI: {
		Name: "jumpnei", Group: groupJumping, A: Read, B: LowByte, X: TopByte, C: Target,
		Effect:  "go to C if R[A] != that number",
		Example: "jumpnei r0, 7, L1", Picture: "r0=2 → L1",
	},
	OpJumpLtI: {
		Name: "jumplti", Group: groupJumping, A: Read, B: LowByte, X: TopByte, C: Target, Raises: true,
		Effect:  "go to C if R[A] < that number",
		Example: "jumplti r0, 7, L1", Picture: "r0=2 → L1",
	},
	OpJumpLeI: {
		Name: "jumplei", Group: groupJumping, A: Read, B: LowByte, X: TopByte, C: Target, Raises: true,
		Effect:  "go to C if R[A] <= that number",
		Example: "jumplei r0, 7, L1", Picture: "r0=7 → L1",
	},
	OpJumpGtI: {
		Name: "jumpgti", Group: groupJumping, A: Read, B: LowByte, X: TopByte, C: Target, Raises: true,
		Effect:  "go to C if R[A] > that number",
		Example: "jumpgti r0, -1, L1", Picture: "r0=0 → L1",
	},
	OpJumpGeI: {
		Name: "jumpgei", Group: groupJumping, A: Read, B: LowByte, X: TopByte, C: Target, Raises: true,
		Effect:  "go to C if R[A] >= that number",
		Example: "jumpgei r0, 7, L1", Picture: "r0=7 → L1",
	},
	OpJumpIf: {
		Name: "jumpif", Group: groupJumping, A: Read, B: Read, X: Compare, C: Target, Raises: true,
		Effect:  "go to C if if(R[A], R[B], X) is false",
		Example: "jumpif r0, r1, ==, L1", Picture: `r0="7" r1=8 → L1`,
	},

	OpForPrep: {
		Name: "forprep", Group: groupLoops, A: Counter, B: Write, X: ReadTwo, C: Target, Raises: true,
		Effect:  "R[A], R[A+1] = R[X], R[X+1] as whole numbers; go to C if R[A] > R[A+1], else R[B] = R[A]",
		Example: "forprep r2, r0, r4, L1", Picture: `r4="1" r5=9.0 → r2=1 r3=9 r0=1`,
	},
	OpForLoop: {
		Name: "forloop", Group: groupLoops, A: Counter, B: Write, C: Target,
		Effect:  "if R[A] < R[A+1]: R[A] += 1, R[B] = R[A], go to C, a place in the loop",
		Example: "forloop r2, r0, L1", Picture: "r2=1 r3=9 → r2=2 r0=2, L1",
	},
	OpIter: {
		Name: "iter", Group: groupLoops, A: Write, B: Read, Raises: true,
		Effect:  "R[A] = an iterator over R[B]",
		Example: "iter r2, r1", Picture: "r1=[7, 8] → r2=iterator",
	},
	OpIterNext: {
		Name: "iternext", Group: groupLoops, A: Update, B: Write, C: Target, Raises: true,
		Effect:  "R[B] = the next item of the iterator R[A], or go to C where there is none",
		Example: "iternext r2, r0, L1", Picture: "r2=iterator → r0=7",
	},
	OpUnpack: {
		Name: "unpack", Group: groupLoops, A: WriteRange, B: Read, X: Count, Raises: true,
		Effect:  "R[A] … R[A+X-1] = the X items of R[B]",
		Example: "unpack r0, r5, 2", Picture: "r5=(7, 8) → r0=7 r1=8",
	},

	OpCall: {
		Name: "call", Group: groupCalling, A: Frame, B: Arguments, C: Func, Raises: true, Calls: true,
		Effect:  "R[A] = function C of the arguments R[A] … R[A+B-1]",
		Example: "call r4, 2, f1", Picture: "r4=7 r5=2 → r4=f1(7, 2)",
	},
	OpReturn: {
		Name: "return", Group: groupCalling, A: Read, Scope: InFunction, Ends: true,
		Effect:  "return R[A]",
		Example: "return r0", Picture: "r0=7 → the call's register=7",
	},
	OpReturnNone: {
		Name: "returnnone", Group: groupCalling, Scope: InFunction, Ends: true,
		Effect:  "return None",
		Example: "returnnone", Picture: "→ the call's register=None",
	},
	OpBuiltin: {
		Name: "builtin", Group: groupCalling, A: Native, B: Arguments, C: Builtin, Raises: true,
		Effect:  "R[A] = built-in C of the arguments R[A] … R[A+B-1]",
		Example: "builtin r4, 1, len", Picture: "r4=[7, 8] → r4=2",
	},
	OpBuiltinKw: {
		Name: "builtinkw", Group: groupCalling, A: Native, B: Arguments, C: BuiltinSite, Raises: true,
		Effect:  "R[A] = the built-in of Sites[C] of B arguments, the last of which are named",
		Example: "builtinkw r4, 2, sorted(reverse=)", Picture: "r4=[1, 2] r5=True → r4=[2, 1]",
	},
	OpMethod: {
		Name: "method", Group: groupCalling, A: Receiver, B: Arguments, C: Method, Raises: true,
		Effect:  "R[A] = method C of R[A] with the arguments R[A+1] … R[A+B-1]",
		Example: "method r4, 1, upper", Picture: `r4="ada" → r4="ADA"`,
	},
	OpMethodKw: {
		Name: "methodkw", Group: groupCalling, A: Receiver, B: Arguments, C: MethodSite, Raises: true,
		Effect:  "R[A] = the method of Sites[C] of R[A] with B-1 arguments, the last of which are named",
		Example: "methodkw r4, 2, format(who=)", Picture: `r4="Hi {who}" r5="Ada" → r4="Hi Ada"`,
	},
	OpCommand: {
		Name: "command", Group: groupCalling, A: Outs, B: Arguments, C: Catalog, Raises: true, Calls: true,
		Effect:  "command C with the arguments R[A] … R[A+B-1]; out parameters change theirs in place",
		Example: "command r4, 2, getListLen", Picture: "r4=[7, 8] r5 unset → r5=2",
	},
	OpStop: {
		Name: "stop", Group: groupCalling, Scope: InTop, Ends: true,
		Effect:  "ends the script, or the invocation of a definition",
		Example: "stop", Picture: "→ the end",
	},

	OpList: {
		Name: "list", Group: groupCollections, A: Write, B: ReadRange, X: Count, C: Room,
		Effect:  "R[A] = [R[B] … R[B+X-1]], with room for C items",
		Example: "list r0, r4, 2, 2", Picture: "r4=7 r5=8 → r0=[7, 8]",
	},
	OpTuple: {
		Name: "tuple", Group: groupCollections, A: Write, B: ReadRange, C: Count,
		Effect:  "R[A] = (R[B] … R[B+C-1])",
		Example: "tuple r0, r4, 2", Picture: "r4=7 r5=8 → r0=(7, 8)",
	},
	OpDict: {
		Name: "dict", Group: groupCollections, A: Write, C: Room,
		Effect:  "R[A] = {}, with room for C keys",
		Example: "dict r0, 2", Picture: "→ r0={}",
	},
	OpAppend: {
		Name: "append", Group: groupCollections, A: Read, B: Read, Raises: true,
		Effect:  "append R[B] to the list R[A]",
		Example: "append r0, r1", Picture: "r0=[7] r1=8 → r0=[7, 8]",
	},
	OpIndex: {
		Name: "index", Group: groupCollections, A: Write, B: Read, X: Read, Raises: true,
		Effect:  "R[A] = R[B][R[X]]",
		Example: "index r0, r1, r2", Picture: "r1=[7, 8] r2=-1 → r0=8",
	},
	OpSetIndex: {
		Name: "setindex", Group: groupCollections, A: Read, B: Read, X: Read, Raises: true,
		Effect:  "R[A][R[B]] = R[X]",
		Example: "setindex r0, r1, r2", Picture: "r0=[7] r1=0 r2=8 → r0=[8]",
	},
	OpSlice: {
		Name: "slice", Group: groupCollections, A: Write, B: Read, X: ReadThree, Raises: true,
		Effect:  "R[A] = R[B][R[X]:R[X+1]:R[X+2]]; None is left out",
		Example: "slice r0, r1, r4", Picture: `r1="hello" r4=1 r5=3 r6=None → r0="el"`,
	},
	OpAttr: {
		Name: "attr", Group: groupCollections, A: Write, B: Read, C: Name, Raises: true,
		Effect:  "R[A] = the key K[C] of the dict R[B]",
		Example: "attr r0, r1, k2", Picture: `r1={"a": 7} k2="a" → r0=7`,
	},
	OpSetAttr: {
		Name: "setattr", Group: groupCollections, A: Read, B: Read, C: Name, Raises: true,
		Effect:  "the key K[C] of the dict R[A] = R[B]",
		Example: "setattr r0, r1, k2", Picture: `r0={} r1=7 k2="a" → r0={"a": 7}`,
	},
	OpTuplify: {
		Name: "tuplify", Group: groupCollections, A: Write, B: Update, Raises: true,
		Effect:  "R[A] = the list R[B] as a tuple, the list being given up",
		Example: "tuplify r0, r1", Picture: "r1=[7, 8] → r0=(7, 8)",
	},

	OpConcat: {
		Name: "concat", Group: groupText, A: Write, B: ReadRange, C: Count, Raises: true,
		Effect:  "R[A] = the texts of R[B] … R[B+C-1] joined; None and unset are empty",
		Example: "concat r0, r4, 2", Picture: `r4="n=" r5=7 → r0="n=7"`,
	},
	OpJoin: {
		Name: "join", Group: groupText, A: Write, B: ReadRange, C: Count, Raises: true,
		Effect:  `R[A] = the texts of R[B] … R[B+C-1] joined; that of None is "None"`,
		Example: "join r0, r4, 2", Picture: `r4="n=" r5=7 → r0="n=7"`,
	},
	OpSplice: {
		Name: "splice", Group: groupText, A: Write, B: ReadRange, C: Count,
		Effect:  "R[A] = a template value of R[B] … R[B+C-1]: text, value, text, …",
		Example: "splice r0, r4, 2", Picture: `r4="id = " r5=7 → r0=template`,
	},

	OpExport: {
		Name: "export", Group: groupCommands, A: Read, C: Name, Scope: InScript, Raises: true,
		Effect:  "addResult: export R[A] under the name K[C]",
		Example: "export r0, k2", Picture: `r0=7 k2="total" → result {"total": 7}`,
	},
	OpParam: {
		Name: "param", Group: groupCommands, A: Write, B: Read, Scope: InScript, Raises: true,
		Effect:  "R[A] = the request's parameter R[B]",
		Example: "param r0, r1", Picture: `r1="id" → r0=42`,
	},
	OpQueryList: {
		Name: "querylist", Group: groupCommands, A: Write, Scope: InScript,
		Effect:  "R[A] = every query parameter",
		Example: "querylist r0", Picture: `→ r0=[{"id": "42"}]`,
	},
	OpPush: {
		Name: "push", Group: groupCommands, A: Update, B: Read, Raises: true,
		Effect:  "variableToList: append R[B] to the list R[A], a new one where R[A] is unset or None",
		Example: "push r0, r1", Picture: "r0 unset r1=7 → r0=[7]",
	},
	OpPut: {
		Name: "put", Group: groupCommands, A: Update, B: Read, X: Read, Raises: true,
		Effect:  "AddvariableToJSON: the key R[B] of the dict R[A] = R[X], a new one where R[A] is unset or None",
		Example: "put r0, r1, r2", Picture: `r0=None r1="a" r2=7 → r0={"a": 7}`,
	},
	OpLog: {
		Name: "log", Group: groupCommands, C: LogName, Scope: InScript,
		Effect:  "the top-level statement Logs[C] begins",
		Example: `log "addVar"`, Picture: "→ an entry in the log",
	},
	OpRaise: {
		Name: "raise", Group: groupCommands, B: ErrorCode, C: Name, Raises: true, Ends: true,
		Effect:  "raise the error with code B, an index into Codes, and the message K[C]",
		Example: "raise unknown_command, k2", Picture: `k2="no foo" → unknown_command`,
	},
	OpLastError: {
		Name: "lasterror", Group: groupCommands, A: Write,
		Effect:  "R[A] = the message of the error that was caught",
		Example: "lasterror r0", Picture: `→ r0="division by zero"`,
	},
}
