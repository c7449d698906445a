// This file holds building each value once.

package l1

import (
	"context"
	"errors"
	"strings"
)

// Own marks an error as a matter of the call that it ended, such as a quota or a
// cancelled request: Load does not hand it to others that wait for the same key.
// The marked error says the same and unwraps to err.
func Own(err error) error { return &ownError{err} }

type ownError struct{ err error }

func (e *ownError) Error() string { return e.err.Error() }
func (e *ownError) Unwrap() error { return e.err }

// flight is a value being built. What it holds is written before done is closed.
type flight[V any] struct {
	done   chan struct{} // nil while nobody waits
	shared bool          // whether value and err are for those that wait, too
	value  V
	err    error
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
	return c.load(ctx, h, string(key), build)
}

// LoadString is Load for a key that is a string. The cache keeps a copy, so it
// may be memory that is used again.
func (c *Cache[V]) LoadString(ctx context.Context, key string, build func(key string) (value V, size int, err error)) (V, error) {
	h := c.hashString(key)
	if value, ok := c.found(find(c.table.Load(), h, key)); ok {
		return value, nil
	}
	return c.load(ctx, h, strings.Clone(key), build)
}

func (c *Cache[V]) load(ctx context.Context, h uint64, key string, build func(string) (V, int, error)) (V, error) {
	for ctx.Err() == nil {
		f, first, e := c.board(h, key)
		switch {
		case e != nil:
			return e.value, nil
		case first:
			c.build(f, h, key, build)
			return f.value, f.err
		}
		select {
		case <-f.done:
			if f.shared {
				return f.value, f.err
			}
		case <-ctx.Done():
		}
	}
	var none V
	return none, context.Cause(ctx)
}

// board gives the entry of a key if there is one by now, or else the flight that
// builds it, and whether the caller is to be the one that does.
func (c *Cache[V]) board(h uint64, key string) (f *flight[V], first bool, e *entry[V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := find(c.table.Load(), h, key); e != nil {
		c.touch(e)
		return nil, false, e
	}
	if f := c.flights[key]; f != nil {
		if f.done == nil {
			f.done = make(chan struct{})
		}
		return f, false, nil
	}
	f = new(flight[V])
	c.flights[key] = f
	return f, true, nil
}

// build makes the value of a flight, and ends the flight also when it panics.
func (c *Cache[V]) build(f *flight[V], h uint64, key string, build func(string) (V, int, error)) {
	size, built := 0, false
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if built && f.err == nil {
			c.put(h, key, f.value, size)
		}
		delete(c.flights, key)
		if f.done != nil {
			close(f.done)
		}
	}()
	f.value, size, f.err = build(key)
	var own *ownError
	f.shared = !errors.As(f.err, &own)
	built = true
}

// BuildString is LoadString for a key that GetString has just missed: it does not
// count the miss again.
func (c *Cache[V]) BuildString(ctx context.Context, key string, build func(key string) (value V, size int, err error)) (V, error) {
	return c.load(ctx, c.hashString(key), strings.Clone(key), build)
}
