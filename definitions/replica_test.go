// This file holds the test that a worker's replica takes what a server sends.

package definitions_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/command"
	"github.com/avap-framework/avap/definitions"
	"github.com/avap-framework/avap/definitions/avapv2pb"
	"github.com/avap-framework/avap/seal"
)

// replica makes a worker's replica with the stock commands of this program.
func replica(keys *seal.Keyring) *catalog.Replica {
	return catalog.NewReplica(catalog.ReplicaOptions{
		Keys: keys, Stock: command.Signature, Natives: command.Natives(command.Host{}),
		Word: command.IsWord,
	})
}

// apply takes in the messages of one revision.
func apply(r *catalog.Replica, stream grpc.ServerStreamingClient[avapv2pb.WatchResponse]) (*catalog.Revision, error) {
	var changes []catalog.Change
	reset := false
	for {
		m, err := stream.Recv()
		if err != nil {
			return nil, err
		}
		reset = reset || m.Reset_
		for _, u := range m.Units {
			c := catalog.Change{Package: u.Package, Removed: u.Removed}
			c.Kind, c.Name, c.Version = bytecode.Kind(u.Kind), u.Name, u.Version
			copy(c.Hash[:], u.Hash)
			changes = append(changes, c)
		}
		if m.Manifest != nil {
			signed := catalog.SignedManifest{Body: m.Manifest.Body, KeyID: m.Manifest.KeyId, MAC: m.Manifest.Mac}
			return r.Apply(changes, reset, signed, time.Now())
		}
	}
}

// TestReplica follows a server with a worker's replica: it has the machine's own
// commands, the definitions, and the scripts.
func TestReplica(t *testing.T) {
	keys := keyring(t)
	s, addr := serve(t, definitions.Options{Keys: keys})
	stream, err := avapv2pb.NewCatalogClient(dial(t, addr, nil)).Watch(with(t.Context(), workerToken), &avapv2pb.WatchRequest{BytecodeVersion: bytecode.Version})
	if err != nil {
		t.Fatal(err)
	}
	r := replica(keys)
	first, err := apply(r, stream)
	if err != nil {
		t.Fatal(err)
	}
	if unusable := first.Unusable(); len(unusable) != 0 || first.Command("encodeMD5") == nil {
		t.Errorf("unusable: %v", unusable)
	}
	for i := range 3 {
		publish(t, s.Publisher(), fmt.Sprintf("command a(x: value, o: out) { o = encodeMD5(x + %d) }\ncommand b(x: value, o: out) { o = a(x) }", i), "o = b(1)\naddResult(o)")
		v, err := apply(r, stream)
		if err != nil {
			t.Fatal(err)
		}
		if v.Command("b") == nil || v.Number() != uint64(i+2) {
			t.Errorf("revision %d: b is %v", v.Number(), v.Command("b"))
		}
		u, err := v.Unit(context.Background(), bytecode.KindScript, "source1")
		if err != nil || u.Program.Commands[0].Name != "b" {
			t.Errorf("the script: %v, %v", u, err)
		}
	}
}
