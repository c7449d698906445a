// This file holds the matcher: it runs a compiled pattern over a text in time
// that is linear for each match (Pike's simulation), and unlike the standard
// library's it charges for its work as it goes, and can be stopped at any point.

package command

import (
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/avap-framework/avap/vm"
)

const (
	// stepsPerInstruction is how many steps of the matcher are as much work as
	// one instruction of the machine.
	stepsPerInstruction = 3
	// stepsUnpaid is how many steps are made between two looks at the quotas.
	stepsUnpaid = 1024
)

// matcher finds the matches of one pattern in one text.
type matcher struct {
	m     *vm.Machine
	p     *pattern
	text  string
	steps int   // not paid for yet
	err   error // of a quota
	found []int // of the match found last: where it and its groups begin and end, -1 for a group that is not in it
	*scratch
}

// scratch is what a matcher works on. It holds nothing of a text, but places.
type scratch struct {
	slots     int // places that each thread remembers
	now, next queue
	stack     []job
	places    []int // of the thread that is being added
}

// queue is a set of threads in the order of their priority.
type queue struct {
	at     []uint32 // by instruction: where it stands in pcs, if it does
	pcs    []uint32
	blocks [][]int // places: slots for each of pcs, blockThreads of them in a block
}

// blockThreads is how many threads share a block of places. Blocks are made when
// they are needed, as few patterns have as many threads as instructions.
const blockThreads = 64

// places returns what the thread at i of pcs remembers.
func (q *queue) places(i, slots int) []int {
	at := i % blockThreads * slots
	return q.blocks[i/blockThreads][at : at+slots : at+slots]
}

func (q *queue) has(pc uint32) bool {
	i := q.at[pc]
	return int(i) < len(q.pcs) && q.pcs[i] == pc
}

// job is something left to do while a thread is added: an instruction to go on
// from, or, where slot is not negative, a place to put back.
type job struct {
	pc   uint32
	slot int
	old  int
}

// newMatcher makes a matcher that remembers the match and its first groups.
func newMatcher(m *vm.Machine, p *pattern, text string, groups int) (*matcher, error) {
	n, slots := len(p.prog.Inst), 2*(groups+1)
	if err := m.Charge(n*(16+16*slots) + 64*slots); err != nil {
		return nil, err
	}
	s, ok := p.scratch.Get().(*scratch)
	if !ok || s.slots != slots {
		s = &scratch{slots: slots, now: newQueue(n), next: newQueue(n), places: make([]int, slots)}
	}
	return &matcher{m: m, p: p, text: text, found: make([]int, slots), scratch: s}, nil
}

func newQueue(n int) queue {
	return queue{at: make([]uint32, n), pcs: make([]uint32, 0, n)}
}

// close gives the scratch back. The matcher is used up.
func (x *matcher) close() { x.p.scratch.Put(x.scratch) }

// each calls yield for every match, in order. One that is empty and stands where
// the match before it ended is none.
func (x *matcher) each(yield func(found []int) error) error {
	last := -1
	for pos := 0; pos <= len(x.text); {
		ok, err := x.match(pos)
		if err != nil || !ok {
			return err
		}
		start, end := x.found[0], x.found[1]
		if start != end || start != last {
			if err := yield(x.found); err != nil {
				return err
			}
		}
		last = end
		if end > pos {
			pos = end
			continue
		}
		_, width := utf8.DecodeRuneInString(x.text[pos:])
		pos += max(width, 1)
	}
	return nil
}

// match finds the leftmost match that begins at pos or after it.
func (x *matcher) match(pos int) (matched bool, err error) {
	x.now.pcs, x.next.pcs = x.now.pcs[:0], x.next.pcs[:0]
	if err := x.m.Work(1); err != nil {
		return false, err
	}
	before := rune(-1)
	if pos > 0 {
		before, _ = utf8.DecodeLastRuneInString(x.text[:pos])
	}
	for {
		if len(x.now.pcs) == 0 {
			if matched || x.p.anchored && pos > 0 {
				break
			}
			from := pos
			if pos, err = x.skip(pos); err != nil || pos < 0 {
				return false, err
			}
			if pos > from {
				before, _ = utf8.DecodeLastRuneInString(x.text[:pos])
			}
		}
		r, width := x.runeAt(pos)
		if !matched && (pos == 0 || !x.p.anchored) {
			x.begin(pos, before, r)
		}
		after, _ := x.runeAt(pos + width)
		if x.step(pos, width, r, after) {
			matched = true
		}
		if x.err != nil {
			return false, x.err
		}
		if r < 0 {
			break
		}
		before, pos = r, pos+width
	}
	x.pay()
	return matched, x.err
}

