// This file holds building each value once.

package l1

import (
	"context"
	"errors"
	"strings"
	"sync"
)

// Own marks an error as a matter of the call that it ended, such as a quota or a
// cancelled request: Load does not hand it to others that wait for the same key.
// The marked error says the same and unwraps to err.
func Own(err error) error { return &ownError{err} }

type ownError struct{ err error }

func (e *ownError) Error() string { return e.err.Error() }
func (e *ownError) Unwrap() error { return e.err }

// Place is what a call holds while it builds, and gives up for as long as it waits for
// another call that builds the same: a place among those that run.
type Place interface {
	Leave()
	Enter() error
}

// Load returns the value of a key, and builds it where there is none: of calls
// at the same time for the same key one builds it, in its own goroutine, and the
// others wait. build gets a copy of the key that may be kept, and says how many
// bytes its value holds.
//
// What build returns goes to all that wait, and if it is a value, into the cache.
// An error is not kept, and one marked with Own goes to nobody else: another of
// those that wait then builds the value, as when build panics. A context that
// ends ends the waiting, with its cause; it is for build to look at the context
// of its own call. A hit allocates nothing.
func (c *Cache[V]) Load(ctx context.Context, key []byte, build func(key string) (value V, size int, err error)) (V, error) {
	h := c.hash(key)
	if value, ok := c.found(find(c.table.Load(), h, key)); ok {
		return value, nil
	}
	return c.load(ctx, nil, h, string(key), build)
}

// LoadString is Load for a key that is a string. The cache keeps a copy, so it
// may be memory that is used again.
func (c *Cache[V]) LoadString(ctx context.Context, key string, build func(key string) (value V, size int, err error)) (V, error) {
	h := c.hashString(key)
	if value, ok := c.found(find(c.table.Load(), h, key)); ok {
		return value, nil
	}
	return c.load(ctx, nil, h, strings.Clone(key), build)
}

// BuildString is LoadString for a key that GetString has just missed: it does not
// count the miss again. The key is kept as it is, as by Put. It leaves the place while it waits, and enters it again before
// it returns; an error of Enter is its own. place may be nil.
func (c *Cache[V]) BuildString(ctx context.Context, place Place, key string, build func(key string) (value V, size int, err error)) (V, error) {
	return c.load(ctx, place, c.hashString(key), key, build)
}

func (c *Cache[V]) load(ctx context.Context, place Place, h uint64, key string, build func(string) (V, int, error)) (none V, err error) {
	for ctx.Err() == nil {
		f, first, e := c.board(h, key)
		switch {
		case e != nil:
			return e.value, nil
		case first:
			return c.build(f, build)
		}
		if err := f.wait(ctx, place); err != nil {
			return none, err
		}
		if f.shared {
			return f.value, f.err
		}
	}
	return none, context.Cause(ctx)
}

// board gives the entry of a key if there is one by now, or else the flight that
// builds it, and whether the caller is to be the one that does.
func (c *Cache[V]) board(h uint64, key string) (f *flight[V], first bool, e *entry[V]) {
	fs := c.flightsOf(h)
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f := *fs.find(h, key); f != nil {
		if f.done == nil {
			f.done = make(chan struct{})
		}
		return f, false, nil
	}
	// What has landed meanwhile was in the table before its flight was gone.
	if e := find(c.table.Load(), h, key); e != nil {
		c.touch(e)
		return nil, false, e
	}
	return fs.begin(h, key), true, nil
}

// build makes the value of a flight, and ends the flight also when it panics.
func (c *Cache[V]) build(f *flight[V], build func(string) (V, int, error)) (value V, err error) {
	built := false
	defer func() {
		f.value, f.err = value, err
		f.kept, f.shared = built && err == nil, built && !isOwn(err)
		c.land(f)
	}()
	value, f.size, err = build(f.key)
	built = true
	return value, err
}

// land ends a flight, which then is another one's. Where somebody else writes to the
// cache at the moment it is left to him.
func (c *Cache[V]) land(f *flight[V]) {
	for {
		f.behind = c.ended.Load()
		if c.ended.CompareAndSwap(f.behind, f) {
			break
		}
	}
	c.landEnded()
}

// landEnded lands all flights that have ended, unless somebody else who holds the lock
// will: who has held it calls this.
func (c *Cache[V]) landEnded() {
	for c.ended.Load() != nil && c.mu.TryLock() {
		for f := c.ended.Swap(nil); f != nil; {
			behind := f.behind
			if f.kept {
				c.put(f.hash, f.key, f.value, f.size)
			}
			c.flightsOf(f.hash).end(f)
			f = behind
		}
		c.mu.Unlock()
	}
}

func isOwn(err error) bool {
	if err == nil {
		return false
	}
	var own *ownError
	return errors.As(err, &own)
}

// flight is a value being built. What it holds is written before done is closed.
type flight[V any] struct {
	key    string
	hash   uint64
	next   *flight[V]    // in the same list
	behind *flight[V]    // of those that have ended
	done   chan struct{} // nil while nobody waits
	kept   bool          // whether value goes into the cache
	shared bool          // whether value and err are for those that wait, too
	size   int           // of value
	value  V
	err    error
}

// wait waits for the end of the flight of another call, without the place. Its error is
// that of the waiting.
func (f *flight[V]) wait(ctx context.Context, place Place) error {
	if place != nil {
		place.Leave()
	}
	var gone error
	select {
	case <-f.done:
	case <-ctx.Done():
		gone = context.Cause(ctx)
	}
	if place != nil {
		if err := place.Enter(); err != nil {
			return err
		}
	}
	return gone
}

// flightBits is how many bits of a hash tell the list of a flight.
const flightBits = 6

// flights is a list of those that are under way. It is short, unless thousands wait for
// what they build.
type flights[V any] struct {
	mu    sync.Mutex
	first *flight[V]
	spare *flight[V] // a list of those that have ended and that nobody waited for
}

// flightsOf gives the list for a hash.
func (c *Cache[V]) flightsOf(h uint64) *flights[V] { return &c.flights[h>>(64-flightBits)] }

// find gives where the flight of a key stands, or would. The lock is held.
func (fs *flights[V]) find(h uint64, key string) **flight[V] {
	at := &fs.first
	for *at != nil && ((*at).hash != h || (*at).key != key) {
		at = &(*at).next
	}
	return at
}

// begin begins the flight of a key that has none. The lock is held.
func (fs *flights[V]) begin(h uint64, key string) *flight[V] {
	f := fs.spare
	if f != nil {
		fs.spare = f.next
	} else {
		f = new(flight[V])
	}
	f.key, f.hash, f.next = key, h, fs.first
	fs.first = f
	return f
}

// end takes a flight out, and tells those that wait.
func (fs *flights[V]) end(f *flight[V]) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	*fs.find(f.hash, f.key) = f.next
	if f.done != nil {
		close(f.done)
		return
	}
	*f = flight[V]{next: fs.spare}
	fs.spare = f
}
