// This file holds the contract of what is published: quotas and capabilities.

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/avap-framework/avap/definitions/avapv2pb"
)

// contractFlags are the contract of the sources of one publication.
type contractFlags struct {
	instructions   int64
	memory, output bytesValue
	time, hostTime time.Duration
	depth          int64
	hostCalls      int64
	capabilities   []string
}

func (c *contractFlags) register(fs *pflag.FlagSet) {
	fs.Int64Var(&c.instructions, "contract-instructions", 0, "quota of instructions; 0 leaves the worker's, as with all quotas")
	fs.Var(&c.memory, "contract-memory", "quota of memory")
	fs.DurationVar(&c.time, "contract-time", 0, "quota of time, host calls not counted")
	fs.DurationVar(&c.hostTime, "contract-host-time", 0, "quota of time in host calls")
	fs.Int64Var(&c.depth, "contract-depth", 0, "quota of calls inside of calls")
	fs.Var(&c.output, "contract-output", "quota of the answer's size")
	fs.Int64Var(&c.hostCalls, "contract-host-calls", 0, "quota of HTTP and SQL calls")
	fs.StringSliceVar(&c.capabilities, "contract-capabilities", nil, "what a script may reach: http, sql, random, time (default what the worker grants); commands say it in their source")
}

// contract checks the flags; nil where none is given.
func (c *contractFlags) contract() (*avapv2pb.Contract, error) {
	for name, n := range map[string]int64{
		"instructions": c.instructions, "time": int64(c.time), "host-time": int64(c.hostTime), "depth": c.depth, "host-calls": c.hostCalls,
	} {
		if n < 0 {
			return nil, fmt.Errorf("--contract-%s must not be less than 0", name)
		}
	}
	m := &avapv2pb.Contract{
		Instructions: c.instructions, Memory: int64(c.memory), Time: int64(c.time), HostTime: int64(c.hostTime), Depth: c.depth,
		Output: int64(c.output), HostCalls: c.hostCalls, Capabilities: c.capabilities,
	}
	if contractOf(m) == nil {
		return nil, nil
	}
	return m, nil
}

// contractReport is a contract as JSON has it, in --json and in exports. Times are
// in nanoseconds, sizes in bytes.
type contractReport struct {
	Instructions int64    `json:"instructions,omitempty"`
	Memory       int64    `json:"memory,omitempty"`
	Time         int64    `json:"time,omitempty"`
	HostTime     int64    `json:"host_time,omitempty"`
	Depth        int64    `json:"depth,omitempty"`
	Output       int64    `json:"output,omitempty"`
	HostCalls    int64    `json:"host_calls,omitempty"`
	Capabilities []string `json:"capabilities,omitempty"`
}

// contractOf returns a contract; nil for one that says nothing.
func contractOf(m *avapv2pb.Contract) *contractReport {
	c := &contractReport{
		m.GetInstructions(), m.GetMemory(), m.GetTime(), m.GetHostTime(), m.GetDepth(), m.GetOutput(), m.GetHostCalls(), m.GetCapabilities(),
	}
	if c.String() == "" {
		return nil
	}
	return c
}

// message returns the contract as the protocol has it.
func (c *contractReport) message() *avapv2pb.Contract {
	if c == nil {
		return nil
	}
	return &avapv2pb.Contract{
		Instructions: c.Instructions, Memory: c.Memory, Time: c.Time, HostTime: c.HostTime, Depth: c.Depth, Output: c.Output,
		HostCalls: c.HostCalls, Capabilities: c.Capabilities,
	}
}

// String is the contract in words, empty for none.
func (c *contractReport) String() string {
	if c == nil {
		return ""
	}
	var words []string
	for _, q := range []struct {
		name  string
		value any
		set   bool
	}{
		{"instructions", c.Instructions, c.Instructions != 0},
		{"memory", (*bytesValue)(&c.Memory), c.Memory != 0},
		{"time", time.Duration(c.Time), c.Time != 0},
		{"host time", time.Duration(c.HostTime), c.HostTime != 0},
		{"depth", c.Depth, c.Depth != 0},
		{"output", (*bytesValue)(&c.Output), c.Output != 0},
		{"host calls", c.HostCalls, c.HostCalls != 0},
	} {
		if q.set {
			words = append(words, fmt.Sprintf("%s %v", q.name, q.value))
		}
	}
	capabilities := slices.Sorted(slices.Values(c.Capabilities))
	return strings.Join(append(words, capabilities...), ", ")
}
