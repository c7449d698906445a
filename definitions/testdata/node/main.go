// This file holds the program that TestTwoBuilds builds of a later version of this
// project: a definition server and a worker, as far as the test needs them.

// Node is, in the role that its first argument names, a definition server on a
// SQLite file or a worker that takes in one revision. Keys are in its environment.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/command"
	"github.com/avap-framework/avap/definitions"
	"github.com/avap-framework/avap/definitions/avapv2pb"
	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/seal"
)

const token = "worker's token"

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
		os.Exit(1)
	}
}

func run(role, where string, commands []string) error {
	keys, err := seal.OpenKeyring(seal.KeyringOptions{Getenv: os.Getenv})
	if err != nil {
		return err
	}
	if role == "serve" {
		return serve(where, keys)
	}
	return follow(where, keys, commands)
}

// serve says where it listens, then publishes each line of its input, in which
// spaces stand for line ends, and says what became of it.
func serve(file string, keys *seal.Keyring) error {
	ctx := context.Background()
	db, err := store.Open(ctx, "sqlite:"+file, store.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	s, err := definitions.New(ctx, definitions.Options{Store: db, Keys: keys, Token: token, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() { _ = s.Serve(l) }()
	fmt.Println(l.Addr())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		r, err := s.Publisher().Publish(ctx, []definitions.Source{{Text: in.Text()}}, definitions.Order{Author: "test"})
		if err != nil {
			return err
		}
		fmt.Println(r.Revision)
		for _, d := range r.Diagnostics {
			fmt.Fprintln(os.Stderr, d.Msg)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	s.Close(ctx)
	return nil
}

// follow takes in one revision and says what it can do with it.
func follow(addr string, keys *seal.Keyring, commands []string) error {
	c, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(context.Background(), "x-avap-auth", token), 30*time.Second)
	defer cancel()
	stream, err := avapv2pb.NewCatalogClient(c).Watch(ctx, &avapv2pb.WatchRequest{BytecodeVersion: bytecode.Version})
	if err != nil {
		return err
	}
	r := catalog.NewReplica(catalog.ReplicaOptions{Keys: keys, Stock: command.Signature, Natives: command.Natives(command.Host{})})
	var changes []catalog.Change
	for {
		m, err := stream.Recv()
		if err != nil {
			return err
		}
		for _, u := range m.Units {
			change := catalog.Change{Package: u.Package, Removed: u.Removed}
			change.Kind, change.Name, change.Version = bytecode.Kind(u.Kind), u.Name, u.Version
			copy(change.Hash[:], u.Hash)
			changes = append(changes, change)
		}
		if m.Manifest != nil {
			signed := catalog.SignedManifest{Body: m.Manifest.Body, KeyID: m.Manifest.KeyId, MAC: m.Manifest.Mac}
			v, err := r.Apply(changes, true, signed, time.Now())
			if err != nil {
				return err
			}
			return tell(os.Stdout, v, commands)
		}
	}
}

// tell writes which of some commands a worker has.
func tell(w io.Writer, v *catalog.Revision, commands []string) error {
	known := make([]string, len(commands))
	for i, name := range commands {
		known[i] = fmt.Sprint(name, " ", v.Command(name) != nil)
	}
	_, err := fmt.Fprintf(w, "revision %d, bytecode %d of %d: %s\n", v.Number(), v.Manifest().Bytecode, bytecode.Version, strings.Join(known, ", "))
	return err
}
