// This file holds the tables of the names, texts and numbers that a unit mentions.

package compile

import "github.com/avap-framework/avap/bytecode"

// symbol is all that a unit knows of a name or text. What a number stands for, it has
// where the number is not 0: one that counts from 0 elsewhere counts from 1 here.
type symbol struct {
	name     string
	sig      *bytecode.Signature // of the command, once it is known
	known    bool                // whether sig is what the catalog says
	template bool                // a variable that is made from a template
	slot     int32               // of the Global pool, from 1
	local    int32               // register in the body of that number:
	body     int32               // from 1
	text     int32               // constant, from 1
	log      int32               // in Program.Logs, from 1
	command  int32               // in Program.Commands, from 1
	function int32               // in Program.Functions, where 0 is the top level
	params   int32               // how many the function has
}

// symbols is the table. Most units have so few names that all are found near the
// place that their length and two of their bytes tell. That is no hash to rely on:
// names chosen to meet there go into the map, and cost what that costs.
type symbols struct {
	heads [places]uint8 // by place: which of the few, from 1; 0 is a free place
	few   [fewSymbols]symbol
	used  int                // of the few
	rest  map[string]*symbol // those that are not among the few
	block []symbol           // that those of rest come from
}

const (
	places     = 128
	fewSymbols = 64
	near       = 4 // how many places a name may be found at
)

// place is where a name is looked for first.
func place(name string) uint {
	n := uint(len(name))
	if n == 0 {
		return 0
	}
	return n + 3*uint(name[n-1]) + 7*uint(name[n/2])
}

// get gives the symbol of a name, a new one where it has none. It stays where it is
// until the next reset.
func (t *symbols) get(name string) *symbol {
	at := place(name)
	head := &t.heads[at%places]
	if *head == 0 {
		return t.add(name, head)
	}
	if s := &t.few[(*head-1)%fewSymbols]; s.name == name {
		return s
	}
	return t.find(name, at+1)
}

// find is get for a name that is not where it is looked for first.
func (t *symbols) find(name string, at uint) *symbol {
	for range near - 1 {
		head := &t.heads[at%places]
		if *head == 0 {
			return t.add(name, head)
		}
		if s := &t.few[(*head-1)%fewSymbols]; s.name == name {
			return s
		}
		at++
	}
	return t.far(name)
}

// add makes a symbol at a free place, if there is room among the few.
func (t *symbols) add(name string, head *uint8) *symbol {
	if t.used == fewSymbols {
		return t.far(name)
	}
	s := &t.few[t.used]
	t.used++
	*head = uint8(t.used)
	s.name = name
	return s
}

// far is get for names that are not among the few.
func (t *symbols) far(name string) *symbol {
	s := t.rest[name]
	if s != nil {
		return s
	}
	if t.rest == nil {
		t.rest = map[string]*symbol{}
	}
	if len(t.block) == cap(t.block) {
		t.block = make([]symbol, 0, fewSymbols)
	}
	t.block = append(t.block, symbol{name: name})
	s = &t.block[len(t.block)-1]
	t.rest[name] = s
	return s
}

// reset forgets all names.
func (t *symbols) reset() {
	t.heads = [places]uint8{}
	for i := range t.few[:t.used] {
		t.few[i] = symbol{}
	}
	t.used = 0
	if t.rest != nil {
		t.rest, t.block = nil, nil
	}
}

// number is a constant that is a number.
type number struct {
	kind bytecode.ConstantKind
	bits uint64
}

// numbers tells where numbers stand among the constants. Few scripts have many: the
// first ones are looked through, the others are in the map.
type numbers struct {
	few  [8]placed
	used int // of the few
	rest map[number]int32
}

// placed is a number with its place.
type placed struct {
	number
	at int32
}

// get gives the place of a number; false where it has none.
func (t *numbers) get(n number) (int32, bool) {
	for i := range t.few[:t.used] {
		if p := &t.few[i]; p.bits == n.bits && p.kind == n.kind {
			return p.at, true
		}
	}
	if t.rest == nil {
		return 0, false
	}
	at, ok := t.rest[n]
	return at, ok
}

// put gives a number that has none its place.
func (t *numbers) put(n number, at int32) {
	if t.used < len(t.few) {
		t.few[t.used] = placed{n, at}
		t.used++
		return
	}
	if t.rest == nil {
		t.rest = map[number]int32{}
	}
	t.rest[n] = at
}

// reset forgets all numbers.
func (t *numbers) reset() { t.used, t.rest = 0, nil }

// natives are the numbers of the built-in functions, or of the methods, from 1: each
// name is at its place or at the next one that was free.
type natives [places]struct {
	name   string
	number int
}

// Neither changes.
var (
	builtins = numbered(bytecode.Builtins[:])
	methods  = numbered(bytecode.Methods[:])
)

func numbered(names []string) *natives {
	t := new(natives)
	for i, name := range names {
		at := place(name)
		for t[at%places].number != 0 {
			at++
		}
		t[at%places].name, t[at%places].number = name, i+1
	}
	return t
}

// number gives the number of a name, from 0; -1 where it has none.
func (t *natives) number(name string) int {
	for at := place(name); ; at++ {
		if n := &t[at%places]; n.number == 0 || n.name == name {
			return n.number - 1
		}
	}
}
