package pgtest

// This file holds the test of what happens to a server whose test binary dies:
// the binary runs itself as a child that starts a server, and kills it.

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// childVariable in the environment makes the test binary the child.
const childVariable = "PGTEST_CHILD"

// runChild, in the child, starts a server, prints its socket's path and waits
// to be killed.
func runChild() {
	if os.Getenv(childVariable) == "" {
		return
	}
	s, err := newServer(context.Background(), nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(s.Socket())
	select {}
}

func TestServerEndsWithItsBinary(t *testing.T) {
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childVariable+"=1")
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the child did not start a server: %v, %v", err, child.Wait())
	}
	socket := strings.TrimSpace(line)
	t.Cleanup(func() {
		if err := os.RemoveAll(filepath.Dir(socket)); err != nil {
			t.Error(err)
		}
	})
	if !listens(socket) {
		t.Fatal("the child's server does not listen")
	}

	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // tells of the kill
	for end := time.Now().Add(stopTime); listens(socket); time.Sleep(pollTime) {
		if time.Now().After(end) {
			t.Fatal("the server outlived its binary")
		}
	}
}

func listens(socket string) bool {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
