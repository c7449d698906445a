package l1

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
)

var errQuota = errors.New("quota_memory")

// answer is what a call of Load returned.
type answer struct {
	value int
	err   error
}

// crowd has n calls of Load for one key, of which all others wait whenever one
// builds, and returns what those got that did not build. results are what the
// builds end with, one after the other.
func crowd(t *testing.T, c *Cache[int], n int, results ...func() (int, int, error)) (builds int, waited []answer) {
	t.Helper()
	leave := make(chan struct{})
	answers := make(chan answer, n)
	for range n {
		go func() {
			mine := false
			v, err := c.Load(t.Context(), []byte("script"), func(key string) (int, int, error) {
				if key != "script" {
					t.Errorf("build gets the key %q", key)
				}
				<-leave
				builds, mine = builds+1, true // one at a time, or the race detector says so
				return results[builds-1]()
			})
			if !mine {
				answers <- answer{v, err}
			}
		}()
	}
	for range results {
		synctest.Wait() // one builds, the others wait
		leave <- struct{}{}
	}
	synctest.Wait()
	close(answers)
	for a := range answers {
		waited = append(waited, a)
	}
	return builds, waited
}

// checkLanded looks whether no flight is under way.
func checkLanded(t *testing.T, c *Cache[int]) {
	t.Helper()
	for i := range c.flights {
		if f := c.flights[i].first; f != nil {
			t.Errorf("the flight of %q is left", f.key)
		}
	}
	if c.ended.Load() != nil {
		t.Error("a flight has ended and not landed")
	}
}

func value() (int, int, error) { return 42, 100, nil }
func own() (int, int, error)   { return 0, 0, fmt.Errorf("compile: %w", Own(errQuota)) }
func fault() (int, int, error) { return 0, 0, errQuota }
func large() (int, int, error) { return 42, DefaultBytes, nil }

func TestLoad(t *testing.T) {
	type build = func() (int, int, error)
	tests := []struct {
		name    string
		results []build
		want    answer // of all that waited
		kept    bool
	}{
		{"a value", []build{value}, answer{42, nil}, true},
		{"a value that is too large to keep", []build{large}, answer{42, nil}, false},
		{"an error", []build{fault}, answer{0, errQuota}, false},
		{"an error of its own", []build{own, value}, answer{42, nil}, true},
		{"two of their own, then one for all", []build{own, own, fault}, answer{0, errQuota}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := New[int](Options{})
				builds, waited := crowd(t, c, 16, tt.results...)
				if builds != len(tt.results) || len(waited) != 16-builds {
					t.Fatalf("%d builds, %d waited; want %d builds of 16", builds, len(waited), len(tt.results))
				}
				for _, got := range waited {
					if got != tt.want {
						t.Errorf("got %v, want %v", got, tt.want)
					}
				}
				if v, ok := c.GetString("script"); ok != tt.kept || ok && v != 42 {
					t.Errorf("the cache has %d, %v", v, ok)
				}
				checkLanded(t, c)
			})
		})
	}
}

func TestOwnErrorReachesItsCaller(t *testing.T) {
	c := New[int](Options{})
	_, err := c.LoadString(t.Context(), "script", func(string) (int, int, error) { return own() })
	if !errors.Is(err, errQuota) || err.Error() != "compile: quota_memory" {
		t.Errorf("error %v", err)
	}
}

func TestOnlyItsOwnContextEndsACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New[int](Options{})
		gone := errors.New("the client is gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		leave := make(chan struct{})
		load := func(ctx context.Context, answers chan<- answer) {
			v, err := c.LoadString(ctx, "script", func(string) (int, int, error) {
				<-leave
				return value()
			})
			answers <- answer{v, err}
		}
		first, patient, impatient := make(chan answer, 1), make(chan answer, 1), make(chan answer, 1)
		go load(t.Context(), first)
		synctest.Wait()
		go load(t.Context(), patient)
		go load(ctx, impatient)
		synctest.Wait()
		cancel(gone)
		synctest.Wait()
		if got := <-impatient; !errors.Is(got.err, gone) {
			t.Errorf("the call that was cancelled: %v", got)
		}
		close(leave)
		for _, answers := range []chan answer{first, patient} {
			if got := <-answers; got != (answer{42, nil}) {
				t.Errorf("another call: %v", got)
			}
		}
	})
}

