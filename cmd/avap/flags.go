// This file holds the flags that several commands share, and their reading from
// the environment.

package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/avap-framework/avap"
)

// fromEnvironment lets every flag of a command be given as AVAP_NAME, those of
// the commands below `avap definitions` as AVAP_DEFINITIONS_NAME; the flag itself
// wins. An empty variable counts as none.
func fromEnvironment(cmd *cobra.Command) error {
	prefix := "AVAP_"
	if cmd.HasParent() && cmd.Parent().Name() == "definitions" {
		prefix = "AVAP_DEFINITIONS_"
	}
	var err error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := prefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value := os.Getenv(name)
		if value == "" || f.Changed || f.Name == "help" || err != nil {
			return
		}
		if cmd.Flags().Set(f.Name, value) != nil {
			err = wrongValue(name, value, f)
		}
	})
	return err
}

// wrongFlag says what to mend where the flags cannot be read.
func wrongFlag(cmd *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		return wrongValue("--"+invalid.GetFlag().Name, invalid.GetValue(), invalid.GetFlag())
	}
	return fmt.Errorf("%w: see %s --help", err, cmd.CommandPath())
}

// wrongValue says what a flag's value should look like.
func wrongValue(name, value string, f *pflag.Flag) error {
	kind, example := "not a "+f.Value.Type(), f.DefValue
	switch f.Value.Type() {
	case "int", "int64":
		kind = "no whole number of 64 bits"
	case "float64":
		kind = "no number"
	case "duration":
		kind = "no duration"
	case "bytes":
		kind = "no number of bytes"
	case "bool":
		kind, example = "not true or false", "true"
	}
	return fmt.Errorf("%s=%s is %s: write for example %[1]s=%[4]s", name, value, kind, example)
}

// limitFlags are the quotas of one execution.
type limitFlags struct {
	instructions int64
	memory       bytesValue
	time         time.Duration
	hostTime     time.Duration
	depth        int
	output       bytesValue
	hostCalls    int
}

func (l *limitFlags) register(fs *pflag.FlagSet) {
	l.memory, l.output = 32<<20, 8<<20
	fs.Int64Var(&l.instructions, "limit-instructions", 10_000_000, "instructions of one execution")
	fs.Var(&l.memory, "limit-memory", "memory that one execution may hold")
	fs.DurationVar(&l.time, "limit-time", 800*time.Millisecond, "time of one execution, host calls not counted")
	fs.DurationVar(&l.hostTime, "limit-host-time", 5*time.Second, "time of all host calls of one execution")
	fs.IntVar(&l.depth, "limit-depth", 200, "calls inside of calls")
	fs.Var(&l.output, "limit-output", "size of the answer")
	fs.IntVar(&l.hostCalls, "limit-host-calls", 64, "HTTP and SQL calls of one execution")
}

// mostLimit is as much as any quota can be, so that sums of them fit 64 bits.
const mostLimit = 1 << 60

// limits checks the flags. Every quota must be at least 1: there is none to
// switch off.
func (l *limitFlags) limits() (avap.Limits, error) {
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"limit-instructions", l.instructions},
		{"limit-memory", int64(l.memory)},
		{"limit-time", int64(l.time)},
		{"limit-host-time", int64(l.hostTime)},
		{"limit-depth", int64(l.depth)},
		{"limit-output", int64(l.output)},
		{"limit-host-calls", int64(l.hostCalls)},
	} {
		if f.value < 1 {
			return avap.Limits{}, fmt.Errorf("--%s must be more than 0", f.name)
		}
		if f.value > mostLimit {
			return avap.Limits{}, fmt.Errorf("--%s must be at most %d", f.name, int64(mostLimit))
		}
	}
	if l.depth > 10_000 {
		return avap.Limits{}, fmt.Errorf("--limit-depth must be at most 10000")
	}
	return avap.Limits{
		Instructions: l.instructions, Memory: int64(l.memory), Time: l.time, HostTime: l.hostTime,
		Depth: l.depth, Output: int(l.output), HostCalls: l.hostCalls,
	}, nil
}

// bytesValue is a number of bytes, written as 1048576, 1024KiB or 1MiB.
type bytesValue int64

func (b *bytesValue) Type() string { return "bytes" }

func (b *bytesValue) String() string {
	n := int64(*b)
	for _, u := range byteUnits {
		if n >= u.size && n%u.size == 0 {
			return strconv.FormatInt(n/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

var byteUnits = []struct {
	name string
	size int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// Set reads a number with or without a unit.
func (b *bytesValue) Set(s string) error {
	size := int64(1)
	number := s
	for _, u := range byteUnits {
		if rest, ok := strings.CutSuffix(s, u.name); ok {
			number, size = strings.TrimSpace(rest), u.size
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/size {
		return fmt.Errorf("%q is no number of bytes", s)
	}
	*b = bytesValue(n * size)
	return nil
}

// readSource reads a file, or standard input where its name is "-".
func readSource(cmd *cobra.Command, name string) (string, error) {
	const most = 16 << 20
	if name == "-" {
		return readAll(cmd.InOrStdin(), name, most)
	}
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return readAll(f, name, most)
}
