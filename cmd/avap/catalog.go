// This file holds `avap catalog`: its commands, and how they reach the server.

package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/avap-framework/avap/definitions/avapv2pb"
)

func catalogCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "catalog",
		Short: "Publish commands and scripts, and look at what is published",
		Long: `catalog administers a definition server. AVAP_ADMIN_TOKEN is the administrator's
token. The server is that of --definitions, which BRAIN_HOST and BRAIN_PORT stand
for too; without TLS it answers administrators on its own machine alone.

Publishing, deleting and rolling back show what changes first, and ask where
standard input is a terminal. With --json every command prints one JSON value,
on one line; an export is JSON in any case.`,
		Example: `  avap catalog publish crm.avap
  avap catalog list
  avap catalog history crmCustomer
  avap catalog rollback crmCustomer 3`,
		Args: onlySubcommands,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(catalogListCommand(), catalogShowCommand(), catalogPublishCommand(), catalogRollbackCommand(),
		catalogDeleteCommand(), catalogHistoryCommand(), catalogAuditCommand(), catalogExportCommand(), catalogImportCommand())
	return cmd
}

const defaultDefinitions = "127.0.0.1:50051"

// adminFlags say which server, and how its answers are printed.
type adminFlags struct {
	address string
	tls     tlsFlags
	json    bool
}

func (a *adminFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&a.address, "definitions", "", "the definition server, HOST:PORT (default BRAIN_HOST:BRAIN_PORT, else "+defaultDefinitions+")")
	fs.BoolVar(&a.json, "json", false, "print JSON")
	a.tls.register(fs, "the server's CA in PEM, or system for those of this machine")
}

// server returns the address of the server.
func (a *adminFlags) server() (string, error) {
	address := brain(a.address)
	if address == "" {
		address = defaultDefinitions
	}
	return address, checkServer(address)
}

// checkServer refuses an address that cannot be a definition server's.
func checkServer(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err == nil && strings.Contains(host, ":") {
		_, err = netip.ParseAddr(host)
	}
	number := 0
	if err == nil {
		number, err = net.LookupPort("tcp", port)
	}
	if err != nil || host == "" || number == 0 {
		return fmt.Errorf("--definitions %s: write HOST:PORT, as %s", address, defaultDefinitions)
	}
	return nil
}

// brain returns an address, or where it is empty that of BRAIN_HOST and BRAIN_PORT.
func brain(address string) string {
	host := os.Getenv("BRAIN_HOST")
	if address != "" || host == "" {
		return address
	}
	port := os.Getenv("BRAIN_PORT")
	if port == "" {
		port = "50051"
	}
	return net.JoinHostPort(host, port)
}

// adminClient calls the service Admin of one server.
type adminClient struct {
	avapv2pb.AdminClient
	address string
}

// with connects, calls a function, and says what to mend where the server
// refuses.
func (a *adminFlags) with(cmd *cobra.Command, call func(ctx context.Context, c *adminClient) error) error {
	address, err := a.server()
	if err != nil {
		return err
	}
	token, err := tokenOf("AVAP_ADMIN_TOKEN")
	if err != nil {
		return err
	}
	if token == "" {
		return errors.New("AVAP_ADMIN_TOKEN is not set: it is the administrator's token")
	}
	config, err := a.tls.client(nil)
	if err != nil {
		return err
	}
	conn, err := dialAdmin(address, config)
	if err != nil {
		return fmt.Errorf("--definitions %s: %w", address, err)
	}
	defer conn.Close()
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	ctx = metadata.AppendToOutgoingContext(ctx, "x-avap-auth", token)
	return explain(call(ctx, &adminClient{avapv2pb.NewAdminClient(conn), address}), address, config != nil)
}

// maxAnswer bounds a message of the server.
const maxAnswer = 64 << 20

func dialAdmin(address string, config *tls.Config) (*grpc.ClientConn, error) {
	creds := insecure.NewCredentials()
	if config != nil {
		creds = credentials.NewTLS(config)
	}
	return grpc.NewClient("dns:///"+address, grpc.WithTransportCredentials(creds), grpc.WithNoProxy(),
		grpc.WithUserAgent("avap/"+version), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)))
}

