// This file holds the commands about packages: compile, and the half of inspect
// that shows them.

package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/seal"
)

func compileCommand() *cobra.Command {
	var (
		keys   keyFlags
		out    string
		define []string
	)
	cmd := &cobra.Command{
		Use:   "compile FILE -o PKG [--keys FILE] [--define FILE]…",
		Short: "Compile a script to a signed package",
		Long: `compile writes a signed package, which workers run without compiling it again. The
key is the package key of --keys, or AVAP_INTERNAL_KEY. The package is described
in docs/package-format.md; avap inspect shows what it holds.`,
		Example: `  avap compile api.avap -o api.pkg --keys avap-keys.json
  curl -H 'Content-Type: application/vnd.avap.package' --data-binary @api.pkg localhost:8888/api/v1/execute`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := fromEnvironment(cmd); err != nil {
				return err
			}
			if out == "" {
				return errors.New("where to? write -o FILE")
			}
			ring, err := keys.open()
			if err != nil {
				return err
			}
			k, err := ring.Signing(seal.UsePackage)
			if err != nil {
				return err
			}
			text, err := readSource(cmd, args[0])
			if err != nil {
				return err
			}
			p, err := compileScript(cmd, args[0], text, define)
			if err != nil {
				return err
			}
			program := *p // a copy of its own, for the name
			program.Name = strings.TrimSuffix(filepath.Base(args[0]), ".avap")
			pkg, err := seal.Seal(&seal.Unit{
				Origin: seal.OriginCompiled, Source: sha256.Sum256([]byte(text)), Program: &program,
			}, k)
			if err != nil {
				return err
			}
			if out == "-" {
				_, err := cmd.OutOrStdout().Write(pkg)
				return err
			}
			return writeWhole(out, pkg, 0o644)
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&out, "output", "o", "", "the package; - is standard output")
	keys.register(fs)
	fs.StringArrayVar(&define, "define", nil, "a file with command definitions that the script uses")
	return cmd
}

// compileScript compiles a script against the stock commands and definitions. It
// tells of the script's mistakes.
func compileScript(cmd *cobra.Command, name, text string, define []string) (*bytecode.Program, error) {
	sources, err := readDefinitions(cmd, define)
	if err != nil {
		return nil, err
	}
	engine, err := avap.New(avap.Options{Definitions: sources})
	if err != nil {
		return nil, err
	}
	p, err := engine.Compile(text)
	if err != nil {
		for _, e := range avap.Errors(err) {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s:%d:%d: %s\n", name, e.Line, e.Col, e.Msg)
		}
		return nil, errFailed{}
	}
	return p.Bytecode(), nil
}

// openPackage opens a package, with the keys where there are any: then it must
// verify.
func openPackage(keys *keyFlags, name string, b []byte) (p *seal.Package, verified bool, err error) {
	ring, err := keys.open()
	if err != nil {
		return nil, false, err
	}
	if _, none := ring.Signing(seal.UsePackage); none != nil && keys.file == "" {
		p, err = seal.OpenUnverified(b)
	} else {
		p, err = seal.Open(ring, b)
		verified = true
	}
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w: %w", name, err, errors.Unwrap(err))
	}
	return p, verified, nil
}

// printPackage prints what stands around a package's code.
func printPackage(w io.Writer, p *seal.Package, size int, verified bool) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, name+"\t"+format+"\n", args...) }
	row("package", "version %d, %d bytes", p.Version, size)
	switch {
	case verified:
		row("verified", "with the package key %s", p.KeyID)
	case p.KeyID != "":
		row("not verified", "no key is given; it names the package key %q", p.KeyID)
	default:
		row("not verified", "no key is given")
	}
	if u := p.Unit; u != nil {
		printUnit(row, u)
	} else {
		row("source", "%d bytes, SHA-256 %x", len(p.Source), sha256.Sum256([]byte(p.Source)))
	}
	fmt.Fprintln(t)
	return t.Flush()
}

func printUnit(row func(name, format string, args ...any), u *seal.Unit) {
	kind := "script"
	if u.Program.Kind == bytecode.KindCommand {
		kind = "command"
	}
	row("kind", "%s, %v", kind, u.Origin)
	row("name", "%q", u.Program.Name)
	if u.Program.Kind == bytecode.KindCommand {
		var params []string
		for _, p := range u.Program.Params {
			params = append(params, fmt.Sprintf("%s:%v", p.Name, p.Mode))
		}
		row("interface", "(%s)", strings.Join(params, ", "))
		row("capabilities", "%s", orNone(u.Program.Requires))
	}
	c := u.Contract
	var quotas []string
	for _, q := range []struct {
		name  string
		value any
		set   bool
	}{
		{"instructions", c.Instructions, c.Instructions != 0},
		{"memory", (*bytesValue)(&c.Memory), c.Memory != 0},
		{"time", c.Time, c.Time != 0},
		{"host time", c.HostTime, c.HostTime != 0},
		{"depth", c.Depth, c.Depth != 0},
		{"output", (*bytesValue)(&c.Output), c.Output != 0},
		{"host calls", c.HostCalls, c.HostCalls != 0},
	} {
		if q.set {
			quotas = append(quotas, fmt.Sprintf("%s %v", q.name, q.value))
		}
	}
	row("quotas", "%s", orNone(quotas))
	row("source", "SHA-256 %x", u.Source)
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
