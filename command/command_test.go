// This file holds what the tests of all families share.

package command

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/vm"
)

// failure is an error of a command, as tests compare it.
type failure struct {
	Code vm.ErrorCode
	Msg  string
}

func errOf(code vm.ErrorCode, msg string) failure { return failure{code, msg} }

// patient are the default limits, but for times that a busy machine does not keep to.
var patient = vm.Limits{Time: time.Minute, HostTime: time.Minute}

// call runs a command on a machine of its own and gives its output in Go, or its
// failure. args are the inputs in order.
func call(t testing.TB, h Host, name string, args ...any) any {
	t.Helper()
	return callOn(t, vm.NewMachine(patient), h, name, args...)
}

func callOn(t testing.TB, m *vm.Machine, h Host, name string, args ...any) any {
	t.Helper()
	defer m.Clear()
	c := Natives(h)[name]
	values := make([]vm.Value, len(c.Params))
	for i, arg := range args {
		if c.Params[i].Mode == bytecode.ModeOut {
			t.Fatalf("argument %d of %s is its output", i, name)
		}
		v, err := m.FromGo(arg)
		if err != nil {
			t.Fatal(err)
		}
		values[i] = v
	}
	return outcome(t, c.Native(m, values), values[len(values)-1])
}

// outcome gives a value in Go, or the failure.
func outcome(t testing.TB, err error, v vm.Value) any {
	t.Helper()
	if err != nil {
		e, ok := errors.AsType[*vm.Error](err)
		if !ok {
			t.Fatalf("not an error of the machine: %v", err)
		}
		return failure{e.Code, e.Msg}
	}
	got, err := vm.ToGo(v)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// obj makes an Object of keys and values in turn, with ints as ToGo gives them.
func obj(pairs ...any) vm.Object {
	o := vm.Object{}
	for i := 0; i < len(pairs); i += 2 {
		v := pairs[i+1]
		if n, ok := v.(int); ok {
			v = int64(n)
		}
		o = append(o, vm.Pair{Key: pairs[i].(string), Value: v})
	}
	return o
}

// row is a call of a command, and its outcome.
type row struct {
	name string
	args []any
	want any
}

// runTable calls one command for each row.
func runTable(t *testing.T, h Host, command string, tests []row) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, call(t, h, command, tt.args...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
