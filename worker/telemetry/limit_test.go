// This file holds the rates of messages, under a clock of the test.

package telemetry_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/worker/telemetry"
)

// output is a buffer that several goroutines write to.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

// take gives what was written, and forgets it.
func (o *output) take() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.buf.Reset()
	return o.buf.String()
}

// counted gives how often each message was logged; a line that tells of dropped
// ones is written with their number.
func counted(t *testing.T, out *output) map[string]int {
	t.Helper()
	found := map[string]int{}
	for line := range strings.Lines(out.take()) {
		var r struct {
			Msg     string
			Dropped int
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if r.Dropped > 0 {
			r.Msg += fmt.Sprintf(" (%d dropped)", r.Dropped)
		}
		found[r.Msg]++
	}
	return found
}

func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		limited := telemetry.Limit(telemetry.NewLogHandler(&out, slog.LevelInfo), 3)
		log := slog.New(limited)
		flood := func(n int) {
			for i := range n {
				log.With("request_id", i).Warn("a bad signature")
			}
		}
		expect := func(want map[string]int) {
			t.Helper()
			synctest.Wait()
			if diff := cmp.Diff(want, counted(t, &out)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}

		flood(100)
		log.Error("a defect") // not hidden by the flood
		log.Error("a bad signature")
		log.Debug("unseen")
		expect(map[string]int{"a bad signature": 4, "a defect": 1})

		time.Sleep(999 * time.Millisecond)
		flood(10)
		expect(map[string]int{})
		time.Sleep(time.Millisecond)
		expect(map[string]int{"a bad signature (107 dropped)": 1})

		flood(3) // as many as there may be: nothing to tell
		time.Sleep(time.Minute)
		expect(map[string]int{"a bad signature": 3})

		flood(4)
		time.Sleep(time.Second)
		expect(map[string]int{"a bad signature": 3, "a bad signature (1 dropped)": 1})
		if n := limited.Dropped(); n != 108 {
			t.Errorf("%d dropped", n)
		}
	})
}

// TestLimitOfKinds makes messages that are no constants: the memory stays bounded.
func TestLimitOfKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		log := slog.New(telemetry.Limit(telemetry.NewLogHandler(&out, nil), 1).WithGroup("g"))
		for i := range 1000 {
			log.Info(fmt.Sprint("message ", i))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		found := counted(t, &out)
		if found["message 255"] != 1 || found["message 256"] != 1 || found["message 257"] != 0 ||
			found["other messages (743 dropped)"] != 1 || len(found) != 258 {
			t.Errorf("%d messages", len(found))
		}
	})
}

func TestLimitFromManyGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		log := slog.New(telemetry.Limit(telemetry.NewLogHandler(&out, nil), 0))
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 100 {
					log.Info("a flood", slog.Group("g", "n", 1))
				}
			})
		}
		wg.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		if diff := cmp.Diff(map[string]int{"a flood": 10, "a flood (790 dropped)": 1}, counted(t, &out)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
