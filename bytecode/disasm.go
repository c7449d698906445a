// This file holds the disassembler: a program as a listing that people read.

package bytecode

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Disassemble writes a listing of p, which need not be verified. Its errors
// are those of w.
func Disassemble(w io.Writer, p *Program) error {
	l := lister{w: bufio.NewWriter(w), p: p}
	l.header()
	for i := range p.Functions {
		l.function(i)
	}
	return l.w.Flush()
}

// String returns the instruction by itself, with numbers for what only its
// program knows.
func (in Instr) String() string {
	return strings.TrimSpace(in.Op.String() + " " + (&lister{}).operands(in))
}

// lister writes a listing. Without a program and a function it knows numbers alone.
type lister struct {
	w      *bufio.Writer
	p      *Program
	locals []string       // names of the function's registers
	labels map[int]string // of the function's instructions
}

func (l *lister) printf(format string, args ...any) { fmt.Fprintf(l.w, format, args...) }

// header lists what stands around the functions.
func (l *lister) header() {
	p := l.p
	l.printf("%v %s", p.Kind, quoted(p.Name))
	if p.Kind == KindCommand {
		l.printf("(%s)", parameters(p.Params))
	}
	if len(p.Requires) > 0 {
		l.printf(" requires %s", strings.Join(each(p.Requires, plain), ", "))
	}
	l.printf("\n")
	for i, name := range p.Globals {
		if name != "" {
			l.printf("global g%d %s\n", i, plain(name))
		}
	}
	for i, c := range p.Commands {
		l.printf("command c%d %s(%s)\n", i, plain(c.Name), parameters(c.Params))
	}
}

// function lists a function.
func (l *lister) function(index int) {
	f := &l.p.Functions[index]
	l.locals = f.Locals
	if index == 0 && len(f.Locals) == 0 {
		l.locals = l.p.Globals
	}
	l.labels = labels(f)
	l.printf("\nfunction f%d %s: %d parameters, %d registers\n", index, quoted(f.Name), f.Params, f.Registers)
	positions := f.Positions
	for pc, in := range f.Code {
		if label, ok := l.labels[pc]; ok {
			l.printf("%s:\n", label)
		}
		place := ""
		for len(positions) > 0 && int(positions[0].PC) <= pc {
			place = fmt.Sprintf("%d:%d", positions[0].Line, positions[0].Col)
			positions = positions[1:]
		}
		line := fmt.Sprintf("%6d  %-8s %-10s %s", pc, place, in.Op, l.operands(in))
		if note := l.note(in); note != "" {
			line = fmt.Sprintf("%-56s ; %s", line, note)
		}
		l.printf("%s\n", strings.TrimRight(line, " "))
	}
	for _, h := range f.Handlers {
		l.printf("  errors from %d up to %d go to %s\n", h.From, h.To, l.label(int(h.Target)))
	}
}

// labels names the instructions that jumps and handlers go to, in their order.
func labels(f *Function) map[int]string {
	var targets []int
	for _, in := range f.Code {
		if in.Op.Known() && Ops[in.Op].Jumps() {
			targets = append(targets, int(in.C))
		}
	}
	for _, h := range f.Handlers {
		targets = append(targets, int(h.Target))
	}
	slices.Sort(targets)
	named := map[int]string{}
	for i, pc := range slices.Compact(targets) {
		named[pc] = "L" + strconv.Itoa(i+1)
	}
	return named
}

func (l *lister) label(pc int) string { return cmp.Or(l.labels[pc], "@"+strconv.Itoa(pc)) }

// operands lists the operands of an instruction.
func (l *lister) operands(in Instr) string {
	if !in.Op.Known() {
		return fmt.Sprintf("%d, %d, %d, %d, %d", in.Op, in.A, in.B, in.X, in.C)
	}
	var list []string
	for _, o := range Ops[in.Op].operands(in) {
		switch o.Kind {
		case Unused, TopByte:
		case LowByte:
			list = append(list, strconv.Itoa(int(int16(in.B)|int16(in.X)<<8)))
		default:
			list = append(list, l.operand(o.Kind, o.Value))
		}
	}
	return strings.Join(list, ", ")
}

