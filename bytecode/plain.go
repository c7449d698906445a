// This file holds the quick half of the verifier. It knows most instructions that are
// right when it sees them; of the others verify.go finds out what is wrong, if anything.

package bytecode

import "slices"

// limits are what there is to know of a function to see that an instruction is right.
type limits struct {
	below  [operandKinds]uint64 // operands, by kind; 0 is for kinds that are left to verify.go
	stands [InFunction + 1]bool // whether operations of a scope may stand there
	direct int                  // how many direct registers there are
	frames int                  // where the frames of callees may begin
}

// operandKinds is a power of two, and not below the number of kinds.
const operandKinds = 64

// limitProgram sets the limits that all functions have.
func (v *verifier) limitProgram() {
	const any = 1 << 32
	below := &v.limits.below
	below[Unused], below[Flag], below[Room] = 1, 2, MaxCode+1
	below[Count], below[Number], below[LowByte], below[TopByte] = any, any, any, any
	below[Arguments] = MaxParameters + 1
	below[Const], below[Name] = uint64(len(v.p.Constants)), uint64(len(v.p.Constants))
	below[Func], below[Catalog] = uint64(len(v.p.Functions)), uint64(len(v.p.Commands))
	below[Builtin], below[Method] = uint64(len(Builtins)), uint64(len(Methods))
	below[ErrorCode], below[Compare] = uint64(len(Codes)), uint64(CmpGe)+1
	if v.p.Kind == KindScript { // only operations of scripts have these
		named := slices.Index(v.p.Globals, "") // up to the first that has no name
		if named < 0 {
			named = len(v.p.Globals)
		}
		below[Global], below[LogName] = uint64(named), uint64(len(v.p.Logs))
	}
}

// limitFunction sets those that are the function's own.
func (v *verifier) limitFunction() {
	l := &v.limits
	l.direct, l.frames = min(v.f.Registers, MaxDirect), 0
	if v.index == 0 && v.f.Registers <= MaxDirect {
		l.frames = len(v.p.Globals)
	}
	for s := range l.stands {
		l.stands[s] = v.stands(Scope(s))
	}
	direct, below := uint64(l.direct), &l.below
	below[Read], below[Write], below[Update] = direct, direct, direct
	below[Native], below[Receiver], below[Counter] = direct, direct, direct
	below[ReadTwo], below[ReadThree] = direct-min(direct, 1), direct-min(direct, 2)
	below[ReadRange], below[Frame], below[Outs] = direct+1, direct+1, direct+1 // no register may be behind the last
	below[ReadWide], below[WriteWide] = uint64(v.f.Registers), uint64(v.f.Registers)
	below[Target] = uint64(len(v.f.Code))
}

// plain returns the first instruction from pc on that is not right at first sight, or how
// many there are.
func (v *verifier) plain(pc int) int {
	below := &v.limits.below
	code := v.f.Code[pc:]
	for i, in := range code {
		s := shapes[in.Op]
		if uint64(in.A) >= below[s.a%operandKinds] || uint64(in.B) >= below[s.b%operandKinds] ||
			uint64(in.X) >= below[s.x%operandKinds] || uint64(uint32(in.C)) >= below[s.c%operandKinds] {
			return pc + i
		}
		if s.special && !v.special(s, &code[i], pc+i) {
			return pc + i
		}
	}
	return len(v.f.Code)
}

// special reports whether an instruction is right whose operands are below their limits.
func (v *verifier) special(s *shape, in *Instr, pc int) bool {
	a, b, x, c := int(in.A), int(in.B), int(in.X), int(in.C)
	direct, frames := v.limits.direct, v.limits.frames
	switch s.what {
	case textC:
		return v.limits.stands[s.scope] && v.p.Constants[c].Kind == ConstString
	case rangeX:
		return b+x <= direct
	case rangeC:
		return c >= 0 && b+c <= direct
	case counters:
		return v.counter(pc) == nil
	case nativeCall:
		return a+b <= direct
	case methodCall:
		return b > 0 && a+b <= direct
	case functionCall:
		return c > 0 && b == v.p.Functions[c].Params && a >= frames && a+max(b, 1) <= direct
	case commandCall:
		return b == len(v.p.Commands[c].Params) && a >= frames && a+b <= direct
	default:
		return v.limits.stands[s.scope]
	}
}

// shape is what there is to know of an operation at first sight: a part of Ops, close
// together.
type shape struct {
	a, b, x, c Operand
	special    bool // whether there is more to know than the limits of its operands
	what       specialty
	scope      Scope
	reach      reach
}

// reach tells which registers an operation may touch beside those that are its operands.
type reach uint8

const (
	single reach = iota // none
	fromA               // a range from A on
	fromB               // a range from B on
	other
)

// specialty is what is special about an operation.
type specialty uint8

const (
	placed       specialty = iota // only its scope
	textC                         // constant C is a text
	rangeX                        // X registers from B on
	rangeC                        // C registers from B on
	counters                      // A and A+1 are a loop's own
	nativeCall                    // B arguments from A on
	methodCall                    // the same, the receiver among them
	functionCall                  // the same, and a frame
	commandCall
)

// shapes are those of all operations. No operands are right for what is none.
var shapes = func() (all [256]*shape) {
	rows := make([]shape, 1+NumOps)
	none := &rows[NumOps]
	*none = shape{a: End, reach: other}
	for op := range all {
		if all[op] = none; Op(op).Known() {
			rows[op] = Ops[op].shape()
			all[op] = &rows[op]
		}
	}
	return all
}()

func (i *Info) shape() shape {
	s := shape{a: i.A, b: i.B, x: i.X, c: i.C, scope: i.Scope, reach: i.reach()}
	switch {
	case i.C == Name:
		s.what = textC
	case i.A == Counter:
		s.what = counters
	case i.B == ReadRange && i.X == Count:
		s.what = rangeX
	case i.B == ReadRange && i.C == Count:
		s.what = rangeC
	case i.A == Native:
		s.what = nativeCall
	case i.A == Receiver:
		s.what = methodCall
	case i.A == Frame:
		s.what = functionCall
	case i.A == Outs:
		s.what = commandCall
	}
	s.special = s.what != placed || s.scope != Anywhere && s.c != Global && s.c != LogName
	return s
}

func (i *Info) reach() reach {
	one := func(o Operand) bool { return !o.register() || o <= Update }
	switch {
	case i.C.register() || !one(i.X):
		return other
	case one(i.A) && one(i.B):
		return single
	case one(i.B):
		return fromA
	case one(i.A):
		return fromB
	}
	return other
}
