// This file holds the instruction set: every operation, its operands, its
// effect. docs/bytecode.md is generated from the table.

package bytecode

// Op is an operation.
type Op uint8

// Operations. The comments give the effect: R[a] is register a of the frame, K[c] constant c,
// G[c] slot c of the Global pool.
const (
	OpInvalid Op = iota

	// Moving.
	OpMove       // R[A] = R[B]
	OpLoadK      // R[A] = K[C]
	OpLoadI      // R[A] = C
	OpLoadNone   // R[A] = None
	OpLoadBool   // R[A] = B != 0
	OpLoadUnset  // R[A] = unset
	OpLoadWide   // R[A] = R[C]
	OpStoreWide  // R[C] = R[A]
	OpGetGlobal  // R[A] = G[C]; may be unset
	OpLoadGlobal // R[A] = G[C]; name_error if it is unset
	OpSetGlobal  // G[C] = R[A], which comes to be if it was unset
	OpClear      // R[A] … R[B-1] = unset
	OpBirth      // slot C of the Global pool comes to be, if it was unset
	OpCheck      // name_error for name K[C] if R[A] is unset

	// Arithmetic.
	OpAdd      // R[A] = R[B] + R[X]
	OpSub      // R[A] = R[B] - R[X]
	OpMul      // R[A] = R[B] * R[X]
	OpDiv      // R[A] = R[B] / R[X]
	OpFloorDiv // R[A] = R[B] // R[X]
	OpMod      // R[A] = R[B] % R[X]
	OpPow      // R[A] = R[B] ** R[X]
	OpAddI     // R[A] = R[B] + C
	OpSubI     // R[A] = R[B] - C
	OpMulI     // R[A] = R[B] * C
	OpNeg      // R[A] = -R[B]
	OpNot      // R[A] = not R[B]

	// Comparing into a register.
	OpEq    // R[A] = R[B] == R[X]
	OpNe    // R[A] = R[B] != R[X]
	OpLt    // R[A] = R[B] < R[X]
	OpLe    // R[A] = R[B] <= R[X]
	OpGt    // R[A] = R[B] > R[X]
	OpGe    // R[A] = R[B] >= R[X]
	OpIn    // R[A] = R[B] in R[X]
	OpNotIn // R[A] = R[B] not in R[X]
	OpIs    // R[A] = R[B] is R[X]
	OpIsNot // R[A] = R[B] is not R[X]

	// Jumping.
	OpJump      // go to C
	OpJumpTrue  // go to C if R[A] is true
	OpJumpFalse // go to C if R[A] is false
	OpJumpSet   // go to C if R[A] is set
	OpJumpUnset // go to C if R[A] is unset
	OpJumpEq    // go to C if R[A] == R[B]
	OpJumpNe    // go to C if R[A] != R[B]
	OpJumpLt    // go to C if R[A] < R[B]
	OpJumpLe    // go to C if R[A] <= R[B]
	OpJumpGt    // go to C if R[A] > R[B]
	OpJumpGe    // go to C if R[A] >= R[B]
	OpJumpEqI   // go to C if R[A] == the signed 16 bits of B (low) and X (high)
	OpJumpNeI   // go to C if R[A] != those
	OpJumpLtI   // go to C if R[A] < those
	OpJumpLeI   // go to C if R[A] <= those
	OpJumpGtI   // go to C if R[A] > those
	OpJumpGeI   // go to C if R[A] >= those
	OpJumpIf    // go to C if if(R[A], R[B], X) is false; X is a Comparator

	// Loops. A counted loop owns R[A] (the count) and R[A+1] (the end); an
	// iteration owns R[A] (the iterator).
	OpForPrep  // R[A], R[A+1] = R[X], R[X+1] as whole numbers; go to C if R[A] > R[A+1], else R[B] = R[A]
	OpForLoop  // if R[A] < R[A+1]: R[A] += 1, R[B] = R[A], go to C
	OpIter     // R[A] = an iterator over R[B]
	OpIterNext // R[B] = the next item of iterator R[A], or go to C where there is none
	OpUnpack   // R[A] … R[A+X-1] = the X items of R[B]

	// Calling. Arguments are R[A] … R[A+B-1]; the result lands in R[A].
	OpCall       // R[A] = function C (the program's own) of B arguments
	OpReturn     // return R[A]
	OpReturnNone // return None
	OpBuiltin    // R[A] = built-in C of B arguments
	OpBuiltinKw  // R[A] = built-in of Sites[C] of B arguments, the last ones named
	OpMethod     // R[A] = method C of R[A] with R[A+1] … R[A+B-1]
	OpMethodKw   // R[A] = method of Sites[C], the last arguments named
	OpCommand    // command C with B arguments; `out` parameters change theirs in place
	OpStop       // ends the script, or the invocation of a definition

	// Collections.
	OpList     // R[A] = [R[B] … R[B+X-1]], room for C items
	OpTuple    // R[A] = (R[B] … R[B+C-1])
	OpDict     // R[A] = {}, room for C keys
	OpAppend   // append R[B] to list R[A]
	OpIndex    // R[A] = R[B][R[X]]
	OpSetIndex // R[A][R[B]] = R[X]
	OpSlice    // R[A] = R[B][R[X]:R[X+1]:R[X+2]]; None is left out
	OpAttr     // R[A] = the key K[C] of dict R[B]
	OpSetAttr  // the key K[C] of dict R[A] = R[B]
	OpTuplify  // R[A] = list R[B] as a tuple, the list being given up

	// Text.
	OpConcat // R[A] = the texts of R[B] … R[B+C-1] joined; None and unset are empty
	OpJoin   // R[A] = the texts of R[B] … R[B+C-1] joined; that of None is "None"
	OpSplice // R[A] = a template value of R[B] … R[B+C-1]: text, value, text, …

	// Commands that are instructions.
	OpExport    // addResult: export R[A] under name K[C]
	OpParam     // R[A] = the request's parameter R[B]
	OpQueryList // R[A] = every query parameter
	OpPush      // variableToList: append R[B] to the list R[A]; a new one where R[A] is unset or None
	OpPut       // AddvariableToJSON: key R[B] of the dict R[A] = R[X]; a new one where R[A] is unset or None
	OpLog       // the top-level statement Logs[C] begins
	OpRaise     // raise the error with code B (an index into Codes) and message K[C]
	OpLastError // R[A] = the message of the error that was caught

	opCount
)

