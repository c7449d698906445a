// This file holds the commands of `avap catalog` that look: list, show, history,
// audit.

package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/avap-framework/avap/definitions/avapv2pb"
)

// versionReport is a version as --json prints it.
type versionReport struct {
	Kind         string          `json:"kind"`
	Name         string          `json:"name"`
	Version      uint64          `json:"version"`
	Revision     uint64          `json:"revision"`
	Stock        bool            `json:"stock,omitempty"`
	Deleted      bool            `json:"deleted,omitempty"`
	RolledBackTo uint64          `json:"rolled_back_to,omitempty"`
	SourceHash   string          `json:"source_hash,omitempty"`
	Interface    []paramReport   `json:"interface,omitempty"`
	Contract     *contractReport `json:"contract,omitempty"`
	Author       string          `json:"author"`
	Time         time.Time       `json:"time"`
}

type paramReport struct {
	Name string `json:"name"`
	Mode string `json:"mode"`
}

func reportOf(v *avapv2pb.Version) versionReport {
	r := versionReport{
		Kind: kindName(v.Kind), Name: v.Name, Version: v.Version, Revision: v.Revision, Stock: v.Stock, Deleted: v.Deleted,
		RolledBackTo: v.RolledBackTo, SourceHash: hex.EncodeToString(v.SourceHash), Contract: contractOf(v.Contract),
		Author: v.Author, Time: v.Time.AsTime(),
	}
	for _, p := range v.Params {
		r.Interface = append(r.Interface, paramReport{p.Name, p.Mode})
	}
	return r
}

func reportsOf(versions []*avapv2pb.Version) []versionReport {
	all := []versionReport{} // an empty list, not null
	for _, v := range versions {
		all = append(all, reportOf(v))
	}
	return all
}

// signature is a command's interface as its definition has it.
func signature(v *avapv2pb.Version) string {
	if v.Kind != avapv2pb.Kind_KIND_COMMAND || v.Deleted {
		return ""
	}
	params := make([]string, len(v.Params))
	for i, p := range v.Params {
		params[i] = p.Name + ": " + p.Mode
	}
	return "(" + strings.Join(params, ", ") + ")"
}

func localTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

