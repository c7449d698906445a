// This file replaces a worker and a key while clients go on.

package scenarios

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/avap-framework/avap/internal/balancer"
	"github.com/avap-framework/avap/internal/load"
	"github.com/avap-framework/avap/seal"
)

const (
	drainRate  = 1000
	drainTime  = 20 * time.Second // from the first request to the last
	drainDelay = 2 * time.Second  // a worker is not ready for so long before it stops accepting
)

// drainData is all that the scenario has measured.
type drainData struct {
	Result      *load.Result     `json:"result"`
	Steps       []string         `json:"steps"`
	Connections map[string]int64 `json:"connections_of_backends"`
	Refused     int64            `json:"connections_refused"`
	Exit        string           `json:"exit_of_the_drained_worker"`
}

// A change is the stage on which clients, workers and keys change.
type change struct {
	lab      *Lab
	data     drainData
	balancer *balancer.Balancer
	keysFile string
	keys     []*seal.Key
	clients  *load.Switch
	start    time.Time
}

func drain(ctx context.Context, l *Lab) (*Report, error) {
	b, err := balancer.New(balancer.Options{})
	if err != nil {
		return nil, err
	}
	l.undo = append(l.undo, func() error { b.Close(); return nil })
	c := &change{lab: l, balancer: b, keysFile: filepath.Join(l.dir, "keys.json")}
	if c.keys, err = l.newKeys(c.keysFile, "first"); err != nil {
		return nil, err
	}
	old, err := c.add(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := c.add(ctx); err != nil {
		return nil, err
	}
	if err := b.Await(ctx, 2); err != nil {
		return nil, err
	}
	signed, err := c.signed(c.keys[1], b.Addr())
	if err != nil {
		return nil, err
	}
	c.clients = load.NewSwitch(signed)
	return c.run(ctx, old)
}

// run sends requests while everything is replaced.
func (c *change) run(ctx context.Context, old *Worker) (*Report, error) {
	sending, stop := context.WithCancel(ctx)
	defer stop()
	type ending struct {
		result *load.Result
		err    error
	}
	ended := make(chan ending, 1)
	c.start = time.Now()
	go func() {
		// The steps below may take longer than is planned; the load lasts for as
		// long as they do.
		result, err := load.Run(sending, load.Options{
			Addr: c.balancer.Addr(), Duration: 10 * time.Minute,
			Classes: []load.Class{
				{Name: "paced", Source: c.clients, Rate: drainRate, Warm: 32},
				{Name: "back to back", Source: c.clients, Connections: 4},
			},
		})
		ended <- ending{result, err}
	}()
	err := c.steps(ctx, old)
	stop()
	end := <-ended
	if err != nil {
		return nil, err
	}
	if end.result == nil {
		return nil, end.err
	}
	c.data.Result = end.result
	c.data.Connections, c.data.Refused = c.balancer.Connections(), c.balancer.Refused()
	return c.report(), nil
}

// steps are what happens under load.
func (c *change) steps(ctx context.Context, old *Worker) error {
	pause := c.lab.scaled(drainTime / 4)
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"a second key", func() error { return c.addKey(ctx) }},
		{"a worker more", func() error {
			if _, err := c.add(ctx); err != nil {
				return err
			}
			return c.balancer.Await(ctx, 3)
		}},
		{"SIGTERM to the first worker, its end", func() error { return c.end(ctx, old) }},
		{"the first key is gone", func() error {
			c.keys = []*seal.Key{c.keys[0], c.keys[2]}
			return writeKeys(c.keysFile, c.keys)
		}},
	} {
		if err := wait(ctx, pause); err != nil {
			return err
		}
		begun := time.Since(c.start)
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
		c.data.Steps = append(c.data.Steps, fmt.Sprintf("%s: from %.1f s to %.1f s", step.what, begun.Seconds(), time.Since(c.start).Seconds()))
		c.lab.logf("  %s", c.data.Steps[len(c.data.Steps)-1])
	}
	return wait(ctx, pause)
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// add starts a worker and gives it to the balancer.
func (c *change) add(ctx context.Context) (*Worker, error) {
	w, err := c.lab.worker(ctx, workerOptions{keys: c.keysFile, signed: true, flags: []string{"--drain-delay", drainDelay.String()}})
	if err != nil {
		return nil, err
	}
	c.balancer.Add(balancer.Backend{Addr: w.Addr, Ready: "http://" + w.Addr + "/readyz"})
	return w, nil
}

// end drains a worker as a pod is drained.
func (c *change) end(ctx context.Context, w *Worker) error {
	if err := w.terminate(); err != nil {
		return err
	}
	err := w.wait(ctx)
	c.data.Exit = "0"
	if err != nil {
		c.data.Exit = err.Error()
	}
	c.balancer.Remove(w.Addr)
	return ctx.Err()
}

// addKey puts a second request key into the file, and has the clients sign with
// it when every worker knows it.
func (c *change) addKey(ctx context.Context) error {
	key, err := seal.GenerateKey(seal.UseRequest, "second", time.Now().Add(-time.Minute), time.Time{})
	if err != nil {
		return err
	}
	c.keys = append(c.keys, key)
	if err := writeKeys(c.keysFile, c.keys); err != nil {
		return err
	}
	for addr := range c.balancer.Connections() {
		if err := c.awaitKey(ctx, key, addr); err != nil {
			return err
		}
	}
	signed, err := c.signed(key, c.balancer.Addr())
	if err != nil {
		return err
	}
	c.clients.Set(signed)
	return nil
}

// awaitKey asks a worker until it takes a key.
func (c *change) awaitKey(ctx context.Context, key *seal.Key, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	signed, err := c.signed(key, addr)
	if err != nil {
		return err
	}
	for {
		result, err := load.Run(ctx, load.Options{
			Addr: addr, Duration: startTime, Classes: []load.Class{{Name: "question", Source: signed, Requests: 1}},
		})
		if err != nil {
			return fmt.Errorf("the worker does not take the new key: %w", err)
		}
		if result.Classes[0].Answered == 1 && result.Classes[0].Wrong == 0 {
			return nil
		}
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("the worker does not take the new key: %s", result.Classes[0].WrongAnswer)
		}
	}
}

func (c *change) signed(key *seal.Key, addr string) (load.Source, error) {
	return load.Signed(key, steady.message(addr), steady.check)
}

func (c *change) report() *Report {
	d := &c.data
	r := &Report{Data: d}
	t := Table{Columns: []string{"clients", "answers", "answers/s", "p50", "p99", "max", "connections", "not right", "failures"}}
	bad := int64(0)
	for _, class := range d.Result.Classes {
		// The end of the run is the scenario's own doing.
		failures := class.Failures() - class.Failed[load.FailureCancelled]
		h := class.Latency()
		t.add(class.Name, class.Answered, fmt.Sprintf("%.0f", class.Achieved()), ms(h.Percentile(50)), ms(h.Percentile(99)), ms(h.Max()),
			class.Opened, class.Wrong, counts(class.Failed))
		bad += class.Wrong + failures
		if class.Wrong > 0 {
			r.notef("A wrong answer: `%s`", class.WrongAnswer)
		}
	}
	r.Tables = []Table{t}
	r.bar("failed or wrong requests", "0", fmt.Sprint(bad), bad == 0)
	r.bar("exit status of the drained worker", "0", d.Exit, d.Exit == "0")
	r.Notes = append(r.Notes, d.Steps...)
	r.notef("`cancelled` are the requests that were under way when the scenario ended.")
	return r
}
