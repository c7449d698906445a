// This file waits for connections where there is nothing better than what package net
// has: with a goroutine for each.

package load

import (
	"net"
	"sync"
	"time"
)

// largeRequest is what may not fit into the buffers of an idle connection: such
// a request is written by a goroutine of its own, so that it holds up nobody.
const largeRequest = 16 << 10

// readBuffer is how much a connection reads at once.
const readBuffer = 4 << 10

// streams is a poller for any system.
type streams struct {
	events chan event
	bell   chan struct{}
	timer  *time.Timer
	ready  [eventsPerTurn]event
	tasks  sync.WaitGroup
}

func newStreams() (poller, error) {
	return &streams{
		events: make(chan event, eventsPerTurn), bell: make(chan struct{}, 1), timer: time.NewTimer(0),
	}, nil
}

// take implements poller.
func (p *streams) take(of net.Conn, k *conn) (socket, error) {
	s := &stream{
		streams: p, conn: k, net: of, in: make([]byte, readBuffer), done: make(chan struct{}),
		come: make(chan piece, 1), taken: make(chan struct{}, 1), written: make(chan error, 1),
	}
	p.tasks.Go(s.reads)
	return s, nil
}

// wait implements poller.
func (p *streams) wait(d time.Duration) ([]event, error) {
	ready := p.ready[:0]
	if d > 0 {
		p.timer.Reset(d)
		select {
		case e := <-p.events:
			ready = append(ready, e)
		case <-p.bell:
		case <-p.timer.C:
		}
	}
	for len(ready) < len(p.ready) {
		select {
		case e := <-p.events:
			ready = append(ready, e)
		default:
			return ready, nil
		}
	}
	return ready, nil
}

// wake implements poller.
func (p *streams) wake() {
	select {
	case p.bell <- struct{}{}:
	default:
	}
}

func (p *streams) close() {
	p.timer.Stop()
	p.tasks.Wait()
}

// A stream is a socket with goroutines that read and write.
type stream struct {
	streams *streams
	conn    *conn
	net     net.Conn
	in      []byte        // the reader's, until come tells of it, and from taken on
	come    chan piece    // what the reader has read
	taken   chan struct{} // the reader is to go on
	written chan error    // how the write of a large request has ended
	writing bool          // one is under way
	done    chan struct{} // closed when the socket is
}

// A piece is what a read gave.
type piece struct {
	n   int
	err error
}

// reads reads one piece after the other.
func (s *stream) reads() {
	for {
		n, err := s.net.Read(s.in)
		s.come <- piece{n, err} // the one before has been taken
		ended := err != nil
		if !s.tell(event{conn: s.conn, readable: true, ended: ended, writable: ended}) || ended {
			return
		}
		select {
		case <-s.taken:
		case <-s.done:
			return
		}
	}
}

// tell tells the loop, unless the socket is closed.
func (s *stream) tell(e event) bool {
	select {
	case s.streams.events <- e:
		return true
	case <-s.done:
		return false
	}
}

// read implements socket. What it is given is no less than a piece.
func (s *stream) read(p []byte) (int, error) {
	select {
	case got := <-s.come:
		copy(p, s.in[:got.n])
		s.taken <- struct{}{}
		return got.n, got.err
	default:
		return 0, errAgain
	}
}

// write implements socket.
func (s *stream) write(p []byte) (int, error) {
	switch {
	case s.writing:
		select {
		case err := <-s.written:
			s.writing = false
			return len(p), err
		default:
			return 0, nil
		}
	case len(p) <= largeRequest:
		return s.net.Write(p)
	}
	s.writing = true
	s.streams.tasks.Go(func() {
		_, err := s.net.Write(p)
		s.written <- err
		s.tell(event{conn: s.conn, writable: true})
	})
	return 0, nil
}

func (s *stream) close() {
	close(s.done)
	_ = s.net.Close() // its reader sees it
}
