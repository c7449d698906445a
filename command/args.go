// This file holds how arguments of commands are read, and what is said of wrong ones.

package command

import (
	"errors"
	"math"
	"unicode/utf8"

	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/vm"
)

// maxShown is how many bytes of a script's value stand in a message.
const maxShown = 80

// clip shortens a text for a message.
func clip(s string) string {
	if len(s) <= maxShown {
		return s
	}
	end := maxShown
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// article writes a kind for a message: "a list", "an int", "None".
func article(v vm.Value) string {
	switch k := v.Kind(); k {
	case vm.None, vm.Unset:
		return "None"
	case vm.Int:
		return "an int"
	default:
		return "a " + k.String()
	}
}

// wrongKind is the error of an argument of a wrong kind.
func wrongKind(param, want string, got vm.Value) error {
	return vm.Errorf(vm.CodeType, "%s must be %s, not %s", param, want, article(got))
}

// failed is the error of an argument that is of the right kind, but wrong.
func failed(format string, args ...any) error { return vm.Errorf(vm.CodeRuntime, format, args...) }

// isEmpty reports whether an argument was left out: None or empty text.
func isEmpty(v vm.Value) bool {
	return v.IsNone() || v.IsUnset() || v.IsString() && v.Str() == ""
}

// number reads an argument that is a number, or text that reads as one.
func number(v vm.Value, param string) (vm.Value, error) {
	switch v.Kind() {
	case vm.Int, vm.Float:
		return v, nil
	case vm.String:
		if n, ok := vm.ReadNumber(v.Str()); ok {
			return n, nil
		}
		return vm.Value{}, failed("%s must be a number, not %q", param, clip(v.Str()))
	}
	return vm.Value{}, wrongKind(param, "a number", v)
}

// whole reads an argument that is a whole number: an int, a float without a
// fraction, or text that reads as one.
func whole(v vm.Value, param string) (int64, error) {
	n, err := number(v, param)
	switch {
	case err != nil:
		return 0, err
	case n.IsInt():
		return n.Int(), nil
	case n.Float() != math.Trunc(n.Float()):
		return 0, vm.Errorf(vm.CodeType, "%s must be a whole number, not %v", param, n.Float())
	case math.Abs(n.Float()) >= 1<<63:
		return 0, vm.Errorf(vm.CodeOverflow, "%s is out of range", param)
	}
	return int64(n.Float()), nil
}

// scalarText reads an argument as text: None is the empty text, numbers and
// bools are theirs; a list or a dict is refused.
func scalarText(m *vm.Machine, v vm.Value, param string) (vm.Value, error) {
	switch v.Kind() {
	case vm.None, vm.Unset:
		return m.Text("")
	case vm.String, vm.Int, vm.Float, vm.Bool:
		return m.TextOf(v)
	}
	return vm.Value{}, wrongKind(param, "text", v)
}

// work charges for n bytes that are read one by one.
func work(m *vm.Machine, n int) error { return m.Work(1 + n/16) }

// catchable reports whether an error is one that a script could have caught.
func catchable(err error) bool {
	e, ok := errors.AsType[*vm.Error](err)
	return ok && e.Code.Catchable()
}

// outside turns an error of a host call into one of the execution. One that the
// machine gave itself, by Grow for instance, stays as it is.
func outside(err error, code vm.ErrorCode) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*vm.Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*host.Error](err); ok {
		return &vm.Error{Code: vm.ErrorCode(e.Code), Msg: e.Message, Err: e.Err}
	}
	return &vm.Error{Code: code, Msg: "the call failed", Err: err}
}