// explain makes the error of a call one for whoever sits at the command line.
func explain(err error, address string, secure bool) error {
	s, ok := status.FromError(err)
	if err == nil || !ok {
		return err
	}
	switch s.Code() {
	case codes.Unavailable:
		err := unavailable(s.Message(), address, secure)
		if broke(s.Message()) {
			err = fmt.Errorf("%w: avap catalog audit tells whether a change was made", err)
		}
		return err
	case codes.Unauthenticated:
		return errors.New("the server does not know the token: see AVAP_ADMIN_TOKEN and the server's --admin-tokens")
	case codes.Unimplemented:
		return fmt.Errorf("the server at %s has no administrators: start it with --admin-tokens or AVAP_ADMIN_TOKEN", address)
	case codes.Canceled:
		return errors.New("interrupted")
	case codes.Aborted:
		return fmt.Errorf("%s: run it again", s.Message())
	}
	return errors.New(s.Message())
}

// unavailable says why a server does not answer, and what to mend.
func unavailable(message, address string, secure bool) error {
	switch {
	case broke(message):
		return fmt.Errorf("the connection with the definition server at %s broke (%s)", address, lastReason(message))
	case !connecting(message):
		return fmt.Errorf("the definition server: %s", message)
	}
	hint := "start one with avap definitions serve, or name it with --definitions HOST:PORT"
	if strings.Contains(message, "tls:") || strings.Contains(message, "x509:") || strings.Contains(message, "handshake") {
		hint = "see --tls-ca, --tls-cert and --tls-key"
	} else if !secure && !strings.Contains(message, "refused") {
		hint = "does it want TLS? then name its CA with --tls-ca"
	} else if cutOff(message) {
		// A server that refuses a certificate may be faster than the reading of why.
		hint = "where this goes on it refuses this side's certificate: see --tls-ca, --tls-cert and --tls-key"
	}
	return fmt.Errorf("no answer of a definition server at %s (%s): %s", address, lastReason(message), hint)
}

// connecting reports whether a message is of the connection, and not the server's.
func connecting(message string) bool {
	return strings.Contains(message, "connection error") ||
		strings.Contains(message, "name resolver") || strings.Contains(message, "transport") || cutOff(message)
}

// broke tells whether a message is of a connection on which the server had answered.
func broke(message string) bool { return strings.Contains(message, "error reading from server") }

// cutOff tells whether a message is of a connection that the other side ended.
func cutOff(message string) bool {
	message = strings.TrimSuffix(message, `"`) // of what gRPC quotes
	return strings.HasSuffix(message, ": broken pipe") || strings.HasSuffix(message, ": connection reset by peer")
}

// lastReason returns the part of a chain of errors that says what happened.
func lastReason(message string) string {
	message, _, _ = strings.Cut(strings.Trim(message, `"`), " (possibly because of ") // x509's guesses
	if i := strings.LastIndex(message, ": "); i >= 0 {
		message = message[i+2:]
	}
	return strings.Trim(message, `"`)
}

// printJSON prints a value on one line.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// kindFlag says which kind a name is of.
type kindFlag struct{ name string }

func (k *kindFlag) register(fs *pflag.FlagSet, usage string) {
	fs.StringVar(&k.name, "kind", "", usage)
}

func (k *kindFlag) kind() (avapv2pb.Kind, error) {
	switch k.name {
	case "":
		return avapv2pb.Kind_KIND_UNSPECIFIED, nil
	case "command":
		return avapv2pb.Kind_KIND_COMMAND, nil
	case "script":
		return avapv2pb.Kind_KIND_SCRIPT, nil
	}
	return 0, fmt.Errorf("--kind %s: write command or script", k.name)
}

// unitName returns the unit of an argument.
func (k *kindFlag) unitName(name string) (*avapv2pb.UnitName, error) {
	kind, err := k.kind()
	return &avapv2pb.UnitName{Kind: kind, Name: name}, err
}

// kindName is a kind in words; it takes those of the protocol and of bytecode,
// which have the same numbers.
func kindName[K ~int32 | ~uint8](k K) string {
	switch avapv2pb.Kind(k) {
	case avapv2pb.Kind_KIND_COMMAND:
		return "command"
	case avapv2pb.Kind_KIND_SCRIPT:
		return "script"
	}
	return ""
}

// changeName is what became of a unit, in words.
func changeName(change int32) string {
	name, ok := avapv2pb.Outcome_Change_name[change]
	if !ok {
		return "changed"
	}
	return strings.ToLower(strings.TrimPrefix(name, "CHANGE_"))
}
