package main

import (
	"errors"
	"maps"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/avap-framework/avap/internal/pgtest"
)

func TestMain(m *testing.M) {
	testscript.Main(pgtest.Main(m), map[string]func(){"avap": main})
}

// TestScripts runs the command lines of testdata/script. Beside what testscript
// knows there is `status N avap …`, for the exit status.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/script",
		Cmds:  scriptCommands(),
		Setup: setupServers,
	})
}

// scriptCommands are the commands that all scripts have.
func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	all := maps.Clone(definitionsCommands)
	all["status"] = wantStatus
	return all
}

func wantStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N program arg…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}
