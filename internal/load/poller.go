// This file holds what the loop of a run needs of an operating system.

package load

import (
	"errors"
	"net"
	"time"
)

// A poller tells the loop of a run what has happened to connections. All but wake
// is called by the loop alone.
//
// There are two: epoll, on Linux, where the loop's own thread waits and a request
// costs it a write, a read and a part of a wait; and streams, anywhere, which has a
// goroutine for each connection.
type poller interface {
	// take makes a stream that nobody waits for into a socket, whose events are those of
	// k. It takes the stream over: it is not to be used any more.
	take(stream net.Conn, k *conn) (socket, error)
	// wait returns what has happened, when something has, after wake or after d: at once
	// where d is not more than 0. What it gives lives until the next call.
	wait(d time.Duration) ([]event, error)
	// wake has wait return, the next one where none waits.
	wake()
	// close ends the poller, whose sockets must be closed.
	close()
}

// A socket is a connection that never has the loop wait.
type socket interface {
	// read returns what has come; errAgain where nothing has.
	read(p []byte) (int, error)
	// write takes as much of p as there is room for. Where that is not all, an event
	// tells when to call it again, with the same bytes but for those that it has taken.
	write(p []byte) (int, error)
	close()
}

// errAgain tells that there is nothing to read yet.
var errAgain = errors.New("nothing to read yet")

// An event is something that has happened to a connection. It is told once: what there
// is to read must be read, up to a read that fills less than it is given, or to the
// error where the stream has ended.
type event struct {
	conn     *conn
	readable bool
	ended    bool // the stream has, or has failed
	writable bool
}

// eventsPerTurn is how many events wait gives at most: no due request waits for longer
// than they take.
const eventsPerTurn = 32
