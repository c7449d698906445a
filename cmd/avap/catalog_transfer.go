// This file holds the commands of `avap catalog` that move a whole catalog:
// export and import. An export is lines of JSON: a head, then one for each unit.

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/avap-framework/avap/definitions/avapv2pb"
)

// exportHead is the first line of an export.
type exportHead struct {
	Format   string `json:"format"`
	Revision uint64 `json:"revision"`
	Units    uint64 `json:"units"`
}

const exportFormat = "avap-catalog-1"

// exportUnit is each further line.
type exportUnit struct {
	Kind     string          `json:"kind"`
	Name     string          `json:"name"`
	Contract *contractReport `json:"contract,omitempty"`
	Source   string          `json:"source"`
}

func catalogExportCommand() *cobra.Command {
	var (
		admin adminFlags
		out   string
	)
	cmd := &cobra.Command{
		Use:   "export [-o FILE]",
		Short: "Write all sources and contracts to a file",
		Long: `export writes the sources and contracts of everything that users have published,
of one revision: lines of JSON, which avap catalog import reads. Earlier versions and
the audit log are not in it; a backup of the database has those.`,
		Example: `  avap catalog export -o catalog.jsonl
  avap catalog export | gzip > catalog.jsonl.gz`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return admin.with(cmd, func(ctx context.Context, c *adminClient) error {
				bar := newProgress(cmd, "exporting")
				head, text, err := c.export(ctx, bar)
				bar.end()
				if err != nil {
					return err
				}
				if out == "-" {
					_, err := cmd.OutOrStdout().Write(text)
					return err
				}
				if err := writeWhole(out, text, 0o600); err != nil {
					return err
				}
				if admin.json {
					return printJSON(cmd.OutOrStdout(), head)
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s of revision %d in %s\n", count(int(head.Units), "unit"), head.Revision, out)
				return err
			})
		},
	}
	admin.register(cmd.Flags())
	cmd.Flags().StringVarP(&out, "output", "o", "-", "the file; - is standard output")
	return cmd
}

// export returns the catalog as lines of JSON.
func (c *adminClient) export(ctx context.Context, bar *progress) (exportHead, []byte, error) {
	head := exportHead{Format: exportFormat}
	stream, err := c.Export(ctx, &avapv2pb.ExportRequest{})
	if err != nil {
		return head, nil, err
	}
	var units bytes.Buffer
	for got := uint64(0); ; {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			head.Units = got
			break
		}
		if err != nil {
			return head, nil, err
		}
		head.Revision = part.Revision
		for _, u := range part.Units {
			line := exportUnit{kindName(u.Kind), u.Name, contractOf(u.Contract), u.Text}
			if err := printJSON(&units, line); err != nil {
				return head, nil, err
			}
			got++
		}
		bar.show(got, part.Total)
	}
	var text bytes.Buffer
	if err := printJSON(&text, head); err != nil {
		return head, nil, err
	}
	return head, append(text.Bytes(), units.Bytes()...), nil
}

func catalogImportCommand() *cobra.Command {
	var (
		flags     changeFlags
		keepGoing bool
	)
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Publish what an export holds",
		Long: `import publishes the units of a file of avap catalog export as one revision: those
that are new or differ. Nothing is deleted. With --keep-going units with mistakes are
left out, with those that call them.`,
		Example: `  avap catalog import catalog.jsonl --dry-run
  avap catalog import catalog.jsonl --yes`,
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			units, err := readExport(cmd, args[0])
			if err != nil {
				return err
			}
			return flags.admin.with(cmd, func(ctx context.Context, c *adminClient) error {
				ch := change{flags: &flags, files: namesOf(units)}
				ch.ask = func(ctx context.Context, dryRun bool, _ uint64) (*avapv2pb.PublishResponse, error) {
					what := "importing"
					if dryRun {
						what = "checking"
					}
					bar := newProgress(cmd, what)
					defer bar.end()
					return c.importUnits(ctx, bar, units, &avapv2pb.ImportRequest{DryRun: dryRun, KeepGoing: keepGoing, Comment: flags.comment})
				}
				ch.show = func(context.Context, io.Writer, []*avapv2pb.Outcome) error { return nil }
				ch.partly = keepGoing
				return ch.carryOut(ctx, cmd)
			})
		},
	}
	flags.register(cmd.Flags())
	cmd.Flags().BoolVar(&keepGoing, "keep-going", false, "leave out units with mistakes")
	return cmd
}

