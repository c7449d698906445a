// This file holds how those who wait for changes are told of them.

package store

import (
	"context"
	"sync"
)

// subscribers are the channels of Changes.
type subscribers struct {
	mu     sync.Mutex
	closed bool
	all    map[chan struct{}]func() bool // with what ends the wait for their context
}

// add returns a channel that is told until ctx ends.
func (s *subscribers) add(ctx context.Context) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := make(chan struct{}, 1)
	if s.closed {
		close(ch)
		return ch
	}
	if s.all == nil {
		s.all = map[chan struct{}]func() bool{}
	}
	s.all[ch] = context.AfterFunc(ctx, func() { s.remove(ch) })
	return ch
}

func (s *subscribers) remove(ch chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.all[ch]; there {
		delete(s.all, ch)
		close(ch)
	}
}

// tell tells all of a change. Nobody is waited for.
func (s *subscribers) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ch := range s.all {
		select {
		case ch <- struct{}{}:
		default: // has not taken the last one yet
		}
	}
}

// close closes all channels.
func (s *subscribers) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for ch, stop := range s.all {
		stop()
		close(ch)
	}
	s.all = nil
}
