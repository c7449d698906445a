// This file holds what the package is for, and how its parts fit.

// Package definitions is the definition server: it checks, compiles and signs
// what is published, keeps it in a store, and streams each revision to the
// workers.
//
//	Admin ─► Publisher ─► plan: pieces of sources, compiled with all that call them
//	            │
//	            ├─► store.Append: versions, packages, audit row, one transaction
//	            ▼
//	          state: newest units, callers, changes, hash trees ◄─ other servers' revisions
//	            ▼
//	          hub: signed manifests, messages made once ─► a stream for each worker
//
// A revision is what its publication stored: its packages are bytes in the store,
// so that every server on one database, of whatever build, has the same hash tree
// for it. What changes packages without a source, a new key or another interface
// of a callee, is a revision too.
package definitions

//go:generate go -C ../tools run ./protogen -in ../definitions/proto -out ..
