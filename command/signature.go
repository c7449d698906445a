// This file holds how the interface of a stock command is found: every script that is
// new asks for those of its commands.

package command

import "github.com/avap-framework/avap/bytecode"

// places is how many places the table has in which interfaces are looked up.
const places = 256

// named is an interface with its name.
type named struct {
	name      string
	signature *bytecode.Signature // nil in a free place
}

// byPlace holds signatures, each at its name's place or the next one that was free.
// It never changes.
var byPlace = func() (t [places]named) {
	for name, s := range signatures {
		at := place(name)
		for t[at%places].signature != nil {
			at++
		}
		t[at%places] = named{name, s}
	}
	return t
}()

// place is where a name is looked up first: the stock commands are few, and their
// lengths and a few bytes tell nearly all of them apart.
func place(name string) uint {
	n := uint(len(name))
	if n == 0 {
		return 0
	}
	return n + 7*uint(name[n/2]) + 3*uint(name[n-1])
}

// Signature returns the interface of a stock command, nil where there is none of
// that name. It is shared and must not be changed.
func Signature(name string) *bytecode.Signature {
	for at := place(name); ; at++ {
		if t := &byPlace[at%places]; t.signature == nil || t.name == name {
			return t.signature
		}
	}
}
