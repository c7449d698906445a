package avap_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/vm"
)

// BenchmarkDeadline runs 64 endless scripts at a time, their deadlines
// staggered, the instruction quota off, and reports how late they end. In the
// second half each is cancelled instead.
func BenchmarkDeadline(b *testing.B) {
	engine, err := avap.New(avap.Options{})
	if err != nil {
		b.Fatal(err)
	}
	endless, err := engine.Compile("while(true)\n    x = 1\nend()")
	if err != nil {
		b.Fatal(err)
	}
	for _, mode := range []struct {
		name   string
		cancel bool
		want   avap.ErrorCode
	}{{"deadline", false, vm.CodeTime}, {"cancel", true, vm.CodeCancelled}} {
		b.Run(mode.name, func(b *testing.B) {
			var late []time.Duration
			for b.Loop() {
				late = append(late, endlessRound(b, endless, mode.cancel, mode.want)...)
			}
			slices.Sort(late)
			b.ReportMetric(float64(late[len(late)/2])/1e6, "p50-ms-late")
			b.ReportMetric(float64(late[len(late)*99/100])/1e6, "p99-ms-late")
			b.ReportMetric(float64(late[len(late)-1])/1e6, "max-ms-late")
		})
	}
}

// endlessRound runs 64 endless scripts side by side and gives how late each ended.
func endlessRound(b *testing.B, p *avap.Program, cancel bool, want avap.ErrorCode) []time.Duration {
	const scripts = 64
	late := make([]time.Duration, scripts)
	var wg sync.WaitGroup
	for i := range scripts {
		after := 200*time.Millisecond + time.Duration(i)*10*time.Millisecond
		wg.Go(func() {
			limits := avap.Limits{Instructions: -1, Time: after}
			ctx := context.Background()
			if cancel {
				limits.Time = -1
				var stop context.CancelFunc
				ctx, stop = context.WithTimeout(ctx, after)
				defer stop()
			}
			began := time.Now()
			_, err := p.Run(ctx, avap.Input{Limits: &limits})
			late[i] = time.Since(began) - after
			var e *avap.Error
			if !errors.As(err, &e) || e.Code != want {
				b.Errorf("ended with %v, want %s", err, want)
			}
		})
	}
	wg.Wait()
	return late
}