// namesOf returns what diagnostics call the units of an import.
func namesOf(units []*avapv2pb.Source) []string {
	names := make([]string, len(units))
	for i, u := range units {
		names[i] = kindName(u.Kind) + " " + u.Name
	}
	return names
}

// maxExportLine bounds a line: a source of 1 MiB grows when it is written as JSON.
const maxExportLine = 16 << 20

// readExport reads the units of an export.
func readExport(cmd *cobra.Command, file string) ([]*avapv2pb.Source, error) {
	in := cmd.InOrStdin()
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	units, err := parseExport(in)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", file, err)
	}
	return units, nil
}

// parseExport reads lines; its errors begin with the number of one.
func parseExport(in io.Reader) ([]*avapv2pb.Source, error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxExportLine)
	var head exportHead
	if lines.Scan() {
		// What is no JSON has no format either.
		_ = json.Unmarshal(lines.Bytes(), &head)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("1: %w", err)
	}
	if head.Format != exportFormat {
		return nil, errors.New("1: this is no file of avap catalog export")
	}
	var units []*avapv2pb.Source
	for n := 2; lines.Scan(); n++ {
		var u exportUnit
		dec := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&u); err != nil {
			return nil, fmt.Errorf("%d: not a unit: %w", n, err)
		}
		kind, err := (&kindFlag{u.Kind}).kind()
		if err != nil || u.Kind == "" {
			return nil, fmt.Errorf("%d: the kind is neither command nor script", n)
		}
		units = append(units, &avapv2pb.Source{Kind: kind, Name: u.Name, Text: u.Source, Contract: u.Contract.message()})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%d: %w", len(units)+2, err)
	}
	if uint64(len(units)) != head.Units {
		return nil, fmt.Errorf("%d: the file ends after %d of %d units", len(units)+1, len(units), head.Units)
	}
	return units, nil
}

// partBytes is about how much goes in one message of an import.
const partBytes = 1 << 20

// importUnits sends units and waits for the result. first has the options.
func (c *adminClient) importUnits(ctx context.Context, bar *progress, units []*avapv2pb.Source, first *avapv2pb.ImportRequest) (*avapv2pb.PublishResponse, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.Import(ctx)
	if err != nil {
		return nil, err
	}
	part, size := first, 0
	for _, u := range units {
		part.Units = append(part.Units, u)
		if size += len(u.Text); size < partBytes {
			continue
		}
		if err := stream.Send(part); err != nil {
			return nil, sendError(stream, err)
		}
		part, size = &avapv2pb.ImportRequest{}, 0
	}
	if err := stream.Send(part); err != nil {
		return nil, sendError(stream, err)
	}
	if err := stream.CloseSend(); err != nil {
		return nil, err
	}
	result := &avapv2pb.PublishResponse{}
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return result, nil
		}
		if err != nil {
			return nil, err
		}
		bar.show(m.Done, m.Total)
		if r := m.Result; r != nil {
			result.Revision = r.Revision
			result.Outcomes = append(result.Outcomes, r.Outcomes...)
			result.Diagnostics = append(result.Diagnostics, r.Diagnostics...)
		}
	}
}

// sendError gives the server's reason where it has ended a stream.
func sendError(stream interface {
	Recv() (*avapv2pb.ImportResponse, error)
}, err error,
) error {
	if !errors.Is(err, io.EOF) {
		return err
	}
	for {
		if _, err := stream.Recv(); err != nil {
			return err
		}
	}
}
