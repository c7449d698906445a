// This file tests the replacement of a worker and of a key under load.

package main

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/avap-framework/avap/internal/load"
	"github.com/avap-framework/avap/internal/rotation"
)

// TestServeReplaced replaces one of two workers and the request key, with clients
// who keep their connections and try nothing twice: none of them notices.
func TestServeReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keys := filepath.Join(dir, "keys.json")
	answered := make(flow, 1024)
	result, err := rotation.Run(t.Context(), rotation.Options{
		KeysFile: keys,
		Start: func(context.Context) (rotation.Worker, error) {
			// Longer than the balancer takes to see that the worker is not ready.
			w := startServe(t, dir, environment(), "--keys", keys, "--drain-delay", "2s")
			return rotation.Worker{Addr: w.addr, End: w.end}, nil
		},
		Message: func(host string) load.Message {
			return message(host, `{"script":"addParam(n, n)\ndouble = n * 2\naddResult(double)","n":21}`)
		},
		Check: load.Prefix(200, `{"success":true,"result":{"double":42},`),
		Classes: func(clients load.Source) []load.Class {
			return []load.Class{{Name: "paced", Source: clients, Rate: 200, Warm: 8, Observe: answered.observe}}
		},
		Pause: func(context.Context) error { return answered.more() },
		Log:   t.Logf,
	})
	if err != nil {
		t.Fatal(err)
	}
	checkLoad(t, result.Load)
	if result.Exit != nil {
		t.Error(result.Exit)
	}
	if result.Refused > 0 {
		t.Errorf("%d connections found no worker", result.Refused)
	}
	if len(result.Connections) != 2 {
		t.Errorf("connections of %v, want two workers", result.Connections)
	}
}
