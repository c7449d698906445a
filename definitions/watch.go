// This file holds the service Catalog of package avap.v2: workers follow the catalog.

package definitions

import (
	"context"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/definitions/avapv2pb"
	"github.com/avap-framework/avap/definitions/store"
)

// catalogService answers workers.
type catalogService struct {
	avapv2pb.UnimplementedCatalogServer
	server *Server
}

// maxWorkerName is how many bytes of a worker's name reach the log.
const maxWorkerName = 128

// Watch sends a worker what it lacks, then each revision or, where the worker is
// slower than these come, the difference to the newest.
func (s *catalogService) Watch(req *avapv2pb.WatchRequest, stream grpc.ServerStreamingServer[avapv2pb.WatchResponse]) error {
	if req.BytecodeVersion == 0 {
		return status.Error(codes.InvalidArgument, "bytecode_version is 1 or more")
	}
	if len(req.Worker) > maxWorkerName || !utf8.ValidString(req.Worker) {
		return status.Errorf(codes.InvalidArgument, "worker is UTF-8 of at most %d bytes", maxWorkerName)
	}
	ctx, h := stream.Context(), s.server.hub
	version := min(req.BytecodeVersion, bytecode.Version)
	from, err := s.begin(ctx, req, version)
	if err != nil {
		return err
	}
	s.server.watchers.Add(1)
	defer s.server.watchers.Add(-1)
	for {
		v := h.current.Load()
		for _, f := range h.frames(v, from, version) {
			if err := stream.SendMsg(f); err != nil {
				return err
			}
			from = v.revision
		}
		select {
		case <-v.next:
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		case <-s.server.stopping:
			return status.Error(codes.Unavailable, "the server stops")
		}
	}
}

// begin returns the revision that a worker can be taken on from; 0 for none.
func (s *catalogService) begin(ctx context.Context, req *avapv2pb.WatchRequest, version uint32) (uint64, error) {
	if req.Revision > s.server.publisher.Revision() {
		// Another server on the store may have published what this one is not yet told of.
		if err := s.server.publisher.refreshTo(ctx, req.Revision); err != nil {
			s.server.log.Warn("a worker is ahead, and the store does not answer", "worker", req.Worker, "error", err)
		}
	}
	if have := s.server.publisher.Revision(); req.Revision > have {
		s.server.log.Warn("a worker is ahead: was the store restored from a backup?", "worker", req.Worker, "has", req.Revision, "revision", have)
		return 0, status.Errorf(codes.Unavailable, "this server is at revision %d, behind the worker's %d: if its store was restored from a backup, start it with --min-revision %[2]d", have, req.Revision)
	}
	if !s.server.hub.known(req.Revision, req.Root, version) {
		return 0, nil
	}
	return req.Revision, nil
}

// GetUnit returns one unit.
func (s *catalogService) GetUnit(_ context.Context, req *avapv2pb.GetUnitRequest) (*avapv2pb.Unit, error) {
	if req.BytecodeVersion == 0 {
		return nil, status.Error(codes.InvalidArgument, "bytecode_version is 1 or more")
	}
	u := s.server.publisher.unit(store.Key{Kind: bytecode.Kind(req.Kind), Name: req.Name})
	if u == nil {
		return nil, status.Error(codes.NotFound, "no such unit")
	}
	answer := &avapv2pb.Unit{Kind: req.Kind, Name: u.Name, Version: u.Version.Version}
	if hash := u.entry(min(req.BytecodeVersion, bytecode.Version)).Hash; hash != (catalog.Hash{}) {
		answer.Hash, answer.Package = hash[:], u.pack.Bytes
	}
	if len(req.Hash) > 0 && string(req.Hash) != string(answer.Hash) {
		return nil, status.Error(codes.NotFound, "the catalog has another package of this unit")
	}
	return answer, nil
}

// unit returns a unit of the present revision, or nil.
func (p *Publisher) unit(k store.Key) *unit {
	p.state.mu.RLock()
	defer p.state.mu.RUnlock()
	return p.state.units[k]
}
