// This file holds the commands of `avap catalog` that change: publish, rollback,
// delete. Each asks the server first what would become of it, shows that, and
// then does it.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/avap-framework/avap/definitions"
	"github.com/avap-framework/avap/definitions/avapv2pb"
)

// changeFlags are what all changes have.
type changeFlags struct {
	admin   adminFlags
	comment string
	yes     bool
	dryRun  bool
}

func (f *changeFlags) register(fs *pflag.FlagSet) {
	f.admin.register(fs)
	fs.StringVar(&f.comment, "comment", "", "why, for the audit log")
	fs.BoolVar(&f.yes, "yes", false, "do not ask")
	fs.BoolVar(&f.dryRun, "dry-run", false, "show what would change, and change nothing")
}

// change is one change as it is asked for: first without effect, then for the
// revision that was shown.
type change struct {
	flags *changeFlags
	files []string // names of the sources, for diagnostics
	ask   func(ctx context.Context, dryRun bool, base uint64) (*avapv2pb.PublishResponse, error)
	show  func(ctx context.Context, w io.Writer, outcomes []*avapv2pb.Outcome) error
	// partly says that units with mistakes are left out, instead of being in the way.
	partly bool
}

// carryOut asks what would change, shows it, and changes it.
func (ch *change) carryOut(ctx context.Context, cmd *cobra.Command) error {
	out := cmd.OutOrStdout()
	planned, err := ch.ask(ctx, true, 0)
	if err != nil {
		return err
	}
	if ch.refused(planned) || ch.flags.dryRun && ch.flags.admin.json {
		return ch.report(cmd, planned)
	}
	if !ch.flags.admin.json {
		if !ch.partly {
			ch.diagnostics(cmd.ErrOrStderr(), planned) // cautions
		}
		if err := ch.show(ctx, out, planned.Outcomes); err != nil {
			return err
		}
	}
	if !changes(planned) || ch.flags.dryRun {
		return ch.report(cmd, planned)
	}
	base := uint64(0)
	if asks(cmd) && !ch.flags.yes && !ch.flags.admin.json {
		base = planned.Revision
		announce(out, planned.Outcomes)
		yes, err := confirm(cmd, question(planned.Outcomes))
		if err != nil || !yes {
			return errors.Join(err, errors.New("nothing was changed"))
		}
	}
	done, err := ch.ask(ctx, false, base)
	if err != nil {
		return err
	}
	return ch.report(cmd, done)
}

// refused reports whether mistakes are in the way.
func (ch *change) refused(r *avapv2pb.PublishResponse) bool {
	if ch.partly {
		return false
	}
	for _, d := range r.Diagnostics {
		if d.Severity == avapv2pb.Diagnostic_SEVERITY_ERROR {
			return true
		}
	}
	return false
}

// changes reports whether anything would change.
func changes(r *avapv2pb.PublishResponse) bool {
	for _, o := range r.Outcomes {
		if o.Change != avapv2pb.Outcome_CHANGE_UNCHANGED && o.Change != avapv2pb.Outcome_CHANGE_REFUSED {
			return true
		}
	}
	return false
}

// announce names the units that no diff shows.
func announce(w io.Writer, outcomes []*avapv2pb.Outcome) {
	for _, o := range outcomes {
		if o.Change == avapv2pb.Outcome_CHANGE_DELETED || o.Change == avapv2pb.Outcome_CHANGE_RECOMPILED {
			fmt.Fprintf(w, "%s %s will be %s\n", kindName(o.Kind), o.Name, changeName(int32(o.Change)))
		}
	}
}

// question asks for what is about to be done.
func question(outcomes []*avapv2pb.Outcome) string {
	verbs := map[avapv2pb.Outcome_Change]string{
		avapv2pb.Outcome_CHANGE_CREATED: "create", avapv2pb.Outcome_CHANGE_UPDATED: "update",
		avapv2pb.Outcome_CHANGE_DELETED: "delete", avapv2pb.Outcome_CHANGE_RECOMPILED: "recompile",
	}
	counts := map[string]int{}
	for _, o := range outcomes {
		counts[verbs[o.Change]]++
	}
	var parts []string
	for _, verb := range []string{"create", "update", "delete", "recompile"} {
		if n := counts[verb]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", verb, n))
		}
	}
	text := strings.Join(parts, ", ")
	return strings.ToUpper(text[:1]) + text[1:] + "?"
}

// unitReport is what became of a unit.
type unitReport struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Version uint64 `json:"version"`
	Change  string `json:"change"`
}

