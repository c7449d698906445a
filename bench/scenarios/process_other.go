//go:build !linux

// This file lets the package build where its scenarios do not run.

package scenarios

import (
	"errors"
	"syscall"
)

var errNotLinux = errors.New("the scenarios need Linux")

func attributes() *syscall.SysProcAttr { return nil }

func killGroup(int) error { return errNotLinux }

func children(int) ([]int, error) { return nil, errNotLinux }
