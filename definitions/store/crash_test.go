// This file holds the tests of what is there after a crash: the test binary runs
// itself as a child that appends, and kills it.

package store_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/avap-framework/avap/definitions/store"
)

// childVariable in the environment is the URL of the store to append to, and
// makes the test binary the child.
const childVariable = "STORE_TEST_CHILD"

// runChild, in the child, appends without end, and prints each revision that was
// acknowledged.
func runChild() {
	url := os.Getenv(childVariable)
	if url == "" {
		return
	}
	ctx := context.Background()
	s, err := store.Open(ctx, url, store.Options{})
	for err == nil {
		var revision uint64
		if revision, err = persist(ctx, s, "child"); err == nil {
			fmt.Println(revision)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// TestKill kills a process that appends, at random moments.
func TestKill(t *testing.T) {
	const (
		kills = 8
		most  = 60 // acknowledgements between kills
	)
	both(t, func(t *testing.T, url string) {
		acknowledged := map[uint64]string{}
		for range kills {
			for _, revision := range appendUntilKilled(t, url, 1+rand.IntN(most)) {
				acknowledged[revision] = "child"
			}
		}
		t.Logf("%d publications were acknowledged", len(acknowledged))
		checkPairs(t, open(t, url), acknowledged)
	})
}

// appendUntilKilled has a child append, kills it after so many acknowledgements,
// and gives all that it was told.
func appendUntilKilled(t *testing.T, url string, count int) []uint64 {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+url)
	var complaint strings.Builder
	child.Stderr = &complaint
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var all []uint64
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadString('\n')
		if err != nil { // a line that was cut off tells nothing
			break
		}
		revision, err := strconv.ParseUint(strings.TrimSpace(line), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, revision)
		if len(all) == count {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait() // tells of the kill
	if len(all) < count {
		t.Fatalf("the child ended after %d of %d publications: %s", len(all), count, complaint.String())
	}
	return all
}