func TestCancelledCallBuildsNothing(t *testing.T) {
	c := New[int](Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Load(ctx, []byte("script"), func(string) (int, int, error) {
		t.Error("it builds")
		return value()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestPanicIsOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New[int](Options{})
		leave := make(chan struct{})
		panicked := make(chan any, 1)
		go func() {
			defer func() { panicked <- recover() }()
			_, err := c.LoadString(t.Context(), "script", func(string) (int, int, error) {
				<-leave
				panic("a defect")
			})
			t.Errorf("Load returned %v", err)
		}()
		synctest.Wait()
		second := make(chan answer, 1)
		go func() {
			v, err := c.LoadString(t.Context(), "script", func(string) (int, int, error) { return value() })
			second <- answer{v, err}
		}()
		synctest.Wait()
		close(leave)
		if p := <-panicked; p != "a defect" {
			t.Errorf("recovered %v", p)
		}
		if got := <-second; got != (answer{42, nil}) {
			t.Errorf("the other call: %v", got)
		}
	})
}

func TestLoadOfDifferentKeysDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New[int](Options{})
		leave := make(chan struct{})
		done := make(chan answer, 1)
		go func() {
			v, err := c.LoadString(t.Context(), "slow", func(string) (int, int, error) { <-leave; return value() })
			done <- answer{v, err}
		}()
		synctest.Wait()
		v, err := c.LoadString(t.Context(), "quick", func(string) (int, int, error) { return 7, 1, nil })
		if v != 7 || err != nil {
			t.Errorf("quick: %d, %v", v, err)
		}
		close(leave)
		if got := <-done; got != (answer{42, nil}) {
			t.Errorf("slow: %v", got)
		}
	})
}

// turn is a Place that counts how often it is held.
type turn struct{ held int }

func (t *turn) Leave()       { t.held-- }
func (t *turn) Enter() error { t.held++; return nil }

// TestPlaceIsLeftForWaitingAlone has one call build while another waits for it.
func TestPlaceIsLeftForWaitingAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New[int](Options{})
		leave := make(chan struct{})
		turns := []*turn{{1}, {1}}
		for _, p := range turns {
			go func() {
				v, err := c.BuildString(t.Context(), p, "script", func(string) (int, int, error) {
					if p.held != 1 {
						t.Errorf("%d places are held while it builds", p.held)
					}
					<-leave
					return own()
				})
				if p.held != 1 || v != 0 || !errors.Is(err, errQuota) {
					t.Errorf("%d places are held after %d, %v", p.held, v, err)
				}
			}()
		}
		for _, want := range []int{1, 2} { // the second builds when the first could not
			synctest.Wait()
			if held := turns[0].held + turns[1].held; held != want {
				t.Errorf("%d places are held, want %d", held, want)
			}
			leave <- struct{}{}
		}
		synctest.Wait()
	})
}

// TestNobodyWaitsToWrite has calls build while somebody else writes to the cache: they
// return, and what they have built lands when that one is done.
func TestNobodyWaitsToWrite(t *testing.T) {
	c := New[int](Options{})
	c.mu.Lock()
	for i := range 3 {
		key := fmt.Sprint("script ", i)
		v, err := c.LoadString(t.Context(), key, func(string) (int, int, error) { return i, 100, nil })
		if v != i || err != nil {
			t.Errorf("%s is %d, %v", key, v, err)
		}
		if _, ok := c.GetString(key); ok {
			t.Errorf("%s is in the cache while another one writes", key)
		}
	}
	c.mu.Unlock()
	c.Delete("script 1") // the one that lands them
	for i := range 3 {
		if v, ok := c.GetString(fmt.Sprint("script ", i)); v != i || !ok {
			t.Errorf("script %d is %d, %v", i, v, ok)
		}
	}
	checkLanded(t, c)
	checkSums(t, c)
}
