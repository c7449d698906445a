// This file holds what is counted for each request, and the stripes in which
// cores count side by side.

package telemetry

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// counts are all that Observe counts.
type counts struct {
	requests [numEndpoints][numCodes][numClasses]uint64
	totals   [numEndpoints][numLanes]histogram
	stages   [numStages][numLanes]histogram
	bytesIn  [numEndpoints]uint64
	bytesOut [numEndpoints]uint64
	refusals [numRefusals]uint64
}

// count counts a request whose code stands at a place of codes.
func (c *counts) count(o *Observation, code uint8) {
	endpoint, lane := o.Endpoint, o.Lane
	if endpoint >= numEndpoints {
		endpoint = EndpointOther
	}
	if lane >= numLanes {
		lane = LaneNone
	}
	c.requests[endpoint][code][classOf(o.Status)]++
	c.totals[endpoint][lane].observe(o.Total)
	for i := range o.Stages {
		if d := o.Stages[i]; d > 0 {
			c.stages[i][lane].observe(d)
		}
	}
	c.bytesIn[endpoint] += uint64(o.BytesIn)
	c.bytesOut[endpoint] += uint64(o.BytesOut)
	refusal := o.Refusal
	if refusal == RefusedNot || refusal >= numRefusals {
		refusal = codes[code].refusal
	}
	if refusal != RefusedNot {
		c.refusals[refusal]++
	}
}

// add adds other counts.
func (c *counts) add(o *counts) {
	for e := range c.requests {
		for k := range c.requests[e] {
			addEach(c.requests[e][k][:], o.requests[e][k][:])
		}
		for l := range c.totals[e] {
			c.totals[e][l].add(&o.totals[e][l])
		}
	}
	for s := range c.stages {
		for l := range c.stages[s] {
			c.stages[s][l].add(&o.stages[s][l])
		}
	}
	addEach(c.bytesIn[:], o.bytesIn[:])
	addEach(c.bytesOut[:], o.bytesOut[:])
	addEach(c.refusals[:], o.refusals[:])
}

func addEach(to, from []uint64) {
	for i := range to {
		to[i] += from[i]
	}
}

// stripes are counts that are kept several times, and summed up to be read. A lock around
// plain additions costs less than as many atomic ones, and no core waits for it: one
// that finds a stripe locked takes the next.
type stripes struct {
	all  []stripe
	next atomic.Uint32
	mine sync.Pool // of *stripe: the core's own, for as long as the pool remembers
}

type stripe struct {
	mu     sync.Mutex
	index  int
	counts counts
	_      [128]byte // keeps neighbours out of one cache line, and out of the pair that is fetched with it
}

// newStripes makes enough stripes that cores seldom meet.
func newStripes() *stripes {
	s := &stripes{all: make([]stripe, max(8, 4*runtime.GOMAXPROCS(0)))}
	for i := range s.all {
		s.all[i].index = i
	}
	return s
}

// lock returns a stripe that is locked.
func (s *stripes) lock() *stripe {
	p, _ := s.mine.Get().(*stripe)
	if p == nil {
		p = &s.all[int(s.next.Add(1))%len(s.all)]
	}
	for range s.all {
		if p.mu.TryLock() {
			return p
		}
		p = &s.all[(p.index+1)%len(s.all)]
	}
	p.mu.Lock()
	return p
}

// unlock gives a stripe back.
func (s *stripes) unlock(p *stripe) {
	p.mu.Unlock()
	s.mine.Put(p)
}

// sum returns the sum of all stripes. A request is in it whole or not at all.
func (s *stripes) sum() *counts {
	all := new(counts)
	for i := range s.all {
		p := &s.all[i]
		p.mu.Lock()
		all.add(&p.counts)
		p.mu.Unlock()
	}
	return all
}
