//go:build !linux

// This file holds what processes are given on other systems than Linux.

package pgtest

import "syscall"

// serverOwner returns the user to run servers as: the one who runs the tests.
func serverOwner() (*account, error) { return nil, nil }

func processAttributes(*account) *syscall.SysProcAttr { return nil }

// endSessions leaves them to notice by themselves that their server is gone.
func endSessions(string) error { return nil }
