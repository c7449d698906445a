// This file holds the cache of compiled programs, by the text of the script.

package worker

import (
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/avap-framework/avap"
)

const defaultCacheBytes = 64 << 20

// programCache keeps compiled programs, least recently used out first, within a
// number of bytes. Scripts that do not compile are kept too: they are cheap to
// refuse. It is safe for concurrent use.
type programCache struct {
	mu    sync.Mutex
	most  int
	bytes int
	lru   *simplelru.LRU[string, *cached]
}

// cached is a program, or the error of a script that does not compile.
type cached struct {
	program *avap.Program
	err     error
	size    int
}

func newProgramCache(most int) *programCache {
	c := &programCache{most: most}
	c.lru, _ = simplelru.NewLRU(1<<30, func(_ string, p *cached) { c.bytes -= p.size })
	return c
}

// get gives the program of a script, compiling it under the quotas of x where
// it is new. The script's text may be gone after the execution: the cache
// keeps a copy.
func (c *programCache) get(x *avap.Execution, script string) (*avap.Program, error) {
	c.mu.Lock()
	p, ok := c.lru.Get(script)
	c.mu.Unlock()
	if ok {
		return p.program, p.err
	}
	script = string([]byte(script))
	program, err := x.Compile(script)
	if all := avap.Errors(err); err != nil && (len(all) == 0 || all[0].Code != avap.CodeSyntax) {
		return nil, err // a quota, not a property of the script
	}
	p = &cached{program: program, err: err, size: 2*len(script) + 512}
	if program != nil {
		p.size += program.Size()
	}
	c.put(script, p)
	return program, err
}

func (c *programCache) put(script string, p *cached) {
	if p.size > c.most/8 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lru.Contains(script) {
		return
	}
	c.lru.Add(script, p)
	c.bytes += p.size
	for c.bytes > c.most {
		c.lru.RemoveOldest()
	}
}
