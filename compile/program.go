// This file holds the program in the making, and how it gets memory of its own.

package compile

import "github.com/avap-framework/avap/bytecode"

// usual is one allocation for what most programs hold beside their code. With the
// allocator's header of 8 bytes it fills a size class, 704 bytes; what does not fit has
// memory apart.
type usual struct {
	program   bytecode.Program
	functions [1]bytecode.Function
	constants [5]bytecode.Constant
	globals   [7]string
	logs      [5]string
}

// list is a list of the program. It is made in the program's memory as long as it fits
// there, and else in memory that is kept for the next compilation.
type list[T any] struct {
	items []T
	apart bool // whether items are in memory that is kept
	kept  []T  // that memory, while it is not used
}

// begin begins a list in the program's memory.
func (l *list[T]) begin(room []T) { l.items = room[:0] }

// add adds an item to the list.
func (l *list[T]) add(item T) {
	if len(l.items) == cap(l.items) && !l.apart {
		l.items, l.apart = append(l.kept, l.items...), true
	}
	l.items = append(l.items, item)
}

// whole gives the list without room behind it; nil where it is empty.
func (l *list[T]) whole() []T {
	n := len(l.items)
	switch {
	case n == 0:
		return nil
	case l.apart:
		return append(make([]T, 0, n), l.items...)
	}
	return l.items[:n:n]
}

// reset forgets the list.
func (l *list[T]) reset() {
	if l.apart {
		l.kept, l.apart = emptied(l.items), false
	}
	l.items = nil
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
	clear(items)
	return rewound(items)
}

// begin begins a program.
func (u *unit) begin() {
	u.made = new(usual)
	u.program = &u.made.program
	u.constants.begin(u.made.constants[:])
	u.globals.begin(u.made.globals[:])
	u.logs.begin(u.made.logs[:])
}

// whole gives the program that was made.
func (u *unit) whole() *bytecode.Program {
	p := u.program
	p.Constants, p.Commands, p.Logs = u.constants.whole(), u.commands.whole(), u.logs.whole()
	if len(u.globals.items) <= u.direct {
		p.Globals = u.globals.whole()
	} else {
		p.Globals = padded(u.globals.items, u.direct)
	}
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

// padded leaves gaps, which have no name, between the slots that have direct
// registers and those that have wide ones.
func padded(globals []string, direct int) []string {
	names := make([]string, bytecode.MaxDirect+len(globals)-direct)
	copy(names, globals[:direct])
	copy(names[bytecode.MaxDirect:], globals[direct:])
	return names
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
	r.code, r.positions = make([]bytecode.Instr, code), make([]bytecode.Position, positions)
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
