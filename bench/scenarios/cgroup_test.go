// This file tests control groups on trees of ordinary files, laid out as the two
// versions lay them out.

package scenarios

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// put writes files into a folder, which it makes.
func put(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCgroupVersions(t *testing.T) {
	for _, tt := range []struct {
		name     string
		root     map[string]string            // files of the root
		trees    []string                     // hierarchies below it
		dirs     []string                     // of the group
		settings map[string]string            // what must have been written
		kernel   map[string]map[string]string // what a kernel shows, by folder
	}{
		{
			name: "version 1", trees: []string{"memory", "cpu"},
			dirs: []string{"memory/pod", "cpu/pod"},
			settings: map[string]string{
				"memory/pod/memory.limit_in_bytes": "1048576",
				"cpu/pod/cpu.cfs_period_us":        "100000",
				"cpu/pod/cpu.cfs_quota_us":         "25000",
			},
			kernel: map[string]map[string]string{
				"memory/pod": {
					"memory.usage_in_bytes": "4096\n",
					"memory.oom_control":    "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
				},
				"cpu/pod": {"cpu.stat": "nr_periods 40\nnr_throttled 39\nthrottled_time 2962498102\n"},
			},
		},
		{
			name: "version 2", root: map[string]string{"cgroup.controllers": "cpu memory pids\n"},
			dirs: []string{"pod"},
			settings: map[string]string{
				"cgroup.subtree_control": "+cpu +memory",
				"pod/memory.max":         "1048576",
				"pod/cpu.max":            "25000 100000",
			},
			kernel: map[string]map[string]string{"pod": {
				"memory.current": "4096\n",
				"memory.events":  "low 0\nhigh 0\nmax 12\noom 3\noom_kill 3\noom_group_kill 0\n",
				"cpu.stat":       "usage_usec 7\nuser_usec 4\nsystem_usec 3\nnr_periods 40\nnr_throttled 39\nthrottled_usec 2962498\n",
			}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			put(t, root, tt.root)
			for _, tree := range tt.trees {
				put(t, filepath.Join(root, tree), nil)
			}
			g, err := newCgroupIn(root, "pod", limits{cpus: 0.25, memory: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			for file, want := range tt.settings {
				if got, err := os.ReadFile(filepath.Join(root, file)); err != nil || string(got) != want {
					t.Errorf("%s holds %q, %v; want %q", file, got, err, want)
				}
			}
			for dir, files := range tt.kernel {
				put(t, filepath.Join(root, dir), files)
			}
			if held, err := g.memory(); held != 4096 || err != nil {
				t.Errorf("memory: %d, %v", held, err)
			}
			if kills, err := g.oomKills(); kills != 3 || err != nil {
				t.Errorf("OOM kills: %d, %v", kills, err)
			}
			if q, err := g.throttling(); q != (throttling{40, 39}) || err != nil {
				t.Errorf("throttling: %+v, %v", q, err)
			}
			_, args := g.enter("worker", nil)
			for _, dir := range tt.dirs {
				dir = filepath.Join(root, dir)
				if !strings.Contains(args[1], "'"+dir+"/cgroup.procs'") {
					t.Errorf("a process does not enter %s: %s", dir, args[1])
				}
				clean(t, dir)
			}
			if err := g.remove(); err != nil {
				t.Error(err)
			}
			for _, dir := range tt.dirs {
				if _, err := os.Stat(filepath.Join(root, dir)); !os.IsNotExist(err) {
					t.Errorf("%s is left: %v", dir, err)
				}
			}
		})
	}
}

// clean takes a group's files away, which a kernel does with its folder.
func clean(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCgroupUnfinished: what was made of a group that cannot be made is gone.
func TestCgroupUnfinished(t *testing.T) {
	root := t.TempDir()
	put(t, filepath.Join(root, "memory"), nil) // and no hierarchy of the controller cpu
	if _, err := newCgroupIn(root, "pod", limits{cpus: 1, memory: 1}); err == nil {
		t.Fatal("no error")
	}
	if left, err := filepath.Glob(filepath.Join(root, "memory", "*")); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}
