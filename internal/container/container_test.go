// This file holds what follows from the memory of cgroup and machine.

package container

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/google/go-cmp/cmp"
)

func TestReadMemory(t *testing.T) {
	gib := func(n uint64) memlimit.Provider { return memlimit.Limit(n << 30) }
	fails := func(err error) memlimit.Provider { return func() (uint64, error) { return 0, err } }
	broken := errors.New("broken")
	tests := []struct {
		name            string
		cgroup, machine memlimit.Provider
		want            Memory // zero: an error
	}{
		{"a container", gib(1), gib(16), Memory{1 << 30, FromCgroup}},
		{"no limit", fails(memlimit.ErrNoLimit), gib(16), Memory{16 << 30, FromMachine}},
		{"no cgroups", fails(memlimit.ErrCgroupsNotSupported), gib(8), Memory{8 << 30, FromMachine}},
		{"a cgroup that cannot be read", fails(broken), gib(8), Memory{8 << 30, FromMachine}},
		{"a limit above the machine", gib(64), gib(16), Memory{16 << 30, FromMachine}},
		{"a limit of nothing", gib(0), gib(16), Memory{16 << 30, FromMachine}},
		{"a machine that does not tell", gib(2), fails(broken), Memory{2 << 30, FromCgroup}},
		{"nobody tells", fails(broken), fails(broken), Memory{}},
		{"nonsense", memlimit.Limit(math.MaxUint64), memlimit.Limit(math.MaxInt64 + 1), Memory{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readMemory(tt.cgroup, tt.machine)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("memory (-want +got):\n%s", diff)
			}
			if (err != nil) != (tt.want == Memory{}) {
				t.Errorf("error: %v", err)
			}
		})
	}
}

// TestSetMemoryLimit is not parallel to anything: it changes the process.
func TestSetMemoryLimit(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	memory, err := ReadMemory()
	if err != nil || memory.Bytes < 64<<20 {
		t.Fatalf("this machine has %v, %v", memory, err)
	}
	for _, tt := range []struct{ variable, from string }{
		{"", "90 % of the memory"},
		{"512MiB", "GOMEMLIMIT"},
	} {
		t.Run("GOMEMLIMIT="+tt.variable, func(t *testing.T) {
			t.Setenv("GOMEMLIMIT", tt.variable)
			want := memory.Bytes / 100 * 90
			if tt.variable != "" {
				want = 512 << 20
				debug.SetMemoryLimit(want) // as Go does when it starts
			}
			var out bytes.Buffer
			b, err := SetMemoryLimit(slog.New(slog.NewJSONHandler(&out, nil)))
			if err != nil {
				t.Fatal(err)
			}
			if now := debug.SetMemoryLimit(-1); now != want || b.GoMemory != want {
				t.Errorf("the limit is %d, said to be %d, want %d", now, b.GoMemory, want)
			}
			var line map[string]any
			if err := json.Unmarshal(out.Bytes(), &line); err != nil {
				t.Fatalf("not one line: %v: %s", err, out.Bytes())
			}
			delete(line, "time")
			if diff := cmp.Diff(map[string]any{
				"level": "INFO", "msg": "memory and processors",
				"memory_bytes": float64(memory.Bytes), "memory_from": memory.From,
				"go_memory_bytes": float64(want), "go_memory_from": tt.from,
				"processors": float64(runtime.GOMAXPROCS(0)),
			}, line); diff != "" {
				t.Errorf("log (-want +got):\n%s", diff)
			}
		})
	}
}
