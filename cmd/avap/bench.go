// This file holds `avap bench`: its flags, and what it makes of them.

package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/avap-framework/avap/internal/load"
	"github.com/avap-framework/avap/internal/workload"
	"github.com/avap-framework/avap/seal"
)

// benchOptions are the flags of `avap bench`.
type benchOptions struct {
	target           string
	allowRemote      bool
	profile          string
	seed             int64
	sign             bool
	keys             keyFlags
	keyID            string
	rate             float64
	rates            string
	connections      int
	duration, warmup time.Duration
	pid              int
	json, svg        string
}

func benchCommand() *cobra.Command {
	var o benchOptions
	cmd := &cobra.Command{
		Use:   "bench [--profile NAME] [--rate N | --rates N,N…] [--duration 10s]",
		Short: "Put a worker under load and measure what it does",
		Long: `bench sends requests to a running worker, checks every answer, and prints how long
the answers took. With --rate requests are due at a constant rate, whatever the
worker does, and latency counts from when a request was due, so that a stall shows
in all the requests that it held up. Without it the connections are kept busy back
to back, which finds the most that the worker can do. --rates measures one rate
after the other.

` + benchProfiles() + `
The exit status is 1 where an answer was wrong or a request failed. A refusal for
want of room (503, overloaded) is neither: it is counted by itself, and not part of
the latencies. Ctrl-C ends the run with what there is.

Measure from another processor than the worker's, or from another machine: what
bench itself uses is otherwise not the worker's.`,
		Example: `  avap dev &
  avap bench
  avap bench --profile mixed --rate 2000 --duration 30s
  avap bench --rates 1000,2000,4000,8000 --svg latency.svg --json bench.json
  avap bench --profile signed --keys .avap/keys.json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	fs := cmd.Flags()
	fs.StringVar(&o.target, "target", "http://127.0.0.1:8888", "where the worker is")
	fs.BoolVar(&o.allowRemote, "allow-remote", false, "take a target that is not on this machine")
	fs.StringVar(&o.profile, "profile", "steady", "what is sent: "+strings.Join(profileNames(), ", "))
	fs.Int64Var(&o.seed, "seed", 1, "what the random variables of mixed are drawn from")
	fs.BoolVar(&o.sign, "sign", false, "sign the requests of any profile, with a request key")
	o.keys.register(fs)
	fs.StringVar(&o.keyID, "key-id", "", "the key's id (default the key that signs)")
	fs.Float64Var(&o.rate, "rate", 0, "requests a second; 0 keeps the connections busy instead")
	fs.StringVar(&o.rates, "rates", "", "several rates, one after the other: 1000,2000,4000")
	fs.IntVar(&o.connections, "connections", 0, "connections that are kept busy (0 is 64), or with a rate how many there may be (0 is 1024)")
	fs.DurationVar(&o.duration, "duration", 10*time.Second, "how long each rate is measured")
	fs.DurationVar(&o.warmup, "warmup", 2*time.Second, "how long it is sent before that, which is not counted")
	fs.IntVar(&o.pid, "pid", 0, "the worker's process, for its processor time (0: the one that listens on this machine)")
	fs.StringVar(&o.json, "json", "", "write what was measured to a file; - is standard output, and the table goes to standard error")
	fs.StringVar(&o.svg, "svg", "", "draw the latencies into a file: over the rate, or of one run their distribution")
	return cmd
}

func profileNames() (names []string) {
	for _, p := range workload.Profiles() {
		names = append(names, p.Name)
	}
	return names
}

// benchProfiles lists the profiles for the help text.
func benchProfiles() string {
	var b strings.Builder
	b.WriteString("Profiles:\n")
	for _, p := range workload.Profiles() {
		fmt.Fprintf(&b, "  %-8s %s\n", p.Name, p.What)
	}
	return b.String()
}

// benchPlan is what the flags come to.
type benchPlan struct {
	addr, path       string // host:port of the worker, what stands in front of its API
	port             uint16
	profile          workload.Profile
	key              *seal.Key // nil: requests are not signed
	seed             uint64
	rates            []float64 // 0: a closed loop
	connections      int       // 0: as many as suit the loop
	duration, warmup time.Duration
	pid              int // 0: unknown
}

// plan checks the flags, before anything is sent.
func (o *benchOptions) plan() (*benchPlan, error) {
	p := &benchPlan{seed: uint64(o.seed), connections: o.connections, duration: o.duration, warmup: o.warmup, pid: o.pid}
	local, err := p.aim(o.target)
	if err != nil {
		return nil, err
	}
	if !local && !o.allowRemote {
		return nil, fmt.Errorf("--target %s: load keeps others from their work, so --allow-remote must say that this machine is yours to load", o.target)
	}
	var ok bool
	if p.profile, ok = workload.Find(o.profile); !ok {
		return nil, fmt.Errorf("--profile %s: there is none of that name: write one of %s", o.profile, strings.Join(profileNames(), ", "))
	}
	if p.rates, err = o.allRates(); err != nil {
		return nil, err
	}
	switch {
	case o.connections < 0 || o.connections > load.MaxConnections:
		return nil, fmt.Errorf("--connections must be 0 to %d", load.MaxConnections)
	case o.duration <= 0 || o.duration > load.MaxDuration:
		return nil, fmt.Errorf("--duration must be more than 0 and at most %v", load.MaxDuration)
	case o.warmup < 0 || o.warmup > load.MaxDuration:
		return nil, fmt.Errorf("--warmup must be 0s to %v", load.MaxDuration)
	case o.pid < 0:
		return nil, errors.New("--pid must be the number of a process")
	}
	if o.sign || p.profile.Signed {
		if p.key, err = o.keys.request("--key-id", o.keyID); err != nil {
			return nil, err
		}
	}
	return p, p.findProcess(local)
}

// aim takes a target apart, and tells whether it is on this machine.
func (p *benchPlan) aim(target string) (local bool, err error) {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false, fmt.Errorf("--target %s: write http://HOST:PORT, as http://127.0.0.1:8888", target)
	}
	p.port = 80
	if text := u.Port(); text != "" {
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			return false, fmt.Errorf("--target %s: %s is no port", target, text)
		}
		p.port = uint16(port)
	}
	p.addr, p.path = net.JoinHostPort(u.Hostname(), strconv.Itoa(int(p.port))), strings.TrimSuffix(u.EscapedPath(), "/")
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback(), nil
}

// allRates returns the rates that are measured; 0 for a closed loop.
func (o *benchOptions) allRates() ([]float64, error) {
	if o.rates == "" {
		if !(o.rate >= 0 && o.rate <= load.MaxRate) { // NaN is none either
			return nil, fmt.Errorf("--rate must be 0 to %d", load.MaxRate)
		}
		return []float64{o.rate}, nil
	}
	if o.rate != 0 {
		return nil, errors.New("--rate is one rate and --rates are several: give one of them")
	}
	var rates []float64
	for text := range strings.SplitSeq(o.rates, ",") {
		rate, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || !(rate > 0 && rate <= load.MaxRate) {
			return nil, fmt.Errorf("--rates %s: write requests a second up to %d, as 1000,2000,4000", o.rates, load.MaxRate)
		}
		rates = append(rates, rate)
	}
	return rates, nil
}

// findProcess finds the worker's process, and tries to read its processor time. Only
// a process that was named must be there.
func (p *benchPlan) findProcess(local bool) error {
	if p.pid != 0 {
		if _, err := load.ProcessCPU(p.pid); err != nil {
			return fmt.Errorf("--pid %d: %w", p.pid, err)
		}
		return nil
	}
	if !local {
		return nil
	}
	// It may be of another user, in another container, or there is no /proc.
	if pid, err := load.Listener(p.port); err == nil {
		if _, err := load.ProcessCPU(pid); err == nil {
			p.pid = pid
		}
	}
	return nil
}

// run measures, and tells what it found, also where that is not all that was asked.
func (o *benchOptions) run(cmd *cobra.Command) error {
	plan, err := o.plan()
	if err != nil {
		return err
	}
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	report := newBenchReport(o.target, plan)
	for _, rate := range plan.rates {
		var run *benchRun
		if run, err = plan.measure(ctx, cmd, rate); run != nil {
			report.Runs = append(report.Runs, run)
		}
		if err != nil || ctx.Err() != nil {
			break
		}
	}
	if len(report.Runs) == 0 {
		if err == nil {
			err = errors.New("interrupted before anything was measured")
		}
		return err
	}
	if err := errors.Join(o.tell(cmd, report), err); err != nil {
		return err
	}
	for _, run := range report.Runs {
		if run.bad() {
			return errFailed{}
		}
	}
	return nil
}
