// This file holds the program in the making, and how it gets memory of its own.

package compile

import (
	"slices"

	"github.com/avap-framework/avap/bytecode"
)

// Room is for what most programs hold beside code and constants; what does not fit has
// memory apart. It is half a KiB, as a size class is.
type Room struct {
	program   bytecode.Program
	functions [1]bytecode.Function
	names     [10]string // globals and logs
}

// most is how many items of a list are kept for the next compilation.
const most = 256

// rewound gives a list for the next compilation.
func rewound[T any](items []T) []T {
	if cap(items) > most {
		return nil
	}
	return items[:0]
}

// emptied is rewound for lists that hold memory, which they let go.
func emptied[T any](items []T) []T {
	var none T
	for i := range items { // few as a rule: clear would take longer
		items[i] = none
	}
	return rewound(items)
}

// begin begins a program.
func (u *unit) begin() {
	switch {
	case u.opt.Lend == LendAll:
		u.made = &u.lent
	case u.opt.Room != nil:
		u.made = u.opt.Room
	default:
		u.made = new(Room)
	}
	u.program = &u.made.program
}

// whole gives the program that was made.
func (u *unit) whole() *bytecode.Program {
	p := u.program
	p.Commands = kept(u.commands, u.opt.Lend == LendAll)
	p.Constants = kept(u.constants, u.opt.Lend >= LendLists)
	u.setNames()
	p.Functions = u.made.functions[:]
	if u.used > len(p.Functions) {
		p.Functions = make([]bytecode.Function, u.used)
	}
	r := u.room()
	for i, b := range u.bodies[:u.used] {
		b.layout(&p.Functions[i], &r)
	}
	return p
}

// kept gives a list as it is lent, or memory of its own; nil where it is empty.
func kept[T any](items []T, lent bool) []T {
	switch {
	case len(items) == 0:
		return nil
	case lent:
		return slices.Clip(items)
	}
	return append(make([]T, 0, len(items)), items...)
}

// setNames gives the program the names of its globals and logs. Between the slots that
// have direct registers and those that have wide ones there are gaps, which have no name.
func (u *unit) setNames() {
	p := u.program
	direct, wide := u.globals, []string(nil)
	slots := len(u.globals)
	if u.opt.Lend == LendAll && slots <= u.direct {
		p.Globals, p.Logs = kept(direct, true), kept(u.logs, true)
		return
	}
	if slots > u.direct {
		direct, wide = u.globals[:u.direct], u.globals[u.direct:]
		slots = bytecode.MaxDirect + len(wide)
	}
	names := u.made.names[:]
	if n := slots + len(u.logs); n > len(names) {
		names = make([]string, n)
	}
	p.Globals, p.Logs = cut(&names, slots), cut(&names, len(u.logs))
	copy(p.Globals, direct)
	copy(p.Globals[slots-len(wide):], wide)
	copy(p.Logs, u.logs)
}

// room is what the lists of functions are cut from, so that a program has one for each
// type.
type room struct {
	code      []bytecode.Instr
	positions []bytecode.Position
	handlers  []bytecode.Handler
	locals    []string
}

func (u *unit) room() (r room) {
	code, positions, handlers, locals := 0, 0, 0, 0
	for _, b := range u.bodies[:u.used] {
		code += b.pc
		positions += len(b.positions)
		handlers += len(b.handlers)
		locals += len(b.locals)
	}
	if u.opt.Lend >= LendLists {
		u.code = slices.Grow(u.code[:0], code)[:code]
		r.code = u.code
	} else {
		r.code, r.positions = make([]bytecode.Instr, code), make([]bytecode.Position, positions)
	}
	if handlers > 0 {
		r.handlers = make([]bytecode.Handler, handlers)
	}
	if locals > 0 {
		r.locals = make([]string, locals)
	}
	return r
}

// cut gives as many items as there are from the front of a room; nil for none.
func cut[T any](room *[]T, n int) []T {
	if n == 0 {
		return nil
	}
	items := (*room)[:n:n]
	*room = (*room)[n:]
	return items
}
