// This file holds docs/operations.md and the README to the program: its flags with
// their defaults, its commands.

package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestDocumentedFlags compares the tables of flags with the flags. A table of them
// has the column flag, and a column with the defaults of each command that it is
// about; a dash stands for a flag that the command does not have.
func TestDocumentedFlags(t *testing.T) {
	documented := documentedFlags(t, "../../docs/operations.md")
	root := newRoot()
	for _, name := range []string{"avap serve", "avap dev", "avap definitions serve", "avap bench"} {
		t.Run(name, func(t *testing.T) {
			cmd, _, err := root.Find(strings.Fields(name)[1:])
			if err != nil {
				t.Fatal(err)
			}
			real := map[string]string{}
			cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { real["--"+f.Name] = f.DefValue })
			if diff := cmp.Diff(documented[name], real); diff != "" {
				t.Errorf("flags with their defaults (-documented +real):\n%s", diff)
			}
		})
	}
}

var inBackticks = regexp.MustCompile("^`([^`]+)`$")

// documentedFlags gives the default of each documented flag, by command and flag.
func documentedFlags(t *testing.T, page string) map[string]map[string]string {
	t.Helper()
	documented := map[string]map[string]string{}
	for _, table := range tablesOf(t, page) {
		head := table[0]
		if head[0] != "flag" {
			continue
		}
		for column, title := range head {
			m := inBackticks.FindStringSubmatch(title)
			if m == nil {
				continue
			}
			flags := documented[m[1]]
			if flags == nil {
				flags = map[string]string{}
				documented[m[1]] = flags
			}
			for _, row := range table[2:] {
				flag := strings.Trim(row[0], "`")
				if _, twice := flags[flag]; twice {
					t.Errorf("%s: %s of %s stands in two rows", page, flag, m[1])
				}
				switch value := inBackticks.FindStringSubmatch(row[column]); {
				case row[column] == "–":
				case row[column] == "":
					flags[flag] = ""
				case value == nil:
					t.Errorf("%s: the default %q of %s is not in backticks", page, row[column], flag)
				default:
					flags[flag] = value[1]
				}
				if row[len(row)-1] == "" {
					t.Errorf("%s: %s has no meaning", page, flag)
				}
			}
		}
	}
	return documented
}

// tablesOf gives the tables of a page: rows of cells, the title first.
func tablesOf(t *testing.T, page string) [][][]string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var tables [][][]string
	inside := false
	for line := range strings.SplitSeq(string(text), "\n") {
		row, ok := strings.CutPrefix(line, "|")
		if ok && !inside {
			tables = append(tables, nil)
		}
		if inside = ok; !ok {
			continue
		}
		cells := strings.Split(strings.TrimSuffix(strings.TrimSpace(row), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		last := len(tables) - 1
		tables[last] = append(tables[last], cells)
	}
	return tables
}

// TestDocumentedCommands compares the README's table of commands with the commands.
func TestDocumentedCommands(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## The program\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var documented []string
	for _, m := range regexp.MustCompile("`avap ([a-z][a-z ]*[a-z])").FindAllStringSubmatch(section, -1) {
		documented = append(documented, m[1])
	}
	var real []string
	for _, cmd := range commandsOf(newRoot()) {
		real = append(real, strings.TrimPrefix(cmd.CommandPath(), "avap "))
	}
	slices.Sort(documented)
	slices.Sort(real)
	if diff := cmp.Diff(slices.Compact(documented), real); diff != "" {
		t.Errorf("commands (-documented +real):\n%s", diff)
	}
}

// commandsOf gives the commands that do something of their own.
func commandsOf(cmd *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, c := range cmd.Commands() {
		switch {
		case c.Hidden || c.Name() == "help":
		case c.HasSubCommands():
			all = append(all, commandsOf(c)...)
		default:
			all = append(all, c)
		}
	}
	return all
}
