// This file holds trees of cgroups as kernels and container runtimes lay them out.

package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/tools/txtar"
)

// rootVariable makes the test binary a process that lives in a fake tree, tells
// the memory that it sees, and ends.
const rootVariable = "AVAP_TEST_CONTAINER_ROOT"

func TestMain(m *testing.M) {
	root := os.Getenv(rootVariable)
	if root == "" {
		os.Exit(m.Run())
	}
	if err := tell(root); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func tell(root string) error {
	if err := errors.Join(syscall.Chroot(root), os.Chdir("/")); err != nil {
		return err
	}
	memory, err := ReadMemory()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(memory)
}

// TestCgroupTrees runs the real thing as a process whose root is a tree of
// testdata: there /proc/self and /sys/fs/cgroup are ordinary files. A tree's
// comment says what must come out: "cgroup BYTES", or "machine".
func TestCgroupTrees(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d trees: %v", len(files), err)
	}
	machine, err := readMemory(func() (uint64, error) { return 0, errors.New("none") }, func() (uint64, error) {
		var info syscall.Sysinfo_t
		err := syscall.Sysinfo(&info)
		return uint64(info.Totalram) * uint64(info.Unit), err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			tree, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSpace(string(tree.Comment)), "\n")
			want := lines[len(lines)-1]
			if want == "machine" {
				want = fmt.Sprintf("machine %d", machine.Bytes)
			}
			got := memoryIn(t, tree)
			if got := fmt.Sprintf("%s %d", got.From, got.Bytes); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
}

// memoryIn gives the memory that a process sees whose root is the tree.
func memoryIn(t *testing.T, tree *txtar.Archive) (m Memory) {
	t.Helper()
	root := t.TempDir()
	for _, f := range tree.Files {
		name := filepath.Join(root, f.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), rootVariable+"="+root)
	if os.Geteuid() != 0 { // who is not root may change the root in a namespace of users
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}},
		}
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return m
}
