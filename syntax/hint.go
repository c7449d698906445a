// This file says what was expected where something else was found.

package syntax

import (
	"fmt"
	"strings"
)

// unexpected fails at the token.
func (p *parser) unexpected(want string) {
	if p.bad {
		return
	}
	if p.quiet {
		p.giveUp(p.tok.start)
		return
	}
	p.fail(p.tok.pos, "expected %s, found %s%s", want, p.found(), p.hint())
}

// found describes the token.
func (p *parser) found() string {
	switch p.tok.kind {
	case tEOF:
		if len(p.part) < len(p.src) {
			return "the end of the text"
		}
		return "the end of the source"
	case tNewline:
		return "the end of the line"
	case tTemplate:
		return "a template"
	}
	return fmt.Sprintf("`%s`", clip(p.text()))
}

// hint says what to write for mistakes that are often made.
func (p *parser) hint() string {
	switch k := p.tok.kind; {
	case k == tAssign && p.brackets > 0:
		return ": write == to compare"
	case k == tStar || k == tPower:
		return ": unpacking is not in the language"
	case strings.HasSuffix(p.src[:p.prev], "lambda"):
		return ": lambda is not in the language, write a function"
	case k == tPlus:
		return ": a number has no sign +"
	case k == tGt && p.prev == p.tok.start && p.prev > 0 && p.src[p.prev-1] == '<':
		return ": write != for unequal"
	case k == tDot && p.off < len(p.part) && isDigit(p.src[p.off]):
		return ": a number does not start with its point, write 0."
	case k == tNot:
		return ": put it in parentheses"
	case k == tBlockWord || k == tIf || k == tElse || k == tFor || k == tIn || k == tIs:
		return ", a word of the language that names nothing else"
	case p.floor == Pos{}:
	case p.floor.Line == p.tok.pos.Line:
		return ": // divides here, put the comment on a line of its own"
	}
	return ""
}
