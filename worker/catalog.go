// This file holds the catalog as executions see it.

package worker

import (
	"context"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/seal"
)

// Catalog is one revision of what scripts are compiled against. It does not change:
// an execution sees one from its start to its end.
type Catalog struct {
	engine *avap.Engine
	script ScriptFunc
}

// ScriptFunc gives a stored script of a catalog, and the hash of its package; nil
// where there is none of that name.
type ScriptFunc func(ctx context.Context, name string) (*seal.Unit, [32]byte, error)

// NewCatalog makes a catalog of commands, for an engine like base. A nil ScriptFunc
// stands for no stored scripts. Where commands is nil they are base's own.
func NewCatalog(base *avap.Engine, commands avap.Commands, script ScriptFunc) *Catalog {
	if l, ok := commands.(loading); ok {
		commands = patient{l}
	}
	if commands != nil {
		base = base.With(commands)
	}
	return &Catalog{engine: base, script: script}
}

// loading is a set of commands of which some are not in memory.
type loading interface {
	avap.Commands
	avap.Loader
}

// patient lets an execution take no place while its commands are fetched.
type patient struct{ loading }

// Load brings commands into memory.
func (p patient) Load(ctx context.Context, names []string) error {
	if t, ok := ctx.Value(turnsKey{}).(*turns); ok {
		t.Ticket.Leave()
		defer t.Ticket.Enter() // it does not fail
	}
	return p.loading.Load(ctx, names)
}

// turnsKey is the key under which a context has the execution's turns.
type turnsKey struct{}
