// This file reads operands: names, calls, brackets and what stands behind them.

package syntax

// postfix reads the .key, […] and .method(…) behind an operand.
func (p *parser) postfix(x Expr) Expr {
	for !p.bad {
		links := p.links
		switch p.tok.kind {
		case tDot:
			x = p.member(x)
		case tLBrack:
			x = p.index(x)
		case tLParen:
			p.fail(p.tok.pos, "only a name or a method is called: write f(…) or x.f(…)")
			return nil
		default:
			return x
		}
		p.link(max(links, p.links))
	}
	return nil
}

// member reads .key or .method(…).
func (p *parser) member(x Expr) Expr {
	pos := p.tok.pos
	p.next()
	if !p.tok.kind.isWord() {
		p.unexpected("a key or a method after the point")
		return nil
	}
	name := p.text()
	p.next()
	p.links = 0
	if p.tok.kind != tLParen {
		n := node(p, &p.nodes.attr)
		n.Pos, n.X, n.Key = pos, x, name
		return n
	}
	args, keywords := p.callArgs(name, name == "sort", name == "format")
	n := node(p, &p.nodes.method)
	n.Pos, n.X, n.Name, n.Args, n.Keywords = pos, x, name, args, keywords
	return n
}

// index reads [i] or [lo:hi:step].
func (p *parser) index(x Expr) Expr {
	pos, links := p.tok.pos, 0
	var parts [3]Expr
	colons := 0
	p.enter()
	for !p.bad {
		if k := p.tok.kind; k == tColon && colons < 2 {
			colons++
			p.next()
		} else if k == tRBrack && (colons > 0 || parts[0] != nil) {
			break
		} else if parts[colons] == nil {
			parts[colons] = p.expr()
			links = max(links, p.links)
		} else if k == tComma {
			p.fail(p.tok.pos, "one index stands between brackets: write x[i][j], or x[(i, j)] for a tuple")
		} else {
			p.unexpected("]")
		}
	}
	p.leave(tRBrack, "]")
	p.links = links
	if colons == 0 {
		n := node(p, &p.nodes.index)
		n.Pos, n.X, n.I = pos, x, parts[0]
		return n
	}
	n := node(p, &p.nodes.slice)
	n.Pos, n.X, n.Lo, n.Hi, n.Step = pos, x, parts[0], parts[1], parts[2]
	return n
}

// name reads a variable or a call.
func (p *parser) name() Expr {
	p.links = 0
	pos, name := p.tok.pos, p.text()
	p.named = true
	if p.ahead('(') {
		p.take(tLParen)
		return p.call(pos, name)
	}
	p.next()
	if p.tok.kind == tLParen {
		return p.call(pos, name)
	}
	return p.variable(pos, name)
}

// primary reads an operand that is no name.
func (p *parser) primary() Expr {
	p.links = 0
	pos := p.tok.pos
	switch p.tok.kind {
	case tGlobal:
		name := p.text()[1:]
		p.named = true
		p.next()
		return rare(p, GlobalName{Pos: pos, Name: name})
	case tInt, tFloat:
		return p.numberLit()
	case tString:
		return p.stringLit()
	case tTemplate:
		return p.templateLit()
	case tNone:
		p.next()
		return rare(p, NoneLit{Pos: pos})
	case tTrue, tFalse:
		value := p.tok.kind == tTrue
		p.next()
		return rare(p, BoolLit{Pos: pos, Value: value})
	case tLParen:
		return p.parens()
	case tLBrack:
		return p.list()
	case tLBrace:
		return p.dict()
	}
	p.unexpected("an expression")
	return nil
}

// text is the token as it is written.
func (p *parser) text() string { return p.src[p.tok.start:p.tok.end] }

// call reads the arguments of a call.
func (p *parser) call(pos Pos, name string) Expr {
	function := len(p.known) > 0 && p.known[name]
	if !function && !isBuiltin(name) {
		args := p.commandArgs()
		p.calls = append(p.calls, name)
		n := node(p, &p.nodes.command)
		n.Pos, n.Name, n.Args = pos, name, args
		return n
	}
	args, keywords := p.callArgs(name, !function && name == "sorted", false)
	n := node(p, &p.nodes.call)
	n.Pos, n.Name, n.Builtin, n.Args, n.Keywords = pos, name, !function, args, keywords
	return n
}

