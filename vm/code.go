// This file holds linked code: a verified program whose constants are values
// and whose commands are bound to what they mean.

package vm

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unsafe"

	"github.com/avap-framework/avap/bytecode"
)

// Capability is a set of things that commands may reach outside.
type Capability uint8

// Capabilities.
const (
	CapHTTP Capability = 1 << iota
	CapSQL
	CapRandom
	CapTime

	AllCapabilities = CapHTTP | CapSQL | CapRandom | CapTime
)

var capabilityNames = [...]string{"http", "sql", "random", "time"}

// ParseCapability gives the capability of a name.
func ParseCapability(name string) (Capability, bool) {
	for i, n := range capabilityNames {
		if n == name {
			return 1 << i, true
		}
	}
	return 0, false
}

func (c Capability) String() string {
	var names []string
	for i, n := range capabilityNames {
		if c&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return strings.Join(names, ",")
}

// Native is a command in Go. args are its parameters in order; one that it
// writes (mode out) it sets in place. args are registers of the machine: they
// must not be kept. A returned *Error ends the call with its code.
type Native func(m *Machine, args []Value) error

// Command is what a name of the catalog means: Native code, or a definition's
// Code. It does not change once it is in use.
type Command struct {
	Name   string
	Params []bytecode.Param
	Needs  Capability // what the caller must have been granted
	Native Native
	Code   *Code
	// Limits bound one invocation of a definition, within those of its execution;
	// zero fields, and nil, do not.
	Limits *Limits
}

// Code is a program that is ready to run. It does not change and may be shared
// by any number of machines.
type Code struct {
	program   *bytecode.Program
	constants []Value
	functions []function
	commands  []*Command // nil where the catalog has none of that interface
	logs      []logName
	slots     map[string]int32 // by name; nil where they are few
	members   []string         // by slot: the name as it begins a member of a JSON object
	status    int32            // slot of _status; -1 where there is none
	// grants is what the contract gives: a definition's body that and nothing else; of
	// what a script is given, only that. 0 in a script's leaves what it is given.
	grants Capability
}

// logName is the name of a statement in the log, and how its entry begins as JSON.
type logName struct{ text, head string }

// function is a bytecode.Function as the machine wants it.
type function struct {
	*bytecode.Function
	code []word
	// Of the Function, at hand:
	registers, params int
	named             int  // registers that have names; the rest are temporaries
	wide              bool // its frame reaches beyond a window
}

// Link verifies a program and binds the commands that it calls. lookup gives
// the command of a name, or nil where there is none. A call of one that is
// missing, or whose interface is not the one the program was compiled against,
// is an error when it runs. The error of Link itself is CodeIntegrity.
func Link(p *bytecode.Program, lookup func(name string) *Command) (*Code, error) {
	if err := bytecode.Verify(p); err != nil {
		return nil, &Error{Code: CodeIntegrity, Msg: "the code does not verify", Err: err}
	}
	one := &struct { // allocation for what most programs are
		code      Code
		functions [1]function
	}{code: Code{program: p, constants: constantValues(p.Constants)}}
	c := &one.code
	c.functions = one.functions[:0]
	for i := range p.Functions {
		f := &p.Functions[i]
		c.functions = append(c.functions, function{
			Function: f, code: words(f.Code),
			registers: f.Registers, params: f.Params, named: min(max(len(f.Locals), f.Params), f.Registers),
			wide: f.Registers > bytecode.MaxDirect,
		})
	}
	for i := range c.functions {
		c.nearCalls(&c.functions[i])
		fuse(c.functions[i].code)
	}
	c.commands = make([]*Command, len(p.Commands))
	for i, want := range p.Commands {
		if got := lookup(want.Name); got != nil && sameInterface(got.Params, want.Params) {
			c.commands[i] = got
		}
	}
	c.writeNames()
	for _, name := range p.Requires {
		granted, ok := ParseCapability(name)
		if !ok {
			return nil, Errorf(CodeIntegrity, "an unknown capability %q", name)
		}
		c.grants |= granted
	}
	return c, nil
}

// function gives a function that an instruction calls.
func (c *Code) function(i int32) *function {
	return (*function)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(c.functions)), int(i)*int(unsafe.Sizeof(function{}))))
}

// fewSlots is how many names are compared one by one to find a slot.
const fewSlots = 16

// slot gives the slot of a name of the Global pool.
func (c *Code) slot(name string) (int32, bool) {
	if c.slots == nil {
		i := slices.Index(c.program.Globals, name)
		return int32(i), i >= 0 && name != "" // which a gap has
	}
	i, ok := c.slots[name]
	return i, ok
}

