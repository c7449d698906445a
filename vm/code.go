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

// Code is a program that is ready to run, once it is linked. It does not change then,
// and may be shared by any number of machines. It must not be copied.
type Code struct {
	program   *bytecode.Program // of one that was taken over without what the code itself tells
	constants []Value
	functions []function
	commands  []*Command       // nil where the catalog has none of that interface
	logs      []quotedName     // as an entry of the log begins; in the order of their texts
	members   []quotedName     // by slot: as it begins a member of a JSON object
	names     string           // the texts of logs and members
	slots     map[string]int32 // by name; nil where they are few
	status    int32            // slot of _status; -1 where there is none
	// grants is what the contract gives: a definition's body that and nothing else; of
	// what a script is given, only that. 0 in a script's leaves what it is given.
	grants Capability
	taken  bool     // whether program was taken over
	own    struct { // what functions and constants of most programs are kept in
		functions [1]function
		constants [6]Value
	}
}

// quotedName is a name as JSON has it: from where in Code.names, and how long it is there.
// size is its length as it is.
type quotedName struct{ from, long, size uint32 }

func (q *quotedName) in(names string) string {
	return names[q.from : uint64(q.from)+uint64(q.long)]
}

// function is a bytecode.Function as the machine wants it.
type function struct {
	*bytecode.Function
	code []word
	// Of the Function, at hand:
	registers, params int
	named             int  // registers that have names; the rest are temporaries
	wide              bool // its frame reaches beyond a window
}

// Link is the method of that name for a new Code.
func Link(p *bytecode.Program, lookup func(name string) *Command) (*Code, error) {
	c := new(Code)
	if err := c.Link(p, lookup); err != nil {
		return nil, err
	}
	return c, nil
}

// Take is Link for a program that the code takes over, and whose constants, instructions
// and positions lie in memory that will be used again: what it keeps of them it copies.
// The program must not be used any more; Program gives another one that is the same.
func (c *Code) Take(p *bytecode.Program, lookup func(name string) *Command) error {
	c.taken = true
	return c.bind(p, lookup, nil)
}

// Memory is what codes lie in that are lent it, one after the other. The zero value is
// ready. It is not safe for concurrent use.
type Memory struct{ block block }

// Lend is Link for a code that is forgotten before the memory is lent again. The texts of
// constants, which a script may hand to anybody, have memory of their own.
func (c *Code) Lend(p *bytecode.Program, lookup func(name string) *Command, memory *Memory) error {
	return c.bind(p, lookup, memory)
}

// Link verifies a program and binds the commands that it calls. lookup gives
// the command of a name, or nil where there is none. A call of one that is
// missing, or whose interface is not the one the program was compiled against,
// is an error when it runs. The error of Link itself is CodeIntegrity.
func (c *Code) Link(p *bytecode.Program, lookup func(name string) *Command) error {
	return c.bind(p, lookup, nil)
}

// bind is Link, in memory that is lent, if any is.
func (c *Code) bind(p *bytecode.Program, lookup func(name string) *Command, memory *Memory) error {
	if err := bytecode.Verify(p); err != nil {
		return &Error{Code: CodeIntegrity, Msg: "the code does not verify", Err: err}
	}
	c.program = p
	c.functions = sized(c.own.functions[:], len(p.Functions))
	c.constants = sized(c.own.constants[:], len(p.Constants))
	b, texts := c.blocks(memory)
	for i := range p.Functions {
		f := &p.Functions[i]
		c.functions[i] = function{
			Function: f, code: link(p, f, take[word](&b, len(f.Code))),
			registers: f.Registers, params: f.Params, named: min(max(len(f.Locals), f.Params), f.Registers),
			wide: isWide(f),
		}
	}
	c.setConstants(texts)
	if c.taken {
		c.strip(&b)
	}
	c.writeNames(&b)
	if n := len(p.Commands); n > 0 {
		c.commands = slices.Grow(c.commands, n)[:n]
	}
	for i, want := range p.Commands {
		got := lookup(want.Name)
		if got != nil && !sameInterface(got.Params, want.Params) {
			got = nil
		}
		c.commands[i] = got
	}
	for _, name := range p.Requires {
		granted, ok := ParseCapability(name)
		if !ok {
			return Errorf(CodeIntegrity, "an unknown capability %q", name)
		}
		c.grants |= granted
	}
	return nil
}

