// Package rotation replaces a worker and a request key while clients go on, as a new
// version is rolled out, and measures what the clients notice.
//
// Two workers stand behind a balancer that follows /readyz and retries nothing. Under
// load a second request key comes into the file of keys, the clients go over to it, a
// third worker comes, the first one is told to end and ends, and the first key goes.
package rotation

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/avap-framework/avap/internal/balancer"
	"github.com/avap-framework/avap/internal/load"
	"github.com/avap-framework/avap/seal"
)

// keyTime is how long a worker may take until it knows a new key.
const keyTime = 20 * time.Second

// maxTime bounds the load: it lasts for as long as the steps do.
const maxTime = 10 * time.Minute

// Options say what is replaced, and under which load. All are needed but Log.
type Options struct {
	// KeysFile is the file of the workers' keys, which Run writes: a package key and
	// request keys.
	KeysFile string
	// Start starts a worker and returns when it is ready.
	Start func(ctx context.Context) (Worker, error)
	// Message is what clients send to the address of a host, signed; Check tells
	// whether the answer is right.
	Message func(host string) load.Message
	Check   load.Check
	// Classes are the clients, who all send what they are given.
	Classes func(clients load.Source) []load.Class
	// Pause lets clients go on alone before each step, and after the last one.
	Pause func(ctx context.Context) error
	// Log is told of each step.
	Log func(format string, args ...any)
}

// Worker is a running worker.
type Worker struct {
	Addr string // of the data port; /readyz there tells whether it takes connections
	// End tells the worker to end and returns when it has; nil where it ended well.
	End func(ctx context.Context) error
}

// Result is what has been measured.
type Result struct {
	Load        *load.Result
	Steps       []string         // with the times of their begin and end
	Connections map[string]int64 // that each backend has been given, by address
	Refused     int64            // connections that no backend was there for
	Exit        error            // of the worker that was told to end
}

// Run does it all. An error tells that it could not be done.
func Run(ctx context.Context, opt Options) (*Result, error) {
	b, err := balancer.New(balancer.Options{})
	if err != nil {
		return nil, err
	}
	defer b.Close()
	s := &stage{opt: opt, balancer: b}
	if err := s.firstKeys(); err != nil {
		return nil, err
	}
	old, err := s.add(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := s.add(ctx); err != nil {
		return nil, err
	}
	if err := b.Await(ctx, 2); err != nil {
		return nil, err
	}
	signed, err := s.signed(s.keys[1], b.Addr())
	if err != nil {
		return nil, err
	}
	s.clients = load.NewSwitch(signed)
	return s.run(ctx, old)
}

// A stage is where clients, workers and keys change.
type stage struct {
	opt      Options
	result   Result
	balancer *balancer.Balancer
	keys     []*seal.Key // a package key, then request keys
	clients  *load.Switch
	start    time.Time
}

// run sends requests while everything is replaced.
func (s *stage) run(ctx context.Context, old Worker) (*Result, error) {
	sending, stop := context.WithCancel(ctx)
	defer stop()
	type ending struct {
		result *load.Result
		err    error
	}
	ended := make(chan ending, 1)
	s.start = time.Now()
	go func() {
		result, err := load.Run(sending, load.Options{
			Addr: s.balancer.Addr(), Duration: maxTime, Classes: s.opt.Classes(s.clients),
		})
		ended <- ending{result, err}
	}()
	err := s.steps(ctx, old)
	stop()
	end := <-ended
	if err != nil {
		return nil, err
	}
	if end.result == nil {
		return nil, end.err
	}
	s.result.Load = end.result
	s.result.Connections, s.result.Refused = s.balancer.Connections(), s.balancer.Refused()
	return &s.result, nil
}

// steps are what happens under load.
func (s *stage) steps(ctx context.Context, old Worker) error {
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"a second key", func() error { return s.addKey(ctx) }},
		{"a worker more", func() error {
			if _, err := s.add(ctx); err != nil {
				return err
			}
			return s.balancer.Await(ctx, 3)
		}},
		{"SIGTERM to the first worker, its end", func() error { return s.end(ctx, old) }},
		{"the first key is gone", func() error { return s.write(s.keys[0], s.keys[2]) }},
	} {
		if err := s.opt.Pause(ctx); err != nil {
			return err
		}
		begun := time.Since(s.start)
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
		told := fmt.Sprintf("%s: from %.1f s to %.1f s", step.what, begun.Seconds(), time.Since(s.start).Seconds())
		s.result.Steps = append(s.result.Steps, told)
		if s.opt.Log != nil {
			s.opt.Log("  %s", told)
		}
	}
	return s.opt.Pause(ctx)
}

// add starts a worker and gives it to the balancer.
func (s *stage) add(ctx context.Context) (Worker, error) {
	w, err := s.opt.Start(ctx)
	if err == nil {
		s.balancer.Add(balancer.Backend{Addr: w.Addr, Ready: "http://" + w.Addr + "/readyz"})
	}
	return w, err
}

// end ends a worker as a pod is ended.
func (s *stage) end(ctx context.Context, w Worker) error {
	s.result.Exit = w.End(ctx)
	s.balancer.Remove(w.Addr)
	return ctx.Err()
}

// firstKeys makes the keys from before.
func (s *stage) firstKeys() error {
	pack, err := seal.GenerateKey(seal.UsePackage, "package", time.Time{}, time.Time{})
	if err != nil {
		return err
	}
	request, err := seal.GenerateKey(seal.UseRequest, "first", time.Time{}, time.Time{})
	if err != nil {
		return err
	}
	return s.write(pack, request)
}

// write replaces the file of keys as a whole.
func (s *stage) write(keys ...*seal.Key) error {
	s.keys = keys
	next := s.opt.KeysFile + ".next"
	if err := os.WriteFile(next, seal.AppendKeys(nil, keys), 0o600); err != nil {
		return err
	}
	return os.Rename(next, s.opt.KeysFile)
}

// addKey puts a second request key into the file, and has the clients sign with
// it when every worker knows it.
func (s *stage) addKey(ctx context.Context) error {
	key, err := seal.GenerateKey(seal.UseRequest, "second", time.Now().Add(-time.Minute), time.Time{})
	if err != nil {
		return err
	}
	if err := s.write(append(s.keys, key)...); err != nil {
		return err
	}
	for addr := range s.balancer.Connections() {
		if err := s.awaitKey(ctx, key, addr); err != nil {
			return fmt.Errorf("the worker does not take the new key: %w", err)
		}
	}
	signed, err := s.signed(key, s.balancer.Addr())
	if err != nil {
		return err
	}
	s.clients.Set(signed)
	return nil
}

// awaitKey asks a worker until it takes a key.
func (s *stage) awaitKey(ctx context.Context, key *seal.Key, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, keyTime)
	defer cancel()
	signed, err := s.signed(key, addr)
	if err != nil {
		return err
	}
	for {
		result, err := load.Run(ctx, load.Options{
			Addr: addr, Duration: keyTime, Classes: []load.Class{{Name: "question", Source: signed, Requests: 1}},
		})
		if err != nil {
			return err
		}
		if c := result.Classes[0]; c.Answered == 1 && c.Wrong == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %s", ctx.Err(), result.Classes[0].WrongAnswer)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *stage) signed(key *seal.Key, host string) (load.Source, error) {
	return load.Signed(key, s.opt.Message(host), s.opt.Check)
}
