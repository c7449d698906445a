package main

import (
	"errors"
	"maps"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/avap-framework/avap/internal/pgtest"
)

func TestMain(m *testing.M) {
	testscript.Main(pgtest.Main(m), map[string]func(){"avap": main})
}

// TestScripts runs the command lines of testdata/script. Beside what testscript
// knows there is `status N avap …`, for the exit status, and `wrong avap …` for a
// program that is called wrongly: it says so in one line, and does nothing.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/script",
		Cmds:  scriptCommands(),
		Setup: setupServers,
		// A server that serves what it should refuse is ended. All scripts share
		// this time, two by two where there are two cores.
		Deadline: time.Now().Add(8 * time.Minute),
	})
}

// scriptCommands are the commands that all scripts have: those about definition
// servers, and
//
//	status N program ARG…  runs a program, which must end with that exit status
//	dev ARG…               starts avap dev on a free port, and has AVAP_TARGET name it
func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	all := maps.Clone(definitionsCommands)
	all["status"] = wantStatus
	all["wrong"] = wantWrong
	all["dev"] = func(ts *testscript.TestScript, _ bool, args []string) { serversOf(ts).startWorker(ts, args) }
	return all
}

func wantWrong(ts *testscript.TestScript, neg bool, args []string) {
	wantStatus(ts, neg, append([]string{"2"}, args...))
	if said := ts.ReadFile("stderr"); !saysOneLine.MatchString(said) {
		ts.Fatalf("it does not say in one line what is wrong:\n%s", said)
	}
	if printed := ts.ReadFile("stdout"); printed != "" {
		ts.Fatalf("it prints %s", printed)
	}
}

var saysOneLine = regexp.MustCompile(`\Aavap: .*\n\z`)

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
