// This file tests the measuring itself.

package engine

import (
	"context"
	"testing"
	"time"
)

func TestMeasure(t *testing.T) {
	runs := 0
	sample, err := Measure(func() error { runs++; return nil }, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if runs < 2 || sample.Wall <= 0 || sample.CPU < 0 {
		t.Errorf("%d runs gave %+v", runs, sample)
	}
}

func TestPUCLua(t *testing.T) {
	for _, p := range Programs() {
		ns, err := PUCLua("lua5.4").Measure(context.Background(), p, time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if ns <= 0 {
			t.Errorf("%s took %v ns", p, ns)
		}
	}
}
