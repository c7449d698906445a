package load

// This file gives the tests the way to wait of an older Linux.

import "context"

// RunWithoutWait2 is Run as it is where the kernel has no epoll_pwait2.
func RunWithoutWait2(ctx context.Context, opt Options) (*Result, error) {
	return runWith(ctx, opt, func() (poller, error) {
		p, err := newEpoll()
		if err != nil {
			return nil, err
		}
		p.wait2 = false
		return p, nil
	})
}
