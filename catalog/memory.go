// This file holds the units in memory: the L1 of a replica.

package catalog

import (
	"runtime"
	"sync"
	"weak"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/vm"
)

// unit is a package that was opened. It is known by the hash of the package, so
// that it means the same in every revision.
type unit struct {
	hash      Hash
	sealed    *seal.Unit
	signature *bytecode.Signature
	size      int // bytes of memory, about

	// Of a command. Guarded by the memory's lock.
	definition definition
	watched    *vm.Command // the command that forget will be called for
}

// newUnit makes a unit of a package that is packed bytes long.
func newUnit(hash Hash, sealed *seal.Unit, packed int) *unit {
	p := sealed.Program
	return &unit{
		hash: hash, sealed: sealed, size: 1024 + 4*packed,
		signature:  &bytecode.Signature{Params: p.Params},
		definition: definition{program: p, limits: Limits(sealed.Contract)},
	}
}

// memory holds units within a number of bytes, least recently used out first. A
// definition that went out and that a program still calls is found again as the
// same *vm.Command: it costs its memory anyway. It is safe for concurrent use.
type memory struct {
	mu           sync.Mutex
	most, bytes  int
	units        *simplelru.LRU[Hash, *unit]
	out          map[Hash]outside
	held         [keptLoads]*View // what was loaded last
	next         int              // of held, to be replaced
	hits, misses uint64           // of get
}

// keptLoads is how many loads stay in memory, whatever there is room for: more
// than scripts are compiled at a time.
const keptLoads = 64

// outside is a definition that went out of memory, for as long as somebody else
// holds its command.
type outside struct {
	sealed  seal.Unit // without its program, which is the command's
	size    int
	command weak.Pointer[vm.Command]
	callees []weak.Pointer[vm.Command] // alive as long as the command is
}

func newMemory(most int) *memory {
	m := &memory{most: most, out: map[Hash]outside{}}
	m.units, _ = simplelru.NewLRU(1<<30, func(_ Hash, u *unit) { m.evicted(u) })
	return m
}

// get returns the unit of a hash; nil where it is not in memory.
func (m *memory) get(hash Hash) *unit {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.find(hash)
	m.shrink()
	if u != nil {
		m.hits++
	} else {
		m.misses++
	}
	return u
}

// peek is get that does not count.
func (m *memory) peek(hash Hash) *unit {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.find(hash)
	m.shrink()
	return u
}

func (m *memory) find(hash Hash) *unit {
	if u, ok := m.units.Get(hash); ok {
		return u
	}
	o, ok := m.out[hash]
	if !ok {
		return nil
	}
	delete(m.out, hash)
	command := o.command.Value()
	if command == nil {
		return nil
	}
	o.sealed.Program = command.Code.Program()
	u := newUnit(hash, &o.sealed, 0)
	u.size, u.watched, u.definition.command = o.size, command, command
	for _, c := range o.callees {
		u.definition.callees = append(u.definition.callees, c.Value())
	}
	m.add(u)
	return u
}

// keep returns the unit of u's hash that is in memory, which is u where there was
// none. The caller holds the lock, and shrinks.
func (m *memory) keep(u *unit) *unit {
	if there := m.find(u.hash); there != nil {
		return there
	}
	m.add(u)
	return u
}

// put takes a unit in, and gives the one that is in memory then.
func (m *memory) put(u *unit) *unit {
	m.mu.Lock()
	defer m.mu.Unlock()
	u = m.keep(u)
	m.shrink()
	return u
}

func (m *memory) add(u *unit) {
	m.units.Add(u.hash, u)
	m.bytes += u.size
}

// shrink drops what was used least recently. The newest stays, however large it is.
func (m *memory) shrink() {
	for m.bytes > m.most && m.units.Len() > 1 {
		m.units.RemoveOldest()
	}
}

// hold keeps what was loaded until as many others have been as there are places.
func (m *memory) hold(w *View) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held[m.next] = w
	m.next = (m.next + 1) % keptLoads
}

// evicted keeps the trace of a unit that goes out.
func (m *memory) evicted(u *unit) {
	m.bytes -= u.size
	command := u.definition.command
	if command == nil {
		return
	}
	o := outside{sealed: *u.sealed, size: u.size, command: weak.Make(command)}
	o.sealed.Program = nil
	for _, c := range u.definition.callees {
		o.callees = append(o.callees, weak.Make(c))
	}
	m.out[u.hash] = o
	if u.watched != command {
		u.watched = command
		hash := u.hash // not u, which would hold the command
		runtime.AddCleanup(command, func(gone weak.Pointer[vm.Command]) { m.forget(hash, gone) }, o.command)
	}
}

// forget drops the trace of a command that nobody holds any longer.
func (m *memory) forget(hash Hash, gone weak.Pointer[vm.Command]) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.out[hash].command == gone {
		delete(m.out, hash)
	}
}

// link links names under a lock: meaning is as a linker's.
func (m *memory) link(names []string, meaning func(name string) (*vm.Command, *unit)) (map[string]*vm.Command, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var touched []*unit
	l := linker{linked: map[string]*vm.Command{}, meaning: func(name string) (*vm.Command, *definition) {
		c, u := meaning(name)
		if u == nil {
			return c, nil
		}
		u = m.keep(u)
		touched = append(touched, u)
		return nil, &u.definition
	}}
	for _, name := range names {
		if _, err := l.link(name); err != nil {
			return nil, err
		}
	}
	for _, u := range touched {
		m.measure(u)
	}
	m.shrink()
	return l.linked, nil
}

// measure takes a unit at its size now that it is linked.
func (m *memory) measure(u *unit) {
	size := 1024 + u.definition.command.Code.Size()
	if there, ok := m.units.Peek(u.hash); ok && there == u {
		m.bytes += size - u.size
	}
	u.size = size
}
