// This file tests what a machine keeps from one execution to the next.

package vm

import (
	"context"
	"reflect"
	"testing"
)

// Limits that differ in any one field are taken over by the next Reset.
func TestResetTakesLimitsOver(t *testing.T) {
	m := NewMachine(Limits{})
	fields := reflect.TypeFor[Limits]().NumField()
	for i := range fields {
		var l Limits
		reflect.ValueOf(&l).Elem().Field(i).SetInt(int64(i) + 1000)
		for _, given := range []Limits{l, {}} {
			m.Reset(context.Background(), given, nil)
			if want := given.withDefaults(); m.limits != want {
				t.Errorf("%+v are in force, want %+v", m.limits, want)
			}
		}
	}
}
