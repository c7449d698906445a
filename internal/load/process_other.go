//go:build !linux

// This file stands for the measurements of processes where there is no /proc.

package load

import "errors"

// ProcessCPU is known on Linux alone; elsewhere it is errors.ErrUnsupported.
func ProcessCPU(int) (CPU, error) { return CPU{}, errors.ErrUnsupported }

// Resident is known on Linux alone; elsewhere it is errors.ErrUnsupported.
func Resident(int) (now, peak int64, err error) { return 0, 0, errors.ErrUnsupported }

// Listener is known on Linux alone; elsewhere it is errors.ErrUnsupported.
func Listener(uint16) (pid int, err error) { return 0, errors.ErrUnsupported }
