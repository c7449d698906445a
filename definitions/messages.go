// This file holds how versions become messages, and the calls that stream them.

package definitions

import (
	"errors"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/command"
	"github.com/avap-framework/avap/definitions/avapv2pb"
	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/syntax"
)

// maxImport is how many bytes all messages of an import have together.
const maxImport = 512 << 20

func timeMessage(t time.Time) *timestamppb.Timestamp { return timestamppb.New(t) }

// versionMessage writes a version without its source.
func versionMessage(v *store.Version) *avapv2pb.Version {
	m := &avapv2pb.Version{
		Kind: avapv2pb.Kind(v.Kind), Name: v.Name, Version: v.Version, Revision: v.Revision, Stock: v.Stock > 0,
		Deleted: v.Deleted, RolledBackTo: v.From, Author: v.Author, Time: timeMessage(v.Time), Contract: contractMessage(v),
	}
	if !v.Deleted {
		m.SourceHash = v.Hash[:]
	}
	for _, p := range v.Params {
		m.Params = append(m.Params, &avapv2pb.Param{Name: p.Name, Mode: p.Mode.String()})
	}
	return m
}

// contractMessage writes a contract.
func contractMessage(v *store.Version) *avapv2pb.Contract {
	q := v.Quotas
	return &avapv2pb.Contract{
		Instructions: q.Instructions, Memory: q.Memory, Time: int64(q.Time), HostTime: int64(q.HostTime),
		Depth: q.Depth, Output: q.Output, HostCalls: q.HostCalls, Capabilities: v.Requires,
	}
}

// docOf returns the documentation of a command.
func docOf(v *store.Version) string {
	if v.Stock > 0 {
		text, _ := command.Help(v.Name)
		return text
	}
	f, err := syntax.Parse(v.Source, syntax.Options{})
	if err != nil || v.Kind != bytecode.KindCommand || len(f.Commands) == 0 {
		return ""
	}
	return f.Commands[0].Doc
}

// batch collects items for messages of at most maxMessage bytes.
type batch[T proto.Message] struct {
	items []T
	size  int
	send  func([]T) error
}

// add adds an item, and sends those before it where there is no room.
func (b *batch[T]) add(item T) error {
	size := fieldSize(proto.Size(item))
	if len(b.items) > 0 && b.size+size > maxMessage-64 { // what else the message holds
		if err := b.flush(); err != nil {
			return err
		}
	}
	b.items = append(b.items, item)
	b.size += size
	return nil
}

// flush sends the items collected so far.
func (b *batch[T]) flush() error {
	items := b.items
	b.items, b.size = nil, 0
	return b.send(items)
}

// List gives the units of the present revision.
func (s *adminService) List(req *avapv2pb.ListRequest, stream grpc.ServerStreamingServer[avapv2pb.ListResponse]) error {
	revision, units := s.publisher.selected(func(u *unit) bool {
		return (req.Kind == 0 || u.Kind == bytecode.Kind(req.Kind)) && (req.Stock || u.Stock == 0) && strings.HasPrefix(u.Name, req.Prefix)
	})
	b := batch[*avapv2pb.Version]{send: func(some []*avapv2pb.Version) error {
		return stream.Send(&avapv2pb.ListResponse{Revision: revision, Units: some})
	}}
	for _, u := range units {
		if err := b.add(versionMessage(&u.Version)); err != nil {
			return err
		}
	}
	return b.flush()
}

// Export gives the sources of what users published.
func (s *adminService) Export(_ *avapv2pb.ExportRequest, stream grpc.ServerStreamingServer[avapv2pb.ExportResponse]) error {
	revision, units := s.publisher.selected(func(u *unit) bool { return u.Stock == 0 })
	b := batch[*avapv2pb.Source]{send: func(some []*avapv2pb.Source) error {
		return stream.Send(&avapv2pb.ExportResponse{Revision: revision, Total: uint64(len(units)), Units: some})
	}}
	for _, u := range units {
		m := &avapv2pb.Source{Kind: avapv2pb.Kind(u.Kind), Name: u.Name, Text: u.Source, Contract: contractMessage(&u.Version)}
		if err := b.add(m); err != nil {
			return err
		}
	}
	return b.flush()
}

// selected returns the units of one revision that a filter wants, in order.
func (p *Publisher) selected(want func(*unit) bool) (uint64, []*unit) {
	p.state.mu.RLock()
	defer p.state.mu.RUnlock()
	var units []*unit
	for _, k := range p.state.keys() {
		if u := p.state.units[k]; want(u) {
			units = append(units, u)
		}
	}
	return p.state.revision, units
}

// progressStep is the number of units after which an import reports its progress.
const progressStep = 256

// Import publishes what a client sends, as one revision.
func (s *adminService) Import(stream grpc.BidiStreamingServer[avapv2pb.ImportRequest, avapv2pb.ImportResponse]) error {
	ctx := stream.Context()
	o := Order{Author: author(ctx), Action: store.ActionImport}
	sources, err := s.receive(stream, &o)
	if err != nil {
		return err
	}
	o.Progress = func(done, total int) {
		if done%progressStep == 0 || done == total {
			// A client that is gone ends ctx, and with it the import.
			_ = stream.Send(&avapv2pb.ImportResponse{Done: uint64(done), Total: uint64(total)})
		}
	}
	result, err := s.result(s.publisher.Publish(ctx, sources, o))
	if err != nil {
		return err
	}
	return sendResult(stream, result)
}

// receive reads the sources of an import, and its options.
func (s *adminService) receive(stream grpc.BidiStreamingServer[avapv2pb.ImportRequest, avapv2pb.ImportResponse], o *Order) ([]Source, error) {
	var sources []Source
	size := 0
	for first := true; ; first = false {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return sources, nil
		} else if err != nil {
			return nil, err
		}
		if first {
			o.DryRun, o.KeepGoing, o.Comment = m.DryRun, m.KeepGoing, m.Comment
		}
		if size += proto.Size(m); size > maxImport {
			return nil, s.fail(&RequestError{"the import is too large: do it in parts"})
		}
		for _, u := range m.Units {
			sources = append(sources, sourceOf(u))
		}
	}
}

// sendResult shares the result of an import out among messages.
func sendResult(stream grpc.BidiStreamingServer[avapv2pb.ImportRequest, avapv2pb.ImportResponse], r *avapv2pb.PublishResponse) error {
	total := uint64(len(r.Outcomes))
	send := func(part *avapv2pb.PublishResponse) error {
		part.Revision = r.Revision
		return stream.Send(&avapv2pb.ImportResponse{Done: total, Total: total, Result: part})
	}
	diagnostics := batch[*avapv2pb.Diagnostic]{send: func(some []*avapv2pb.Diagnostic) error {
		return send(&avapv2pb.PublishResponse{Diagnostics: some})
	}}
	for _, d := range r.Diagnostics {
		if err := diagnostics.add(d); err != nil {
			return err
		}
	}
	if err := diagnostics.flush(); err != nil {
		return err
	}
	outcomes := batch[*avapv2pb.Outcome]{send: func(some []*avapv2pb.Outcome) error {
		return send(&avapv2pb.PublishResponse{Outcomes: some})
	}}
	for _, o := range r.Outcomes {
		if err := outcomes.add(o); err != nil {
			return err
		}
	}
	return outcomes.flush()
}
