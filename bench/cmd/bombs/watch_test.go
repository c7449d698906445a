// This file tests the watch on processes, with real ones.

package main

import (
	"context"
	"os"
	"os/exec"
	"runtime/debug"
	"testing"
)

func TestMain(m *testing.M) {
	// The test binary is also the process that is watched.
	switch os.Getenv("BOMBS_TEST") {
	case "print":
		os.Stdout.WriteString("done")
		os.Exit(0)
	case "memory":
		var kept [][]byte
		for {
			block := make([]byte, 16<<20)
			for i := 0; i < len(block); i += 4096 {
				block[i] = 1
			}
			if kept = append(kept, block); len(kept) == 0 {
				break // never: it is here for the blocks to be held
			}
		}
	case "stack":
		debug.SetMaxStack(stackCap)
		os.Exit(recurse(0))
	}
	os.Exit(m.Run())
}

func recurse(n int) int {
	if n < 0 {
		return 0
	}
	return recurse(n+1) + 1
}

func TestWatch(t *testing.T) {
	for role, want := range map[string]outcome{"print": finished, "memory": outOfMemory, "stack": crashed} {
		t.Run(role, func(t *testing.T) {
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			command := exec.Command(self)
			command.Env = append(os.Environ(), "BOMBS_TEST="+role)
			d, err := watch(context.Background(), command)
			if err != nil {
				t.Fatal(err)
			}
			got := finished
			if d.killed != "" || d.err != nil {
				got, _ = d.fatal()
			}
			if got != want {
				t.Errorf("got %q, want %q: %s", got, want, d.stderr)
			}
			if want == finished && string(d.stdout) != "done" {
				t.Errorf("stdout is %q", d.stdout)
			}
		})
	}
}
