// This file holds what the tests of values share: Python's literals, and
// values written as Python writes them.

package vm

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
)

// unlimited is for tests that are about meaning alone.
var unlimited = Limits{Instructions: -1, Memory: -1, Time: -1}

// patient are the default limits, but for a time that a busy machine does not keep to.
var patient = Limits{Time: -1}

// literal makes the value of a Python literal.
func literal(t testing.TB, m *Machine, s string) Value {
	t.Helper()
	p := literalParser{t: t, m: m, s: s}
	v := p.value()
	if p.space(); p.s != "" {
		t.Fatalf("literal %s: %q is left", s, p.s)
	}
	return v
}

type literalParser struct {
	t testing.TB
	m *Machine
	s string
}

func (p *literalParser) space() { p.s = strings.TrimLeft(p.s, " ") }

func (p *literalParser) accept(word string) bool {
	p.space()
	rest, ok := strings.CutPrefix(p.s, word)
	p.s = rest
	return ok
}

func (p *literalParser) value() Value {
	p.t.Helper()
	switch {
	case p.accept("None"):
		return NoneValue()
	case p.accept("True"):
		return BoolValue(true)
	case p.accept("False"):
		return BoolValue(false)
	case p.accept("["):
		return listValue(p.items("]"))
	case p.accept("("):
		return tupleValue(p.items(")"))
	case p.accept("{"):
		return p.dict()
	case p.s[0] == '\'' || p.s[0] == '"':
		return p.text()
	}
	return p.number()
}

func (p *literalParser) items(end string) *list {
	l := &list{}
	for !p.accept(end) {
		l.items = append(l.items, p.value())
		p.accept(",")
	}
	return l
}

func (p *literalParser) dict() Value {
	d := &dict{}
	for !p.accept("}") {
		key := p.value()
		p.accept(":")
		if err := d.set(p.m, key, p.value()); err != nil {
			p.t.Fatal(err)
		}
		p.accept(",")
	}
	return dictValue(d)
}

func (p *literalParser) text() Value {
	quote := p.s[0]
	rest := p.s[1:]
	var b strings.Builder
	for rest[0] != quote {
		if rest[0] == '\\' && (rest[1] == '\'' || rest[1] == '"') {
			b.WriteByte(rest[1])
			rest = rest[2:]
			continue
		}
		r, _, tail, err := strconv.UnquoteChar(rest, 0)
		if err != nil {
			p.t.Fatalf("text %s: %v", p.s, err)
		}
		b.WriteRune(r)
		rest = tail
	}
	p.s = rest[1:]
	return text(p.t, p.m, b.String())
}

func (p *literalParser) number() Value {
	n := 0
	for n < len(p.s) && strings.IndexByte("+-.0123456789einf", p.s[n]) >= 0 {
		n++
	}
	word := p.s[:n]
	p.s = p.s[n:]
	if i, err := strconv.ParseInt(word, 10, 64); err == nil {
		return IntValue(i)
	}
	f, err := strconv.ParseFloat(word, 64)
	if err != nil || math.IsInf(f, 0) {
		p.t.Fatalf("number %q: %v", word, err)
	}
	return floatValue(f)
}

func text(t testing.TB, m *Machine, s string) Value {
	t.Helper()
	v, err := m.Text(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// shown is repr() of a result, or its error: "!code message".
func shown(m *Machine, v Value, err error) string {
	if err == nil {
		v, err = m.reprOf(v)
	}
	var e *Error
	switch {
	case errors.As(err, &e):
		return "!" + string(e.Code) + " " + e.Msg
	case err != nil:
		return "!" + err.Error()
	}
	return v.str()
}

func shownBool(m *Machine, b bool, err error) string { return shown(m, BoolValue(b), err) }
