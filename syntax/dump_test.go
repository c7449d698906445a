// This file writes trees as s-expressions, without places, for the tests.

package syntax

import (
	"fmt"
	"strconv"
	"strings"
)

// dump writes a file, one statement a line.
func dump(f *File) string {
	var d dumper
	for _, fn := range f.Funcs {
		d.line("(function %s (%s)", fn.Name, paramNames(fn.Params))
		d.body(fn.Body)
		d.close()
	}
	for _, c := range f.Commands {
		var params []string
		for _, p := range c.Params {
			params = append(params, p.Name+":"+p.Mode)
		}
		d.line("(command %s (%s) (%s) %q", c.Name, strings.Join(params, " "), paramNames(c.Requires), c.Doc)
		d.body(c.Body)
		d.close()
	}
	for _, s := range f.Body {
		d.stmt(s)
	}
	return d.String()
}

type dumper struct {
	strings.Builder
	depth int
}

func (d *dumper) line(format string, args ...any) {
	if d.Len() > 0 {
		d.WriteByte('\n')
	}
	d.WriteString(strings.Repeat("  ", d.depth))
	fmt.Fprintf(d, format, args...)
}

func (d *dumper) body(stmts []Stmt) {
	d.depth++
	for _, s := range stmts {
		d.stmt(s)
	}
	d.depth--
}

func (d *dumper) close() { d.WriteByte(')') }

func (d *dumper) stmt(s Stmt) {
	switch s := s.(type) {
	case *Assign:
		d.line("(= %s %s)", sexpr(s.Target), sexpr(s.Value))
	case *Do:
		d.line("%s", sexpr(s.X))
	case *If:
		if s.Cond != nil {
			d.line("(if %s", sexpr(s.Cond))
		} else {
			d.line("(if3 %s %s %s", s.Op, argExpr(s.A), argExpr(s.B))
		}
		d.body(s.Then)
		if s.ElsePos != (Pos{}) {
			d.line("else")
			d.body(s.Else)
		}
		d.close()
	case *Loop:
		d.line("(loop %s %s %s", s.Var, argExpr(s.From), argExpr(s.To))
		d.body(s.Body)
		d.close()
	case *While:
		d.line("(while %s", sexpr(s.Cond))
		d.body(s.Body)
		d.close()
	case *Try:
		d.line("(try")
		d.body(s.Body)
		flat := ""
		if s.Flat {
			flat = " flat " + s.Result
		}
		d.line("exception %s%s", s.Err, flat)
		d.body(s.Handler)
		d.close()
	case *Return:
		d.line("(return%s)", maybe(s.Value))
	case *Break:
		d.line("(break)")
	case *Continue:
		d.line("(continue)")
	default:
		d.line("?%T", s)
	}
}

func maybe(x Expr) string {
	if x == nil {
		return ""
	}
	return " " + sexpr(x)
}

func sexprs(xs []Expr) string {
	var b strings.Builder
	for _, x := range xs {
		b.WriteString(" " + sexpr(x))
	}
	return b.String()
}

func paramNames(params []Param) string {
	var names []string
	for _, p := range params {
		names = append(names, p.Name)
	}
	return strings.Join(names, " ")
}

// argExpr writes text that is no expression in « ».
func argExpr(a *Arg) string {
	if a == nil {
		return "?nil"
	}
	if a.Expr == nil {
		return "«" + a.Text + "»"
	}
	return sexpr(a.Expr)
}

func clauseList(clauses []Clause) string {
	var b strings.Builder
	for _, c := range clauses {
		if c.Cond != nil {
			fmt.Fprintf(&b, " (if %s)", sexpr(c.Cond))
		} else {
			fmt.Fprintf(&b, " (for (%s) %s)", paramNames(c.Vars), sexpr(c.Iter))
		}
	}
	return b.String()
}

func keywordList(keywords []Keyword) string {
	var b strings.Builder
	for _, k := range keywords {
		fmt.Fprintf(&b, " (%s= %s)", k.Name, sexpr(k.Value))
	}
	return b.String()
}

func part(x Expr) string {
	if x == nil {
		return "_"
	}
	return sexpr(x)
}

func sexpr(x Expr) string {
	switch x := x.(type) {
	case *NoneLit:
		return "None"
	case *BoolLit:
		if x.Value {
			return "True"
		}
		return "False"
	case *IntLit:
		return strconv.FormatInt(x.Value, 10)
	case *FloatLit:
		return "f" + strconv.FormatFloat(x.Value, 'g', -1, 64)
	case *WideLit:
		return "wide" + x.Text
	case *StringLit:
		return strconv.QuoteToGraphic(x.Value)
	case *Template:
		b := "`" + strconv.QuoteToGraphic(x.Texts[0])
		for i, e := range x.Exprs {
			b += " " + sexpr(e) + " " + strconv.QuoteToGraphic(x.Texts[i+1])
		}
		return b + "`"
	case *Name:
		return x.Name
	case *GlobalName:
		return "$" + x.Name
	case *ListLit:
		return "[" + strings.TrimPrefix(sexprs(x.Items), " ") + "]"
	case *TupleLit:
		return "(tuple" + sexprs(x.Items) + ")"
	case *DictLit:
		b := "{"
		for i, k := range x.Keys {
			b += sexpr(k) + ":" + sexpr(x.Values[i]) + " "
		}
		return strings.TrimSuffix(b, " ") + "}"
	case *Unary:
		return "(" + x.Op + " " + sexpr(x.X) + ")"
	case *Binary:
		return "(" + x.Op + " " + sexpr(x.X) + " " + sexpr(x.Y) + ")"
	case *Logical:
		return "(" + x.Op + sexprs(x.Xs) + ")"
	case *Compare:
		b := "(" + sexpr(x.Xs[0])
		for i, op := range x.Ops {
			b += " " + op + " " + sexpr(x.Xs[i+1])
		}
		return b + ")"
	case *Cond:
		return "(? " + sexpr(x.If) + " " + sexpr(x.Then) + " " + sexpr(x.Else) + ")"
	case *Index:
		return "(at " + sexpr(x.X) + " " + sexpr(x.I) + ")"
	case *Slice:
		return "(slice " + sexpr(x.X) + " " + part(x.Lo) + " " + part(x.Hi) + " " + part(x.Step) + ")"
	case *Attr:
		return "(. " + sexpr(x.X) + " " + x.Key + ")"
	case *Call:
		mark := "call "
		if x.Builtin {
			mark = ""
		}
		return "(" + mark + x.Name + sexprs(x.Args) + keywordList(x.Keywords) + ")"
	case *MethodCall:
		return "(." + x.Name + " " + sexpr(x.X) + sexprs(x.Args) + keywordList(x.Keywords) + ")"
	case *CommandCall:
		b := "(cmd " + x.Name
		for i := range x.Args {
			b += " " + argExpr(&x.Args[i])
		}
		return b + ")"
	case *ListComp:
		mark := "comp"
		if x.Bare {
			mark = "bare"
		}
		return "(" + mark + " " + sexpr(x.Elem) + clauseList(x.Clauses) + ")"
	case *DictComp:
		return "(dcomp " + sexpr(x.Key) + ":" + sexpr(x.Value) + clauseList(x.Clauses) + ")"
	}
	return fmt.Sprintf("?%T", x)
}