// pay charges for the steps made so far. Once it fails, matching ends.
func (x *matcher) pay() {
	n := x.steps / stepsPerInstruction
	x.steps = 0
	if x.err == nil {
		x.err = x.m.Work(n)
	}
}

// runeAt returns the code point at pos, -1 at the end of the text.
func (x *matcher) runeAt(pos int) (rune, int) {
	if pos >= len(x.text) {
		return -1, 0
	}
	if c := x.text[pos]; c < utf8.RuneSelf {
		return rune(c), 1
	}
	return utf8.DecodeRuneInString(x.text[pos:])
}

// skip returns the first place from pos on where a match may begin, -1 where there
// is none.
func (x *matcher) skip(pos int) (int, error) {
	for x.p.prefix != "" || x.p.first != nil {
		end := min(pos+scanPiece, len(x.text))
		piece := x.text[pos:min(end+max(0, len(x.p.prefix)-1), len(x.text))]
		n := x.candidate(piece)
		if n >= 0 {
			x.steps += n / 16
			return pos + n, nil
		}
		if err := x.m.Work(1 + len(piece)/32); err != nil {
			return 0, err
		}
		if pos = end; pos == len(x.text) {
			return -1, nil
		}
	}
	return pos, nil
}

// candidate returns the first place in s where a match may begin, or -1.
func (x *matcher) candidate(s string) int {
	if x.p.prefix != "" {
		return strings.Index(s, x.p.prefix)
	}
	first := x.p.first
	for i := range len(s) {
		if first[s[i]] {
			return i
		}
	}
	return -1
}

// begin adds the thread of a match that begins at pos.
func (x *matcher) begin(pos int, before, r rune) {
	for i := range x.places {
		x.places[i] = -1
	}
	x.places[0] = pos
	x.add(&x.now, uint32(x.p.prog.Start), pos, before, r)
}

// step moves every thread over the code point r at pos, which after follows. It
// tells whether one of them is a match; those after it are of no interest then.
func (x *matcher) step(pos, width int, r, after rune) bool {
	matched := false
	for i, pc := range x.now.pcs {
		if x.steps++; x.steps > stepsUnpaid {
			x.pay()
		}
		if x.err != nil {
			return false
		}
		inst := &x.p.prog.Inst[pc]
		ok := false
		switch inst.Op {
		case syntax.InstMatch:
			copy(x.found, x.now.places(i, x.slots))
			x.found[1] = pos
			matched = true
		case syntax.InstRune1:
			ok = r == inst.Rune[0]
		case syntax.InstRune:
			ok = r >= 0 && inst.MatchRune(r)
			x.steps += min(len(inst.Rune)/8, 4)
		case syntax.InstRuneAny:
			ok = r >= 0
		case syntax.InstRuneAnyNotNL:
			ok = r >= 0 && r != '\n'
		}
		if matched {
			break
		}
		if ok {
			copy(x.places, x.now.places(i, x.slots))
			x.add(&x.next, inst.Out, pos+width, r, after)
		}
	}
	x.now, x.next = x.next, x.now
	x.next.pcs = x.next.pcs[:0]
	return matched
}

// add adds a thread to a queue, and those that it becomes without another code
// point. It stands at pos, between two code points.
func (x *matcher) add(q *queue, pc uint32, pos int, before, after rune) {
	stack := append(x.stack[:0], job{pc: pc, slot: -1})
	for len(stack) > 0 && x.err == nil {
		j := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if j.slot >= 0 {
			x.places[j.slot] = j.old
			continue
		}
		for pc, going := j.pc, true; going && !q.has(pc); {
			if x.steps++; x.steps > stepsUnpaid {
				x.pay()
			}
			i := len(q.pcs)
			q.at[pc] = uint32(i)
			q.pcs = append(q.pcs, pc)
			inst := &x.p.prog.Inst[pc]
			pc = inst.Out
			switch inst.Op {
			case syntax.InstAlt, syntax.InstAltMatch:
				stack = append(stack, job{pc: inst.Arg, slot: -1})
			case syntax.InstEmptyWidth:
				going = syntax.EmptyOp(inst.Arg)&^syntax.EmptyOpContext(before, after) == 0
			case syntax.InstNop:
			case syntax.InstCapture:
				if slot := int(inst.Arg); slot < x.slots {
					stack = append(stack, job{slot: slot, old: x.places[slot]})
					x.places[slot] = pos
				}
			case syntax.InstFail:
				going = false
			default:
				for len(q.blocks) <= i/blockThreads {
					q.blocks = append(q.blocks, make([]int, blockThreads*x.slots))
				}
				copy(q.places(i, x.slots), x.places)
				x.steps += x.slots / 2
				going = false
			}
		}
	}
	x.stack = stack
}
