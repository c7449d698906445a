package load_test

// This file names the ways to wait of Linux.

import "github.com/avap-framework/avap/internal/load"

func ways() map[string]way {
	return map[string]way{
		"epoll":                  {load.Run},
		"epoll of an old kernel": {load.RunWithoutWait2},
		"streams":                {load.RunWithStreams},
	}
}
