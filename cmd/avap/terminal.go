// This file holds what is different where a person sits in front of a terminal:
// questions, colours, progress.

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
)

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// asks reports whether somebody is there to be asked.
func asks(cmd *cobra.Command) bool { return isTerminal(cmd.InOrStdin()) }

// confirm asks a question that only y and yes answer with yes.
func confirm(cmd *cobra.Command, question string) (bool, error) {
	fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", question)
	answer, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err != nil && answer == "" {
		fmt.Fprintln(cmd.ErrOrStderr())
		return false, nil // the terminal was closed
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// palette is the colours of a stream: none where it is no terminal, or where
// NO_COLOR is set.
type palette struct{ red, green, cyan, bold, plain string }

func paletteOf(stream io.Writer) palette {
	if !isTerminal(stream) || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return palette{}
	}
	return palette{red: "\x1b[31m", green: "\x1b[32m", cyan: "\x1b[36m", bold: "\x1b[1m", plain: "\x1b[0m"}
}

// progress shows how far something is, on one line of a terminal, and nothing
// elsewhere.
type progress struct {
	out   io.Writer // nil: shows nothing
	what  string
	shown int // percent; -1 before the first
}

func newProgress(cmd *cobra.Command, what string) *progress {
	p := &progress{what: what, shown: -1}
	if out := cmd.ErrOrStderr(); isTerminal(out) {
		p.out = out
	}
	return p
}

func (p *progress) show(done, total uint64) {
	if p.out == nil || total == 0 {
		return
	}
	if percent := int(done * 100 / total); percent != p.shown {
		p.shown = percent
		fmt.Fprintf(p.out, "\r%s %d of %d (%d %%)\x1b[K", p.what, done, total, percent)
	}
}

// tell shows a text on the line.
func (p *progress) tell(text string) {
	if p.out != nil {
		p.shown = 0
		fmt.Fprintf(p.out, "\r%s\x1b[K", text)
	}
}

// end takes the line away again.
func (p *progress) end() {
	if p.out != nil && p.shown >= 0 {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
