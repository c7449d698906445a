// This file holds the reference of the stock commands, made of the catalog.

package command

import (
	"strings"

	"github.com/avap-framework/avap/bytecode"
)

const introduction = `# Stock commands

<!-- Generated from command/table.go by go generate ./command. -->

Every command of the stock catalog, by what it is for. The language itself, and how
arguments are read, is described in [language.md](language.md). A parameter of mode
**value** takes a value as it is written, **text** a pattern or a format, **name** the
name of a variable that is read, **out** the name of a variable that is written. A
command with one output may stand in an expression, with the output left out.

Each example is run by a test.
`

// Reference returns the reference of the stock commands in Markdown.
func Reference() string {
	var b strings.Builder
	b.WriteString(introduction)
	family := ""
	for _, s := range table {
		if s.Family != family {
			family = s.Family
			b.WriteString("\n## " + family + "\n")
		}
		s.write(&b)
	}
	return b.String()
}

// write writes a command's section.
func (s Spec) write(b *strings.Builder) {
	b.WriteString("\n### `" + s.Usage + "`\n\n" + s.Doc + "\n")
	if len(s.Params) > 0 {
		b.WriteString("\nParameters: ")
		for i, p := range s.Params {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString("`" + p.Name + "` (" + p.Mode.String() + ")")
		}
		b.WriteString(".")
		if len(s.Needs) > 0 {
			b.WriteString(" Needs the capability `" + strings.Join(s.Needs, "`, `") + "`.")
		}
		b.WriteString("\n")
	}
	if s.Query != "" {
		b.WriteString("\nWith the query string `" + s.Query + "`:\n")
	}
	b.WriteString("\n```avap\n" + s.Example + "\n```\n\nexports\n\n```json\n" + s.Result + "\n```\n")
}

// Help returns the documentation of a stock command or word as plain text.
func Help(name string) (string, bool) {
	for _, s := range table {
		if s.Name == name {
			return s.help(), true
		}
	}
	return "", false
}

// IsWord reports whether a name is a word of the syntax, which stands in the catalog
// and which nobody can call.
func IsWord(name string) bool {
	_, known := Help(name)
	return known && Signature(name) == nil
}

// help writes a command's documentation as plain text.
func (s Spec) help() string {
	var b strings.Builder
	b.WriteString(s.Usage + "\n\n" + s.Doc + "\n")
	if len(s.Needs) > 0 {
		b.WriteString("Needs the capability " + strings.Join(s.Needs, ", ") + ".\n")
	}
	b.WriteString("\n    " + strings.ReplaceAll(s.Example, "\n", "\n    ") + "\n\n    → " + s.Result + "\n")
	return b.String()
}

// usage writes a command with its parameters.
func usage(name string, params []bytecode.Param) string {
	names := make([]string, len(params))
	for i, p := range params {
		names[i] = p.Name
	}
	return name + "(" + strings.Join(names, ", ") + ")"
}
