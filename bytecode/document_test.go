// This file holds the generator of docs/bytecode.md: the prose is in
// testdata/bytecode.md.tmpl, the rest comes from the table.

package bytecode

import (
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
)

// operandTexts explain the kinds of operands: the short form of the tables, and
// what it means.
var operandTexts = [...]struct{ Short, Meaning string }{
	Unused:      {"", "0"},
	Read:        {"reg", "a direct register that is read"},
	Write:       {"reg!", "a direct register that is written"},
	Update:      {"reg±", "a direct register that is read and written"},
	ReadRange:   {"regs", "the first of *count* direct registers that are read"},
	WriteRange:  {"regs!", "the first of *count* direct registers that are written"},
	ReadTwo:     {"2 regs", "the first of two direct registers that are read"},
	ReadThree:   {"3 regs", "the first of three direct registers that are read"},
	WriteUpTo:   {"from!", "the first of the direct registers that are written, up to the one before *end*"},
	Native:      {"args!", "the first of *argc* direct registers, the arguments; the result lands in it, so there is at least one"},
	Receiver:    {"self!", "the same, the first argument being the receiver, which is always there"},
	Frame:       {"frame!", "the same, and the callee's frame begins here: what the caller had in this register and above it is lost"},
	Outs:        {"outs!", "the same, but results land in the arguments themselves, of which there may be none"},
	Counter:     {"loop", "the first of the two direct registers that a counted loop owns"},
	ReadWide:    {"wide", "any register of the frame, read"},
	WriteWide:   {"wide!", "any register of the frame, written"},
	Count:       {"count", "how many registers"},
	End:         {"end", "the register after the last"},
	Arguments:   {"argc", "how many arguments: what the callee takes, at most 250"},
	Const:       {"const", "a constant"},
	Name:        {"name", "a constant that is a text"},
	Global:      {"slot", "a slot of the Global pool that has a name"},
	Target:      {"jump", "an instruction of the same function"},
	Func:        {"func", "a function other than the first"},
	Builtin:     {"builtin", "the number of a built-in"},
	Method:      {"method", "the number of a method"},
	BuiltinSite: {"site", "a call site whose target is a built-in, and which names no more arguments than there are"},
	MethodSite:  {"msite", "a call site whose target is a method, and which names no more arguments than there are after the receiver"},
	Catalog:     {"command", "an entry of the program's list of commands"},
	LogName:     {"log", "an entry of the program's list of log names"},
	ErrorCode:   {"code", "an error code, by its number"},
	Compare:     {"cmp", "a comparator, by its number"},
	Number:      {"int", "a signed number"},
	LowByte:     {"low", "the low byte of a signed 16-bit number"},
	TopByte:     {"high", "its high byte"},
	Flag:        {"flag", "0 or 1"},
	Room:        {"room", "a hint of how many items will come; the machine may make less room"},
}

func TestOperandsAreDocumented(t *testing.T) {
	if len(operandTexts) != int(Room)+1 {
		t.Errorf("%d kinds of operands are documented, there are %d", len(operandTexts), Room+1)
	}
	shorts := map[string]bool{}
	for kind, text := range operandTexts {
		if text.Meaning == "" || shorts[text.Short] {
			t.Errorf("the operand %d is not documented, or two have the short form %q", kind, text.Short)
		}
		shorts[text.Short] = true
	}
}

// notes are an operation's marks in the tables.
func notes(i Info) string {
	var marks []string
	for _, mark := range []struct {
		set  bool
		text string
	}{
		{i.Raises, "raises"},
		{i.Calls, "calls"},
		{i.Jumps(), "jumps"},
		{i.Ends, "ends"},
		{i.Scope == InScript, "scripts only"},
		{i.Scope == InTop, "first function only"},
		{i.Scope == InFunction, "other functions only"},
	} {
		if mark.set {
			marks = append(marks, mark.text)
		}
	}
	return strings.Join(marks, ", ")
}

// group is a table of the document.
type group struct {
	Title string
	Rows  []string
}

// tables gives the operations by their groups, in the order of their numbers.
func tables() []*group {
	var all []*group
	titled := map[string]*group{}
	for op := Op(1); int(op) < NumOps; op++ {
		info := Ops[op]
		g := titled[info.Group]
		if g == nil {
			g = &group{Title: info.Group}
			titled[info.Group] = g
			all = append(all, g)
		}
		g.Rows = append(g.Rows, fmt.Sprintf("| %d | `%s` | %s | %s | %s | %s | %s | `%s` | `%s` | %s |",
			op, info.Name, operandTexts[info.A].Short, operandTexts[info.B].Short, operandTexts[info.X].Short,
			operandTexts[info.C].Short, strings.ReplaceAll(info.Effect, "*", `\*`), info.Example, info.Picture, notes(info)))
	}
	return all
}

func TestDocument(t *testing.T) {
	page, err := template.ParseFiles(filepath.Join("testdata", "bytecode.md.tmpl"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	err = page.Execute(&b, map[string]any{
		"Version": Version, "Groups": tables(), "Operands": operandTexts,
		"Codes": Codes, "Builtins": Builtins, "Methods": Methods, "Comparators": comparatorNames,
		"MaxRegisters": MaxRegisters, "MaxDirect": MaxDirect, "MaxFunctions": MaxFunctions,
		"MaxConstants": MaxConstants, "MaxCode": MaxCode, "MaxParameters": MaxParameters,
		"Listing": listing(t, sumProgram()), "Bytes": hex.Dump(AppendProgram(nil, sumProgram())),
	})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join("..", "docs", "bytecode.md"), b.String())
}
