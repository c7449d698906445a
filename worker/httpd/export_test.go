// This file holds what tests see of a server that nobody else does.

package httpd

// Buffered is how many bytes large headers and bodies hold now.
func (s *Server) Buffered() int64 { return s.buffers.Load() }
