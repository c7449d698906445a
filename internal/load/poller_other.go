//go:build !linux

// This file says how other systems than Linux wait for connections.

package load

// newPoller returns the poller that there is.
func newPoller() (poller, error) { return newStreams() }
