// This file holds the compiled unit: what the compiler makes, what packages
// carry, what the machine runs.

// Package bytecode defines the instruction set of the machine, the compiled
// unit around it, its encoding, its verifier and its disassembler. It knows no
// syntax: any front end may compile to it.
package bytecode

// Kind tells what a unit is for.
type Kind uint8

// Kinds of units.
const (
	KindScript  Kind = 1
	KindCommand Kind = 2
)

// Limits that the verifier holds.
const (
	MaxRegisters  = 1 << 16 // of one function, wide ones included
	MaxDirect     = 256     // registers that an 8-bit operand reaches
	MaxFunctions  = 1 << 16
	MaxConstants  = 1 << 20
	MaxCode       = 1 << 24 // instructions of one function
	MaxParameters = 250
)

// Program is one compiled unit. It does not change once it is made and may be
// shared by any number of goroutines.
type Program struct {
	Kind      Kind
	Name      string     // of the script or command; may be empty
	Constants []Constant // shared by all functions
	Functions []Function // Functions[0] is the top level, or a definition's body
	// Globals are the names of the Global pool that the program mentions. Slot i
	// is register i of Functions[0] while it runs. For a command these are the
	// names of its Local pool, parameters first.
	Globals  []string
	Params   []Param    // the interface; only for KindCommand
	Commands []Command  // the catalog's commands that the program calls
	Sites    []CallSite // calls with keyword arguments
	Logs     []string   // what the top-level statements are called in the logs
	// Template values, capabilities.
	// Requires are the capabilities of the contract: what a definition is granted,
	// and what a script has at most; none leaves a script what the worker grants.
	Requires []string
}

// Function is one body of code.
type Function struct {
	Name      string
	Params    int // the first registers
	Registers int // of a frame, wide ones included
	Code      []Instr
	Handlers  []Handler // innermost first
	Positions []Position
	Locals    []string // names of the first registers, for messages and listings
}

// Handler says where an error raised in [From, To) goes on. Of several that
// cover an instruction the first wins.
type Handler struct{ From, To, Target int32 }

// Position says that the instructions from PC on, up to the next entry's, come
// from a place in the source. Entries are in the order of PC, the first has PC 0.
type Position struct{ PC, Line, Col int32 }

// Command is a command of the catalog as the program calls it. Its interface
// is what the program was compiled against; a machine that has another one under the name
// does not run the call.
type Command struct {
	Name   string
	Params []Param
}

// Param is one parameter of a command's interface.
type Param struct {
	Name string
	Mode Mode
}

// Mode tells how an argument of a command is read.
type Mode uint8

// Modes of parameters.
const (
	ModeValue Mode = iota // a value
	ModeText              // a pattern or format
	ModeName              // a variable that is read by name
	ModeOut               // a variable that is written
)

var modeNames = [...]string{"value", "text", "name", "out"}

func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	return "?"
}

// ParseMode returns the mode of a name.
func ParseMode(s string) (Mode, bool) {
	for i, n := range modeNames {
		if n == s {
			return Mode(i), true
		}
	}
	return 0, false
}

// CallSite is a call with keyword arguments: the last len(Keywords) of its
// arguments have these names.
type CallSite struct {
	Target   int32 // the built-in's or the method's number
	Keywords []string
}

// ConstantKind tells what a constant is.
type ConstantKind uint8

// Kinds of constants.
const (
	ConstInt    ConstantKind = iota // Bits
	ConstFloat                      // Bits, IEEE 754
	ConstString                     // Text
)

// Constant is a value known when compiling. None and bools have instructions of their own.
type Constant struct {
	Kind ConstantKind
	Bits uint64
	Text string
}

// Instr is one instruction: an operation and its operands. What they mean is
// in the operation's row of Ops.
type Instr struct {
	Op      Op
	A, B, X uint8
	C       int32
}
