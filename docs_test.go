package avap_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap"
)

// block is a fenced block of a page: what stands behind its three backticks,
// the number of that line, and its text.
type block struct {
	info string
	line int
	text string
}

// blocksOf gives the fenced blocks of a page, those in lists too.
func blocksOf(t *testing.T, file string) []block {
	t.Helper()
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []block
	var lines []string
	open := false
	for i, line := range strings.Split(string(page), "\n") {
		info, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && !open:
			blocks = append(blocks, block{info: info, line: i + 1})
			open, lines = true, nil
		case fence:
			blocks[len(blocks)-1].text = strings.Join(lines, "\n")
			open = false
		case open:
			lines = append(lines, line)
		}
	}
	if open {
		t.Fatalf("%s:%d: the block is not closed", file, blocks[len(blocks)-1].line)
	}
	return blocks
}

// TestDocumentedScripts runs the scripts of the documentation. A block marked
// avap is a script, with a query string behind the mark if it needs one; the next
// block, marked json, is its result, or marked json error what its answer says
// of the error. A block marked avap define holds definitions for the scripts
// behind it.
func TestDocumentedScripts(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"README.md", "docs/language.md", "docs/differences.md"} {
		blocks := blocksOf(t, file)
		var definitions []avap.Source
		scripts := 0
		for i, b := range blocks {
			mark, query, _ := strings.Cut(b.info, " ")
			if mark != "avap" {
				continue
			}
			if query == "define" {
				definitions = append(definitions, avap.Source{Name: file, Text: b.text})
				continue
			}
			scripts++
			t.Run(fmt.Sprintf("%s:%d", file, b.line), func(t *testing.T) {
				if i+1 == len(blocks) || blocks[i+1].info != "json" && blocks[i+1].info != "json error" {
					t.Fatal("a script without its result")
				}
				want := blocks[i+1]
				got := resultOf(t, b.text, query, definitions, want.info == "json error")
				if diff := cmp.Diff(compact(t, want.text), got); diff != "" {
					t.Errorf("(-documented +got):\n%s", diff)
				}
			})
		}
		if scripts == 0 {
			t.Errorf("%s: no scripts found", file)
		}
	}
}

// resultOf runs a script and gives its result as compact JSON, or the message and
// code of its error.
func resultOf(t *testing.T, script, query string, definitions []avap.Source, fails bool) string {
	t.Helper()
	engine, err := avap.New(avap.Options{Definitions: definitions, Limits: avap.Limits{Time: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	program, err := engine.Compile(script)
	var answer []byte
	if err == nil {
		var r *avap.Result
		if r, err = program.Run(t.Context(), avap.Input{Query: query}); err == nil {
			answer = r.JSON
		}
	}
	var e *avap.Error
	switch {
	case err == nil && fails:
		t.Fatalf("no error, but %s", answer)
	case err != nil && !fails:
		t.Fatal(err)
	case errors.As(err, &e):
		return fmt.Sprintf(`{"error":%s,"code":%q}`, quoted(t, e.Error()), e.Code)
	}
	var fields struct{ Result json.RawMessage }
	if err := json.Unmarshal(answer, &fields); err != nil {
		t.Fatal(err)
	}
	return string(fields.Result)
}

func compact(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// quoted writes a text as JSON, escaped no more than it must be.
func quoted(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// TestDocumentedPrograms runs the Go programs of the README: the block behind one,
// marked text, is what it prints.
func TestDocumentedPrograms(t *testing.T) {
	t.Parallel()
	blocks := blocksOf(t, "README.md")
	programs := 0
	for i, b := range blocks {
		if b.info != "go" {
			continue
		}
		programs++
		if i+1 == len(blocks) || blocks[i+1].info != "text" {
			t.Fatalf("README.md:%d: a program without its output", b.line)
		}
		file := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(file, []byte(b.text), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "go", "run", file)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("README.md:%d: %v\n%s", b.line, err, out)
		}
		if diff := cmp.Diff(blocks[i+1].text, strings.TrimSuffix(string(out), "\n")); diff != "" {
			t.Errorf("README.md:%d: (-documented +got):\n%s", b.line, diff)
		}
	}
	if programs == 0 {
		t.Error("no programs found")
	}
}

var (
	pageLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	fenced   = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	unlinked = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// TestDocumentedLinks follows the links between the pages and the source.
func TestDocumentedLinks(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "README.md", "CHANGELOG.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range pageLink.FindAllStringSubmatch(fenced.ReplaceAllString(string(text), ""), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := page
			if target != "" {
				file = filepath.Join(filepath.Dir(page), target)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", page, m[1])
			} else if anchor != "" && !anchorsOf(t, file)[anchor] {
				t.Errorf("%s: %s has no heading #%s", page, file, anchor)
			}
		}
	}
}

// anchorsOf gives the anchors that GitHub makes of a page's headings.
func anchorsOf(t *testing.T, file string) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	anchors := make(map[string]bool)
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(string(text), ""), -1) {
		words := unlinked.ReplaceAllString(strings.ToLower(m[1]), "")
		anchors[strings.ReplaceAll(words, " ", "-")] = true
	}
	return anchors
}
