// This file writes a tree as text in its canonical layout: four spaces a level,
// one statement a line, at most one blank line, comments where they were.

package syntax

import (
	"bytes"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Format gives src its canonical layout. Its errors are those of Parse.
func Format(src string) (string, error) {
	f, err := Parse(src, Options{})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = Print(&b, f)
	return b.String(), err
}

// Print writes a file that was parsed without errors in canonical layout.
// Arguments of commands, texts and templates stay as they are written; lists,
// tuples and dicts over several lines get a line for each item. Its errors are
// those of w.
func Print(w io.Writer, f *File) error {
	p := printer{src: f.src, lines: strings.Split(f.src, "\n"), comments: f.Comments, first: true}
	p.at = mark{pos: Pos{1, 1}, off: len(f.src) - len(strings.TrimPrefix(f.src, "\uFEFF"))}
	p.file(f)
	p.comment(Pos{1<<31 - 1, 1})
	if len(p.out) > 0 {
		p.out = append(p.out, '\n')
	}
	_, err := w.Write(p.out)
	return err
}

// printer holds the text so far. A line is ended when the next one starts, so
// that comments can still be put behind it or above it.
type printer struct {
	src      string
	lines    []string // of src
	at       mark     // of the literal printed last
	out      []byte
	comments []*Comment // still to be printed
	indent   int
	first    bool  // nothing is printed yet in this block
	source   int32 // the line of the source that is being printed
	line     int   // where the last line starts in out
	above    int   // indentation of comments to be put above the last line
	pinned   bool  // nothing may be put above the last line
	closed   bool  // no comment may be put behind the last line
	value    bool  // the last line ends with an expression, behind which // divides
	broken   int   // lists with a line for each item that are open
}

// file prints functions, definitions and statements in the order of the source.
func (p *printer) file(f *File) {
	var all []Node
	for _, n := range f.Funcs {
		all = append(all, n)
	}
	for _, n := range f.Commands {
		all = append(all, n)
	}
	for _, n := range f.Body {
		all = append(all, n)
	}
	slices.SortStableFunc(all, func(a, b Node) int {
		if before(a.Position(), b.Position()) {
			return -1
		}
		return 1
	})
	for _, n := range all {
		switch n := n.(type) {
		case *Function:
			p.function(n)
		case *Definition:
			p.definition(n)
		case Stmt:
			p.stmt(n)
		}
	}
}

func before(a, b Pos) bool {
	return a.Line < b.Line || a.Line == b.Line && a.Col < b.Col
}

func (p *printer) write(s string) { p.out = append(p.out, s...) }

// start starts the line of what stands at pos, behind the comments before it.
func (p *printer) start(pos Pos) {
	p.comment(pos)
	p.newLine(pos.Line)
}

// newLine starts a line, and keeps a blank line that stands above it in the source.
func (p *printer) newLine(line int32) {
	if len(p.out) > 0 {
		p.write("\n")
	}
	if !p.first && p.broken == 0 && line != p.source && p.blank(line-1) {
		p.write("\n")
	}
	p.first, p.closed, p.pinned, p.value = false, false, false, false
	p.source, p.line, p.above = line, len(p.out), p.indent
	p.margin(p.indent)
}

// blank tells whether a line of the source is.
func (p *printer) blank(line int32) bool {
	return line >= 1 && int(line) <= len(p.lines) && strings.TrimSpace(p.lines[line-1]) == ""
}

func (p *printer) margin(indent int) {
	for range indent {
		p.write("    ")
	}
}

// closing starts the line of what closes a block, or its next part.
func (p *printer) closing(pos Pos, text string) {
	p.comment(pos)
	p.indent--
	p.first = true
	p.newLine(pos.Line)
	p.above++
	p.write(text)
}

// comment prints the comments that stand before pos.
func (p *printer) comment(pos Pos) {
	for len(p.comments) > 0 && before(p.comments[0].Pos, pos) {
		c := p.comments[0]
		p.comments = p.comments[1:]
		switch {
		case c.Trailing && len(p.out) > 0 && p.behind(c):
		case c.inside && p.broken == 0 && !p.pinned && len(p.out) > 0:
			p.insert(c.Text)
		default:
			p.newLine(c.Line)
			p.write(c.Text)
			p.source += int32(strings.Count(c.Text, "\n"))
			p.closed, p.pinned = true, true
		}
	}
}

// behind puts a comment behind the last line, where it can stand there.
func (p *printer) behind(c *Comment) bool {
	if p.closed {
		return false
	}
	if strings.HasPrefix(c.Text, "//") {
		switch last := p.out[len(p.out)-1]; {
		case last == '{' || last == '}' || last == ';':
		case c.inside:
			return false
		case p.value:
			p.write(";")
		}
		p.closed = true
	}
	p.write(" " + c.Text)
	if lines := strings.Count(c.Text, "\n"); lines > 0 {
		p.source += int32(lines)
		p.closed = true
	}
	return true
}

// insert puts a comment above the last line.
func (p *printer) insert(text string) {
	line := bytes.Repeat([]byte("    "), p.above)
	line = append(append(line, text...), '\n')
	p.out = slices.Insert(p.out, p.line, line...)
	p.line += len(line)
}

func (p *printer) function(f *Function) {
	p.start(f.Pos)
	p.write("function " + f.Name + "(")
	for i, param := range f.Params {
		p.comma(i)
		p.write(param.Name)
	}
	p.write(")")
	p.braces(f.Body, f.End)
}

func (p *printer) definition(d *Definition) {
	p.start(d.Pos)
	p.write("command " + d.Name + "(")
	for i, param := range d.Params {
		p.comma(i)
		p.write(param.Name + ": " + param.Mode)
	}
	p.write(")")
	for i, capability := range d.Requires {
		if i == 0 {
			p.write(" requires ")
		}
		p.comma(i)
		p.write(capability.Name)
	}
	p.braces(d.Body, d.End)
}

func (p *printer) comma(i int) {
	if i > 0 {
		p.write(", ")
	}
}

func (p *printer) braces(body []Stmt, end Pos) {
	p.write(" {")
	p.pinned = true
	p.body(body)
	p.closing(end, "}")
}

// body prints statements one level deeper; closing goes back.
func (p *printer) body(stmts []Stmt) {
	p.indent++
	p.first = true
	for _, s := range stmts {
		p.stmt(s)
	}
}

func (p *printer) stmt(s Stmt) {
	p.start(s.Position())
	switch s := s.(type) {
	case *Assign:
		p.expr(s.Target, levelPostfix)
		p.write(" = ")
		p.expr(s.Value, levelCond)
		p.value = true
	case *Do:
		p.expr(s.X, levelPostfix)
	case *Return:
		p.write("return")
		if t, is := s.Value.(*TupleLit); is && len(t.Items) > 0 {
			p.expr(t, levelCond)
		} else if s.Value != nil {
			p.write("(")
			p.expr(s.Value, levelCond)
			p.write(")")
		}
		p.value = true
	case *Break:
		p.write("break()")
	case *Continue:
		p.write("continue()")
	default:
		p.block(s)
	}
}

// block prints a statement that has a body.
func (p *printer) block(s Stmt) {
	switch s := s.(type) {
	case *If:
		p.write("if(")
		if s.Cond != nil {
			p.expr(s.Cond, levelCond)
		} else {
			p.write(s.A.Text + ", " + s.B.Text + ", " + s.Op)
		}
		p.write(")")
		p.body(s.Then)
		if s.ElsePos != (Pos{}) {
			p.closing(s.ElsePos, "else()")
			p.body(s.Else)
		}
		p.closing(s.End, "end()")
	case *Loop:
		p.write("startLoop(" + s.Var + ", " + s.From.Text + ", " + s.To.Text + ")")
		p.body(s.Body)
		p.closing(s.End, "endLoop()")
	case *While:
		p.write("while(")
		p.expr(s.Cond, levelCond)
		p.write(")")
		p.body(s.Body)
		p.closing(s.End, "end()")
	case *Try:
		p.try(s)
	}
}

func (p *printer) try(s *Try) {
	p.write("try()")
	p.body(s.Body)
	exception := "exception(" + s.Err + ")"
	if s.Result != "" {
		exception = s.Result + " = " + exception
	}
	p.closing(s.ExceptionPos, exception)
	if !s.Flat {
		p.body(s.Handler)
		p.closing(s.End, "end()")
	}
}

// Levels of binding, the loosest first.
const (
	levelCond = iota
	levelOr
	levelAnd
	levelNot
	levelCompare
	levelAdd
	levelMultiply
	levelUnary
	levelPower
	levelPostfix
)

// level is how tight an expression binds.
func level(x Expr) int {
	switch x := x.(type) {
	case *Cond:
		return levelCond
	case *Logical:
		if x.Op == "or" {
			return levelOr
		}
		return levelAnd
	case *Compare:
		return levelCompare
	case *Unary:
		if x.Op == "not" {
			return levelNot
		}
		return levelUnary
	case *IntLit:
		if x.Value < 0 {
			return levelUnary
		}
	case *Binary:
		switch x.Op {
		case "+", "-":
			return levelAdd
		case "**":
			return levelPower
		}
		return levelMultiply
	}
	return levelPostfix
}

// expr prints an expression, in parentheses where it binds looser than least.
func (p *printer) expr(x Expr, least int) {
	if level(x) < least {
		p.write("(")
		p.operators(x)
		p.write(")")
		return
	}
	p.operators(x)
}

// operators prints what is made of operators.
func (p *printer) operators(x Expr) {
	switch x := x.(type) {
	case *Cond:
		p.expr(x.Then, levelOr)
		p.write(" if ")
		p.expr(x.If, levelOr)
		p.write(" else ")
		p.expr(x.Else, levelCond)
	case *Logical:
		for i, operand := range x.Xs {
			if i > 0 {
				p.write(" " + x.Op + " ")
			}
			p.expr(operand, level(x)+1)
		}
	case *Compare:
		for i, operand := range x.Xs {
			if i > 0 {
				p.write(" " + x.Ops[i-1] + " ")
			}
			p.expr(operand, levelAdd)
		}
	case *Unary:
		p.unary(x)
	case *Binary:
		left, right := level(x), level(x)+1
		if x.Op == "**" {
			left, right = levelPostfix, levelUnary
		}
		p.expr(x.X, left)
		p.write(" " + x.Op + " ")
		p.expr(x.Y, right)
	default:
		p.postfix(x)
	}
}

func (p *printer) unary(x *Unary) {
	if x.Op == "not" {
		p.write("not ")
		p.expr(x.X, levelNot)
		return
	}
	p.write("-")
	if _, wide := x.X.(*WideLit); wide {
		p.write("(") // or it may be the smallest integer
		p.operators(x.X)
		p.write(")")
		return
	}
	p.expr(x.X, levelUnary)
}

// postfix prints what ends in brackets or a key, and operands.
func (p *printer) postfix(x Expr) {
	switch x := x.(type) {
	case *Index:
		p.expr(x.X, levelPostfix)
		p.write("[")
		p.expr(x.I, levelCond)
		p.write("]")
	case *Slice:
		p.slice(x)
	case *Attr:
		p.owner(x.X)
		p.write("." + x.Key)
	case *MethodCall:
		p.owner(x.X)
		p.write("." + x.Name)
		p.args(x.Args, x.Keywords)
	case *Call:
		p.write(x.Name)
		p.args(x.Args, x.Keywords)
	case *CommandCall:
		p.write(x.Name + "(")
		for i, a := range x.Args {
			p.comma(i)
			p.write(a.Text)
		}
		p.write(")")
	case *ListLit:
		p.list("[", "]", x.Pos, x.Items, nil)
	case *TupleLit:
		p.list("(", ")", x.Pos, x.Items, nil)
	case *DictLit:
		p.list("{", "}", x.Pos, x.Keys, x.Values)
	case *ListComp:
		p.listComp(x)
	case *DictComp:
		p.write("{")
		p.expr(x.Key, levelCond)
		p.write(": ")
		p.expr(x.Value, levelCond)
		p.clauses(x.Clauses)
		p.write("}")
	default:
		p.literal(x)
	}
}

// owner prints what stands before a dot.
func (p *printer) owner(x Expr) {
	switch x.(type) {
	case *IntLit, *WideLit:
		p.write("(")
		p.operators(x)
		p.write(")")
	default:
		p.expr(x, levelPostfix)
	}
}

func (p *printer) slice(x *Slice) {
	p.expr(x.X, levelPostfix)
	p.write("[")
	for i, part := range []Expr{x.Lo, x.Hi, x.Step} {
		if i == 1 || i == 2 && part != nil {
			p.write(":")
		}
		if part != nil {
			p.expr(part, levelCond)
		}
	}
	p.write("]")
}

func (p *printer) args(args []Expr, keywords []Keyword) {
	p.write("(")
	for i, x := range args {
		p.comma(i)
		p.expr(x, levelCond)
	}
	for i, k := range keywords {
		p.comma(i + len(args))
		p.write(k.Name + "=")
		p.expr(k.Value, levelCond)
	}
	p.write(")")
}

// list prints a list, a tuple, or a dict, whose values are not nil.
func (p *printer) list(open, shut string, pos Pos, items, values []Expr) {
	lines := slices.ContainsFunc(items, func(x Expr) bool { return Start(x).Line != pos.Line })
	p.write(open)
	if lines {
		p.broken++
		p.indent++
	}
	for i, x := range items {
		if lines {
			p.start(Start(x))
		} else {
			p.comma(i)
		}
		p.expr(x, levelCond)
		if i < len(values) {
			p.write(": ")
			p.expr(values[i], levelCond)
		}
		if lines || open == "(" && len(items) == 1 {
			p.write(",")
		}
	}
	if lines {
		p.indent--
		p.newLine(p.source)
		p.above++
		p.broken--
	}
	p.write(shut)
}

func (p *printer) listComp(x *ListComp) {
	if !x.Bare {
		p.write("[")
	}
	p.expr(x.Elem, levelCond)
	p.clauses(x.Clauses)
	if !x.Bare {
		p.write("]")
	}
}

func (p *printer) clauses(clauses []Clause) {
	for _, c := range clauses {
		if c.Cond != nil {
			p.write(" if ")
			p.expr(c.Cond, levelOr)
			continue
		}
		p.write(" for ")
		for i, v := range c.Vars {
			p.comma(i)
			p.write(v.Name)
		}
		p.write(" in ")
		p.expr(c.Iter, levelOr)
	}
}

func (p *printer) literal(x Expr) {
	switch x := x.(type) {
	case *NoneLit:
		p.write("None")
	case *BoolLit:
		if x.Value {
			p.write("True")
		} else {
			p.write("False")
		}
	case *IntLit:
		p.out = strconv.AppendInt(p.out, x.Value, 10)
	case *FloatLit:
		text := p.from(x.Pos)
		p.write(text[:numberLen(text)])
	case *WideLit:
		p.write(x.Text)
	case *StringLit:
		text := p.from(x.Pos)
		p.write(text[:quotedLen(text)])
	case *Template:
		p.write(x.Raw)
	case *Name:
		p.write(x.Name)
	case *GlobalName:
		p.write("$" + x.Name)
	}
}

// from is the source from pos on.
func (p *printer) from(pos Pos) string {
	m := p.at
	if before(pos, m.pos) {
		m = mark{pos: Pos{1, 1}, off: len(p.src) - len(strings.TrimPrefix(p.src, "\uFEFF"))}
	}
	for m.pos.Line < pos.Line {
		m.off += strings.IndexByte(p.src[m.off:], '\n') + 1
		m.pos = Pos{m.pos.Line + 1, 1}
	}
	for ; m.pos.Col < pos.Col; m.pos.Col++ {
		_, n := utf8.DecodeRuneInString(p.src[m.off:])
		m.off += n
	}
	p.at = m
	return p.src[m.off:]
}
