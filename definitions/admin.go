// This file holds the service Admin of package avap.v2: what changes the catalog.

package definitions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/definitions/avapv2pb"
	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/seal"
)

// adminService answers administrators.
type adminService struct {
	avapv2pb.UnimplementedAdminServer
	publisher *Publisher
	log       *slog.Logger
}

// fail gives the status of an error.
func (s *adminService) fail(err error) error {
	var (
		stock    *StockError
		missing  *NotFoundError
		request  *RequestError
		refused  *store.InvalidError
		deadline = errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
	)
	switch {
	case errors.As(err, &stock):
		return status.Error(codes.AlreadyExists, err.Error())
	case errors.As(err, &missing):
		return status.Error(codes.NotFound, err.Error())
	case errors.As(err, &request), errors.As(err, &refused):
		return status.Error(codes.InvalidArgument, err.Error())
	case errors.Is(err, ErrBase), errors.Is(err, ErrBusy):
		return status.Error(codes.Aborted, err.Error())
	case deadline:
		return status.FromContextError(err).Err()
	}
	s.log.Error("an administrator's call failed", "error", err)
	if errors.Is(err, store.ErrUncertain) {
		return status.Error(codes.Unknown, "the store did not say whether the change was made: look at the history, and at the server's log")
	}
	return status.Error(codes.Unavailable, "the store does not answer, or cannot do it: the server's log says why")
}

// Publish publishes sources.
func (s *adminService) Publish(ctx context.Context, req *avapv2pb.PublishRequest) (*avapv2pb.PublishResponse, error) {
	sources := make([]Source, len(req.Sources))
	for i, source := range req.Sources {
		sources[i] = sourceOf(source)
	}
	return s.result(s.publisher.Publish(ctx, sources, Order{
		Author: author(ctx), Comment: req.Comment, DryRun: req.DryRun, Base: req.BaseRevision,
	}))
}

// Delete deletes units.
func (s *adminService) Delete(ctx context.Context, req *avapv2pb.DeleteRequest) (*avapv2pb.PublishResponse, error) {
	keys := make([]store.Key, len(req.Units))
	for i, u := range req.Units {
		keys[i] = keyOf(u)
	}
	return s.result(s.publisher.Delete(ctx, keys, Order{
		Author: author(ctx), Comment: req.Comment, DryRun: req.DryRun, Base: req.BaseRevision,
	}))
}

// Rollback publishes an earlier version.
func (s *adminService) Rollback(ctx context.Context, req *avapv2pb.RollbackRequest) (*avapv2pb.PublishResponse, error) {
	return s.result(s.publisher.Rollback(ctx, keyOf(req.Unit), req.Version, Order{
		Author: author(ctx), Comment: req.Comment, DryRun: req.DryRun, Base: req.BaseRevision,
	}))
}

// result returns the answer to a publication.
func (s *adminService) result(r *Result, err error) (*avapv2pb.PublishResponse, error) {
	if err != nil {
		return nil, s.fail(err)
	}
	answer := &avapv2pb.PublishResponse{Revision: r.Revision}
	for _, o := range r.Outcomes {
		answer.Outcomes = append(answer.Outcomes, &avapv2pb.Outcome{
			Kind: avapv2pb.Kind(o.Kind), Name: o.Name, Change: avapv2pb.Outcome_Change(o.Change), Version: o.Version,
		})
	}
	for _, d := range r.Diagnostics {
		answer.Diagnostics = append(answer.Diagnostics, &avapv2pb.Diagnostic{
			Severity: avapv2pb.Diagnostic_Severity(d.Severity), Code: d.Code, Message: d.Msg, Source: int32(d.Source),
			Kind: avapv2pb.Kind(d.Key.Kind), Name: d.Key.Name, Line: d.Pos.Line, Column: d.Pos.Col,
		})
	}
	return answer, nil
}

// History returns the versions of a unit.
func (s *adminService) History(ctx context.Context, req *avapv2pb.HistoryRequest) (*avapv2pb.HistoryResponse, error) {
	k := s.publisher.resolve(keyOf(req.Unit))
	versions, err := s.publisher.store.History(ctx, k)
	if err != nil {
		return nil, s.fail(err)
	}
	if len(versions) == 0 {
		return nil, s.fail(&NotFoundError{Key: k})
	}
	answer := &avapv2pb.HistoryResponse{}
	for i := range versions {
		answer.Versions = append(answer.Versions, versionMessage(&versions[i]))
	}
	return answer, nil
}

