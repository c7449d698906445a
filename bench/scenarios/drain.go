// This file replaces a worker and a key while clients go on.

package scenarios

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/avap-framework/avap/internal/load"
	"github.com/avap-framework/avap/internal/rotation"
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

func drain(ctx context.Context, l *Lab) (*Report, error) {
	keys := filepath.Join(l.dir, "keys.json")
	pause := l.scaled(drainTime / 4)
	result, err := rotation.Run(ctx, rotation.Options{
		KeysFile: keys,
		Start: func(ctx context.Context) (rotation.Worker, error) {
			w, err := l.worker(ctx, workerOptions{keys: keys, signed: true, flags: []string{"--drain-delay", drainDelay.String()}})
			if err != nil {
				return rotation.Worker{}, err
			}
			return rotation.Worker{Addr: w.Addr, End: w.end}, nil
		},
		Message: steady.message, Check: steady.check,
		Classes: func(clients load.Source) []load.Class {
			return []load.Class{
				{Name: "paced", Source: clients, Rate: drainRate, Warm: 32},
				{Name: "back to back", Source: clients, Connections: 4},
			}
		},
		Pause: func(ctx context.Context) error { return wait(ctx, pause) },
		Log:   l.logf,
	})
	if err != nil {
		return nil, err
	}
	d := drainData{result.Load, result.Steps, result.Connections, result.Refused, "0"}
	if result.Exit != nil {
		d.Exit = result.Exit.Error()
	}
	return d.report(), nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (d *drainData) report() *Report {
	r := &Report{Data: d}
	t := Table{Columns: []string{"clients", "answers", "answers/s", "p50", "p99", "max", "connections", "not right", "failures"}}
	bad := int64(0)
	for _, class := range d.Result.Classes {
		h := class.Latency()
		t.add(class.Name, class.Answered, fmt.Sprintf("%.0f", class.Achieved()), ms(h.Percentile(50)), ms(h.Percentile(99)), ms(h.Max()),
			class.Opened, class.Wrong, counts(class.Failed))
		bad += class.Bad()
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
