//go:build !linux

package pgtest

// runChild does nothing: only on Linux a server ends with a binary that dies.
func runChild() {}
