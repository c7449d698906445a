// This file holds the commands that look at sources: check, fmt, inspect.

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/syntax"
)

func readAll(r io.Reader, name string, most int64) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if int64(len(b)) > most {
		return "", fmt.Errorf("%s: larger than %d MiB", name, most>>20)
	}
	return string(b), nil
}

// readDefinitions reads the files of --define.
func readDefinitions(cmd *cobra.Command, names []string) ([]avap.Source, error) {
	var sources []avap.Source
	for _, name := range names {
		text, err := readSource(cmd, name)
		if err != nil {
			return nil, err
		}
		sources = append(sources, avap.Source{Name: name, Text: text})
	}
	return sources, nil
}

// newEngine makes an engine. It reports mistakes in the definitions itself, as errFailed.
func newEngine(cmd *cobra.Command, opt avap.Options) (*avap.Engine, error) {
	engine, err := avap.New(opt)
	if len(avap.Errors(err)) > 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), err)
		return nil, errFailed{}
	}
	return engine, err
}

func checkCommand() *cobra.Command {
	var define []string
	cmd := &cobra.Command{
		Use:   "check FILE…",
		Short: "Tell of mistakes in scripts and definitions without running them",
		Long: `check prints syntax errors and static errors as file:line:col: message, and points
at what rarely works as meant. The exit status is 1 where there is any error.`,
		Example: `  avap check api.avap
  avap check --define crm.avap api.avap`,
		Args: someFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			sources, err := readDefinitions(cmd, define)
			if err != nil {
				return err
			}
			engine, err := newEngine(cmd, avap.Options{Definitions: sources})
			if err != nil {
				return err
			}
			bad := false
			for _, name := range args {
				faults, err := checkFile(cmd, engine, sources, name)
				if err != nil {
					return err
				}
				bad = bad || faults
			}
			if bad {
				return errFailed{}
			}
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&define, "define", nil, "a file with command definitions that the scripts use")
	return cmd
}

// checkFile prints the diagnostics of a file, and reports whether any of them is an
// error.
func checkFile(cmd *cobra.Command, engine *avap.Engine, defined []avap.Source, name string) (faults bool, err error) {
	text, err := readSource(cmd, name)
	if err != nil {
		return false, err
	}
	var diagnostics []avap.Diagnostic
	if definesCommands(text) {
		own := func(s avap.Source) bool { return s.Name == name }
		others := slices.DeleteFunc(slices.Clone(defined), own)
		var with *avap.Engine
		with, err = avap.New(avap.Options{Definitions: append(others, avap.Source{Name: name, Text: text})})
		if err == nil {
			diagnostics = slices.DeleteFunc(with.Diagnostics(), func(d avap.Diagnostic) bool { return d.Name != name })
		}
	} else {
		var p *avap.Program
		p, err = engine.Compile(text)
		if err == nil {
			diagnostics = p.Diagnostics()
		}
	}
	out := cmd.OutOrStdout()
	if err != nil {
		all := avap.Errors(err)
		for _, e := range all {
			fmt.Fprintf(out, "%s:%d:%d: %s\n", name, e.Line, e.Col, e.Msg)
		}
		if len(all) == 0 {
			return true, err
		}
		return true, nil
	}
	for _, d := range diagnostics {
		kind := ""
		if d.Caution() {
			kind = "caution: "
		}
		fmt.Fprintf(out, "%s:%d:%d: %s%s\n", name, d.Line, d.Col, kind, d.Message)
		faults = faults || !d.Caution()
	}
	return faults, nil
}

// definesCommands reports whether a source holds command definitions.
func definesCommands(text string) bool {
	f, _ := syntax.Parse(text, syntax.Options{})
	return f != nil && len(f.Commands) > 0
}

func fmtCommand() *cobra.Command {
	var write bool
	cmd := &cobra.Command{
		Use:   "fmt [-w] FILE…",
		Short: "Lay sources out canonically",
		Long:  `fmt prints sources in their canonical layout. With -w it rewrites the files instead, and names those that it changed.`,
		Example: `  avap fmt api.avap
  avap fmt -w *.avap`,
		Args: someFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			bad := false
			for _, name := range args {
				text, err := readSource(cmd, name)
				if err != nil {
					return err
				}
				formatted, err := syntax.Format(text)
				var mistakes syntax.Errors
				if errors.As(err, &mistakes) {
					for _, e := range mistakes {
						fmt.Fprintf(cmd.ErrOrStderr(), "%s:%d:%d: %s\n", name, e.Pos.Line, e.Pos.Col, e.Msg)
					}
					bad = true
					continue
				}
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				if !write || name == "-" {
					if _, err := fmt.Fprint(cmd.OutOrStdout(), formatted); err != nil {
						return err
					}
					continue
				}
				if formatted == text {
					continue
				}
				if err := replaceFile(name, formatted); err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), name)
			}
			if bad {
				return errFailed{}
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&write, "write", "w", false, "rewrite the files")
	return cmd
}

// replaceFile writes a file whole or not at all, keeping its mode.
func replaceFile(name, text string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	return writeWhole(name, []byte(text), info.Mode().Perm())
}

func inspectCommand() *cobra.Command {
	var (
		keys   keyFlags
		define []string
	)
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Show what a script compiles to, or what a package holds",
		Long: `inspect prints the disassembly of a script. Of a package it prints the header and
the contract first; with a package key, of --keys or AVAP_INTERNAL_KEY, it shows
only one that verifies. The instructions are described in docs/bytecode.md.`,
		Example: `  avap inspect api.avap
  avap inspect api.pkg --keys avap-keys.json`,
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := fromEnvironment(cmd); err != nil {
				return err
			}
			text, err := readSource(cmd, args[0])
			if err != nil {
				return err
			}
			if seal.IsPackage([]byte(text)) {
				p, verified, err := openPackage(&keys, args[0], []byte(text))
				if err != nil {
					return err
				}
				if err := printPackage(cmd.OutOrStdout(), p, len(text), verified); err != nil {
					return err
				}
				if p.Unit != nil {
					return bytecode.Disassemble(cmd.OutOrStdout(), p.Unit.Program)
				}
				text = p.Source
			}
			program, err := compileScript(cmd, args[0], text, define)
			if err != nil {
				return err
			}
			return bytecode.Disassemble(cmd.OutOrStdout(), program)
		},
	}
	keys.register(cmd.Flags())
	cmd.Flags().StringArrayVar(&define, "define", nil, "a file with command definitions that the script uses")
	return cmd
}