// Show returns one version.
func (s *adminService) Show(ctx context.Context, req *avapv2pb.ShowRequest) (*avapv2pb.ShowResponse, error) {
	k := s.publisher.resolve(keyOf(req.Unit))
	u := s.publisher.unit(k)
	if u != nil && (req.Version == 0 || req.Version == u.Version.Version) {
		return s.showUnit(u), nil
	}
	if req.Version == 0 {
		return nil, s.fail(&NotFoundError{Key: k})
	}
	v, err := s.publisher.store.Version(ctx, k, req.Version)
	if errors.Is(err, store.ErrNotFound) {
		return nil, s.fail(&NotFoundError{k, req.Version})
	} else if err != nil {
		return nil, s.fail(err)
	}
	return &avapv2pb.ShowResponse{Version: versionMessage(v), Source: v.Source, Doc: docOf(v)}, nil
}

// showUnit returns the newest version of a unit, and what it has to do with others.
func (s *adminService) showUnit(u *unit) *avapv2pb.ShowResponse {
	answer := &avapv2pb.ShowResponse{
		Version: versionMessage(&u.Version), Source: u.Source, Doc: docOf(&u.Version),
		Package: u.pack.Bytes, BytecodeVersion: u.pack.Bytecode,
	}
	for _, c := range u.calls {
		answer.Calls = append(answer.Calls, c.Name)
	}
	if u.Kind != bytecode.KindCommand {
		return answer
	}
	st := s.publisher.state
	st.mu.RLock()
	defer st.mu.RUnlock()
	for _, k := range st.callersOf(u.Name) {
		answer.Callers = append(answer.Callers, &avapv2pb.UnitName{Kind: avapv2pb.Kind(k.Kind), Name: k.Name})
	}
	return answer
}

// resolve finds the kind of a unit that was named without one.
func (p *Publisher) resolve(k store.Key) store.Key {
	p.state.mu.RLock()
	defer p.state.mu.RUnlock()
	return p.state.resolve(k)
}

// Audit returns a part of the audit log.
func (s *adminService) Audit(ctx context.Context, req *avapv2pb.AuditRequest) (*avapv2pb.AuditResponse, error) {
	const most, shown = 1000, 1000
	if req.Limit > most {
		return nil, s.fail(&RequestError{fmt.Sprintf("limit is at most %d", most)})
	}
	entries, err := s.publisher.store.Audit(ctx, store.AuditQuery{Before: req.Before, Name: req.Name, Limit: int(req.Limit)})
	if err != nil {
		return nil, s.fail(err)
	}
	answer := &avapv2pb.AuditResponse{}
	for _, e := range entries {
		m := &avapv2pb.AuditEntry{
			Revision: e.Revision, Time: timeMessage(e.Time), Author: e.Author, Action: string(e.Action), Comment: e.Comment,
			TotalUnits: uint64(len(e.Units)),
		}
		for _, u := range e.Units[:min(len(e.Units), shown)] {
			m.Units = append(m.Units, &avapv2pb.AuditUnit{
				Kind: avapv2pb.Kind(u.Kind), Name: u.Name, Version: u.Version, Deleted: u.Deleted, RolledBackTo: u.From,
			})
		}
		answer.Entries = append(answer.Entries, m)
	}
	return answer, nil
}

// sourceOf reads a source.
func sourceOf(m *avapv2pb.Source) Source {
	c := m.GetContract()
	return Source{
		Kind: bytecode.Kind(m.GetKind()), Name: m.GetName(), Text: m.GetText(), Capabilities: c.GetCapabilities(),
		Quotas: seal.Contract{
			Instructions: c.GetInstructions(), Memory: c.GetMemory(), Time: time.Duration(c.GetTime()),
			HostTime: time.Duration(c.GetHostTime()), Depth: c.GetDepth(), Output: c.GetOutput(), HostCalls: c.GetHostCalls(),
		},
	}
}

// keyOf reads a unit's name.
func keyOf(m *avapv2pb.UnitName) store.Key {
	return store.Key{Kind: bytecode.Kind(m.GetKind()), Name: m.GetName()}
}
