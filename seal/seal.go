// This file holds what the package is for, and its errors.

// Package seal holds everything with an HMAC: the keyring, the signatures of
// requests, and packages. All MACs are HMAC-SHA256 and compared in constant
// time. No error, and no formatting of a key, contains a secret.
package seal

// Code is what an answer calls an error of this package.
type Code string

// Codes of errors.
const (
	CodeMissing    Code = "signature_missing"  // no signature, or an empty one
	CodeInvalid    Code = "signature_invalid"  // malformed, of an unknown key, or wrong
	CodeExpired    Code = "signature_expired"  // outside the window on either side
	CodeReplayed   Code = "signature_replayed" // seen before within the window
	CodeOverloaded Code = "overloaded"         // the memory against replays is full
	CodeIntegrity  Code = "integrity"          // a package that does not verify, however broken
)

// Error is why a request or a package is refused. Its text is fit for the
// caller; what Err says is for the log alone.
type Error struct {
	Code Code
	Msg  string
	Err  error // the cause; may be nil
}

func (e *Error) Error() string { return e.Msg }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }
