// This file holds how the texts of a publication become pieces: one for each
// unit, with a text of its own.

package definitions

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/syntax"
	"github.com/avap-framework/avap/vm"
)

// Limits of what is published.
const (
	MaxSource  = 1 << 20 // bytes of a source
	MaxName    = 200     // bytes of a name
	MaxComment = 1000    // bytes of a comment
)

// Source is a text to publish.
type Source struct {
	// Kind is bytecode.KindCommand for definitions of commands and nothing else,
	// each of which becomes a unit; bytecode.KindScript for a script; 0 for
	// commands where it holds any, else a script.
	Kind bytecode.Kind
	// Name is the script's name; of commands, what people call the source.
	Name string
	Text string
	// Quotas of the contract of each unit; the zero value for none.
	Quotas seal.Contract
	// Capabilities of the contract: http, sql, random, time. Of a command none, or
	// those that the source requires; of a script none for what a worker grants
	// to scripts.
	Capabilities []string
}

// piece is a source's part that becomes one unit.
type piece struct {
	source int // index in the request; -1 for a unit of the catalog
	key    store.Key
	text   string
	start  syntax.Pos         // where text begins in the source
	def    *syntax.Definition // of a command
	file   *syntax.File       // of a script
	quotas seal.Contract
	// requires are a script's capabilities; of a command they stand in def.
	requires []string
	from     uint64     // of a rollback
	stock    *stockUnit // instead of def and file

	program *bytecode.Program // what it was compiled to; nil before and where that failed
	failed  bool
}

// at returns a place of the piece as one of its source.
func (p *piece) at(pos syntax.Pos) syntax.Pos {
	switch {
	case pos == syntax.Pos{}:
		return pos
	case pos.Line == 1:
		return syntax.Pos{Line: p.start.Line, Col: p.start.Col + pos.Col - 1}
	}
	return syntax.Pos{Line: p.start.Line + pos.Line - 1, Col: pos.Col}
}

// signature returns the interface of a command's piece, nil where it declares none
// that there can be.
func (p *piece) signature() *bytecode.Signature {
	if p.stock != nil {
		return &bytecode.Signature{Params: p.stock.params, Needs: p.stock.requires}
	}
	s := &bytecode.Signature{}
	for _, param := range p.def.Params {
		mode, ok := bytecode.ParseMode(param.Mode)
		if !ok {
			return nil
		}
		s.Params = append(s.Params, bytecode.Param{Name: param.Name, Mode: mode})
	}
	return s
}

// capabilities returns what the unit's own code may reach.
func (p *piece) capabilities() []string {
	switch {
	case p.stock != nil:
		return p.stock.requires
	case p.def == nil:
		return p.requires
	}
	var names []string
	for _, r := range p.def.Requires {
		names = append(names, r.Name)
	}
	return names
}

// pieces reads a source. What is wrong with it are diagnostics; pieces that
// could be read come with them.
func pieces(index int, s Source, charge func(int) error) ([]*piece, []Diagnostic, error) {
	fault := func(pos syntax.Pos, msg string) []Diagnostic {
		return []Diagnostic{{Severity: SeverityError, Code: codeSyntax, Msg: msg, Source: index, Key: scriptKey(s), Pos: pos}}
	}
	switch {
	case len(s.Text) > MaxSource:
		return nil, fault(syntax.Pos{}, fmt.Sprintf("the source is larger than %d bytes", MaxSource)), nil
	case strings.ContainsRune(s.Text, 0):
		return nil, fault(syntax.Pos{}, "the source holds a NUL character"), nil
	}
	f, err := syntax.Parse(s.Text, syntax.Options{Charge: charge})
	var mistakes syntax.Errors
	if errors.As(err, &mistakes) {
		var ds []Diagnostic
		for _, m := range mistakes {
			ds = append(ds, fault(m.Pos, m.Msg)...)
		}
		return nil, ds, nil
	} else if err != nil {
		return nil, nil, err
	}
	if s.Kind == bytecode.KindCommand || s.Kind == 0 && len(f.Commands) > 0 {
		if len(f.Commands) == 0 || len(f.Body) > 0 || len(f.Funcs) > 0 {
			return nil, fault(syntax.Pos{Line: 1, Col: 1}, "a source of definitions holds definitions of commands alone"), nil
		}
		return commandPieces(index, s, f, charge)
	}
	if len(f.Commands) > 0 {
		return nil, fault(f.Commands[0].Pos, "a script cannot define the command "+f.Commands[0].Name+": definitions are published on their own"), nil
	}
	if msg := nameFault(s.Name); msg != "" {
		return nil, fault(syntax.Pos{}, msg), nil
	}
	p := &piece{
		source: index, key: scriptKey(s), text: s.Text, start: syntax.Pos{Line: 1, Col: 1}, file: f, quotas: s.Quotas,
		requires: slices.Sorted(slices.Values(s.Capabilities)),
	}
	p.requires = slices.Compact(p.requires)
	for _, name := range p.requires {
		if _, ok := vm.ParseCapability(name); !ok {
			return nil, fault(syntax.Pos{}, name+" is no capability: write http, sql, random or time"), nil
		}
	}
	return []*piece{p}, nil, nil
}

