// This file holds what is found out about names before code is made for them.

package compile

import (
	"slices"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/syntax"
)

// lastError is the variable that holds the message of the error caught last.
const lastError = "__last_error__"

// assigned gives the names that the statements of a function or definition
// assign, in the order of the source.
func (u *unit) assigned(body []syntax.Stmt) []string {
	var names []string
	u.eachStatement(body, func(s syntax.Stmt) {
		switch s := s.(type) {
		case *syntax.Assign:
			if n, ok := s.Target.(*syntax.Name); ok {
				names = append(names, n.Name)
			}
		case *syntax.Do:
			names = append(names, u.outputs(s)...)
		case *syntax.Loop:
			names = append(names, s.Var)
		case *syntax.Try:
			names = append(names, caughtBy(s)...)
			names = append(names, lastError)
		}
	})
	return names
}

// caughtBy gives the variables that a try() puts the message of an error into,
// beside lastError.
func caughtBy(s *syntax.Try) (names []string) {
	for _, name := range []string{s.Err, s.Result} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// outputs gives the variables that a command writes by its out parameters.
func (u *unit) outputs(s *syntax.Do) []string {
	call, ok := s.X.(*syntax.CommandCall)
	if !ok {
		return nil
	}
	sig := u.lookup(u.symbols.get(call.Name))
	if sig == nil || sig.Form == bytecode.FormAddVar {
		return nil
	}
	var names []string
	for i := range call.Args {
		if i < len(sig.Params) && sig.Params[i].Mode == bytecode.ModeOut {
			if name, ok := variableName(&call.Args[i]); ok {
				names = append(names, name)
			}
		}
	}
	return names
}

// writesGlobals tells whether statements of a function hold an addVar.
func (u *unit) writesGlobals(body []syntax.Stmt) bool {
	found := false
	u.eachStatement(body, func(s syntax.Stmt) {
		if do, ok := s.(*syntax.Do); ok {
			if call, ok := do.X.(*syntax.CommandCall); ok {
				sig := u.lookup(u.symbols.get(call.Name))
				found = found || sig != nil && sig.Form == bytecode.FormAddVar
			}
		}
	})
	return found
}

// eachStatement calls f for statements and those inside of them. Blocks nest at
// most 200 levels deep.
func (u *unit) eachStatement(body []syntax.Stmt, f func(syntax.Stmt)) {
	for _, s := range body {
		f(s)
		switch s := s.(type) {
		case *syntax.If:
			u.eachStatement(s.Then, f)
			u.eachStatement(s.Else, f)
		case *syntax.Loop:
			u.eachStatement(s.Body, f)
		case *syntax.While:
			u.eachStatement(s.Body, f)
		case *syntax.Try:
			u.eachStatement(s.Body, f)
			u.eachStatement(s.Handler, f)
		}
	}
}

// variableName gives the name in an argument that names a variable, bare or quoted.
func variableName(a *syntax.Arg) (string, bool) {
	switch e := a.Expr.(type) {
	case *syntax.Name:
		return e.Name, true
	case *syntax.StringLit:
		return e.Value, syntax.IsName(e.Value)
	}
	return "", false
}

// mention is a variable that an expression reads.
type mention struct {
	name   string
	global bool // $x
}

// mentions collects the variables that a piece of a command's arguments reads,
// and the first call in it of something unknown. Names bound by a
// comprehension, keys behind a dot and names of functions do not count; nor do
// the arguments of a known command, which are as written themselves.
type mentions struct {
	u       *unit
	vars    []mention
	bound   []string
	unknown *syntax.CommandCall
}

func (m *mentions) add(v mention) {
	if !v.global && slices.Contains(m.bound, v.name) || slices.Contains(m.vars, v) {
		return
	}
	m.vars = append(m.vars, v)
}

func (m *mentions) exprs(es ...syntax.Expr) {
	for _, e := range es {
		m.expr(e)
	}
}

func (m *mentions) expr(e syntax.Expr) {
	switch e := e.(type) {
	case *syntax.Name:
		m.add(mention{name: e.Name})
	case *syntax.GlobalName:
		m.add(mention{e.Name, true})
	case *syntax.Template:
		for _, x := range e.Exprs {
			if _, lone := x.(*syntax.Name); !lone {
				m.expr(x)
			}
		}
	case *syntax.ListLit:
		m.exprs(e.Items...)
	case *syntax.TupleLit:
		m.exprs(e.Items...)
	case *syntax.DictLit:
		for i := range e.Keys {
			m.exprs(e.Keys[i], e.Values[i])
		}
	case *syntax.Unary:
		m.expr(e.X)
	case *syntax.Binary:
		m.exprs(e.X, e.Y)
	case *syntax.Logical:
		m.exprs(e.Xs...)
	case *syntax.Compare:
		m.exprs(e.Xs...)
	case *syntax.Cond:
		m.exprs(e.Then, e.If, e.Else)
	case *syntax.Index:
		m.exprs(e.X, e.I)
	case *syntax.Slice:
		m.exprs(e.X, e.Lo, e.Hi, e.Step)
	case *syntax.Attr:
		m.expr(e.X)
	case *syntax.Call:
		m.exprs(e.Args...)
		m.keywords(e.Keywords)
	case *syntax.MethodCall:
		m.expr(e.X)
		m.exprs(e.Args...)
		m.keywords(e.Keywords)
	case *syntax.CommandCall:
		m.command(e)
	case *syntax.ListComp:
		m.comprehension(e.Clauses, e.Elem)
	case *syntax.DictComp:
		m.comprehension(e.Clauses, e.Key, e.Value)
	}
}

func (m *mentions) keywords(ks []syntax.Keyword) {
	for _, k := range ks {
		m.expr(k.Value)
	}
}

// command looks into a call of a command: what an unknown one is given counts
// as variables, because nothing says how it would be read.
func (m *mentions) command(e *syntax.CommandCall) {
	if m.u.lookup(m.u.symbols.get(e.Name)) != nil {
		return
	}
	if m.unknown == nil {
		m.unknown = e
	}
	for i := range e.Args {
		m.expr(e.Args[i].Expr)
	}
}

// comprehension looks into clauses from left to right, so that a name counts
// as bound only behind the clause that binds it.
func (m *mentions) comprehension(clauses []syntax.Clause, results ...syntax.Expr) {
	outer := len(m.bound)
	for _, c := range clauses {
		if c.Cond != nil {
			m.expr(c.Cond)
			continue
		}
		m.expr(c.Iter)
		for _, v := range c.Vars {
			m.bound = append(m.bound, v.Name)
		}
	}
	m.exprs(results...)
	m.bound = m.bound[:outer]
}
