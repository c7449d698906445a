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

// slab hands out memory for nodes of one type, or for lists of them. What was there
// before is still in it: whoever takes an item writes all of it.
type slab[T any] struct{ chunk []T }

// one gives one item, and charges so much for it.
func (s *slab[T]) one(p *parser, bytes int) *T {
	p.charge(bytes)
	n := len(s.chunk)
	if n >= cap(s.chunk) {
		return &s.take(1)[0]
	}
	s.chunk = s.chunk[:n+1]
	return &s.chunk[n]
}

// copied gives a copy of a list.
func (s *slab[T]) copied(list []T) []T {
	items := s.take(len(list))
	for i := range items { // most are short: a call of the runtime costs more
		items[i] = list[i]
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

// reset takes everything back, and leaves it as it is.
func (s *slab[T]) reset() { s.chunk = s.chunk[:0] }

// wipe clears all memory that is kept.
func (s *slab[T]) wipe() { clear(s.chunk[:cap(s.chunk)]) }

// node gives the memory of a node of the tree, and charges for it.
func node[T any](p *parser, s *slab[T]) *T {
	var n T
	return s.one(p, int(unsafe.Sizeof(n)))
}

// rare makes a node of a type that most trees hold none of. It makes one, too, where its
// charge is refused: so nobody has to look.
func rare[T any](p *parser, n T) *T {
	p.charge(int(unsafe.Sizeof(n)))
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
	args       slab[Arg]
	exprs      slab[Expr]
	statements slab[Stmt]
	ops        slab[string] // of comparisons
}

// reset takes everything back, and leaves it as it is.
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
	n.args.reset()
	n.exprs.reset()
	n.statements.reset()
	n.ops.reset()
}

// wipe clears all memory that is kept.
func (n *nodes) wipe() {
	for _, s := range []interface{ wipe() }{
		&n.assign, &n.do, &n.ifs, &n.loop, &n.returns, &n.integer, &n.float, &n.text, &n.template,
		&n.name, &n.list, &n.dict, &n.unary, &n.binary, &n.compare, &n.index, &n.slice, &n.attr,
		&n.call, &n.method, &n.command, &n.args, &n.exprs, &n.statements, &n.ops,
	} {
		s.wipe()
	}
}
