// This file holds the errors of an execution: a code, a message, a place.

package vm

import (
	"errors"
	"fmt"
)

// ErrorCode is what kind of error ended an execution.
type ErrorCode string

// Codes of errors. Those of Catchable can be caught by try().
const (
	CodeUnknownCommand ErrorCode = "unknown_command"
	CodeBadArguments   ErrorCode = "bad_arguments"
	CodeName           ErrorCode = "name_error"
	CodeType           ErrorCode = "type_error"
	CodeOverflow       ErrorCode = "overflow"
	CodeRuntime        ErrorCode = "runtime_error"
	CodeHTTP           ErrorCode = "http_error"
	CodeSQL            ErrorCode = "sql_error"

	CodeInstructions ErrorCode = "quota_instructions"
	CodeMemory       ErrorCode = "quota_memory"
	CodeTime         ErrorCode = "quota_time"
	CodeDepth        ErrorCode = "quota_depth"
	CodeOutput       ErrorCode = "quota_output"
	CodeHostCalls    ErrorCode = "quota_host_calls"

	CodeCapability ErrorCode = "capability_denied"
	CodeAddress    ErrorCode = "address_denied"
	CodeIntegrity  ErrorCode = "integrity"
	CodeCancelled  ErrorCode = "cancelled"
	CodeOverloaded ErrorCode = "overloaded"
	CodeInternal   ErrorCode = "internal"
)

// Catchable reports whether try() catches errors of this code.
func (c ErrorCode) Catchable() bool {
	switch c {
	case CodeUnknownCommand, CodeBadArguments, CodeName, CodeType, CodeOverflow,
		CodeRuntime, CodeHTTP, CodeSQL:
		return true
	}
	return false
}

// Error is what ended an execution, or was caught by try().
type Error struct {
	Code ErrorCode
	Msg  string // without the position
	Line int    // from 1; 0 where it has none
	Col  int    // from 1, in code points
	Err  error  // the cause outside of the script, for logs; may be nil
}

func (e *Error) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("line %d: %s", e.Line, e.Msg)
	}
	return e.Msg
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an error of a code. With %w it wraps a cause.
func Errorf(code ErrorCode, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Msg: err.Error(), Err: errors.Unwrap(err)}
}

func typeErrorf(format string, args ...any) error    { return Errorf(CodeType, format, args...) }
func runtimeErrorf(format string, args ...any) error { return Errorf(CodeRuntime, format, args...) }
func overflowErrorf(format string, args ...any) error {
	return Errorf(CodeOverflow, format, args...)
}