// variable makes the most frequent of all nodes.
func (p *parser) variable(pos Pos, name string) *Name {
	n := p.nodes.name.one(p, 32)
	n.Pos, n.Name = pos, name
	return n
}

// parens reads what stands in parentheses: an expression or a tuple.
func (p *parser) parens() Expr {
	pos, base := p.tok.pos, len(p.exprs)
	p.enter()
	if p.tok.kind == tRParen {
		p.leave(tRParen, ")")
		return rare(p, TupleLit{Pos: pos})
	}
	x := p.expr()
	switch p.tok.kind {
	case tComma:
		p.exprs = append(p.exprs, x)
		p.items(tRParen)
		p.leave(tRParen, ")")
		return rare(p, TupleLit{Pos: pos, Items: p.taken(base)})
	case tFor:
		p.fail(p.tok.pos, "a comprehension stands in [ ]: write [x for x in list]")
		return nil
	}
	p.leave(tRParen, ")")
	return x
}

// items reads `, x, y` up to the closing bracket, behind a first item.
func (p *parser) items(closing kind) {
	links := p.links
	for p.tok.kind == tComma {
		p.next()
		if p.tok.kind == closing {
			break
		}
		p.exprs = append(p.exprs, p.expr())
		links = max(links, p.links)
	}
	p.links = links
}

func (p *parser) list() Expr {
	pos, base := p.tok.pos, len(p.exprs)
	p.enter()
	if p.tok.kind != tRBrack {
		x := p.expr()
		if p.tok.kind == tFor {
			links := p.links
			clauses := p.clauses(links)
			p.leave(tRBrack, "]")
			return rare(p, ListComp{Pos: pos, Elem: x, Clauses: clauses})
		}
		p.exprs = append(p.exprs, x)
		p.items(tRBrack)
	}
	p.leave(tRBrack, "] or a comma")
	n := node(p, &p.nodes.list)
	n.Pos, n.Items = pos, p.taken(base)
	return n
}

func (p *parser) dict() Expr {
	pos, base, links := p.tok.pos, len(p.exprs), 0
	p.enter()
	for first := true; p.tok.kind != tRBrace && !p.bad; first = false {
		key := p.expr()
		links = max(links, p.links)
		if p.tok.kind != tColon {
			if first && (p.tok.kind == tComma || p.tok.kind == tRBrace) {
				p.fail(p.tok.pos, "sets are not in the language: write a list, [a, b], or a dict, {key: value}")
			}
			p.unexpected("a colon and the value")
			return nil
		}
		p.next()
		value := p.expr()
		links = max(links, p.links)
		if first && p.tok.kind == tFor {
			clauses := p.clauses(links)
			p.leave(tRBrace, "}")
			return rare(p, DictComp{Pos: pos, Key: key, Value: value, Clauses: clauses})
		}
		p.exprs = append(p.exprs, key, value)
		if p.tok.kind != tComma {
			break
		}
		p.next()
	}
	p.leave(tRBrace, "} or a comma")
	if p.bad {
		return nil
	}
	p.links = links
	return p.dictLit(pos, base)
}

// dictLit makes a dict of the keys and values on the stack.
func (p *parser) dictLit(pos Pos, base int) Expr {
	pairs := p.exprs[base:]
	d := node(p, &p.nodes.dict)
	*d = DictLit{Pos: pos}
	if n := len(pairs) / 2; n > 0 {
		p.charge(32 * n)
		d.Keys, d.Values = p.nodes.exprs.take(n), p.nodes.exprs.take(n)
		for i := range n {
			d.Keys[i], d.Values[i] = pairs[2*i], pairs[2*i+1]
		}
	}
	p.exprs = p.exprs[:base]
	return d
}

// clauses reads the for and if of a comprehension; links are those of what
// stands before them.
func (p *parser) clauses(links int) []Clause {
	var clauses []Clause
	for p.tok.kind == tFor || p.tok.kind == tIf {
		p.charge(80)
		c := Clause{Pos: p.tok.pos}
		k := p.tok.kind
		p.next()
		if k == tFor {
			c.Vars = p.loopNames()
			c.Iter = p.operation(bindOr)
		} else {
			c.Cond = p.operation(bindOr)
		}
		links = max(links, p.links)
		clauses = append(clauses, c)
	}
	p.links = links
	return clauses
}

