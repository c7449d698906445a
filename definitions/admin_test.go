// This file holds the tests of the administrators' calls, over a real connection
// and on a real database.

package definitions_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/avap-framework/avap/definitions"
	"github.com/avap-framework/avap/definitions/avapv2pb"
	"github.com/avap-framework/avap/definitions/store"
)

// administer starts a server on SQLite and gives ada's client.
func administer(t *testing.T) (avapv2pb.AdminClient, context.Context, *definitions.Server) {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "avap.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s, addr := serve(t, definitions.Options{Store: db})
	return avapv2pb.NewAdminClient(dial(t, addr, nil)), with(t.Context(), adminToken), s
}

// summary writes an answer in one line for each outcome and diagnostic.
func summary(r *avapv2pb.PublishResponse) string {
	var b strings.Builder
	fmt.Fprintf(&b, "revision %d\n", r.GetRevision())
	for _, o := range r.GetOutcomes() {
		fmt.Fprintf(&b, "%v %v %s %d\n", o.Change, o.Kind, o.Name, o.Version)
	}
	for _, d := range r.GetDiagnostics() {
		fmt.Fprintf(&b, "%v %d %d:%d %s %s\n", d.Severity, d.Source, d.Line, d.Column, d.Code, d.Name)
	}
	return b.String()
}

// source is a text to publish.
func source(name, text string) *avapv2pb.Source { return &avapv2pb.Source{Name: name, Text: text} }

// TestAdministration goes through the life of a command.
func TestAdministration(t *testing.T) {
	admin, ctx, _ := administer(t)
	expect := func(want string) func(*avapv2pb.PublishResponse, error) {
		return func(r *avapv2pb.PublishResponse, err error) {
			t.Helper()
			if diff := cmp.Diff(want, summary(r)); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		}
	}
	const first = "// Doubles.\ncommand double(x: value, o: out) requires time { o = x * 2 }"
	contract := &avapv2pb.Contract{Instructions: 1000, HostTime: 5e9, Capabilities: []string{"time"}}
	expect("revision 2\nCHANGE_CREATED KIND_COMMAND double 1\n")(admin.Publish(ctx, &avapv2pb.PublishRequest{
		Sources: []*avapv2pb.Source{{Name: "double.avap", Text: first, Contract: contract}}, Comment: "first",
	}))
	expect("revision 0\nSEVERITY_ERROR 0 2:2 unknown_command quad\n")(admin.Publish(ctx, &avapv2pb.PublishRequest{
		Sources: []*avapv2pb.Source{source("quad.avap", "command quad(x: value, o: out) {\n doubled(x, o)\n}")},
	}))
	expect("revision 3\nCHANGE_UPDATED KIND_COMMAND double 2\nCHANGE_CREATED KIND_SCRIPT nightly 1\n")(admin.Publish(ctx, &avapv2pb.PublishRequest{
		Sources: []*avapv2pb.Source{
			source("double.avap", "command double(x: value, o: out) { o = x + x }"),
			source("nightly", "o = double(2)\naddResult(o)"),
		},
	}))
	expect("revision 0\nSEVERITY_ERROR -1 0:0 in_use nightly\n")(admin.Delete(ctx, &avapv2pb.DeleteRequest{Units: []*avapv2pb.UnitName{{Name: "double"}}}))
	expect("revision 3\nCHANGE_UPDATED KIND_COMMAND double 3\n")(admin.Rollback(ctx, &avapv2pb.RollbackRequest{
		Unit: &avapv2pb.UnitName{Name: "double"}, Version: 1, DryRun: true,
	}))
	expect("revision 4\nCHANGE_UPDATED KIND_COMMAND double 3\n")(admin.Rollback(ctx, &avapv2pb.RollbackRequest{
		Unit: &avapv2pb.UnitName{Name: "double"}, Version: 1, BaseRevision: 3,
	}))
	expect("revision 5\nCHANGE_DELETED KIND_SCRIPT nightly 2\n")(admin.Delete(ctx, &avapv2pb.DeleteRequest{
		Units: []*avapv2pb.UnitName{{Name: "nightly"}}, Comment: "no longer",
	}))

	shown, err := admin.Show(ctx, &avapv2pb.ShowRequest{Unit: &avapv2pb.UnitName{Name: "double"}})
	if err != nil {
		t.Fatal(err)
	}
	v := shown.Version
	if shown.Source != first || shown.Doc != "Doubles." || v.Author != "ada" || v.Version != 3 || v.RolledBackTo != 1 || v.Revision != 4 ||
		v.Contract.Instructions != 1000 || v.Contract.HostTime != 5e9 || !cmp.Equal(v.Contract.Capabilities, []string{"time"}) || len(shown.Package) == 0 {
		t.Errorf("shown: %v", shown)
	}
	old, err := admin.Show(ctx, &avapv2pb.ShowRequest{Unit: &avapv2pb.UnitName{Name: "nightly"}, Version: 1})
	if err != nil || old.Source != "o = double(2)\naddResult(o)" || old.Version.Kind != avapv2pb.Kind_KIND_SCRIPT {
		t.Errorf("an old version: %v, %v", old, err)
	}
	h, err := admin.History(ctx, &avapv2pb.HistoryRequest{Unit: &avapv2pb.UnitName{Name: "nightly"}})
	if err != nil || len(h.Versions) != 2 || !h.Versions[0].Deleted || h.Versions[1].Deleted {
		t.Errorf("history: %v, %v", h, err)
	}
	log, err := admin.Audit(ctx, &avapv2pb.AuditRequest{Limit: 4, Before: 6})
	if err != nil {
		t.Fatal(err)
	}
	var entries []string
	for _, e := range log.Entries {
		entries = append(entries, fmt.Sprint(e.Revision, " ", e.Author, " ", e.Action, " ", e.Comment, " ", e.TotalUnits, " ", e.Units[0].Name))
	}
	want := []string{"5 ada delete no longer 1 nightly", "4 ada rollback  1 double", "3 ada publish  2 double", "2 ada publish first 1 double"}
	if diff := cmp.Diff(want, entries); diff != "" {
		t.Errorf("the audit log (-want +got):\n%s", diff)
	}
}