// writeNames writes the names of logs and slots as JSON has them, one behind the other
// in one allocation, and finds out where the slots are.
func (c *Code) writeNames() {
	const begin, end = `{"command":`, `,"duration_ms":`
	logs, slots := c.program.Logs, c.program.Globals
	size := 0
	for _, name := range logs {
		size += len(begin) + len(name) + len(`""`) + len(end)
	}
	for _, name := range slots {
		size += len(name) + len(`"":`)
	}
	text := make([]byte, 0, size) // more where something is escaped
	since := func(from int) string { return unsafe.String(unsafe.SliceData(text[from:]), len(text)-from) }
	c.logs = make([]logName, len(logs))
	for i, name := range logs {
		from := len(text)
		text = append(AppendQuoted(append(text, begin...), name), end...)
		c.logs[i] = logName{name, since(from)}
	}
	if len(slots) > fewSlots {
		c.slots = make(map[string]int32, len(slots))
	}
	c.members, c.status = make([]string, len(slots)), -1
	for i, name := range slots {
		if name == "" { // a gap
			continue
		}
		from := len(text)
		text = append(AppendQuoted(text, name), ':')
		c.members[i] = since(from)
		if c.slots != nil {
			c.slots[name] = int32(i)
		}
		if name == "_status" {
			c.status = int32(i)
		}
	}
}

// Program gives the program behind the code.
func (c *Code) Program() *bytecode.Program { return c.program }

// Size is about how many bytes the code holds in memory.
func (c *Code) Size() int {
	n := 512 + len(c.constants)*(valueSize+32) + len(c.commands)*64
	for _, k := range c.program.Constants {
		n += 2 * len(k.Text)
	}
	for i := range c.functions {
		f := &c.functions[i]
		n += 256 + 16*len(f.code) + 12*len(f.Positions) + 12*len(f.Handlers) + 32*len(f.Locals)
	}
	for i := range c.logs {
		n += 64 + len(c.logs[i].text) + len(c.logs[i].head)
	}
	for _, name := range c.program.Globals {
		n += 96 + 2*len(name)
	}
	return n
}

// words gives the instructions of a function as the machine keeps them, and one
// more, which is never run: the machine points at the instruction behind the one that
// it runs.
func words(code []bytecode.Instr) []word {
	ws := make([]word, len(code)+1)
	for i, in := range code {
		ws[i] = word{op: in.Op, a: in.A, b: in.B, x: in.X, c: in.C}
		if bytecode.Ops[in.Op].Jumps() {
			ws[i].c = int32((int(in.C) - i) * wordSize)
		}
	}
	return ws
}

// constantValues makes the values of constants. Their texts share one allocation.
func constantValues(constants []bytecode.Constant) []Value {
	size := 0
	for i := range constants {
		if k := &constants[i]; k.Kind == bytecode.ConstString {
			size += textWords(len(k.Text))
		}
	}
	texts := make([]uint64, size)
	values := make([]Value, len(constants))
	for i := range constants {
		switch k := &constants[i]; k.Kind {
		case bytecode.ConstInt:
			values[i] = IntValue(int64(k.Bits))
		case bytecode.ConstFloat:
			values[i] = floatValue(math.Float64frombits(k.Bits))
		case bytecode.ConstString:
			values[i] = staticTextIn(unsafe.Pointer(unsafe.SliceData(texts)), k.Text)
			texts = texts[textWords(len(k.Text)):]
		default:
			panic(fmt.Sprintf("vm: a verified constant of kind %d", k.Kind))
		}
	}
	return values
}

func sameInterface(a, b []bytecode.Param) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// position gives the place in the source of an instruction.
func (f *function) position(pc int) (line, col int) {
	lo, hi := 0, len(f.Positions)
	for lo+1 < hi {
		if mid := (lo + hi) / 2; int(f.Positions[mid].PC) <= pc {
			lo = mid
		} else {
			hi = mid
		}
	}
	if lo == hi {
		return 0, 0
	}
	return int(f.Positions[lo].Line), int(f.Positions[lo].Col)
}

// word is an instruction as the machine keeps it.
type word struct {
	op      bytecode.Op
	a, b, x uint8
	c       int32 // of a jump, the way to its target from itself, in bytes
}

const (
	wordShift = 3
	wordSize  = 1 << wordShift // bytes
)

var refuelling = word{op: opRefuel}

// behind gives the n-th instruction behind w.
func (w *word) behind(n int) *word {
	return (*word)(unsafe.Add(unsafe.Pointer(w), n*wordSize))
}

// address is where an instruction stands. Code does not move.
func address(w *word) int { return int(uintptr(unsafe.Pointer(w))) }

// immediate gives the 16-bit operand of the comparing jumps.
func (w *word) immediate() int64 { return int64(int16(uint16(w.b) | uint16(w.x)<<8)) }