// Forget makes the code as if it had never been linked, and keeps some of its memory for
// the next program. No machine may be running it.
func (c *Code) Forget() {
	commands := c.commands
	clear(commands)
	*c = Code{commands: commands[:0]}
}

// sized gives n items: the first of those that there are, or new ones.
func sized[T any](items []T, n int) []T {
	if n > len(items) {
		return make([]T, n)
	}
	return items[:n:n]
}

// block is memory for what of a Code holds no pointers: one allocation, which the garbage
// collector never looks into.
type block []uint64

// mostLent is the longest block that is kept for the next code.
const mostLent = 1024

// blocks gives the code's block, and what the texts of constants go to, which is zero: a
// part of it, or memory of their own where the block is lent.
func (c *Code) blocks(lent *Memory) (b, texts block) {
	size, words := c.blockSize(), c.textSize()
	switch {
	case lent == nil:
		b = make(block, words+size)
		return b[words:], b[:words]
	case size > mostLent:
		return make(block, size), make(block, words)
	case size > len(lent.block):
		lent.block = make(block, size)
	}
	return lent.block[:size], make(block, words)
}

// blockSize is how long the block is but for texts. The instructions do not end it, because
// the machine points at what is behind the one that it runs: at positions, or a word for
// that alone.
func (c *Code) blockSize() int {
	p := c.program
	const place = int(unsafe.Sizeof(quotedName{}))
	size := roundUp(len(p.Logs)*place) + roundUp(len(p.Globals)*place)
	for i := range p.Functions {
		size += len(p.Functions[i].Code) * wordSize
		if c.taken {
			size += roundUp(len(p.Functions[i].Positions) * int(unsafe.Sizeof(bytecode.Position{})))
		}
	}
	if !c.taken {
		size += wordSize
	}
	return roundUp(size+namesSize(p)) / 8
}

// textSize is how many words the texts of constants take.
func (c *Code) textSize() int {
	words := 0
	constants := c.program.Constants
	for i := range constants {
		if k := &constants[i]; k.Kind == bytecode.ConstString {
			words += textWords(len(k.Text))
		}
	}
	return words
}

// roundUp gives the next multiple of eight.
func roundUp(n int) int { return (n + 7) &^ 7 }

// take takes n items from the front of a block.
func take[T any](b *block, n int) []T {
	if n == 0 {
		return nil
	}
	var item T
	items := unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(*b))), n)
	*b = (*b)[roundUp(n*int(unsafe.Sizeof(item)))/8:]
	return items
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

// How the entry of a log begins as JSON, around the quoted name.
const logBegin, logEnd = `{"command":`, `,"duration_ms":`

// namesSize is how many bytes writeNames writes where nothing is escaped.
func namesSize(p *bytecode.Program) int {
	size := len(p.Logs)*len(logBegin+`""`+logEnd) + len(p.Globals)*len(`"":`)
	for _, name := range p.Logs {
		size += len(name)
	}
	for _, name := range p.Globals {
		size += len(name)
	}
	return size
}

// writeNames writes the names of logs and slots as JSON has them, one behind the other,
// and finds out where the slots are.
func (c *Code) writeNames(b *block) {
	logs, slots := c.program.Logs, c.program.Globals
	c.logs, c.members = take[quotedName](b, len(logs)), take[quotedName](b, len(slots))
	room := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(*b))), 8*len(*b))
	text := writeMembers(writeLogs(room[:0], c.logs, logs), c.members, slots)
	c.names = unsafe.String(unsafe.SliceData(text), len(text))
	c.status = int32(slices.Index(slots, "_status"))
	if len(slots) > fewSlots {
		c.slots = make(map[string]int32, len(slots))
		for i, name := range slots {
			if name != "" { // which a gap has
				c.slots[name] = int32(i)
			}
		}
	}
}

