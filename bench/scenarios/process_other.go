//go:build !linux

// This file lets the package build where its scenarios do not run.

package scenarios

import (
	"syscall"
	"time"
)

func attributes() *syscall.SysProcAttr { return nil }

func threadTime() time.Duration { return 0 }
