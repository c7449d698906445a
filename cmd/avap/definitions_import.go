// This file holds `avap definitions import`.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/avap-framework/avap/definitions"
	"github.com/avap-framework/avap/definitions/legacy"
	"github.com/avap-framework/avap/definitions/store"
)

// importOptions are the flags of `avap definitions import`.
type importOptions struct {
	from   string
	store  storeFlags
	keys   keyFlags
	dryRun bool
	json   bool
}

func definitionsImportCommand() *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:   "import [--from URL]",
		Short: "Take over the definitions of an existing deployment",
		Long: `import reads the tables obex_dapl_functions and avap_bytecode of an existing
deployment, changes nothing there, and publishes what is written in AVAP into the
store as one revision. What is of the stock catalog by its name stays behind, as
this program has commands of its own for it; everything else is listed with the
reason. Servers that run on the store take the revision over at once.

Run it again after mending what it lists: what has not changed is left as it is.`,
		Example: `  avap definitions import --dry-run --from sqlite:old.db --keys avap-keys.json
  DATABASE_URL=postgres://avap:…@db/avap avap definitions import --keys avap-keys.json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	fs := cmd.Flags()
	fs.StringVar(&o.from, "from", "", "the existing database: sqlite:FILE or postgres://… without a password (default DATABASE_URL)")
	o.store.register(fs)
	o.keys.register(fs)
	fs.BoolVar(&o.dryRun, "dry-run", false, "tell what would be taken, and publish none of it")
	fs.BoolVar(&o.json, "json", false, "print the result as JSON")
	return cmd
}

func (o *importOptions) run(cmd *cobra.Command) error {
	from, err := databaseURL("from", o.from, "")
	if err != nil {
		return err
	}
	if from == "" {
		return errors.New("where from? write --from URL, or set DATABASE_URL")
	}
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	rows, err := legacy.Read(ctx, from)
	if err != nil {
		return fmt.Errorf("the existing database: %w", err)
	}
	sorted := legacy.Sort(rows, legacy.AVAP{})
	report := importReport{DryRun: o.dryRun, Stock: sorted.Stock}
	for _, r := range sorted.Refused {
		report.Refused = append(report.Refused, refusedRow(r))
	}
	if len(sorted.Sources) > 0 {
		if err := o.publish(ctx, cmd, sorted.Sources, &report); err != nil {
			return err
		}
	}
	if o.json {
		return printJSON(cmd.OutOrStdout(), report)
	}
	return report.print(cmd.OutOrStdout())
}

// publish publishes the sources into the store, without those that do not
// compile.
func (o *importOptions) publish(ctx context.Context, cmd *cobra.Command, taken []legacy.Source, report *importReport) error {
	keys, err := o.keys.open()
	if err != nil {
		return err
	}
	db, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	publisher, err := definitions.OpenPublisher(ctx, definitions.PublisherOptions{
		Store: db, Keys: keys, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return err
	}
	sources := make([]definitions.Source, len(taken))
	for i, s := range taken {
		sources[i] = definitions.Source{Kind: s.Kind, Name: s.Name, Text: s.Text}
	}
	bar := newProgress(cmd, "importing")
	defer bar.end()
	result, err := publisher.Publish(ctx, sources, definitions.Order{
		Author: "import", Action: store.ActionImport, Comment: "from an existing deployment", DryRun: o.dryRun, KeepGoing: true,
		Progress: func(done, total int) { bar.show(uint64(done), uint64(total)) },
	})
	if err != nil {
		return err
	}
	report.add(taken, result)
	return nil
}

// open opens the store; of a dry run one that is not there yet is made elsewhere,
// and gone afterwards.
func (o *importOptions) open(ctx context.Context) (store.Store, error) {
	url, err := databaseURL("store", o.store.url, defaultStore)
	if err != nil {
		return nil, err
	}
	file, sqlite := strings.CutPrefix(url, "sqlite:")
	if _, err := os.Stat(file); !o.dryRun || !sqlite || err == nil {
		return store.Open(ctx, url, store.Options{})
	}
	dir, err := os.MkdirTemp("", "avap-import-")
	if err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, "sqlite:"+filepath.Join(dir, "avap.db"), store.Options{})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &passingStore{db, dir}, nil
}

// passingStore is a store that is removed when it is closed.
type passingStore struct {
	store.Store
	dir string
}

func (s *passingStore) Close() error { return errors.Join(s.Store.Close(), os.RemoveAll(s.dir)) }

// importReport is what an import came to.
type importReport struct {
	Revision uint64       `json:"revision"` // 0 where nothing was published
	DryRun   bool         `json:"dry_run"`
	Units    []unitReport `json:"units"`
	Stock    []string     `json:"stock"`
	Refused  []refusedRow `json:"refused"`
}

type refusedRow struct {
	Table  string `json:"table"`
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// add sorts what became of the sources.
func (r *importReport) add(taken []legacy.Source, result *definitions.Result) {
	r.Revision = result.Revision
	reasons := map[int]string{}
	for _, d := range result.Diagnostics {
		if d.Severity == definitions.SeverityError && reasons[d.Source] == "" {
			reasons[d.Source] = fmt.Sprintf("line %d: %s", d.Pos.Line, d.Msg)
		}
	}
	for i, s := range taken {
		if reason, refused := reasons[i]; refused {
			r.Refused = append(r.Refused, refusedRow{s.Table, s.Name, reason})
		}
	}
	for _, o := range result.Outcomes {
		if o.Change != definitions.ChangeRefused {
			r.Units = append(r.Units, unitReport{kindName(o.Kind), o.Name, o.Version, changeName(int32(o.Change))})
		}
	}
}

func (r *importReport) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, u := range r.Units {
		fmt.Fprintf(t, "%s\t%s\t%s\n", u.Change, u.Kind, u.Name)
	}
	for _, name := range r.Stock {
		fmt.Fprintf(t, "stock\tcommand\t%s\n", name)
	}
	for _, row := range r.Refused {
		fmt.Fprintf(t, "not taken\t\t%s\t%s: %s\n", row.Name, row.Table, row.Reason)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	verb := "taken over as revision " + fmt.Sprint(r.Revision)
	switch {
	case r.DryRun:
		verb = "would be taken over"
	case len(r.Units) == 0:
		verb = "taken over"
	}
	_, err := fmt.Fprintf(w, "%d %s, %d of the stock catalog, %d not taken\n", len(r.Units), verb, len(r.Stock), len(r.Refused))
	return err
}
