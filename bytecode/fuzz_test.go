package bytecode

import (
	"bytes"
	"io"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Of all bytes, Decode takes those alone that AppendProgram makes.
func FuzzDecode(f *testing.F) {
	for _, p := range examples() {
		f.Add(AppendProgram(nil, p))
	}
	f.Add(tiny())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Decode(b)
		if err != nil {
			return
		}
		if again := AppendProgram(nil, p); !bytes.Equal(b, again) {
			t.Fatalf("a second encoding of one program:\n% x\n% x", b, again)
		}
	})
}

// Verify lets nothing pass that would lead the machine astray, be it decoded
// from any bytes or made of a good program by a few changes.
func FuzzVerify(f *testing.F) {
	names := slices.Sorted(maps.Keys(examples()))
	for i, name := range names {
		f.Add(AppendProgram(nil, examples()[name]))
		f.Add([]byte{byte(i), 0, 0, 5, 1, 3, 0, 1, 2, 9})
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := Decode(b); err == nil {
			judge(t, p, b)
		}
		if len(b) > 0 {
			p := examples()[names[int(b[0])%len(names)]]
			mutate(p, b[1:])
			judge(t, p, b)
		}
	})
}

// judge verifies a program, and tells whether it was accepted. What is must
// hold on random ways, and be the same after encoding.
func judge(t *testing.T, p *Program, seed []byte) bool {
	t.Helper()
	if err := Disassemble(io.Discard, p); err != nil {
		t.Fatal(err)
	}
	if Verify(p) != nil {
		return false
	}
	again, err := Decode(AppendProgram(nil, p))
	if err != nil {
		t.Fatalf("accepted, but not decodable: %v", err)
	}
	if !reflect.DeepEqual(p, again) { // cmp is slow, and takes nil and empty for the same
		if diff := cmp.Diff(p, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("accepted, but not the same when decoded:\n%s", diff)
		}
	}
	var key [32]byte
	copy(key[:], seed)
	random := rand.New(rand.NewChaCha8(key))
	for range 8 {
		if err := walk(p, random); err != nil {
			Disassemble(t.Output(), p)
			t.Fatalf("accepted, but %v", err)
		}
	}
	return true
}

// mutate changes a program as the bytes say, four for a change.
func mutate(p *Program, b []byte) {
	for ; len(b) >= 4; b = b[4:] {
		f := &p.Functions[int(b[0]>>5)%len(p.Functions)]
		pc, value := int(b[1])%len(f.Code), int32(int8(b[3]))
		mutateOne(p, f, pc, int(b[0]&31), b[2], value)
	}
}

func mutateOne(p *Program, f *Function, pc, what int, which byte, value int32) {
	in := &f.Code[pc]
	switch what {
	case 0, 1, 2, 3:
		in.A = uint8(value)
	case 4, 5, 6:
		in.B = uint8(value)
	case 7, 8:
		in.X = uint8(value)
	case 9, 10, 11, 12:
		in.C = value
	case 13, 14:
		in.Op = Op(which)
	case 15, 16, 17:
		*in = f.Code[int(which)%len(f.Code)]
	case 18, 19, 20:
		f.Code = slices.Insert(f.Code, pc, f.Code[int(which)%len(f.Code)])
	case 21:
		if len(f.Code) > 1 {
			f.Code = slices.Delete(f.Code, pc, pc+1)
		}
	case 22:
		f.Code[pc], f.Code[int(which)%len(f.Code)] = f.Code[int(which)%len(f.Code)], f.Code[pc]
	case 23:
		*in = Instr{Op: OpForLoop, A: which, B: in.B, C: value}
	case 24:
		*in = Instr{Op: OpForPrep, A: which, B: in.B, X: in.X, C: value}
	case 25:
		*in = Instr{Op: OpSetGlobal, A: which, C: value}
	case 26, 27:
		f.Handlers = append(f.Handlers, Handler{int32(pc), int32(which), value})
	case 28:
		f.Registers += int(value)
	case 29:
		f.Params += int(value)
	case 30:
		p.Globals = append(p.Globals, "fresh"[:int(which)%6])
	case 31:
		p.Kind ^= Kind(which & 3)
	}
}

