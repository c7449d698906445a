// This file holds the catalog as executions see it, and what becomes of their places
// while it is fetched.

package worker

import (
	"context"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/seal"
)

// Catalog is one revision of what scripts are compiled against. It is immutable, safe for
// concurrent use, and the same for an execution from its start to its end.
type Catalog struct {
	engine *avap.Engine
	script ScriptFunc
}

// ScriptFunc returns a stored script of a catalog, and the hash of its package; nil
// if there is none of that name. It must be safe for concurrent use.
type ScriptFunc func(ctx context.Context, name string) (*seal.Unit, [32]byte, error)

// NewCatalog returns a catalog whose scripts run in an engine like base, against commands;
// nil stands for the commands of base. A nil ScriptFunc stands for no stored scripts.
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

// patient frees the place of an execution while its commands are fetched.
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
