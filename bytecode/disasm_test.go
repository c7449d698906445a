package bytecode

import (
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the expected listings and docs/bytecode.md anew")

// golden compares text with a file, or writes it there.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", file, diff)
	}
}

func listing(t *testing.T, p *Program) string {
	t.Helper()
	var b strings.Builder
	if err := Disassemble(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDisassemble(t *testing.T) {
	for _, name := range []string{"sum", "calls", "collections", "request", "operators", "greet"} {
		golden(t, filepath.Join("testdata", name+".lst"), listing(t, examples()[name]))
	}
}

// A program that does not verify has a listing too, and what it calls things
// cannot pass for a line of the listing.
func TestDisassembleBroken(t *testing.T) {
	p := &Program{
		Kind:      9,
		Name:      "a\nb",
		Constants: []Constant{{Kind: 7, Text: strings.Repeat("ü", 100)}},
		Globals:   []string{"x\r\ny"},
		Sites:     []CallSite{{Target: -1, Keywords: []string{"k k"}}},
		Functions: []Function{{
			Locals: []string{"", "stop\n"},
			Code: []Instr{
				{Op: 255, A: 1, C: -1},
				{Op: OpLoadK, A: 1, C: -1},
				{Op: OpLoadK, A: 1},
				{Op: OpSetGlobal, C: 1},
				{Op: OpSetGlobal},
				{Op: OpJump, C: -1},
				{Op: OpJumpIf, X: 9, C: 100},
				{Op: OpMethodKw, C: 0},
				{Op: OpMethodKw, C: -1},
				{Op: OpBuiltin, C: -1},
				{Op: OpCall, C: 9},
				{Op: OpCommand, C: 9},
				{Op: OpLog, C: -9},
				{Op: OpRaise, B: 99, C: 99},
			},
			Handlers:  []Handler{{-1, 5, 99}},
			Positions: []Position{{-5, 1, 1}, {3, -1, 0}},
		}},
	}
	golden(t, filepath.Join("testdata", "broken.lst"), listing(t, p))
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestDisassembleGivesTheWritersError(t *testing.T) {
	if err := Disassemble(brokenPipe{}, sumProgram()); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}