// table prints rows under a head, in columns.
func table(w io.Writer, head string, rows func(row func(columns ...any))) error {
	var aligned bytes.Buffer
	t := tabwriter.NewWriter(&aligned, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.ReplaceAll(head, " ", "\t"))
	rows(func(columns ...any) {
		texts := make([]string, len(columns))
		for i, c := range columns {
			texts[i] = fmt.Sprint(c)
		}
		fmt.Fprintln(t, strings.Join(texts, "\t"))
	})
	if err := t.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(aligned.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

func catalogListCommand() *cobra.Command {
	var (
		admin  adminFlags
		kind   kindFlag
		prefix string
		stock  bool
	)
	cmd := &cobra.Command{
		Use:   "list [--kind KIND] [--prefix TEXT] [--stock]",
		Short: "List what is published",
		Long:  `list prints a table of the commands and stored scripts that are published.`,
		Example: `  avap catalog list
  avap catalog list --kind command --prefix crm --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			k, err := kind.kind()
			if err != nil {
				return err
			}
			return admin.with(cmd, func(ctx context.Context, c *adminClient) error {
				revision, units, err := c.list(ctx, &avapv2pb.ListRequest{Kind: k, Prefix: prefix, Stock: stock})
				if err != nil {
					return err
				}
				if admin.json {
					return printJSON(cmd.OutOrStdout(), struct {
						Revision uint64          `json:"revision"`
						Units    []versionReport `json:"units"`
					}{revision, reportsOf(units)})
				}
				return printList(cmd.OutOrStdout(), revision, units)
			})
		},
	}
	admin.register(cmd.Flags())
	kind.register(cmd.Flags(), "only these: command or script")
	cmd.Flags().StringVar(&prefix, "prefix", "", "only names that begin so")
	cmd.Flags().BoolVar(&stock, "stock", false, "the commands of the language too")
	return cmd
}

func (c *adminClient) list(ctx context.Context, req *avapv2pb.ListRequest) (revision uint64, units []*avapv2pb.Version, err error) {
	stream, err := c.List(ctx, req)
	if err != nil {
		return 0, nil, err
	}
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return revision, units, nil
		}
		if err != nil {
			return 0, nil, err
		}
		revision = part.Revision
		units = append(units, part.Units...)
	}
}

func printList(w io.Writer, revision uint64, units []*avapv2pb.Version) error {
	if len(units) == 0 {
		_, err := fmt.Fprintln(w, "nothing of the kind is published")
		return err
	}
	err := table(w, "NAME KIND VERSION REVISION PUBLISHED AUTHOR INTERFACE", func(row func(...any)) {
		for _, v := range units {
			row(v.Name, kindName(v.Kind), v.Version, v.Revision, localTime(v.Time.AsTime()), v.Author, signature(v))
		}
	})
	if err == nil && revision > 0 {
		_, err = fmt.Fprintf(w, "%s at revision %d\n", count(len(units), "unit"), revision)
	}
	return err
}

// count says how many of something there are.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func catalogShowCommand() *cobra.Command {
	var (
		admin  adminFlags
		kind   kindFlag
		source bool
	)
	cmd := &cobra.Command{
		Use:   "show NAME [VERSION]",
		Short: "Show a command or script with its source",
		Long: `show prints what there is to know of the newest version of a command or script, or
of another one, and its source. With --source it prints the source alone.`,
		Example: `  avap catalog show crmCustomer
  avap catalog show crmCustomer 3 --source > old.avap`,
		Args: nameAndVersion(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			unit, err := kind.unitName(args[0])
			if err != nil {
				return err
			}
			var version uint64
			if len(args) == 2 {
				if version, err = parseVersion(args[1]); err != nil {
					return err
				}
			}
			return admin.with(cmd, func(ctx context.Context, c *adminClient) error {
				shown, err := c.Show(ctx, &avapv2pb.ShowRequest{Unit: unit, Version: version})
				if err != nil {
					return err
				}
				switch {
				case admin.json:
					return printJSON(cmd.OutOrStdout(), showReport{
						reportOf(shown.Version), shown.Source, shown.Doc, shown.Calls, unitNames(shown.Callers), len(shown.Package), shown.BytecodeVersion,
					})
				case source:
					_, err := io.WriteString(cmd.OutOrStdout(), shown.Source)
					return err
				}
				return printShown(cmd.OutOrStdout(), shown)
			})
		},
	}
	admin.register(cmd.Flags())
	kind.register(cmd.Flags(), "what the name is: command or script (default a command, or where there is none, a script)")
	cmd.Flags().BoolVar(&source, "source", false, "print the source alone")
	return cmd
}

// nameAndVersion takes a name, and a version where least is 2, which may stand
// there where it is 1.
func nameAndVersion(least int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > 2 {
			return fmt.Errorf("%s takes %s: see %[1]s --help", cmd.CommandPath(), strings.TrimPrefix(cmd.Use, cmd.Name()+" "))
		}
		return nil
	}
}

func parseVersion(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%s is no version: write a number from 1, as avap catalog history shows them", text)
	}
	return n, nil
}

// showReport is what show prints as JSON.
type showReport struct {
	versionReport
	Source      string   `json:"source"`
	Doc         string   `json:"doc,omitempty"`
	Calls       []string `json:"calls,omitempty"`
	Callers     []string `json:"callers,omitempty"`
	PackageSize int      `json:"package_bytes"`
	Bytecode    uint32   `json:"bytecode_version"`
}

func unitNames(units []*avapv2pb.UnitName) []string {
	var names []string
	for _, u := range units {
		names = append(names, kindName(u.Kind)+" "+u.Name)
	}
	return names
}

func printShown(w io.Writer, shown *avapv2pb.ShowResponse) error {
	v := shown.Version
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name string, value any) {
		if text := fmt.Sprint(value); text != "" {
			fmt.Fprintf(t, "%s\t%s\n", name, text)
		}
	}
	row(kindName(v.Kind), v.Name+signature(v))
	row("version", versionWords(v))
	row("published", fmt.Sprintf("%s by %s, revision %d", localTime(v.Time.AsTime()), v.Author, v.Revision))
	row("contract", contractOf(v.Contract))
	row("calls", strings.Join(shown.Calls, ", "))
	row("called by", strings.Join(unitNames(shown.Callers), ", "))
	if len(shown.Package) > 0 {
		row("package", fmt.Sprintf("%d bytes, bytecode version %d", len(shown.Package), shown.BytecodeVersion))
	}
	if err := t.Flush(); err != nil || shown.Source == "" {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s\n", strings.TrimSuffix(shown.Source, "\n"))
	return err
}

// versionWords says of a version how it came to be.
func versionWords(v *avapv2pb.Version) string {
	return strings.TrimSuffix(fmt.Sprintf("%d, %s", v.Version, originOf(v)), ", ")
}

func originOf(v *avapv2pb.Version) string {
	switch {
	case v.Deleted:
		return "deleted"
	case v.Stock:
		return "stock"
	case v.RolledBackTo > 0:
		return fmt.Sprintf("rolled back to %d", v.RolledBackTo)
	}
	return ""
}

func catalogHistoryCommand() *cobra.Command {
	var (
		admin adminFlags
		kind  kindFlag
	)
	cmd := &cobra.Command{
		Use:     "history NAME",
		Short:   "List the versions of a command or script",
		Long:    `history prints a table of all versions, the newest first, of one that is deleted too.`,
		Example: `  avap catalog history crmCustomer`,
		Args:    oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			unit, err := kind.unitName(args[0])
			if err != nil {
				return err
			}
			return admin.with(cmd, func(ctx context.Context, c *adminClient) error {
				history, err := c.History(ctx, &avapv2pb.HistoryRequest{Unit: unit})
				if err != nil {
					return err
				}
				if admin.json {
					return printJSON(cmd.OutOrStdout(), reportsOf(history.Versions))
				}
				return table(cmd.OutOrStdout(), "VERSION REVISION PUBLISHED AUTHOR SOURCE NOTE", func(row func(...any)) {
					for _, v := range history.Versions {
						row(v.Version, v.Revision, localTime(v.Time.AsTime()), v.Author, shortHash(v.SourceHash), originOf(v))
					}
				})
			})
		},
	}
	admin.register(cmd.Flags())
	kind.register(cmd.Flags(), "what the name is: command or script")
	return cmd
}

func oneName(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s takes one NAME, not %d: see %[1]s --help", cmd.CommandPath(), len(args))
	}
	return nil
}

// shortHash is enough of a hash to tell sources apart.
func shortHash(hash []byte) string {
	if len(hash) == 0 {
		return "-"
	}
	return hex.EncodeToString(hash[:min(6, len(hash))])
}

func catalogAuditCommand() *cobra.Command {
	var (
		admin  adminFlags
		last   uint32
		before uint64
		name   string
	)
	cmd := &cobra.Command{
		Use:   "audit [--last N] [--before REVISION] [--of NAME]",
		Short: "Show who changed what",
		Long:  `audit prints the log of all changes of the catalog, the newest first.`,
		Example: `  avap catalog audit
  avap catalog audit --of crmCustomer
  avap catalog audit --before 1200 --last 1000 --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if last < 1 || last > 1000 {
				return errors.New("--last must be from 1 to 1000")
			}
			return admin.with(cmd, func(ctx context.Context, c *adminClient) error {
				log, err := c.Audit(ctx, &avapv2pb.AuditRequest{Before: before, Limit: last, Name: name})
				if err != nil {
					return err
				}
				if admin.json {
					return printJSON(cmd.OutOrStdout(), auditReports(log.Entries))
				}
				return table(cmd.OutOrStdout(), "REVISION TIME AUTHOR ACTION UNITS COMMENT", func(row func(...any)) {
					for _, e := range log.Entries {
						row(e.Revision, localTime(e.Time.AsTime()), e.Author, e.Action, auditUnits(e), oneLine(e.Comment))
					}
				})
			})
		},
	}
	admin.register(cmd.Flags())
	cmd.Flags().Uint32Var(&last, "last", 20, "how many changes, at most 1000")
	cmd.Flags().Uint64Var(&before, "before", 0, "only those before this revision")
	cmd.Flags().StringVar(&name, "of", "", "only those of this command or script")
	return cmd
}

// auditUnits names the units of a change, or says how many they are.
func auditUnits(e *avapv2pb.AuditEntry) string {
	const most = 4
	var names []string
	for _, u := range e.Units {
		names = append(names, fmt.Sprintf("%s %d", u.Name, u.Version))
	}
	switch {
	case len(names) == 0:
		return "-"
	case e.TotalUnits > most:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:min(2, len(names))], ", "), e.TotalUnits-2)
	}
	return strings.Join(names, ", ")
}

