// This file holds what the package is for.

// Package definitions is the definition server: it checks, compiles and signs
// what is published, keeps it in a store, and streams each revision to the
// workers.
package definitions

//go:generate go -C ../tools run ./protogen -in ../definitions/proto -out ..
