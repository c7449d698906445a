//go:build !linux

package load_test

// This file names the way to wait of other systems than Linux.

import "github.com/avap-framework/avap/internal/load"

func ways() map[string]way { return map[string]way{"streams": {load.RunWithStreams}} }
