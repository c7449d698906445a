// This file reads what is declared at the top level: functions of the script
// and definitions of commands.

package syntax

import "strings"

const functionPlace = "a function stands at the top level only"

// declaration checks that one may stand here.
func (p *parser) declaration(pos Pos) {
	for i := range p.blocks {
		b := &p.blocks[i]
		if b.kind == blockTry && b.second {
			// Legal if the try turns out to be flat.
			if b.inner == (Pos{}) {
				b.inner = pos
			}
			continue
		}
		p.report(pos, functionPlace)
		return
	}
}

// declared name, once for each kind.
func (p *parser) declareName(kind string) string {
	if p.tok.kind != tName {
		p.unexpected("a name after " + kind)
		return ""
	}
	name := p.text()
	key := kind + " " + name
	if first, twice := p.names[key]; twice {
		p.report(p.tok.pos, "%s stands in line %d already", key, first.Line)
	}
	if p.names == nil {
		p.names = make(map[string]Pos)
	}
	p.charge(64)
	p.names[key] = p.tok.pos
	p.next()
	return name
}

// function reads function name(p, q) {.
func (p *parser) function(pos Pos) {
	p.declaration(pos)
	f := rare(p, Function{Pos: pos})
	name := p.declareName("function")
	if p.funcs == nil {
		p.funcs = make(map[string]bool)
	}
	if p.tok.kind != tLParen {
		p.unexpected("( and the parameters")
	} else {
		p.enter()
		seen := make(map[string]bool)
		for p.tok.kind != tRParen && !p.bad {
			param := p.param(seen)
			p.charge(24)
			if p.bad {
				break
			}
			f.Params = append(f.Params, param)
			if p.tok.kind != tComma {
				break
			}
			p.next()
		}
		if p.tok.kind == tAssign {
			p.fail(p.tok.pos, "a parameter has no default value")
		}
		p.leave(tRParen, ") or a comma")
	}
	if p.fatal != nil {
		return
	}
	f.Name = name
	if name != "" {
		p.funcs[name] = true
	}
	p.openBody(block{kind: blockFunction, pos: pos, fn: f})
}

// param reads the name of a parameter.
func (p *parser) param(seen map[string]bool) Param {
	if p.tok.kind != tName {
		p.unexpected("the name of a parameter")
		return Param{}
	}
	param := Param{Pos: p.tok.pos, Name: p.text()}
	if seen[param.Name] {
		p.report(param.Pos, "the parameter %s stands twice", param.Name)
	}
	seen[param.Name] = true
	p.next()
	return param
}

// openBody reads the brace of a body and opens the block.
func (p *parser) openBody(b block) {
	switch {
	case p.bad:
	case p.tok.kind == tLBrace:
		b.pos = p.tok.pos
	case p.tok.kind == tNewline && strings.HasPrefix(strings.TrimLeft(p.src[p.off:], " \t\r\n"), "{"):
		p.report(p.tok.pos, "{ stands on the line of its %s", b.String())
		p.next()
		for p.tok.kind == tNewline {
			p.next()
		}
	default:
		p.unexpected("{ and the body")
	}
	if p.bad {
		if p.stop {
			return
		}
		off := p.statementEnd(p.stmt.off, p.failed, true)
		if off < 0 {
			return
		}
		p.resume(off)
		b.broken = true
	}
	if b.kind == blockFunction || b.kind == blockDefinition {
		b.loops, p.loops = p.loops, 0
	}
	p.open(b, nil)
	p.restart()
}

// closeBody closes the function or definition at its brace, which is the token.
func (p *parser) closeBody() {
	pos := p.tok.pos
	i := p.braces()
	if i < 0 {
		p.report(pos, "} closes no body: none is open")
		p.next()
		return
	}
	for len(p.blocks) > i+1 {
		b := p.top()
		p.report(b.pos, "%s is not closed: } of line %d stands before its %s", b, pos.Line, b.closer())
		b.broken = true
		p.pop()
	}
	b := *p.top()
	body := p.body(b.base)
	switch {
	case b.broken:
	case b.fn != nil:
		b.fn.Body, b.fn.End = body, pos
		p.out.Funcs = append(p.out.Funcs, b.fn)
	default:
		b.def.Body, b.def.End = body, pos
		p.out.Commands = append(p.out.Commands, b.def)
	}
	p.loops = b.loops
	p.blocks = p.blocks[:i]
	p.restart()
}

// restart goes on behind the brace that is the token, as behind a statement.
func (p *parser) restart() {
	t := p.tok
	p.stmt = mark{t.end, Pos{t.pos.Line, t.pos.Col + 1}}
	p.next()
}

// definition reads command name(p: mode) requires a, b {.
func (p *parser) definition(pos Pos) {
	p.declaration(pos)
	d := rare(p, Definition{Pos: pos, Doc: p.doc(pos)})
	name := p.declareName("command")
	if p.tok.kind != tLParen {
		p.unexpected("( and the parameters")
	} else {
		p.enter()
		seen := make(map[string]bool)
		for p.tok.kind != tRParen && !p.bad {
			param := p.defParam(seen)
			p.charge(40)
			if p.bad {
				break
			}
			d.Params = append(d.Params, param)
			if p.tok.kind != tComma {
				break
			}
			p.next()
		}
		p.leave(tRParen, ") or a comma")
	}
	if p.fatal != nil {
		return
	}
	d.Name = name
	if p.tok.kind == tName && p.text() == "requires" {
		d.Requires = p.requires()
	}
	p.openBody(block{kind: blockDefinition, pos: pos, def: d})
}

// defParam reads name: mode.
func (p *parser) defParam(seen map[string]bool) DefParam {
	param := p.param(seen)
	if p.tok.kind != tColon {
		p.unexpected("the mode of the parameter: value, name, out or text behind a colon")
		return DefParam{}
	}
	p.next()
	if !p.tok.kind.isWord() {
		p.unexpected("the mode of the parameter: value, name, out or text")
		return DefParam{}
	}
	mode := p.text()
	p.next()
	return DefParam{Pos: param.Pos, Name: param.Name, Mode: mode}
}

// requires reads the capabilities behind requires.
func (p *parser) requires() []Param {
	var names []Param
	for {
		p.next()
		if p.tok.kind != tName {
			p.unexpected("the name of a capability")
			return nil
		}
		p.charge(24)
		names = append(names, Param{Pos: p.tok.pos, Name: p.text()})
		p.next()
		if p.tok.kind != tComma {
			return names
		}
	}
}

// doc is the comment directly above pos, without delimiters.
func (p *parser) doc(pos Pos) string {
	first := len(p.out.Comments)
	for line := pos.Line; first > 0; first-- {
		c := p.out.Comments[first-1]
		last := c.Pos.Line + int32(strings.Count(c.Text, "\n"))
		if c.Trailing || c.inside || last < line-1 {
			break
		}
		line = c.Pos.Line
	}
	var lines []string
	for _, c := range p.out.Comments[first:] {
		if text, is := strings.CutPrefix(c.Text, "//"); is {
			lines = append(lines, strings.TrimSpace(text))
			continue
		}
		text := strings.TrimSuffix(strings.TrimPrefix(c.Text, "/*"), "*/")
		for line := range strings.SplitSeq(text, "\n") {
			line = strings.TrimSpace(line)
			if line = strings.TrimPrefix(line, "*"); line != "" {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
	}
	doc := strings.TrimSpace(strings.Join(lines, "\n"))
	p.charge(len(doc))
	return doc
}
