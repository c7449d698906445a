// This file holds the clock of a server: a monotonic one for its connections, and a
// look at the wall clock that serves many answers.

package httpd

import (
	"time"

	"github.com/valyala/fasthttp"
)

// now is how long ago the server was made: the clock of its connections.
func (s *Server) now() time.Duration { return time.Since(s.start) }

// look is one look at the wall clock, and what it means for a while: the clock is taken to
// go on with the server's own.
type look struct {
	at    time.Duration // on the server's clock
	wall  int64         // nanoseconds since 1970
	until time.Duration // when it is too old, or the next second begins
	usual []byte        // how most answers begin: status, date and type of the body
	date  []byte        // the Date header alone
}

// wallTrust is how long a look at the wall clock holds: a clock that is set jumps.
const wallTrust = 100 * time.Millisecond

// look returns the look at the wall clock that holds now.
func (s *Server) look(now time.Duration) *look {
	if l := s.looked.Load(); l != nil && now < l.until {
		return l
	}
	return s.lookAgain()
}

func (s *Server) lookAgain() *look {
	wall := time.Now()
	const status, date = "HTTP/1.1 200 OK\r\n", "Date: "
	l := &look{at: wall.Sub(s.start), wall: wall.UnixNano()}
	l.until = l.at + min(wallTrust, time.Second-time.Duration(wall.Nanosecond()))
	l.usual = append(fasthttp.AppendHTTPDate([]byte(status+date), wall), "\r\n"+typeJSON...)
	l.date = l.usual[len(status) : len(l.usual)-len(typeJSON)]
	s.looked.Store(l)
	return l
}

// timeOf returns the time of a moment not long ago on the server's clock: time.Now, at a
// part of the price.
func (s *Server) timeOf(moment time.Duration) time.Time {
	l := s.look(moment)
	return time.Unix(0, l.wall+int64(moment-l.at))
}
