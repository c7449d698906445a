// This file holds the contracts of definitions: limits on what one invocation may
// use, within those of the execution.

package vm

import "time"

// contract is what the contract of an invocation took off the execution's limits. It
// is given back when the invocation ends.
type contract struct {
	frames       int // that there were when it began
	instructions int64
	memory       int64
	time         time.Duration
	hostTime     time.Duration
	depth        int
	hostCalls    int
}

// enterContract lowers the limits for an invocation whose frame was just pushed. An
// execution that meets one of them ends, as with its own.
func (m *Machine) enterContract(l *Limits) {
	c := contract{frames: len(m.frames)}
	if left := m.reserve + max(m.fuel, 0); l.Instructions > 0 && left > l.Instructions {
		c.instructions = left - l.Instructions
		m.cutInstructions(c.instructions)
	}
	if room := m.mem.room(); l.Memory > 0 && room > l.Memory {
		c.memory = room - l.Memory
		m.mem.lower(c.memory)
	}
	if own := m.elapsed() - m.clock.host; l.Time > 0 && m.clock.limit > own+l.Time {
		c.time = m.clock.limit - own - l.Time
		m.clock.limit -= c.time
	}
	c.hostTime = cut(&m.limits.HostTime, m.clock.host, l.HostTime)
	c.depth = cut(&m.limits.Depth, len(m.frames)-1, l.Depth)
	c.hostCalls = cut(&m.limits.HostCalls, m.hostCalls, l.HostCalls)
	m.contracts = append(m.contracts, c)
}

// cut lowers a limit to what is used and the allowance; a zero one changes nothing.
// It tells by how much.
func cut[T ~int | ~int64](limit *T, used, allowance T) T {
	if allowance <= 0 || *limit <= used+allowance {
		return 0
	}
	by := *limit - used - allowance
	*limit -= by
	return by
}

// leaveContracts gives back what contracts of invocations took that have ended: their
// frames are gone.
func (m *Machine) leaveContracts() {
	for n := len(m.contracts); n > 0 && m.contracts[n-1].frames > len(m.frames); n-- {
		c := &m.contracts[n-1]
		m.reserve += c.instructions
		m.limits.Instructions += c.instructions
		m.mem.raise(c.memory)
		m.limits.Memory += c.memory
		m.clock.limit += c.time
		m.limits.HostTime += c.hostTime
		m.limits.Depth += c.depth
		m.limits.HostCalls += c.hostCalls
		m.contracts = m.contracts[:n-1]
	}
}

// cutInstructions takes instructions off those that are left.
func (m *Machine) cutInstructions(n int64) {
	m.limits.Instructions -= n
	if m.reserve -= n; m.reserve < 0 {
		m.fuel, m.reserve = m.fuel+m.reserve, 0
	}
}