// writeLogs appends how the entries of logs begin, and notes where. The text moves where
// something is escaped that there is no room for.
func writeLogs(text []byte, places []quotedName, names []string) []byte {
	for i, name := range names[:len(places)] {
		from := len(text)
		text = append(AppendQuoted(append(text, logBegin...), name), logEnd...)
		places[i] = quotedName{uint32(from), uint32(len(text) - from), uint32(len(name))}
	}
	return text
}

// writeMembers appends how members of objects begin, and notes where.
func writeMembers(text []byte, places []quotedName, names []string) []byte {
	for i, name := range names[:len(places)] {
		if name == "" { // a gap
			places[i] = quotedName{}
			continue
		}
		from := len(text)
		text = append(AppendQuoted(text, name), ':')
		places[i] = quotedName{uint32(from), uint32(len(text) - from), uint32(len(name))}
	}
	return text
}

// Commands gives the program's commands. They must not be changed.
func (c *Code) Commands() []bytecode.Command { return c.program.Commands }

// Command gives what the i-th of the program's commands is bound to, nil for none.
func (c *Code) Command(i int) *Command { return c.commands[i] }

// Size is about how many bytes the code holds in memory.
func (c *Code) Size() int {
	n := 512 + len(c.constants)*(valueSize+32) + len(c.commands)*64
	for _, v := range c.constants {
		if v.IsString() {
			n += 2 * v.byteLen()
		}
	}
	for i := range c.functions {
		f := &c.functions[i]
		n += 256 + 16*len(f.code) + 12*len(f.Positions) + 12*len(f.Handlers) + 32*len(f.Locals)
	}
	for i := range c.logs {
		l := &c.logs[i]
		n += 64 + int(l.size+l.long)
	}
	for _, name := range c.program.Globals {
		n += 96 + 2*len(name)
	}
	return n
}

// link writes the instructions of a function as the machine keeps them into ws.
func link(p *bytecode.Program, f *bytecode.Function, ws []word) []word {
	copy(unsafe.Slice((*bytecode.Instr)(unsafe.Pointer(unsafe.SliceData(ws))), len(ws)), f.Code)
	second := uint8(0) // what the instruction behind is in a pair
	for i := len(ws) - 1; i >= 0; i-- {
		w := &ws[i]
		part := &parts[w.op]
		if part.step != nothing {
			switch {
			case part.step == jumps:
				w.c = int32((int(w.c) - i) * wordSize)
			case !isWide(f) && !isWide(&p.Functions[w.c]):
				w.op = opCallNear
				part = &parts[opCallNear]
			}
		}
		if more := fused[part.first|second]; more != 0 {
			w.fuse(more)
		}
		second = part.second
	}
	return ws
}

// isWide tells whether the frame of a function reaches beyond a window.
func isWide(f *bytecode.Function) bool { return f.Registers > bytecode.MaxDirect }

// setConstants makes the values of constants, and their texts in a block.
func (c *Code) setConstants(texts block) {
	constants := c.program.Constants
	for i := range c.constants {
		v := &c.constants[i]
		switch k := &constants[i]; k.Kind {
		case bytecode.ConstInt:
			*v = IntValue(int64(k.Bits))
		case bytecode.ConstFloat:
			*v = floatValue(math.Float64frombits(k.Bits))
		case bytecode.ConstString:
			words := textWords(len(k.Text))
			text := texts[:words]
			texts = texts[words:]
			*v = staticTextIn(unsafe.Pointer(unsafe.SliceData(text)), k.Text)
		default:
			panic(fmt.Sprintf("vm: a verified constant of kind %d", k.Kind))
		}
	}
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

// word is an instruction as the machine keeps it: a bytecode.Instr, byte for byte, but
// for its operation and where it jumps to.
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
