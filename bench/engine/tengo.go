// This file runs the programs on Tengo.

package engine

import (
	"github.com/d5/tengo/v2"
	"github.com/d5/tengo/v2/parser"
)

// Tengo is github.com/d5/tengo/v2.
type Tengo struct{}

// Name implements Engine.
func (Tengo) Name() string { return "tengo" }

// tengoProgram is a compiled program with the places of its globals.
type tengoProgram struct {
	bytecode *tengo.Bytecode
	symbols  *tengo.SymbolTable
}

// Prepare implements Engine. tengo.Compiled makes a machine of 100 KB for each
// run; a machine that is kept and run again, which its Run allows, is several
// times faster for small programs. Its globals are cleared before each run.
func (Tengo) Prepare(p Program) (func() (Answer, error), error) {
	program, err := compileTengo(source(string(p), "tengo"))
	if err != nil {
		return nil, err
	}
	globals := make([]tengo.Object, program.symbols.MaxSymbols()+1)
	request := program.index("request")
	number, text := program.index("result"), program.index("label")
	if p == Handler {
		number = program.index("total")
	}
	machine := tengo.NewVM(program.bytecode, globals, -1)
	return func() (Answer, error) {
		clear(globals)
		globals[request] = &tengo.ImmutableMap{Value: map[string]tengo.Object{"limit": &tengo.Int{Value: Limit}}}
		if err := machine.Run(); err != nil {
			return Answer{}, err
		}
		var answer Answer
		answer.Number, _ = tengo.ToFloat64(globals[number])
		if text >= 0 {
			answer.Text, _ = tengo.ToString(globals[text])
		}
		return answer, nil
	}, nil
}

// Compile implements Engine.
func (Tengo) Compile() (func() error, error) {
	text := source("compile", "tengo")
	return func() error {
		_, err := compileTengo(text)
		return err
	}, nil
}

func compileTengo(text string) (*tengoProgram, error) {
	symbols := tengo.NewSymbolTable()
	for i, builtin := range tengo.GetAllBuiltinFunctions() {
		symbols.DefineBuiltin(i, builtin.Name)
	}
	symbols.Define("request")

	files := parser.NewFileSet()
	file := files.AddFile("program", -1, len(text))
	tree, err := parser.NewParser(file, []byte(text), nil).ParseFile()
	if err != nil {
		return nil, err
	}
	compiler := tengo.NewCompiler(file, symbols, nil, nil, nil)
	if err := compiler.Compile(tree); err != nil {
		return nil, err
	}
	bytecode := compiler.Bytecode()
	bytecode.RemoveDuplicates()
	return &tengoProgram{bytecode: bytecode, symbols: symbols}, nil
}

// index is the place of a global, or -1 where the program has none of the name.
func (p *tengoProgram) index(name string) int {
	symbol, _, ok := p.symbols.Resolve(name, false)
	if !ok || symbol.Scope != tengo.ScopeGlobal {
		return -1
	}
	return symbol.Index
}
