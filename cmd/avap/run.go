// This file holds `avap run`.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/avap-framework/avap"
)

func runCommand() *cobra.Command {
	var (
		limits         limitFlags
		hosts          hostFlags
		params, vars   []string
		define         []string
		only, indented bool
	)
	cmd := &cobra.Command{
		Use:   "run FILE [--param k=v]… [--var k=v]… [--define FILE]…",
		Short: "Run a script here and print its JSON answer",
		Long: `run runs a script and prints its JSON answer. FILE may be - for standard input.
The exit status is 1 where "success" is false. AVAP_DATABASE names the database
of ormDirect: postgres://… or sqlite:FILE.`,
		Example: `  avap run hello.avap --param name=Ada
  avap run order.avap --var 'items=[{"price": 9.5, "n": 2}]' --define crm.avap
  echo 'addVar(x, 6 * 7); addResult(x)' | avap run -`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := fromEnvironment(cmd); err != nil {
				return err
			}
			quotas, err := limits.limits()
			if err != nil {
				return err
			}
			bound := boundMemory(quotas.Memory)
			defer bound()
			script, err := readSource(cmd, args[0])
			if err != nil {
				return err
			}
			sources, err := readDefinitions(cmd, define)
			if err != nil {
				return err
			}
			host, closeHosts, err := hosts.open()
			if err != nil {
				return err
			}
			defer closeHosts()
			engine, err := avap.New(avap.Options{Host: host, Limits: quotas, Definitions: sources})
			if err != nil {
				return err
			}
			query, err := queryOf(params)
			if err != nil {
				return err
			}
			variables, err := variablesOf(vars)
			if err != nil {
				return err
			}
			x := engine.Begin(cmd.Context(), quotas)
			defer x.End()
			x.Only = only
			answer, err := runScript(x, script, query, variables)
			if err != nil {
				return printFailure(cmd.OutOrStdout(), err)
			}
			return printAnswer(cmd.OutOrStdout(), answer, indented)
		},
	}
	fs := cmd.Flags()
	fs.StringArrayVar(&params, "param", nil, "a parameter of the request, as text: k=v")
	fs.StringArrayVar(&vars, "var", nil, "a variable, as JSON or else as text: k=v")
	fs.StringArrayVar(&define, "define", nil, "a file with command definitions")
	fs.BoolVar(&only, "only-result", false, "leave variables and logs out of the answer")
	fs.BoolVar(&indented, "indent", false, "print the answer over several lines")
	limits.register(fs)
	hosts.register(fs)
	return cmd
}

// boundMemory keeps the process in proportion to the quota: past twice that the
// garbage collector works harder instead of taking more. The function that it
// gives takes the bound back.
func boundMemory(quota int64) func() {
	const idle = 16 << 20
	before := debug.SetMemoryLimit(idle + 2*quota)
	return func() { debug.SetMemoryLimit(before) }
}

func runScript(x *avap.Execution, script, query string, variables avap.Object) ([]byte, error) {
	for _, p := range variables {
		v, err := x.Machine().FromGo(p.Value)
		if err != nil {
			return nil, err
		}
		if err := x.SetVariable(p.Key, v); err != nil {
			return nil, err
		}
	}
	if err := x.SetQuery(query); err != nil {
		return nil, err
	}
	program, err := x.Compile(script)
	if err != nil {
		return nil, err
	}
	if err := x.Run(program); err != nil {
		return nil, err
	}
	return x.AppendAnswer(nil)
}

// queryOf makes a query string of k=v pairs.
func queryOf(params []string) (string, error) {
	var pairs []string
	for _, p := range params {
		key, text, ok := strings.Cut(p, "=")
		if !ok {
			return "", fmt.Errorf("--param %s: write --param name=value", p)
		}
		pairs = append(pairs, url.QueryEscape(key)+"="+url.QueryEscape(text))
	}
	return strings.Join(pairs, "&"), nil
}

// variablesOf reads k=v pairs, each value as JSON where it is JSON.
func variablesOf(vars []string) (avap.Object, error) {
	var variables avap.Object
	for _, p := range vars {
		key, text, ok := strings.Cut(p, "=")
		if !ok {
			return nil, fmt.Errorf("--var %s: write --var name=value", p)
		}
		variables = append(variables, avap.Pair{Key: key, Value: jsonOrText(text)})
	}
	return variables, nil
}

func printFailure(out io.Writer, err error) error {
	e := &avap.Error{Code: "internal", Msg: err.Error()}
	if all := avap.Errors(err); len(all) > 0 {
		e = all[0]
	}
	answer := struct {
		Success bool           `json:"success"`
		Error   string         `json:"error"`
		Code    avap.ErrorCode `json:"code"`
		Line    int            `json:"line,omitempty"`
		Column  int            `json:"column,omitempty"`
	}{Error: e.Error(), Code: e.Code, Line: e.Line, Column: e.Col}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	return errors.Join(enc.Encode(answer), errFailed{})
}