// diagnosticReport is a mistake, or a caution.
type diagnosticReport struct {
	Severity string `json:"severity"`
	Code     string `json:"code"`
	Message  string `json:"message"`
	File     string `json:"file,omitempty"`
	Line     int32  `json:"line,omitempty"`
	Column   int32  `json:"column,omitempty"`
	Kind     string `json:"kind,omitempty"`
	Name     string `json:"name,omitempty"`
}

// resultReport is what a change came to.
type resultReport struct {
	Revision    uint64             `json:"revision"`
	DryRun      bool               `json:"dry_run"`
	Units       []unitReport       `json:"units"`
	Diagnostics []diagnosticReport `json:"diagnostics"`
}

// report prints the result, and fails where mistakes were in the way.
func (ch *change) report(cmd *cobra.Command, r *avapv2pb.PublishResponse) error {
	refused := ch.refused(r)
	if ch.flags.admin.json {
		if err := printJSON(cmd.OutOrStdout(), ch.resultReport(r)); err != nil {
			return err
		}
	} else if err := ch.printResult(cmd, r, refused); err != nil {
		return err
	}
	if refused {
		return errFailed{}
	}
	return nil
}

func (ch *change) resultReport(r *avapv2pb.PublishResponse) resultReport {
	report := resultReport{Revision: r.Revision, DryRun: ch.flags.dryRun, Units: []unitReport{}, Diagnostics: []diagnosticReport{}}
	for _, o := range r.Outcomes {
		report.Units = append(report.Units, unitReport{kindName(o.Kind), o.Name, o.Version, changeName(int32(o.Change))})
	}
	for _, d := range r.Diagnostics {
		severity := "warning"
		if d.Severity == avapv2pb.Diagnostic_SEVERITY_ERROR {
			severity = "error"
		}
		report.Diagnostics = append(report.Diagnostics, diagnosticReport{
			severity, d.Code, d.Message, ch.file(d), d.Line, d.Column, kindName(d.Kind), d.Name,
		})
	}
	return report
}

func (ch *change) printResult(cmd *cobra.Command, r *avapv2pb.PublishResponse, refused bool) error {
	if refused {
		ch.diagnostics(cmd.ErrOrStderr(), r)
		return nil
	}
	out := cmd.OutOrStdout()
	printOutcomes(out, r.Outcomes)
	if ch.partly {
		ch.diagnostics(cmd.ErrOrStderr(), r)
	}
	var err error
	switch {
	case !changes(r):
		_, err = fmt.Fprintf(out, "nothing has changed since revision %d\n", r.Revision)
	case ch.flags.dryRun:
		_, err = fmt.Fprintln(out, "nothing was changed: this was a dry run")
	default:
		_, err = fmt.Fprintf(out, "revision %d\n", r.Revision)
	}
	return err
}

// mostOutcomes is how many units are listed one by one.
const mostOutcomes = 50

// printOutcomes says what became of the units, or of how many of them.
func printOutcomes(w io.Writer, outcomes []*avapv2pb.Outcome) {
	if len(outcomes) <= mostOutcomes {
		for _, o := range outcomes {
			fmt.Fprintf(w, "%s %s %s, version %d\n", changeName(int32(o.Change)), kindName(o.Kind), o.Name, o.Version)
		}
		return
	}
	counts := map[avapv2pb.Outcome_Change]int{}
	for _, o := range outcomes {
		counts[o.Change]++
	}
	for _, change := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(w, "%s %s\n", changeName(int32(change)), count(counts[change], "unit"))
	}
}

// diagnostics prints what is wrong, or rarely works as meant.
func (ch *change) diagnostics(w io.Writer, r *avapv2pb.PublishResponse) {
	for _, d := range r.Diagnostics {
		place := ch.file(d)
		if place == "" {
			place = strings.TrimSpace(kindName(d.Kind) + " " + d.Name)
		}
		if d.Line > 0 {
			place += fmt.Sprintf(":%d:%d", d.Line, d.Column)
		}
		caution := ""
		if d.Severity == avapv2pb.Diagnostic_SEVERITY_WARNING {
			caution = "caution: "
		}
		if strings.HasPrefix(d.Message, place) {
			place = ""
		} else {
			place += ": "
		}
		fmt.Fprintf(w, "%s%s%s\n", place, caution, d.Message)
	}
}

// file returns the file that a diagnostic is about, empty for one about the catalog.
func (ch *change) file(d *avapv2pb.Diagnostic) string {
	if d.Source < 0 || int(d.Source) >= len(ch.files) {
		return ""
	}
	return ch.files[d.Source]
}

