// This file holds the front end for definitions that are written in AVAP.

package legacy

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/command"
	"github.com/avap-framework/avap/syntax"
)

// AVAP is the Frontend for AVAP: a definition of a command, a script where the
// row's type says so, and else the body of a command whose interface is the row's.
type AVAP struct{}

// Language is AVAP.
func (AVAP) Language() string { return "AVAP" }

// definitionHead is how definitions begin.
var definitionHead = regexp.MustCompile(`(?m)^\s*command\s+\w+\s*\(`)

// Recognizes takes every text that reads as AVAP without being Python, and those
// with mistakes that hold the head of a definition.
func (AVAP) Recognizes(code string) bool {
	if definitionHead.MatchString(code) {
		return true
	}
	_, err := syntax.Parse(code, syntax.Options{})
	return err == nil && !isPython(code)
}

// Source returns the row's code as it is, or as a definition.
func (AVAP) Source(row Row) (Source, error) {
	f, err := syntax.Parse(row.Code, syntax.Options{})
	if err != nil {
		return Source{}, firstMistake(err)
	}
	switch {
	case len(f.Commands) > 0:
		return definitionSource(row, f)
	case strings.EqualFold(row.Type, "script"):
		return Source{Kind: bytecode.KindScript, Name: row.Name, Text: row.Code}, nil
	}
	return bodySource(row, f)
}

// firstMistake gives the first of several mistakes, with its place.
func firstMistake(err error) error {
	var all syntax.Errors
	if errors.As(err, &all) && len(all) > 0 {
		return all[0]
	}
	return err
}

// definitionSource takes a definition of the row's name.
func definitionSource(row Row, f *syntax.File) (Source, error) {
	if len(f.Body) > 0 || len(f.Funcs) > 0 {
		return Source{}, errors.New("it holds more than definitions of commands")
	}
	for _, d := range f.Commands {
		if d.Name != row.Name {
			return Source{}, fmt.Errorf("it defines the command %s, which is not the row's name", d.Name)
		}
	}
	return Source{Kind: bytecode.KindCommand, Name: row.Name, Text: row.Code}, nil
}

// bodySource writes a definition around a body.
func bodySource(row Row, f *syntax.File) (Source, error) {
	if len(f.Funcs) > 0 {
		return Source{}, fmt.Errorf("the function %s stands in it, which no definition can have", f.Funcs[0].Name)
	}
	params, err := readInterface(row.Interface, assigned(f))
	if err != nil {
		return Source{}, err
	}
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSpace(row.Description)) {
		b.WriteString("// " + strings.TrimSpace(line) + "\n")
	}
	fmt.Fprintf(&b, "command %s(%s)", row.Name, strings.Join(params, ", "))
	if needs := requires(f); len(needs) > 0 {
		b.WriteString(" requires " + strings.Join(needs, ", "))
	}
	b.WriteString(" {\n")
	for line := range strings.Lines(strings.Trim(row.Code, "\r\n")) {
		b.WriteString(line)
	}
	b.WriteString("\n}\n")
	text := b.String()
	if formatted, err := syntax.Format(text); err == nil {
		text = formatted
	}
	// Neither a name nor a body may end the definition before its end.
	own, err := syntax.Parse(text, syntax.Options{})
	if err != nil {
		return Source{}, firstMistake(err)
	}
	if len(own.Commands) != 1 || len(own.Body) > 0 || own.Commands[0].Name != row.Name {
		return Source{}, errors.New("it cannot be read as the body of a command of this name")
	}
	return Source{Kind: bytecode.KindCommand, Name: row.Name, Text: text}, nil
}

// interfaceItem is a parameter in a row's interface. Mode is there where this
// project wrote it.
type interfaceItem struct {
	Item string `json:"item"`
	Type string `json:"type"`
	Mode string `json:"mode"`
}

// readInterface returns the parameters as a definition writes them. A variable that
// the body assigns is given back, another one is only read.
func readInterface(text string, assigned map[string]bool) ([]string, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var items []interfaceItem
	if err := json.Unmarshal([]byte(text), &items); err != nil {
		return nil, errors.New("the interface is no JSON list of items")
	}
	var params []string
	for _, item := range items {
		mode := item.Mode
		if _, known := bytecode.ParseMode(mode); !known {
			switch item.Type {
			case "value":
				mode = "value"
			case "var", "variable":
				mode = "name"
				if assigned[item.Item] {
					mode = "out"
				}
			default:
				return nil, fmt.Errorf("the type %q of the parameter %s is neither variable, value nor var", item.Type, item.Item)
			}
		}
		params = append(params, item.Item+": "+mode)
	}
	return params, nil
}

// assigned returns the names that a body writes: by an assignment, or as the output
// of a stock command.
func assigned(f *syntax.File) map[string]bool {
	names := map[string]bool{}
	syntax.Inspect(f, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Assign:
			if target, ok := n.Target.(*syntax.Name); ok {
				names[target.Name] = true
			}
		case *syntax.Loop:
			names[n.Var] = true
		case *syntax.Try:
			names[n.Err], names[n.Result] = true, true
		case *syntax.CommandCall:
			sig := command.Signature(n.Name)
			for i, arg := range n.Args {
				if sig != nil && i < len(sig.Params) && sig.Params[i].Mode == bytecode.ModeOut {
					names[strings.Trim(arg.Text, `"'`)] = true
				}
			}
		}
		return true
	})
	return names
}

// requires returns the capabilities of the stock commands that a body calls, which
// definitions of existing deployments never name.
func requires(f *syntax.File) []string {
	var needs []string
	syntax.Inspect(f, func(n syntax.Node) bool {
		if call, ok := n.(*syntax.CommandCall); ok {
			if sig := command.Signature(call.Name); sig != nil {
				needs = append(needs, sig.Needs...)
			}
		}
		return true
	})
	slices.Sort(needs)
	return slices.Compact(needs)
}
