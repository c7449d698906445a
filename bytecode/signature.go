// This file holds what a compiler has to know of a command of the catalog.

package bytecode

// Signature is the interface of a command.
type Signature struct {
	Params []Param
	Form   Form
	Needs  []string // capabilities that its caller must have been granted
}

// Form tells what a call of a command compiles to.
type Form uint8

// Forms. All but FormCall and FormSplice are instructions of their own.
const (
	FormCall      Form = iota // OpCommand
	FormSplice                // OpCommand; a template written straight in the first argument keeps its values apart
	FormAddVar                // sets a variable of the Global pool
	FormExport                // OpExport
	FormParam                 // OpParam
	FormQueryList             // OpQueryList
	FormPush                  // OpPush
	FormPut                   // OpPut
)

// ScriptOnly reports whether a command of this form belongs to scripts and cannot be
// used in a definition.
func (f Form) ScriptOnly() bool {
	return f == FormAddVar || f == FormExport || f == FormParam || f == FormQueryList
}
