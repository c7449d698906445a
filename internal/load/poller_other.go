//go:build !linux

// This file says how other systems than Linux wait for connections.

package load

// newPoller returns the only poller of this system.
func newPoller() (poller, error) { return newStreams() }
