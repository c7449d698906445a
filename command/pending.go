// This file holds the bodies that are still to come.

package command

import "github.com/avap-framework/avap/vm"

func pending(*vm.Machine, []vm.Value) error { return vm.Errorf(vm.CodeRuntime, "not yet") }

func (l *library) requestGet(m *vm.Machine, a []vm.Value) error  { return pending(m, a) }
func (l *library) requestPost(m *vm.Machine, a []vm.Value) error { return pending(m, a) }
func (l *library) ormDirect(m *vm.Machine, a []vm.Value) error   { return pending(m, a) }