// oneLine returns a text for a table: nothing in it moves the cursor.
func oneLine(text string) string {
	printable := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
	return strings.Join(strings.Fields(printable), " ")
}

// auditReport is a change as --json prints it.
type auditReport struct {
	Revision   uint64            `json:"revision"`
	Time       time.Time         `json:"time"`
	Author     string            `json:"author"`
	Action     string            `json:"action"`
	Comment    string            `json:"comment,omitempty"`
	TotalUnits uint64            `json:"total_units"`
	Units      []auditUnitReport `json:"units"`
}

type auditUnitReport struct {
	Kind         string `json:"kind"`
	Name         string `json:"name"`
	Version      uint64 `json:"version"`
	Deleted      bool   `json:"deleted,omitempty"`
	RolledBackTo uint64 `json:"rolled_back_to,omitempty"`
}

func auditReports(entries []*avapv2pb.AuditEntry) []auditReport {
	all := []auditReport{}
	for _, e := range entries {
		r := auditReport{e.Revision, e.Time.AsTime(), e.Author, e.Action, e.Comment, e.TotalUnits, []auditUnitReport{}}
		for _, u := range e.Units {
			r.Units = append(r.Units, auditUnitReport{kindName(u.Kind), u.Name, u.Version, u.Deleted, u.RolledBackTo})
		}
		all = append(all, r)
	}
	return all
}
