// This file runs a process under watch: time, resident memory, how it ended.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// What a process may take before it is killed.
const (
	memoryCap    = 1 << 30
	addressSpace = 8 << 30
	timeCap      = 10 * time.Second
	// Endless recursion is to show as the crash that it is, before the growing
	// stack counts as memory. Go's own bound is 1 GB.
	stackCap = 256 << 20
)

// outcome is what became of a bomb.
type outcome string

const (
	finished    outcome = "finished"      // ran to its end within what is allowed
	stopped     outcome = "stopped"       // the engine ended it with an error
	outOfMemory outcome = "out of memory" // killed at 1 GiB, or died of it
	crashed     outcome = "crash"         // the process ended without a word
	noEnd       outcome = "no end"        // killed after 10 s
)

// A death tells how a watched process ended.
type death struct {
	killed outcome // empty where the process ended by itself
	err    error   // as of exec.Cmd.Wait
	peak   int64   // bytes resident at most
	took   time.Duration
	stdout []byte
	stderr string // its beginning
}

// watch runs a command to its end, or kills it where it takes too much.
func watch(ctx context.Context, command *exec.Cmd) (death, error) {
	var stdout bytes.Buffer
	stderr := &beginning{room: 16 << 10}
	command.Stdout, command.Stderr = &stdout, stderr
	start := time.Now()
	if err := command.Start(); err != nil {
		return death{}, err
	}
	done := make(chan error, 1)
	go func() { done <- command.Wait() }()

	var d death
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case d.err = <-done:
			d.took = time.Since(start)
			d.stdout, d.stderr = stdout.Bytes(), stderr.String()
			return d, ctx.Err()
		case <-ctx.Done():
			d.killed = noEnd
		case <-tick.C:
			d.peak = max(d.peak, resident(command.Process.Pid))
			switch {
			case d.peak > memoryCap:
				d.killed = outOfMemory
			case time.Since(start) > timeCap:
				d.killed = noEnd
			}
		}
		if d.killed != "" {
			if err := command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				return d, err
			}
		}
	}
}

// resident is the most memory that a process has had so far, in bytes; 0 where
// it has just ended. (What wait reports would count this program's own memory
// too, because a child starts in it.)
func resident(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	var kib int64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		return 0
	}
	return kib << 10
}

// beginning keeps the first bytes of what is written to it.
type beginning struct {
	strings.Builder
	room int
}

func (b *beginning) Write(p []byte) (int, error) {
	n := min(len(p), b.room-b.Len())
	b.Builder.Write(p[:n])
	return len(p), nil
}

// fatal tells what a process died of that did not tell itself.
func (d death) fatal() (outcome, string) {
	if d.killed != "" {
		return d.killed, ""
	}
	message, _, _ := strings.Cut(d.stderr, "\n\n")
	if strings.Contains(d.stderr, "out of memory") || strings.Contains(d.stderr, "cannot allocate memory") {
		return outOfMemory, message
	}
	return crashed, message
}
