// This file holds `avap run`.

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/avap-framework/avap"
)

// runOptions are the flags of `avap run`.
type runOptions struct {
	limits         limitFlags
	hosts          hostFlags
	params, vars   []string
	define         []string
	only, indented bool
}

func runCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run FILE [--param k=v]… [--var k=v]… [--define FILE]…",
		Short: "Run a script here and print its JSON answer",
		Long: `run runs a script and prints its JSON answer. FILE may be - for standard input.
The exit status is 1 where "success" is false. AVAP_DATABASE names the database
of ormDirect: postgres://… or sqlite:FILE.`,
		Example: `  avap run hello.avap --param name=Ada
  avap run order.avap --var 'items=[{"price": 9.5, "n": 2}]' --define crm.avap
  echo 'addVar(x, 6 * 7); addResult(x)' | avap run -`,
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args[0]) },
	}
	fs := cmd.Flags()
	fs.StringArrayVar(&o.params, "param", nil, "a parameter of the request, as text: k=v")
	fs.StringArrayVar(&o.vars, "var", nil, "a variable, as JSON or else as text: k=v")
	fs.StringArrayVar(&o.define, "define", nil, "a file with command definitions")
	fs.BoolVar(&o.only, "only-result", false, "leave variables and logs out of the answer")
	fs.BoolVar(&o.indented, "indent", false, "print the answer over several lines")
	o.limits.register(fs)
	o.hosts.register(fs)
	return cmd
}

func (o *runOptions) run(cmd *cobra.Command, file string) error {
	quotas, err := o.limits.limits()
	if err != nil {
		return err
	}
	defer boundMemory(quotas.Memory)()
	query, err := queryOf(o.params)
	if err != nil {
		return err
	}
	variables, err := variablesOf(o.vars)
	if err != nil {
		return err
	}
	host, closeHosts, err := o.hosts.open(hostOptions{hostTime: quotas.HostTime, dev: true})
	if err != nil {
		return err
	}
	defer closeHosts()
	sources, err := readDefinitions(cmd, o.define)
	if err != nil {
		return err
	}
	script, err := readSource(cmd, file)
	if err != nil {
		return err
	}
	engine, err := newEngine(cmd, avap.Options{Host: host, Limits: quotas, Definitions: sources})
	if err != nil {
		return err
	}
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	x := engine.Begin(ctx, quotas, nil)
	defer x.End()
	x.Only = o.only
	answer, err := runScript(x, script, query, variables)
	if err == nil {
		return printAnswer(cmd.OutOrStdout(), answer, o.indented)
	}
	if answer, err = failure(err); err != nil {
		return err
	}
	if err := printAnswer(cmd.OutOrStdout(), answer, o.indented); err != nil {
		return err
	}
	return errFailed{}
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

// failure is the answer of an execution that failed: of several errors the first.
func failure(err error) ([]byte, error) {
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
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err = enc.Encode(answer)
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), err
}
