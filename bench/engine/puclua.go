// This file runs the programs on PUC Lua, the reference implementation in C.

package engine

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// PUCLua is the command of a Lua 5.4. It is no Engine, because it is a process
// of its own, which measures itself.
type PUCLua string

//go:embed harness.lua
var harness string

// Measure runs a program for at least the given time and returns the CPU time
// of one run in nanoseconds, by os.clock: neither the start of the process nor
// compiling is in it.
func (l PUCLua) Measure(ctx context.Context, p Program, least time.Duration) (float64, error) {
	want := p.Want()
	command := exec.CommandContext(ctx, string(l), "-e"+harness, "-",
		strconv.FormatFloat(least.Seconds(), 'f', -1, 64),
		strconv.FormatFloat(want.Number, 'f', -1, 64),
		want.Text)
	command.Stdin = strings.NewReader(source(string(p), "lua"))
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		return 0, fmt.Errorf("%s on %s: %w: %s", p, l, err, stderr.String())
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}
