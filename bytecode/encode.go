// This file holds the encoder: a program as bytes. Equal programs have equal
// bytes.

package bytecode

import "encoding/binary"

// instrSize is the length of an encoded instruction.
const instrSize = 8

// AppendProgram appends the encoding of p to dst, in the lowest version that has
// it. It is meant for programs that Verify accepts: what it makes of others,
// Decode may refuse.
func AppendProgram(dst []byte, p *Program) []byte {
	e := encoder{refs: map[string]int{}}
	e.program(p)
	dst = binary.AppendUvarint(dst, uint64(VersionOf(p)))
	dst = binary.AppendUvarint(dst, uint64(len(e.strings)))
	for _, s := range e.strings {
		dst = binary.AppendUvarint(dst, uint64(len(s)))
		dst = append(dst, s...)
	}
	return append(dst, e.body...)
}

// encoder writes the body and collects the strings that it mentions, in the
// order in which it mentions them first.
type encoder struct {
	body    []byte
	strings []string
	refs    map[string]int
}

func (e *encoder) uint(n int)  { e.body = binary.AppendUvarint(e.body, uint64(uint32(n))) }
func (e *encoder) int(n int64) { e.body = binary.AppendVarint(e.body, n) }
func (e *encoder) byte(b byte) { e.body = append(e.body, b) }

func (e *encoder) string(s string) {
	ref, ok := e.refs[s]
	if !ok {
		ref = len(e.strings)
		e.refs[s] = ref
		e.strings = append(e.strings, s)
	}
	e.uint(ref)
}

// encodeAll writes how many items there are, and each of them.
func encodeAll[T any](e *encoder, items []T, write func(*encoder, *T)) {
	e.uint(len(items))
	for i := range items {
		write(e, &items[i])
	}
}

func (e *encoder) names(names []string) {
	encodeAll(e, names, func(e *encoder, s *string) { e.string(*s) })
}

func (e *encoder) params(params []Param) {
	encodeAll(e, params, func(e *encoder, p *Param) {
		e.string(p.Name)
		e.byte(byte(p.Mode))
	})
}

func (e *encoder) program(p *Program) {
	e.byte(byte(p.Kind))
	e.string(p.Name)
	encodeAll(e, p.Constants, (*encoder).constant)
	e.names(p.Globals)
	e.params(p.Params)
	encodeAll(e, p.Commands, func(e *encoder, c *Command) {
		e.string(c.Name)
		e.params(c.Params)
	})
	encodeAll(e, p.Sites, func(e *encoder, s *CallSite) {
		e.uint(int(s.Target))
		e.names(s.Keywords)
	})
	e.names(p.Logs)
	e.names(p.Requires)
	encodeAll(e, p.Functions, (*encoder).function)
}

func (e *encoder) constant(c *Constant) {
	e.byte(byte(c.Kind))
	switch c.Kind {
	case ConstInt:
		e.int(int64(c.Bits))
	case ConstFloat:
		e.body = binary.LittleEndian.AppendUint64(e.body, c.Bits)
	case ConstString:
		e.string(c.Text)
	}
}

func (e *encoder) function(f *Function) {
	e.string(f.Name)
	e.uint(f.Params)
	e.uint(f.Registers)
	e.code(f.Code)
	encodeAll(e, f.Handlers, func(e *encoder, h *Handler) {
		e.uint(int(h.From))
		e.uint(int(h.To))
		e.uint(int(h.Target))
	})
	e.positions(f.Positions)
	e.names(f.Locals)
}

func (e *encoder) code(code []Instr) {
	e.uint(len(code))
	for _, in := range code {
		e.body = append(e.body, byte(in.Op), in.A, in.B, in.X)
		e.body = binary.LittleEndian.AppendUint32(e.body, uint32(in.C))
	}
}

// positions writes PCs and lines as differences: most fit a byte.
func (e *encoder) positions(positions []Position) {
	var last Position
	encodeAll(e, positions, func(e *encoder, p *Position) {
		e.uint(int(p.PC - last.PC))
		e.int(int64(p.Line) - int64(last.Line))
		e.uint(int(p.Col))
		last = *p
	})
}