// TestShowStock shows a stock command and who calls it.
func TestShowStock(t *testing.T) {
	admin, ctx, s := administer(t)
	publish(t, s.Publisher(), "command hash(x: value, o: out) { o = encodeMD5(x) }")
	shown, err := admin.Show(ctx, &avapv2pb.ShowRequest{Unit: &avapv2pb.UnitName{Name: "encodeMD5"}})
	if err != nil {
		t.Fatal(err)
	}
	if !shown.Version.Stock || !strings.HasPrefix(shown.Source, "stock command encodeMD5(") || len(shown.Callers) != 1 || shown.Callers[0].Name != "hash" || shown.Doc == "" {
		t.Errorf("shown: %v", shown)
	}
}

// TestAdminErrors holds the statuses of what cannot be done.
func TestAdminErrors(t *testing.T) {
	admin, ctx, _ := administer(t)
	publishText := func(text string) func() error {
		return func() error {
			_, err := admin.Publish(ctx, &avapv2pb.PublishRequest{Sources: []*avapv2pb.Source{source("s", text)}})
			return err
		}
	}
	unit := &avapv2pb.UnitName{Name: "nosuch"}
	stock := &avapv2pb.UnitName{Name: "addVar"}
	tests := map[string]struct {
		do   func() error
		want codes.Code
	}{
		"stock name": {publishText("command addVar(x: value) { y = x }"), codes.AlreadyExists},
		"stock deleted": {func() error {
			_, err := admin.Delete(ctx, &avapv2pb.DeleteRequest{Units: []*avapv2pb.UnitName{stock}})
			return err
		}, codes.AlreadyExists},
		"nothing":  {func() error { _, err := admin.Publish(ctx, &avapv2pb.PublishRequest{}); return err }, codes.InvalidArgument},
		"no units": {func() error { _, err := admin.Delete(ctx, &avapv2pb.DeleteRequest{}); return err }, codes.InvalidArgument},
		"unit twice": {func() error {
			_, _ = admin.Publish(ctx, &avapv2pb.PublishRequest{Sources: []*avapv2pb.Source{source("s", "x = 1")}})
			_, err := admin.Delete(ctx, &avapv2pb.DeleteRequest{Units: []*avapv2pb.UnitName{{Name: "s"}, {Name: "s"}}})
			return err
		}, codes.InvalidArgument},
		"deleted nothing": {func() error {
			_, err := admin.Delete(ctx, &avapv2pb.DeleteRequest{Units: []*avapv2pb.UnitName{unit}})
			return err
		}, codes.NotFound},
		"rolled back": {func() error {
			_, err := admin.Rollback(ctx, &avapv2pb.RollbackRequest{Unit: unit, Version: 1})
			return err
		}, codes.NotFound},
		"no unit":       {func() error { _, err := admin.Rollback(ctx, &avapv2pb.RollbackRequest{}); return err }, codes.NotFound},
		"history":       {func() error { _, err := admin.History(ctx, &avapv2pb.HistoryRequest{Unit: unit}); return err }, codes.NotFound},
		"shown":         {func() error { _, err := admin.Show(ctx, &avapv2pb.ShowRequest{Unit: unit}); return err }, codes.NotFound},
		"shown version": {func() error { _, err := admin.Show(ctx, &avapv2pb.ShowRequest{Unit: stock, Version: 9}); return err }, codes.NotFound},
		"another base": {func() error {
			_, err := admin.Publish(ctx, &avapv2pb.PublishRequest{Sources: []*avapv2pb.Source{source("s", "x = 2")}, BaseRevision: 99})
			return err
		}, codes.Aborted},
		"audit": {func() error { _, err := admin.Audit(ctx, &avapv2pb.AuditRequest{Limit: 1001}); return err }, codes.InvalidArgument},
	}
	for name, tt := range tests {
		if err := tt.do(); status.Code(err) != tt.want {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
}

// list gives the names of a list.
func list(ctx context.Context, t *testing.T, admin avapv2pb.AdminClient, req *avapv2pb.ListRequest) []string {
	t.Helper()
	stream, err := admin.List(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return names
		} else if err != nil {
			t.Fatal(err)
		}
		for _, u := range m.Units {
			names = append(names, u.Name)
		}
	}
}

// TestList chooses units by kind, prefix and origin.
func TestList(t *testing.T) {
	admin, ctx, s := administer(t)
	publish(t, s.Publisher(), "command crmFind(x: value) { y = x }\ncommand crmStore(x: value) { y = x }\ncommand mail(x: value) { y = x }", "x = 1")
	for name, tt := range map[string]struct {
		req  *avapv2pb.ListRequest
		want []string
	}{
		"all":    {&avapv2pb.ListRequest{}, []string{"crmFind", "crmStore", "mail", "source1"}},
		"kind":   {&avapv2pb.ListRequest{Kind: avapv2pb.Kind_KIND_SCRIPT}, []string{"source1"}},
		"prefix": {&avapv2pb.ListRequest{Prefix: "crm"}, []string{"crmFind", "crmStore"}},
		"stock":  {&avapv2pb.ListRequest{Prefix: "encode", Stock: true}, []string{"encodeMD5", "encodeSHA256"}},
		"none":   {&avapv2pb.ListRequest{Prefix: "nosuch"}, []string{}},
	} {
		if diff := cmp.Diff(tt.want, list(ctx, t, admin, tt.req)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// imported sends an import and gives its result, and how often it told of its progress.
func imported(ctx context.Context, t *testing.T, admin avapv2pb.AdminClient, requests ...*avapv2pb.ImportRequest) (*avapv2pb.PublishResponse, int) {
	t.Helper()
	stream, err := admin.Import(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range requests {
		if err := stream.Send(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	result, progress := &avapv2pb.PublishResponse{}, 0
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return result, progress
		} else if err != nil {
			t.Fatal(err)
		}
		if m.Result == nil {
			progress++
			continue
		}
		result.Revision = m.Result.Revision
		result.Outcomes = append(result.Outcomes, m.Result.Outcomes...)
		result.Diagnostics = append(result.Diagnostics, m.Result.Diagnostics...)
	}
}

// TestExportImport takes a catalog from one server to another, as one revision.
func TestExportImport(t *testing.T) {
	const commands = 600
	from, ctx, s := administer(t)
	var texts []string
	for i := range commands {
		texts = append(texts, fmt.Sprintf("// Command %d.\ncommand c%03d(x: value, o: out) requires time {\n    o = x + %d\n}", i, i, i))
	}
	publish(t, s.Publisher(), append(texts, "o = c001(1)\naddResult(o)")...)
	stream, err := from.Export(ctx, &avapv2pb.ExportRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var requests []*avapv2pb.ImportRequest
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if m.Total != commands+1 || m.Revision != 2 {
			t.Errorf("%d units of revision %d", m.Total, m.Revision)
		}
		requests = append(requests, &avapv2pb.ImportRequest{Units: m.Units})
	}
	to, ctx, target := administer(t)
	result, progress := imported(ctx, t, to, requests...)
	if result.Revision != 2 || len(result.Outcomes) != commands+1 || len(result.Diagnostics) != 0 || progress < 2 {
		t.Errorf("revision %d, %d outcomes, %d diagnostics, %d times progress", result.Revision, len(result.Outcomes), len(result.Diagnostics), progress)
	}
	if diff := cmp.Diff(list(ctx, t, from, &avapv2pb.ListRequest{}), list(ctx, t, to, &avapv2pb.ListRequest{})); diff != "" {
		t.Errorf("(-from +to):\n%s", diff)
	}
	if target.Publisher().Revision() != 2 {
		t.Errorf("revision %d", target.Publisher().Revision())
	}
}

// TestImportKeepsGoing leaves out what has mistakes, where it was told to.
func TestImportKeepsGoing(t *testing.T) {
	admin, ctx, _ := administer(t)
	units := []*avapv2pb.Source{source("good", "command good(x: value) { y = x }"), source("bad", "command bad(x: value) { nosuch(x) }")}
	result, _ := imported(ctx, t, admin, &avapv2pb.ImportRequest{Units: units})
	if got := summary(result); got != "revision 0\nSEVERITY_ERROR 1 1:25 unknown_command bad\n" {
		t.Errorf("all or nothing: %s", got)
	}
	result, _ = imported(ctx, t, admin, &avapv2pb.ImportRequest{KeepGoing: true}, &avapv2pb.ImportRequest{Units: units})
	want := "revision 2\nCHANGE_CREATED KIND_COMMAND good 1\nCHANGE_REFUSED KIND_COMMAND bad 0\nSEVERITY_ERROR 1 1:25 unknown_command bad\n"
	if got := summary(result); got != want {
		t.Errorf("keeping going: %s", got)
	}
}

// TestStoreFailsAdministrator sends an administrator to the log, which alone knows what is wrong with
// the store: it may be on another machine, and its errors name accounts and files.
func TestStoreFailsAdministrator(t *testing.T) {
	m := newMemory()
	var log bytes.Buffer
	_, addr := serve(t, definitions.Options{Store: m, Log: slog.New(slog.NewTextHandler(&log, nil))})
	admin, ctx := avapv2pb.NewAdminClient(dial(t, addr, nil)), with(t.Context(), adminToken)
	full := errors.New("database or disk is full (13)")
	for _, c := range []struct{ err, want error }{
		{full, status.Error(codes.Unavailable, "the store does not answer, or cannot do it: the server's log says why")},
		{fmt.Errorf("%w: %w", store.ErrUncertain, full), status.Error(codes.Unknown, "the store did not say whether the change was made: look at the history, and at the server's log")},
	} {
		m.fail = func(store.Publication) error { return c.err }
		_, err := admin.Publish(ctx, &avapv2pb.PublishRequest{Sources: []*avapv2pb.Source{source("", "command f(a: out) { a = 1 }")}})
		if err == nil || err.Error() != c.want.Error() {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
	if got := strings.Count(log.String(), full.Error()); got != 2 {
		t.Errorf("the log has the reason %d times:\n%s", got, log.String())
	}
}