// Random programs, many of which the verifier refuses: those that it accepts
// hold. The fuzzer looks longer.
func TestAcceptedProgramsHold(t *testing.T) {
	names := slices.Sorted(maps.Keys(examples()))
	random := rand.New(rand.NewPCG(1, 2))
	kinds := map[string]func(seed []byte) *Program{
		"changed": func(seed []byte) *Program {
			p := examples()[names[random.IntN(len(names))]]
			mutate(p, seed)
			return p
		},
		"tangled": func([]byte) *Program { return tangled(random) },
	}
	for kind, program := range kinds {
		accepted, tried := 0, 3000
		for range tried {
			seed := make([]byte, 4*(1+random.IntN(4)))
			for i := range seed {
				seed[i] = byte(random.Uint32())
				if i%4 == 3 && random.IntN(4) > 0 {
					seed[i] %= 16
				}
			}
			if judge(t, program(seed), seed) {
				accepted++
			}
		}
		if accepted < tried/50 || accepted > tried/2 {
			t.Errorf("%d of %d %s programs are accepted: too few or too many to mean anything", accepted, tried, kind)
		}
	}
}

// tangled gives a script of two short functions in which loops, jumps, calls
// and handlers cross each other at random.
func tangled(random *rand.Rand) *Program {
	const registers = 9
	p := &Program{
		Kind:      KindScript,
		Globals:   []string{"a", "b"},
		Commands:  []Command{{Name: "c"}},
		Functions: []Function{{Registers: registers}, {Registers: registers}},
	}
	for i := range p.Functions {
		f := &p.Functions[i]
		n := 6 + random.IntN(6)
		var loops []int
		for pc := range n {
			in := tangledInstr(random, n, registers)
			switch {
			case in.Op == OpForPrep:
				loops = append(loops, pc)
			case in.Op == OpForLoop && len(loops) == 0:
				in = Instr{Op: OpLoadNone, A: 8}
			case in.Op == OpForLoop:
				which := len(loops) - 1
				if random.IntN(8) == 0 {
					which = random.IntN(len(loops))
				}
				in.A, in.C = f.Code[loops[which]].A, int32(loops[which])+1
				if random.IntN(4) == 0 {
					in.C = int32(random.IntN(pc + 1))
				}
				loops = slices.Delete(loops, which, which+1)
			}
			f.Code = append(f.Code, in)
		}
		f.Code = append(f.Code, Instr{Op: OpReturnNone})
		if i == 0 {
			f.Code[n].Op = OpStop
		}
		if random.IntN(3) == 0 {
			from := random.Int32N(int32(n))
			f.Handlers = []Handler{{from, from + 1, from + 1 + random.Int32N(int32(n)-from)}}
		}
	}
	return p
}

// tangledInstr gives an instruction that is good by itself, if it is in the
// right place.
func tangledInstr(random *rand.Rand, n, registers int) Instr {
	register := func(from int) uint8 { return uint8(from + random.IntN(registers-from)) }
	target := random.Int32N(int32(n))
	return []Instr{
		{Op: OpForPrep, A: uint8(random.IntN(7)), B: 8, C: int32(n)},
		{Op: OpForPrep, A: uint8(2 + 2*random.IntN(3)), C: target},
		{Op: OpForLoop},
		{Op: OpForLoop},
		{Op: OpForLoop},
		{Op: OpJump, C: target},
		{Op: OpJumpTrue, C: target},
		{Op: OpMove, A: register(2)},
		{Op: OpStoreWide, C: int32(register(2))},
		{Op: OpCall, A: register(0), C: 1},
		{Op: OpCommand, A: register(1)},
		{Op: OpSetGlobal, C: random.Int32N(2)},
	}[random.IntN(12)]
}
