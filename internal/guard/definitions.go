// This file holds the path of the definition server: a call over a loopback
// connection, both ends together.

package guard

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/avap-framework/avap/definitions"
	"github.com/avap-framework/avap/definitions/avapv1pb"
	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/seal"
)

var definitionPaths = []Path{{"definitions/GetCommand", 40, startGetCommand}}

// startGetCommand asks for a command that the server has in memory.
func startGetCommand(s *setup) (work, error) {
	addr, err := serveDefinitions(s)
	if err != nil {
		return work{}, err
	}
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return work{}, err
	}
	s.atEnd(conn.Close)
	client := avapv1pb.NewDefinitionEngineClient(conn)
	ctx := metadata.AppendToOutgoingContext(s.ctx, "x-avap-auth", token)
	request := &avapv1pb.CommandRequest{Name: "addResult"}
	return work{round: func() error {
		answer, err := client.GetCommand(ctx, request)
		if err != nil {
			return err
		}
		if answer.Name != request.Name || len(answer.Code) == 0 {
			return fmt.Errorf("not the command: %v", answer)
		}
		return nil
	}}, nil
}

const token = "workers"

// serveDefinitions starts a definition server with the stock catalog.
func serveDefinitions(s *setup) (addr string, err error) {
	folder, err := os.MkdirTemp("", "avap-guard-")
	if err != nil {
		return "", err
	}
	s.atEnd(func() error { return os.RemoveAll(folder) })
	db, err := store.Open(s.ctx, "sqlite:"+filepath.Join(folder, "avap.db"), store.Options{})
	if err != nil {
		return "", err
	}
	s.atEnd(db.Close)
	packageKey, _, err := newKey(seal.UsePackage)
	if err != nil {
		return "", err
	}
	catalogKey, err := seal.GenerateKey(seal.UseCatalog, "catalog", time.Time{}, time.Time{})
	if err != nil {
		return "", err
	}
	keys, err := seal.NewKeyring(nil, packageKey, catalogKey)
	if err != nil {
		return "", err
	}
	server, err := definitions.New(s.ctx, definitions.Options{
		Store: db, Keys: keys, Token: token, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return "", err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	s.atEnd(func() error {
		server.Close(s.ctx)
		if err := <-ended; !errors.Is(err, grpc.ErrServerStopped) {
			return err
		}
		return nil
	})
	return l.Addr().String(), nil
}