func catalogPublishCommand() *cobra.Command {
	var (
		flags    changeFlags
		contract contractFlags
		name     string
	)
	cmd := &cobra.Command{
		Use:   "publish FILE…",
		Short: "Publish commands and scripts",
		Long: `publish publishes all files as one revision, or none. A file with command
definitions publishes those; any other is the stored script of the file's name,
without .avap. It shows first how the sources differ from what is published, and
asks where standard input is a terminal.

The contract holds for all units of the publication. It only ever lowers the limits
of a worker. Publishing without it takes an earlier contract away.`,
		Example: `  avap catalog publish crm.avap nightly.avap --comment 'customers by mail'
  avap catalog publish --dry-run *.avap
  avap catalog publish report.avap --contract-time 200ms --contract-capabilities sql
  git show HEAD:hello.avap | avap catalog publish - --script-name hello --yes`,
		Args: someFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			sources, err := readSources(cmd, args, name, &contract)
			if err != nil {
				return err
			}
			return flags.admin.with(cmd, func(ctx context.Context, c *adminClient) error {
				ch := change{flags: &flags, files: args}
				ch.ask = func(ctx context.Context, dryRun bool, base uint64) (*avapv2pb.PublishResponse, error) {
					return c.Publish(ctx, &avapv2pb.PublishRequest{Sources: sources, DryRun: dryRun, Comment: flags.comment, BaseRevision: base})
				}
				ch.show = func(ctx context.Context, w io.Writer, outcomes []*avapv2pb.Outcome) error {
					return c.showChanges(ctx, w, sources, outcomes)
				}
				return ch.carryOut(ctx, cmd)
			})
		},
	}
	flags.register(cmd.Flags())
	contract.register(cmd.Flags())
	cmd.Flags().StringVar(&name, "script-name", "", "the name of a script from one file (default the file's)")
	return cmd
}

// readSources reads the files of a publication.
func readSources(cmd *cobra.Command, files []string, name string, flags *contractFlags) ([]*avapv2pb.Source, error) {
	contract, err := flags.contract()
	if err != nil {
		return nil, err
	}
	if name != "" && len(files) > 1 {
		return nil, errors.New("--script-name names the script of one file, not of several")
	}
	var sources []*avapv2pb.Source
	for _, file := range files {
		text, err := readSource(cmd, file)
		if err != nil {
			return nil, err
		}
		own := name
		if own == "" {
			own = strings.TrimSuffix(filepath.Base(file), ".avap")
		}
		if file == "-" && name == "" && !definesCommands(text) {
			return nil, errors.New("a script from standard input needs a name: write --script-name NAME")
		}
		sources = append(sources, &avapv2pb.Source{Name: own, Text: text, Contract: contract})
	}
	return sources, nil
}

// showChanges shows how sources differ from what is published.
func (c *adminClient) showChanges(ctx context.Context, w io.Writer, sources []*avapv2pb.Source, outcomes []*avapv2pb.Outcome) error {
	texts := map[string]*avapv2pb.Source{}
	for _, s := range sources {
		units, err := definitions.Split(definitions.Source{Name: s.Name, Text: s.Text})
		if err != nil {
			continue // the server took it: it is newer than this program, and its diff has to wait
		}
		for _, u := range units {
			texts[kindName(u.Kind)+" "+u.Name] = &avapv2pb.Source{Text: u.Text, Contract: s.Contract}
		}
	}
	for _, o := range outcomes {
		s := texts[kindName(o.Kind)+" "+o.Name]
		if s == nil || o.Change != avapv2pb.Outcome_CHANGE_CREATED && o.Change != avapv2pb.Outcome_CHANGE_UPDATED {
			continue
		}
		before := &avapv2pb.ShowResponse{}
		if o.Change == avapv2pb.Outcome_CHANGE_UPDATED {
			var err error
			before, err = c.Show(ctx, &avapv2pb.ShowRequest{Unit: &avapv2pb.UnitName{Kind: o.Kind, Name: o.Name}})
			if err != nil {
				return err
			}
		}
		printUnitDiff(w, o, before, s)
	}
	return nil
}

// printUnitDiff prints how a unit differs from what is published.
func printUnitDiff(w io.Writer, o *avapv2pb.Outcome, before *avapv2pb.ShowResponse, after *avapv2pb.Source) {
	color := paletteOf(w)
	from := "not published yet"
	if v := before.Version; v != nil {
		from = fmt.Sprintf("version %d, %s by %s", v.Version, localTime(v.Time.AsTime()), v.Author)
	}
	fmt.Fprintf(w, "%s%s %s%s (%s)\n", color.bold, kindName(o.Kind), o.Name, color.plain, from)
	printDiff(w, before.Source, after.Text)
	old, own := contractText(o.Kind, before.Version.GetContract()), contractText(o.Kind, after.Contract)
	if old != own && before.Version != nil {
		fmt.Fprintf(w, "contract: %s → %s\n", orNone(listOf(old)), orNone(listOf(own)))
	}
	fmt.Fprintln(w)
}

