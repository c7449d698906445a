// This file holds the syntax tree: one type for each form of the language.
// Nodes are made by the parser and never changed afterwards.

// Package syntax turns AVAP text into a tree and back: scanner, parser, syntax
// tree, printer. It knows the forms of the language and nothing of their
// meaning; in particular it needs no catalog of commands.
package syntax

// Pos is a place in the source: line and column, both from 1; columns count
// code points. The zero Pos is unknown.
type Pos struct{ Line, Col int32 }

// Node is anything in the tree that has a place.
type Node interface{ Position() Pos }

// Position makes every node that embeds a Pos a Node.
func (p Pos) Position() Pos { return p }

// File is one parsed source.
type File struct {
	Body     []Stmt        // the top level, without functions and definitions
	Funcs    []*Function   // in the order of the source
	Commands []*Definition // in the order of the source
	Comments []*Comment    // in the order of the source
	Calls    []string      // the names of the commands that are called, each once
	src      string        // for the printer: literals as written, blank lines
}

// Comment is one // or /* */ comment, delimiters included.
type Comment struct {
	Pos
	Text     string
	Trailing bool // code stands before it on its line
	inside   bool // it stands in brackets
}

// Function is `function name(p, q) { … }`.
type Function struct {
	Pos
	Name   string
	Params []Param
	Body   []Stmt
	End    Pos // of the closing brace
}

// Param is a function's parameter.
type Param struct {
	Pos
	Name string
}

// Definition is `command name(p: mode, …) requires a, b { … }`.
type Definition struct {
	Pos
	Name     string
	Doc      string // the comment directly above, without delimiters
	Params   []DefParam
	Requires []Param // names of capabilities
	Body     []Stmt
	End      Pos // of the closing brace
}

// DefParam is a definition's parameter. The parser takes any name as Mode; the
// compiler knows which there are.
type DefParam struct {
	Pos
	Name string
	Mode string
}

// Stmt is a statement.
type Stmt interface {
	Node
	stmt()
}

// Statements.
type (
	// Assign is `target = value`. Target is *Name, *Index or *Attr.
	Assign struct {
		Pos
		Target Expr
		Value  Expr
	}
	// Do is a call as a statement. X is *Call, *CommandCall or *MethodCall.
	Do struct {
		Pos
		X Expr
	}
	// If has either Cond, or the three arguments A, B and Op.
	If struct {
		Pos
		Cond    Expr   // if(condition) and if(None, None, `condition`); else nil
		A, B    *Arg   // if(a, b, op)
		Op      string // one of = == != < > <= >=
		Then    []Stmt
		Else    []Stmt
		ElsePos Pos // of else(); zero where there is none
		End     Pos // of end()
	}
	// Loop is startLoop(i, from, to) … endLoop().
	Loop struct {
		Pos
		Var      string
		VarPos   Pos
		From, To *Arg
		Body     []Stmt
		End      Pos
	}
	// While is while(condition) … end().
	While struct {
		Pos
		Cond Expr
		Body []Stmt
		End  Pos
	}
	// Try is try() … exception(err) … end(). A flat one ends at its exception:
	// Handler is empty and what follows stands behind it in the same body.
	Try struct {
		Pos
		Body         []Stmt
		ExceptionPos Pos
		Err          string // the variable of exception(err), "" where none
		Result       string // x of the flat form x = exception(err), "" where none
		Flat         bool
		Handler      []Stmt
		End          Pos // zero where flat
	}
	// Return is return(expr). Value is nil where there is none.
	Return struct {
		Pos
		Value Expr
	}
	// Break is break().
	Break struct{ Pos }
	// Continue is continue().
	Continue struct{ Pos }
)

func (*Assign) stmt()   {}
func (*Do) stmt()       {}
func (*If) stmt()       {}
func (*Loop) stmt()     {}
func (*While) stmt()    {}
func (*Try) stmt()      {}
func (*Return) stmt()   {}
func (*Break) stmt()    {}
func (*Continue) stmt() {}

// Expr is an expression.
type Expr interface {
	Node
	expr()
}

