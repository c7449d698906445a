// This file holds how many files a process may have open where nobody says so.

//go:build !unix

package container

// OpenFiles is 0: it is not known.
func OpenFiles() uint64 { return 0 }
