// This file walks the tree.

package syntax

// Position is where a file starts; it makes a File a Node.
func (f *File) Position() Pos { return Pos{1, 1} }

// Inspect calls visit for n and, where that returns true, for all nodes below
// it, parents first, in the order of the source; of a File for functions and
// definitions before the body. The tree's height is limited by the parser.
func Inspect(n Node, visit func(Node) bool) {
	if !visit(n) {
		return
	}
	switch n := n.(type) {
	case *File:
		inspectAll(n.Funcs, visit)
		inspectAll(n.Commands, visit)
		inspectAll(n.Body, visit)
	case *Function:
		inspectAll(n.Body, visit)
	case *Definition:
		inspectAll(n.Body, visit)
	case *Arg:
		inspectExpr(n.Expr, visit)
	case Stmt:
		inspectStmt(n, visit)
	case Expr:
		inspectOperands(n, visit)
	}
}

func inspectAll[N Node](nodes []N, visit func(Node) bool) {
	for _, n := range nodes {
		Inspect(n, visit)
	}
}

func inspectExpr(x Expr, visit func(Node) bool) {
	if x != nil {
		Inspect(x, visit)
	}
}

func inspectArg(a *Arg, visit func(Node) bool) {
	if a != nil {
		Inspect(a, visit)
	}
}

func inspectStmt(n Stmt, visit func(Node) bool) {
	switch n := n.(type) {
	case *Assign:
		inspectExpr(n.Target, visit)
		inspectExpr(n.Value, visit)
	case *Do:
		inspectExpr(n.X, visit)
	case *If:
		inspectExpr(n.Cond, visit)
		inspectArg(n.A, visit)
		inspectArg(n.B, visit)
		inspectAll(n.Then, visit)
		inspectAll(n.Else, visit)
	case *Loop:
		inspectArg(n.From, visit)
		inspectArg(n.To, visit)
		inspectAll(n.Body, visit)
	case *While:
		inspectExpr(n.Cond, visit)
		inspectAll(n.Body, visit)
	case *Try:
		inspectAll(n.Body, visit)
		inspectAll(n.Handler, visit)
	case *Return:
		inspectExpr(n.Value, visit)
	}
}

func inspectOperands(x Expr, visit func(Node) bool) {
	switch x := x.(type) {
	case *Template:
		inspectAll(x.Exprs, visit)
	case *ListLit:
		inspectAll(x.Items, visit)
	case *TupleLit:
		inspectAll(x.Items, visit)
	case *DictLit:
		for i, k := range x.Keys {
			inspectExpr(k, visit)
			inspectExpr(x.Values[i], visit)
		}
	case *Unary:
		inspectExpr(x.X, visit)
	case *Binary:
		inspectExpr(x.X, visit)
		inspectExpr(x.Y, visit)
	case *Logical:
		inspectAll(x.Xs, visit)
	case *Compare:
		inspectAll(x.Xs, visit)
	case *Cond:
		inspectExpr(x.Then, visit)
		inspectExpr(x.If, visit)
		inspectExpr(x.Else, visit)
	case *Index:
		inspectExpr(x.X, visit)
		inspectExpr(x.I, visit)
	case *Slice:
		inspectExpr(x.X, visit)
		inspectExpr(x.Lo, visit)
		inspectExpr(x.Hi, visit)
		inspectExpr(x.Step, visit)
	case *Attr:
		inspectExpr(x.X, visit)
	case *Call:
		inspectAll(x.Args, visit)
		inspectKeywords(x.Keywords, visit)
	case *MethodCall:
		inspectExpr(x.X, visit)
		inspectAll(x.Args, visit)
		inspectKeywords(x.Keywords, visit)
	case *CommandCall:
		for i := range x.Args {
			Inspect(&x.Args[i], visit)
		}
	case *ListComp:
		inspectExpr(x.Elem, visit)
		inspectClauses(x.Clauses, visit)
	case *DictComp:
		inspectExpr(x.Key, visit)
		inspectExpr(x.Value, visit)
		inspectClauses(x.Clauses, visit)
	}
}

func inspectKeywords(keywords []Keyword, visit func(Node) bool) {
	for _, k := range keywords {
		inspectExpr(k.Value, visit)
	}
}

func inspectClauses(clauses []Clause, visit func(Node) bool) {
	for _, c := range clauses {
		inspectExpr(c.Iter, visit)
		inspectExpr(c.Cond, visit)
	}
}