// Expressions. The place of an operator's node is that of the operator, of
// an Index, Slice, Attr or MethodCall that of its bracket or dot, of everything
// else where it starts.
type (
	// NoneLit is None or null.
	NoneLit struct{ Pos }
	// BoolLit is True, true, False or false.
	BoolLit struct {
		Pos
		Value bool
	}
	// IntLit is a whole number within 64 bits; -9223372036854775808 is one.
	IntLit struct {
		Pos
		Value int64
	}
	// FloatLit is a finite number with a point or an exponent.
	FloatLit struct {
		Pos
		Value float64
	}
	// WideLit is a number that fits neither 64 bits nor a float: an overflow
	// where it is evaluated.
	WideLit struct {
		Pos
		Text string
	}
	// StringLit is quoted text, escapes resolved.
	StringLit struct {
		Pos
		Value string
		Quote byte // ' or "
	}
	// Template is `text ${expr} text`. It starts and ends with text, which may
	// be empty: len(Texts) == len(Exprs)+1.
	Template struct {
		Pos
		Texts []string // escapes resolved
		Exprs []Expr
		Raw   string // as written, with its backticks
	}
	// Name is a variable.
	Name struct {
		Pos
		Name string
	}
	// GlobalName is $x.
	GlobalName struct {
		Pos
		Name string
	}
	// ListLit is [a, b].
	ListLit struct {
		Pos
		Items []Expr
	}
	// TupleLit is (a, b), (a,) or ().
	TupleLit struct {
		Pos
		Items []Expr
	}
	// DictLit is {k: v}.
	DictLit struct {
		Pos
		Keys, Values []Expr
	}
	// Unary is -x or not x.
	Unary struct {
		Pos
		Op string // "-" or "not"
		X  Expr
	}
	// Binary is x op y with one of + - * / // % **.
	Binary struct {
		Pos
		Op   string
		X, Y Expr
	}
	// Logical is x and y and z, or x or y or z: one operator, two operands or more.
	Logical struct {
		Pos
		Op string // "and" or "or"
		Xs []Expr
	}
	// Compare is a chain x op y op z: len(Xs) == len(Ops)+1, with the operators
	// == != < > <= >= in "not in" is "is not".
	Compare struct {
		Pos
		Ops []string
		Xs  []Expr
	}
	// Cond is a if c else b.
	Cond struct {
		Pos
		If, Then, Else Expr
	}
	// Index is x[i].
	Index struct {
		Pos
		X, I Expr
	}
	// Slice is x[lo:hi:step]; each of the three may be nil.
	Slice struct {
		Pos
		X, Lo, Hi, Step Expr
	}
	// Attr is d.k.
	Attr struct {
		Pos
		X   Expr
		Key string
	}
	// Call calls a function of the script or a built-in.
	Call struct {
		Pos
		Name     string
		Builtin  bool
		Args     []Expr
		Keywords []Keyword
	}
	// MethodCall is x.name(args).
	MethodCall struct {
		Pos
		X        Expr
		Name     string
		Args     []Expr
		Keywords []Keyword
	}
	// CommandCall calls a command of the catalog; its arguments are as written.
	CommandCall struct {
		Pos
		Name string
		Args []Arg
	}
	// ListComp is [elem for … in … if …]. Bare where it stands without brackets
	// as a call's only argument.
	ListComp struct {
		Pos
		Elem    Expr
		Clauses []Clause
		Bare    bool
	}
	// DictComp is {key: value for … in …}.
	DictComp struct {
		Pos
		Key, Value Expr
		Clauses    []Clause
	}
)

// Keyword is name=value in a call.
type Keyword struct {
	Pos
	Name  string
	Value Expr
}

// Clause is one `for vars in iter` or, where Cond is set, one `if cond` of a
// comprehension. The first clause is always a for.
type Clause struct {
	Pos
	Vars []Param // one or more names
	Iter Expr
	Cond Expr
}

func (*NoneLit) expr()     {}
func (*BoolLit) expr()     {}
func (*IntLit) expr()      {}
func (*FloatLit) expr()    {}
func (*WideLit) expr()     {}
func (*StringLit) expr()   {}
func (*Template) expr()    {}
func (*Name) expr()        {}
func (*GlobalName) expr()  {}
func (*ListLit) expr()     {}
func (*TupleLit) expr()    {}
func (*DictLit) expr()     {}
func (*Unary) expr()       {}
func (*Binary) expr()      {}
func (*Logical) expr()     {}
func (*Compare) expr()     {}
func (*Cond) expr()        {}
func (*Index) expr()       {}
func (*Slice) expr()       {}
func (*Attr) expr()        {}
func (*Call) expr()        {}
func (*MethodCall) expr()  {}
func (*CommandCall) expr() {}
func (*ListComp) expr()    {}
func (*DictComp) expr()    {}

// Arg is one argument of a command as it is written, white space around it cut
// off. What it means depends on the mode of the command's parameter.
type Arg struct {
	Pos
	Text string // as written; "" is an empty argument
	// Expr is the piece read as an expression: *StringLit for wholly quoted
	// text, *Template for a whole template, *Name, *GlobalName, a literal, or
	// anything else that parses. It is nil where the piece does not read as an
	// expression: where it does not parse, holds a number out of range, or is
	// digits joined by - or / without a name (2026-10-12).
	Expr Expr
}

// Builtins are the names of the built-in functions of expressions.
var Builtins = []string{
	"str", "int", "float", "bool", "len", "abs", "min", "max", "round", "sum",
	"sorted", "reversed", "range", "list", "dict", "tuple", "type", "enumerate",
	"zip", "any", "all", "ord", "chr",
}