// scriptKey is the key that a source has as a script.
func scriptKey(s Source) store.Key {
	if s.Kind == bytecode.KindCommand {
		return store.Key{}
	}
	return store.Key{Kind: bytecode.KindScript, Name: s.Name}
}

// nameFault says why nothing can have a name; it is empty where it can.
func nameFault(name string) string {
	switch {
	case name == "":
		return "a script needs a name"
	case len(name) > MaxName:
		return fmt.Sprintf("a name has at most %d bytes", MaxName)
	case !utf8.ValidString(name):
		return "the name is not UTF-8"
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }):
		return "a name has no control characters"
	}
	return ""
}

// commandPieces splits a source of definitions. Each keeps what stands in front of
// it since the one before, and what follows on its last line.
func commandPieces(index int, s Source, f *syntax.File, charge func(int) error) ([]*piece, []Diagnostic, error) {
	var all []*piece
	var ds []Diagnostic
	c := cutter{text: s.Text, pos: syntax.Pos{Line: 1, Col: 1}}
	if len(f.Commands) > 1 {
		c.skipSpace()
	}
	for i, d := range f.Commands {
		p := &piece{source: index, key: store.Key{Kind: bytecode.KindCommand, Name: d.Name}, quotas: s.Quotas, start: c.pos, def: d}
		if i == len(f.Commands)-1 {
			p.text = s.Text[c.off:]
		} else {
			p.text = c.cut(d.End)
		}
		if len(f.Commands) > 1 {
			own, err := syntax.Parse(p.text, syntax.Options{Charge: charge})
			var mistakes syntax.Errors
			if err != nil && !errors.As(err, &mistakes) {
				return nil, nil, err
			}
			if err != nil || len(own.Commands) != 1 || own.Commands[0].Name != d.Name {
				ds = append(ds, Diagnostic{
					Severity: SeverityError, Code: codeSyntax, Source: index, Key: p.key, Pos: d.Pos,
					Msg: "the definition cannot be read by itself: publish it in a source of its own",
				})
				continue
			}
			p.def = own.Commands[0]
		}
		ds = append(ds, p.checkDefinition(s.Capabilities)...)
		all = append(all, p)
	}
	return all, ds, nil
}

// checkDefinition says what is wrong with a definition's head.
func (p *piece) checkDefinition(contract []string) []Diagnostic {
	fault := func(pos syntax.Pos, msg string) []Diagnostic {
		p.failed = true
		return []Diagnostic{{Severity: SeverityError, Code: codeSyntax, Msg: msg, Source: p.source, Key: p.key, Pos: p.at(pos)}}
	}
	if slices.Contains(syntax.Builtins, p.key.Name) {
		return fault(p.def.Pos, "a built-in function has this name, so nobody could call it")
	}
	if len(p.key.Name) > MaxName {
		return fault(p.def.Pos, fmt.Sprintf("a name has at most %d bytes", MaxName))
	}
	for _, r := range p.def.Requires {
		if _, ok := vm.ParseCapability(r.Name); !ok {
			return fault(r.Pos, r.Name+" is no capability: write http, sql, random or time")
		}
	}
	own := slices.Sorted(slices.Values(p.capabilities()))
	if len(contract) > 0 && !slices.Equal(own, slices.Sorted(slices.Values(contract))) {
		return fault(p.def.Pos, "the contract has other capabilities than the source requires")
	}
	return nil
}

// cutter cuts a text at places of its syntax.
type cutter struct {
	text string
	off  int
	pos  syntax.Pos // of off
}

// next moves over one character.
func (c *cutter) next() {
	r, size := utf8.DecodeRuneInString(c.text[c.off:])
	switch {
	case r == '\n':
		c.pos.Line++
		c.pos.Col = 1
	case r == '\uFEFF' && c.off == 0: // of the encoding, no column
	default:
		c.pos.Col++
	}
	c.off += size
}

// skipSpace moves over what stands between definitions and is no comment.
func (c *cutter) skipSpace() {
	for c.off < len(c.text) && strings.IndexByte(" \t\r\n;", c.text[c.off]) >= 0 {
		c.next()
	}
}

// cut returns the text up to a closing brace and, where nothing but a comment is
// there, the rest of its line; it then moves to what follows.
func (c *cutter) cut(brace syntax.Pos) string {
	from := c.off
	for c.pos != brace && c.off < len(c.text) {
		c.next()
	}
	if c.off < len(c.text) {
		c.next()
	}
	line, _, _ := strings.Cut(c.text[c.off:], "\n")
	if rest := strings.TrimSpace(line); rest == "" || strings.HasPrefix(rest, "//") {
		for range utf8.RuneCountInString(line) {
			c.next()
		}
	}
	cut := c.text[from:c.off]
	c.skipSpace()
	return strings.TrimRight(cut, " \t\r") + "\n"
}