// loopNames reads `k, v in`.
func (p *parser) loopNames() []Param {
	var names []Param
	for {
		if p.tok.kind != tName {
			p.unexpected("a name: `for x in list`")
			return nil
		}
		p.charge(24)
		names = append(names, Param{Pos: p.tok.pos, Name: p.text()})
		p.next()
		if p.tok.kind != tComma {
			break
		}
		p.next()
	}
	if p.tok.kind != tIn {
		p.unexpected("in: `for x in list`")
		return nil
	}
	p.next()
	return names
}

// callArgs reads the arguments of a function, a built-in or a method. reverse
// tells whether it takes reverse=, names whether it takes any name.
func (p *parser) callArgs(callee string, reverse, names bool) ([]Expr, []Keyword) {
	base, links := len(p.exprs), 0
	var keywords []Keyword
	p.enter()
	for p.tok.kind != tRParen && !p.bad {
		if p.tok.kind.isWord() && p.keywordAhead() {
			k := p.keyword(callee, reverse, names)
			p.charge(40)
			keywords = append(keywords, k)
		} else {
			if len(keywords) > 0 {
				p.fail(p.tok.pos, "an argument without a name stands before those with one")
			}
			x := p.expr()
			if p.tok.kind == tFor {
				x = p.bareComp(x, len(p.exprs) > base)
			}
			p.exprs = append(p.exprs, x)
		}
		links = max(links, p.links)
		if p.tok.kind != tComma {
			break
		}
		p.next()
	}
	p.leave(tRParen, ") or a comma")
	p.links = links
	return p.taken(base), p.unique(keywords)
}

// unique refuses a keyword that stands twice.
func (p *parser) unique(keywords []Keyword) []Keyword {
	if len(keywords) < 2 || p.bad {
		return keywords
	}
	seen := make(map[string]bool, len(keywords))
	for _, k := range keywords {
		if seen[k.Name] {
			p.fail(k.Pos, "%s= stands twice", k.Name)
			return nil
		}
		seen[k.Name] = true
	}
	return keywords
}

// keywordAhead tells whether an = follows the word that is the token.
func (p *parser) keywordAhead() bool {
	i := p.off
	for i < len(p.part) && (p.src[i] == ' ' || p.src[i] == '\t') {
		i++
	}
	return i < len(p.part) && p.src[i] == '=' && (i+1 == len(p.part) || p.src[i+1] != '=')
}

func (p *parser) keyword(callee string, reverse, names bool) Keyword {
	k := Keyword{Pos: p.tok.pos, Name: p.text()}
	switch {
	case names && p.tok.kind != tName:
		p.fail(k.Pos, "`%s` is a word of the language and names nothing else", k.Name)
	case names || reverse && k.Name == "reverse":
	case reverse:
		p.fail(k.Pos, "%s takes reverse= alone, not %s=", callee, k.Name)
	default:
		p.fail(k.Pos, "%s takes no %s=: write == to compare, or the value alone", callee, k.Name)
	}
	p.next()
	p.next()
	k.Value = p.expr()
	return k
}

// bareComp reads a comprehension without brackets behind its element.
func (p *parser) bareComp(elem Expr, others bool) Expr {
	at := p.tok.pos
	clauses := p.clauses(p.links)
	if others || p.tok.kind == tComma {
		p.fail(at, "a comprehension beside other arguments stands in [ ]")
		return nil
	}
	if p.bad {
		return nil
	}
	return rare(p, ListComp{Pos: Start(elem), Elem: elem, Clauses: clauses, Bare: true})
}

// isBuiltin tells whether Builtins holds name.
func isBuiltin(name string) bool {
	switch name {
	case "str", "int", "float", "bool", "len", "abs", "min", "max", "round", "sum",
		"sorted", "reversed", "range", "list", "dict", "tuple", "type", "enumerate",
		"zip", "any", "all", "ord", "chr":
		return true
	}
	return false
}
