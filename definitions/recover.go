// This file holds what becomes of a defect: it ends a call, and not the server.

package definitions

import (
	"context"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// recoverUnary answers a call that panics with INTERNAL, and logs the stack. The
// catalog is what it was: a publication changes it last, and in one piece.
func (s *Server) recoverUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (answer any, err error) {
	defer s.recovered(info.FullMethod, &err)
	return handler(ctx, req)
}

// recoverStream does the same for streams.
func (s *Server) recoverStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	defer s.recovered(info.FullMethod, &err)
	return handler(srv, stream)
}

// recovered is deferred around calls.
func (s *Server) recovered(method string, err *error) {
	if defect := recover(); defect != nil {
		s.log.Error("a call panicked", "method", method, "panic", defect, "stack", string(debug.Stack()))
		*err = status.Error(codes.Internal, "a defect of the server")
	}
}
