package load

// This file gives the tests the ways to wait that a run does not choose by itself here.

import "context"

// RunWithStreams is Run as it is where there is no epoll.
func RunWithStreams(ctx context.Context, opt Options) (*Result, error) {
	return runWith(ctx, opt, newStreams)
}
