// This file measures how fast the machine is while something else is measured.

package scenarios

import (
	"context"
	"runtime"
	"time"

	"github.com/avap-framework/avap"
)

const (
	// pieceRounds make one piece of work: some 300 µs, so that what a processor has to
	// fetch before it is at full speed does not show.
	pieceRounds = 100_000
	// pieceEvery is how often a piece is done: half a percent of one processor.
	pieceEvery = 50 * time.Millisecond
)

// A speedometer runs the same script again and again in this process, the loop that the
// worker runs too, and takes the processor time of it: waiting for a processor does not
// count, one that is slower does. The processors of a shared machine change their speed by
// a quarter within a minute.
type speedometer struct {
	piece         *avap.Program
	input         avap.Input
	stop, stopped chan struct{}

	pieces int
	spent  time.Duration
	err    error
}

// watchSpeed begins to measure.
func watchSpeed() (*speedometer, error) {
	engine, err := avap.New(avap.Options{})
	if err != nil {
		return nil, err
	}
	rounds := avap.Object{{Key: "rounds", Value: pieceRounds}}
	s := &speedometer{input: avap.Input{Parameters: rounds, NoLogs: true}, stop: make(chan struct{}), stopped: make(chan struct{})}
	if s.piece, err = engine.Compile(heavy(pieceRounds).text); err != nil {
		return nil, err
	}
	go s.run()
	return s, nil
}

// read ends it, and gives how many pieces a second of processor time did.
func (s *speedometer) read() (float64, error) {
	close(s.stop)
	<-s.stopped
	return float64(s.pieces) / s.spent.Seconds(), s.err
}

func (s *speedometer) run() {
	defer close(s.stopped)
	runtime.LockOSThread() // whose time is taken
	defer runtime.UnlockOSThread()
	ticker := time.NewTicker(pieceEvery)
	defer ticker.Stop()
	for {
		before := threadTime()
		if _, err := s.piece.Run(context.Background(), s.input); err != nil {
			s.err = err
			return
		}
		s.spent += threadTime() - before
		s.pieces++
		select {
		case <-s.stop:
			return
		case <-ticker.C:
		}
	}
}
