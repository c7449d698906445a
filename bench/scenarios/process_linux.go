// This file holds what processes are given on Linux: an end with this program.

package scenarios

import "syscall"

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
