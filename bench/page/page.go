// Package page writes what was measured into a page of documentation: into blocks
// between two comments, each a line of its own, which name the block:
//
//	<!-- begin throughput -->
//	… what the last run has found …
//	<!-- end throughput -->
//
// What stands around the blocks is left as it is.
package page

// This file holds the blocks.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ErrNoBlock is wrapped by errors about a block that the page does not have, or not
// once and in order.
var ErrNoBlock = errors.New("the page has no place for it")

// Page is a file with blocks, or none where its name is empty: nothing is written then.
// Methods must not be called by several goroutines at a time.
type Page string

// Has tells early whether the page has all the blocks: measuring takes long.
func (p Page) Has(names ...string) error {
	if p == "" {
		return nil
	}
	text, err := os.ReadFile(string(p))
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		_, err := Replace(string(text), name, "")
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%s: %w", p, err)
	}
	return nil
}

// Set replaces a block by text in Markdown.
func (p Page) Set(name, text string) error {
	if p == "" {
		return nil
	}
	old, err := os.ReadFile(string(p))
	if err != nil {
		return err
	}
	page, err := Replace(string(old), name, text)
	if err != nil {
		return fmt.Errorf("%s: %w", p, err)
	}
	return os.WriteFile(string(p), []byte(page), 0o644)
}

// Draw writes a drawing into the folder images beside the page, and gives the
// Markdown that shows it.
func (p Page) Draw(name, what string, svg []byte) (markdown string, err error) {
	markdown = fmt.Sprintf("![%s](images/%s)\n", what, name)
	if p == "" {
		return markdown, nil
	}
	dir := filepath.Join(filepath.Dir(string(p)), "images")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return markdown, os.WriteFile(filepath.Join(dir, name), svg, 0o644)
}

// Replace returns a page with the text of a block replaced. The error wraps ErrNoBlock.
func Replace(page, name, text string) (string, error) {
	begin, end := "<!-- begin "+name+" -->", "<!-- end "+name+" -->"
	before, rest, err := cut(page, begin)
	if err != nil {
		return "", err
	}
	inside, after, err := cut(rest, end)
	if err != nil {
		return "", fmt.Errorf("%w (behind %s)", err, begin)
	}
	if other, _, found := strings.Cut(inside, "<!-- begin "); found {
		return "", fmt.Errorf("%w: another block begins inside of %s, behind %q", ErrNoBlock, begin, lastLine(other))
	}
	if text != "" {
		text = "\n" + strings.Trim(text, "\n") + "\n\n" // a comment ends at an empty line
	}
	return before + begin + "\n" + text + end + "\n" + after, nil
}

// cut splits a page at a line that it must have once.
func cut(page, line string) (before, after string, err error) {
	var starts []int
	at := 0
	for l := range strings.Lines(page) {
		if strings.TrimRight(l, "\r\n") == line {
			starts = append(starts, at)
		}
		at += len(l)
	}
	if len(starts) != 1 {
		return "", "", fmt.Errorf("%w: %d lines %s, want one", ErrNoBlock, len(starts), line)
	}
	after = strings.TrimLeft(page[starts[0]+len(line):], "\r")
	return page[:starts[0]], strings.TrimPrefix(after, "\n"), nil
}

func lastLine(text string) string {
	text = strings.TrimRight(text, "\n")
	return text[strings.LastIndexByte(text, '\n')+1:]
}