// contractText is a contract in words: of a command without the capabilities, which it
// has in its source.
func contractText(kind avapv2pb.Kind, m *avapv2pb.Contract) string {
	c := contractOf(m)
	if c != nil && kind == avapv2pb.Kind_KIND_COMMAND {
		c.Capabilities = nil
	}
	return c.String()
}

func listOf(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

func catalogRollbackCommand() *cobra.Command {
	var (
		flags changeFlags
		kind  kindFlag
	)
	cmd := &cobra.Command{
		Use:   "rollback NAME VERSION",
		Short: "Publish an earlier version again",
		Long: `rollback publishes source and contract of an earlier version as a new one, of a
command or script that is deleted too. It shows first how they differ from what is
published, and asks where standard input is a terminal.`,
		Example: `  avap catalog history crmCustomer
  avap catalog rollback crmCustomer 3 --comment 'the new CRM is down'`,
		Args: nameAndVersion(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			unit, err := kind.unitName(args[0])
			if err != nil {
				return err
			}
			version, err := parseVersion(args[1])
			if err != nil {
				return err
			}
			return flags.admin.with(cmd, func(ctx context.Context, c *adminClient) error {
				ch := change{flags: &flags}
				ch.ask = func(ctx context.Context, dryRun bool, base uint64) (*avapv2pb.PublishResponse, error) {
					return c.Rollback(ctx, &avapv2pb.RollbackRequest{Unit: unit, Version: version, DryRun: dryRun, Comment: flags.comment, BaseRevision: base})
				}
				ch.show = func(ctx context.Context, w io.Writer, outcomes []*avapv2pb.Outcome) error {
					return c.showRollback(ctx, w, version, outcomes)
				}
				return ch.carryOut(ctx, cmd)
			})
		},
	}
	flags.register(cmd.Flags())
	kind.register(cmd.Flags(), "what the name is: command or script")
	return cmd
}

// showRollback shows how the version that comes back differs from the present one.
func (c *adminClient) showRollback(ctx context.Context, w io.Writer, version uint64, outcomes []*avapv2pb.Outcome) error {
	if len(outcomes) == 0 || outcomes[0].Change == avapv2pb.Outcome_CHANGE_UNCHANGED {
		return nil
	}
	o := outcomes[0]
	unit := &avapv2pb.UnitName{Kind: o.Kind, Name: o.Name}
	earlier, err := c.Show(ctx, &avapv2pb.ShowRequest{Unit: unit, Version: version})
	if err != nil {
		return err
	}
	before := &avapv2pb.ShowResponse{}
	if o.Change == avapv2pb.Outcome_CHANGE_UPDATED {
		if before, err = c.Show(ctx, &avapv2pb.ShowRequest{Unit: unit}); err != nil {
			return err
		}
	}
	printUnitDiff(w, o, before, &avapv2pb.Source{Text: earlier.Source, Contract: earlier.Version.Contract})
	return nil
}

func catalogDeleteCommand() *cobra.Command {
	var (
		flags changeFlags
		kind  kindFlag
	)
	cmd := &cobra.Command{
		Use:   "delete NAME…",
		Short: "Take commands or scripts out of the catalog",
		Long: `delete takes commands or scripts out of the catalog, as one revision. What others
call can only go together with them. Versions stay: rollback brings them back.`,
		Example: `  avap catalog delete crmCustomer
  avap catalog delete nightly --kind script --yes`,
		Args: someNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			var units []*avapv2pb.UnitName
			for _, name := range args {
				unit, err := kind.unitName(name)
				if err != nil {
					return err
				}
				units = append(units, unit)
			}
			return flags.admin.with(cmd, func(ctx context.Context, c *adminClient) error {
				ch := change{flags: &flags}
				ch.ask = func(ctx context.Context, dryRun bool, base uint64) (*avapv2pb.PublishResponse, error) {
					return c.Delete(ctx, &avapv2pb.DeleteRequest{Units: units, DryRun: dryRun, Comment: flags.comment, BaseRevision: base})
				}
				ch.show = func(context.Context, io.Writer, []*avapv2pb.Outcome) error { return nil }
				return ch.carryOut(ctx, cmd)
			})
		},
	}
	flags.register(cmd.Flags())
	kind.register(cmd.Flags(), "what the names are: command or script")
	return cmd
}

func someNames(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%s takes at least one NAME: see %[1]s --help", cmd.CommandPath())
	}
	return nil
}