// operand returns an operand by its name, or by its number where it has none.
func (l *lister) operand(kind Operand, n int) string {
	if name, ok := l.named(kind, n); ok {
		return name
	}
	switch kind {
	case Count, Arguments, Number, Flag, Room:
		return strconv.Itoa(n)
	case Const, Name:
		return "k" + strconv.Itoa(n)
	case Global:
		return l.with("g", n, l.globals())
	case Target:
		return l.label(n)
	case Func:
		return "f" + strconv.Itoa(n)
	case Builtin, Method, BuiltinSite, MethodSite, Catalog, LogName, ErrorCode, Compare:
		return "#" + strconv.Itoa(n)
	}
	return l.with("r", n, l.locals)
}

// named returns what has a name of its own.
func (l *lister) named(kind Operand, n int) (string, bool) {
	switch kind {
	case Builtin:
		return at(Builtins[:], n)
	case Method:
		return at(Methods[:], n)
	case ErrorCode:
		return at(Codes[:], n)
	case Compare:
		return at(comparatorNames[:], n)
	}
	if l.p == nil || n < 0 {
		return "", false
	}
	switch {
	case kind == BuiltinSite && n < len(l.p.Sites):
		return site(Builtins[:], l.p.Sites[n]), true
	case kind == MethodSite && n < len(l.p.Sites):
		return site(Methods[:], l.p.Sites[n]), true
	case kind == Catalog && n < len(l.p.Commands):
		return plain(l.p.Commands[n].Name), true
	case kind == LogName && n < len(l.p.Logs):
		return quoted(l.p.Logs[n]), true
	case kind == Func && n < len(l.p.Functions):
		return fmt.Sprintf("f%d(%s)", n, plain(l.p.Functions[n].Name)), true
	}
	return "", false
}

// site returns a call site as the call stands in a script.
func site(targets []string, s CallSite) string {
	name, ok := at(targets, int(s.Target))
	if !ok {
		name = "#" + strconv.Itoa(int(s.Target))
	}
	return fmt.Sprintf("%s(%s)", name, strings.Join(each(s.Keywords, func(k string) string { return plain(k) + "=" }), ", "))
}

func (l *lister) globals() []string {
	if l.p == nil {
		return nil
	}
	return l.p.Globals
}

// with returns a register or slot, with its name where it has one.
func (l *lister) with(prefix string, n int, names []string) string {
	s := prefix + strconv.Itoa(n)
	if name, ok := at(names, n); ok && name != "" {
		s += "(" + plain(name) + ")"
	}
	return s
}

// note returns the constant that an instruction mentions.
func (l *lister) note(in Instr) string {
	n := int(in.C)
	if !in.Op.Known() || Ops[in.Op].C != Const && Ops[in.Op].C != Name || n < 0 || n >= len(l.p.Constants) {
		return ""
	}
	switch c := l.p.Constants[n]; c.Kind {
	case ConstInt:
		return strconv.FormatInt(int64(c.Bits), 10)
	case ConstFloat:
		return strconv.FormatFloat(math.Float64frombits(c.Bits), 'g', -1, 64)
	default:
		return quoted(c.Text)
	}
}

func at(names []string, n int) (string, bool) {
	if n < 0 || n >= len(names) {
		return "", false
	}
	return names[n], true
}

func parameters(params []Param) string {
	return strings.Join(each(params, func(p Param) string { return plain(p.Name) + ":" + p.Mode.String() }), ", ")
}

func each[T any](items []T, f func(T) string) []string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = f(item)
	}
	return texts
}

// plain returns a name as it is, or quoted where it would spoil the listing.
func plain(name string) string {
	odd := func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }
	if name == "" || strings.ContainsFunc(name, odd) {
		return quoted(name)
	}
	return name
}

// maxQuoted is how much of a text a listing shows, in bytes.
const maxQuoted = 80

// quoted returns a text between quotes, cut where it is long.
func quoted(s string) string {
	if len(s) > maxQuoted {
		return strconv.Quote(strings.ToValidUTF8(s[:maxQuoted], "")) + "…"
	}
	return strconv.Quote(s)
}
