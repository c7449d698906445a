// This file holds where the nodes of a tree lie: in slabs, one for each type, that a
// Parser uses again for the next tree.

package syntax

import "unsafe"

// Items of a slab's chunk, at first and at most. A chunk that is full is left to its
// tree, and only the last one is used again: a Parser keeps little.
const (
	firstChunk = 4
	mostChunk  = 64
)

// slab hands out memory for nodes of one type, or for lists of them.
type slab[T any] struct{ chunk []T }

// one gives one item.
func (s *slab[T]) one() *T {
	n := len(s.chunk)
	if n == cap(s.chunk) {
		s.grow(1)
		n = 0
	}
	s.chunk = s.chunk[:n+1]
	return &s.chunk[n]
}

// moved gives a copy of a list, which it clears.
func (s *slab[T]) moved(list []T) []T {
	items := s.take(len(list))
	if len(list) > 8 {
		copy(items, list)
		clear(list)
		return items
	}
	var none T
	for i := range items {
		items[i], list[i] = list[i], none
	}
	return items
}

// take gives n items side by side; many have memory of their own.
func (s *slab[T]) take(n int) []T {
	if n > mostChunk/4 {
		return make([]T, n)
	}
	from := len(s.chunk)
	if n > cap(s.chunk)-from {
		s.grow(n)
		from = 0
	}
	s.chunk = s.chunk[:from+n]
	return s.chunk[from : from+n : from+n]
}

func (s *slab[T]) grow(n int) {
	s.chunk = make([]T, 0, max(n, min(max(2*cap(s.chunk), firstChunk), mostChunk)))
}

// reset takes everything back.
func (s *slab[T]) reset() {
	if len(s.chunk) == 0 {
		return
	}
	if len(s.chunk) > 4 {
		clear(s.chunk)
	} else {
		var none T
		for i := range s.chunk { // a call of the runtime costs more than a few of them
			s.chunk[i] = none
		}
	}
	s.chunk = s.chunk[:0]
}

// node makes a node of the tree, once its memory is granted.
func node[T any](p *parser, s *slab[T], n T) *T {
	p.charge(int(unsafe.Sizeof(n)))
	if p.fatal != nil {
		return nil
	}
	made := s.one()
	*made = n
	return made
}

// rare is node for types that most trees hold none of.
func rare[T any](p *parser, n T) *T {
	p.charge(int(unsafe.Sizeof(n)))
	if p.fatal != nil {
		return nil
	}
	return &n
}

// nodes is the memory of a tree, but for what is rare.
type nodes struct {
	assign     slab[Assign]
	do         slab[Do]
	ifs        slab[If]
	loop       slab[Loop]
	returns    slab[Return]
	integer    slab[IntLit]
	float      slab[FloatLit]
	text       slab[StringLit]
	template   slab[Template]
	name       slab[Name]
	list       slab[ListLit]
	dict       slab[DictLit]
	unary      slab[Unary]
	binary     slab[Binary]
	compare    slab[Compare]
	index      slab[Index]
	slice      slab[Slice]
	attr       slab[Attr]
	call       slab[Call]
	method     slab[MethodCall]
	command    slab[CommandCall]
	arg        slab[Arg]
	args       slab[*Arg]
	exprs      slab[Expr]
	statements slab[Stmt]
	ops        slab[string] // of comparisons
}

// reset takes everything back.
func (n *nodes) reset() {
	n.assign.reset()
	n.do.reset()
	n.ifs.reset()
	n.loop.reset()
	n.returns.reset()
	n.integer.reset()
	n.float.reset()
	n.text.reset()
	n.template.reset()
	n.name.reset()
	n.list.reset()
	n.dict.reset()
	n.unary.reset()
	n.binary.reset()
	n.compare.reset()
	n.index.reset()
	n.slice.reset()
	n.attr.reset()
	n.call.reset()
	n.method.reset()
	n.command.reset()
	n.arg.reset()
	n.args.reset()
	n.exprs.reset()
	n.statements.reset()
	n.ops.reset()
}
