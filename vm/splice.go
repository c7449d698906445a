// This file holds what a command sees of a template whose values are kept apart.

package vm

// Splice returns the pieces of a template that was written straight in an
// argument which keeps its values apart (bytecode.FormSplice): text, value,
// text, …, shared. ok is false for every other value.
func (v Value) Splice() (pieces []Value, ok bool) {
	if v.Kind() != splice {
		return nil, false
	}
	return v.list().items, true
}

// Template makes a value of pieces that are kept apart: text, value, text, …
func (m *Machine) Template(pieces ...Value) (Value, error) {
	return m.makeSplice(pieces)
}
