// This file holds the measuring: a process of its own, under valgrind where that is
// installed.

package guard

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Each path is measured in so many processes, because they draw the seeds of their hash
// tables, and so many times in each. The least of all samples counts.
const (
	processes = 2
	samples   = 3
)

// Program is the measured program, built, in a folder of its own.
type Program struct {
	folder, binary string
	valgrind       string // empty where it is not installed
}

// Build builds the measured program into a folder. Neither the race detector nor the
// flags of the tests are in it.
func Build(ctx context.Context, folder string) (*Program, error) {
	p := &Program{folder: folder, binary: filepath.Join(folder, "measured")}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-pgo=off", "-o", p.binary,
		"github.com/avap-framework/avap/internal/guard/measured")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOAMD64=v1", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	if path, err := exec.LookPath("valgrind"); err == nil {
		p.valgrind = path
	}
	return p, nil
}

// Valgrind reports whether valgrind is there, without which no instructions and no
// system calls are counted.
func (p *Program) Valgrind() bool { return p.valgrind != "" }

// Measure measures paths by their names, all where none is named.
func (p *Program) Measure(ctx context.Context, paths ...string) (*Table, error) {
	if !p.Valgrind() {
		t := newTable()
		_, err := p.samples(ctx, t, nil, paths)
		return t, err
	}
	tables := make([]*Table, processes)
	g, all := errgroup.WithContext(ctx)
	for i := range tables {
		g.Go(func() (err error) {
			tables[i], err = p.instructions(all, filepath.Join(p.folder, fmt.Sprint("counts", i)), paths)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	t := tables[0]
	for _, other := range tables[1:] {
		t.Add(other)
	}
	return t, p.systemCalls(ctx, t)
}

// mark returns the name of a function that samples are marked with, as valgrind knows it.
func mark(name string) string { return "github.com/avap-framework/avap/internal/guard." + name }

// instructions measures all but system calls. Counts begins the names of valgrind's files.
func (p *Program) instructions(ctx context.Context, counts string, paths []string) (*Table, error) {
	t := newTable()
	taken, err := p.samples(ctx, t, []string{
		p.valgrind, "--quiet", "--tool=callgrind", "--callgrind-out-file=" + counts,
		"--zero-before=" + mark("Begin"), "--dump-before=" + mark("End"),
	}, paths)
	if err != nil {
		return nil, err
	}
	for i, s := range taken { // each has left a file
		text, err := os.ReadFile(fmt.Sprint(counts, ".", i+1))
		if err != nil {
			return nil, err
		}
		n, err := total(text)
		if err != nil {
			return nil, err
		}
		t.add(s.Path, Costs{Instructions: float64(n) / float64(s.Rounds)})
	}
	return t, nil
}

var totals = regexp.MustCompile(`(?m)^totals: (\d+)$`)

// total finds the sum of the instructions in what callgrind has written.
func total(text []byte) (int64, error) {
	found := totals.FindSubmatch(text)
	if found == nil {
		return 0, errors.New("callgrind has written no sum")
	}
	return strconv.ParseInt(string(found[1]), 10, 64)
}

// systemCalls counts the reads and writes of servers, for the requests in a table.
func (p *Program) systemCalls(ctx context.Context, t *Table) error {
	const rounds = 20
	args := []string{"-samples", "1", "-rounds", strconv.Itoa(rounds)}
	var paths []string
	for _, path := range requestPaths {
		if _, ok := t.Costs[path.Name]; ok {
			paths = append(paths, path.Name)
		}
	}
	if len(paths) == 0 {
		return nil
	}
	_, trace, err := p.run(ctx, []string{p.valgrind, "--tool=none", "--trace-syscalls=yes"}, append(args, paths...))
	if err != nil {
		return err
	}
	calls := countCalls(trace)
	if len(calls) != len(paths) {
		return fmt.Errorf("valgrind has traced %d samples, not %d", len(calls), len(paths))
	}
	for i, path := range paths {
		t.add(path, Costs{
			"reads":  float64(calls[i]["read"]+calls[i]["recvfrom"]) / rounds,
			"writes": float64(calls[i]["write"]+calls[i]["sendto"]) / rounds,
		})
	}
	return nil
}

var systemCall = regexp.MustCompile(`^SYSCALL\[\d+,\d+\]\( *\d+\) sys_(\w+)`)

// countCalls counts the system calls between marks, by name.
func countCalls(trace []byte) []map[string]int {
	var all []map[string]int
	within := false
	for line := range bytes.Lines(trace) {
		found := systemCall.FindSubmatch(line)
		switch {
		case found == nil:
		case string(found[1]) == "getppid": // a mark
			if within = !within; within {
				all = append(all, map[string]int{})
			}
		case within:
			all[len(all)-1][string(found[1])]++
		}
	}
	return all
}

// samples runs the program, under another one where prefix names it, and adds to a table
// what the program tells itself.
func (p *Program) samples(ctx context.Context, t *Table, prefix, paths []string) ([]Sample, error) {
	out, _, err := p.run(ctx, prefix, append([]string{"-samples", strconv.Itoa(samples)}, paths...))
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Scan()
	t.Go, t.Processor, _ = strings.Cut(lines.Text(), " ")
	var taken []Sample
	for lines.Scan() {
		var s Sample
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			return nil, err
		}
		taken = append(taken, s)
		costs := Costs{
			"allocations": float64(s.Allocations) / float64(s.Rounds),
			"bytes":       float64(s.Bytes) / float64(s.Rounds),
		}
		if s.Fuel > 0 || s.Memory > 0 {
			costs["fuel"], costs["memory"] = float64(s.Fuel), float64(s.Memory)
		}
		t.add(s.Path, costs)
	}
	return taken, lines.Err()
}

// run returns what the program writes. It has one processor and no collector, and is not
// interrupted: whatever would run beside a path would be counted with it.
func (p *Program) run(ctx context.Context, prefix, args []string) (out, errs []byte, err error) {
	command := append(append(prefix, p.binary), args...)
	c := exec.CommandContext(ctx, command[0], command[1:]...)
	c.Env = []string{"GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1", "TMPDIR=" + p.folder}
	var stderr bytes.Buffer
	c.Stderr = &stderr
	if out, err = c.Output(); err != nil {
		return nil, nil, fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, last(stderr.Bytes(), 2<<10))
	}
	return out, stderr.Bytes(), nil
}

// last returns the end of a text.
func last(text []byte, n int) []byte { return text[max(0, len(text)-n):] }