// NumOps is the number of operations, OpInvalid included.
const NumOps = int(opCount)

// Comparator is the third argument of if(a, b, op).
type Comparator uint8

// Comparators.
const (
	CmpEq Comparator = iota
	CmpNe
	CmpLt
	CmpGt
	CmpLe
	CmpGe
)

// Codes are the error codes that OpRaise may raise, by index.
var Codes = [...]string{"unknown_command", "bad_arguments", "name_error", "type_error", "overflow", "runtime_error"}

// Builtins are the built-in functions by number. New ones are added at the end.
var Builtins = [...]string{
	"str", "int", "float", "bool", "len", "abs", "min", "max", "round", "sum",
	"sorted", "reversed", "range", "list", "dict", "tuple", "type", "enumerate",
	"zip", "any", "all", "ord", "chr",
}

// Methods are the methods by number: what one does depends on its receiver.
// New ones are added at the end.
var Methods = [...]string{
	"upper", "lower", "title", "capitalize", "strip", "lstrip", "rstrip", "split", "join",
	"replace", "startswith", "endswith", "find", "count", "isdigit", "isalpha", "isalnum",
	"zfill", "format",
	"append", "extend", "insert", "pop", "remove", "index", "sort", "reverse", "copy", "clear",
	"get", "keys", "values", "items", "update", "setdefault",
}
