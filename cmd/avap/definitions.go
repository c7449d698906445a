// This file holds `avap definitions serve`.

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/avap-framework/avap/definitions"
	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/seal"
)

func definitionsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "definitions",
		Short: "Serve the catalog of commands and scripts to workers",
		Long: `The definition server keeps what commands and stored scripts mean: versioned,
compiled and signed. Workers learn it when they start and with each change, and go
on when the server is away. Administrators change it with avap catalog.

A flag's environment variable begins with AVAP_DEFINITIONS_: --min-revision is
AVAP_DEFINITIONS_MIN_REVISION.`,
		Example: `  avap definitions serve --keys avap-keys.json
  avap definitions import --from sqlite:old.db --keys avap-keys.json`,
		Args: onlySubcommands,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(definitionsServeCommand(), definitionsImportCommand())
	return cmd
}

// onlySubcommands is for commands that do nothing themselves: it refuses any argument, which
// would have been one of their subcommands if there were such a one.
func onlySubcommands(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("there is no command %s %s: see %[1]s --help", cmd.CommandPath(), args[0])
	}
	return nil
}

// storeFlags name the store.
type storeFlags struct{ url string }

const defaultStore = "sqlite:avap.db"

func (s *storeFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&s.url, "store", "", "the database: sqlite:FILE or postgres://… without a password (default DATABASE_URL, else "+defaultStore+")")
}

// open opens the store of the flag, or of DATABASE_URL.
func (s *storeFlags) open(ctx context.Context) (store.Store, error) {
	url, err := databaseURL("store", s.url, defaultStore)
	if err != nil {
		return nil, err
	}
	return store.Open(ctx, url, store.Options{})
}

// databaseURL returns the URL of a flag, else of DATABASE_URL, which may hold a
// password, else another one.
func databaseURL(flag, value, otherwise string) (string, error) {
	if value != "" {
		if err := store.CheckFlag(value); err != nil {
			return "", fmt.Errorf("--%s: %w", flag, err)
		}
		return value, nil
	}
	if value = os.Getenv("DATABASE_URL"); value != "" {
		return value, nil
	}
	return otherwise, nil
}

// definitionsOptions are the flags of `avap definitions serve`.
type definitionsOptions struct {
	listen      string
	store       storeFlags
	keys        keyFlags
	tls         tlsFlags
	lifetime    time.Duration
	minRevision uint64
	adminTokens string
	reflection  bool
	drain       time.Duration
}

func definitionsServeCommand() *cobra.Command {
	var o definitionsOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the definition server",
		Long: `serve runs the definition server: gRPC for workers and administrators. The first
start publishes the stock catalog. With PostgreSQL several servers may share one
database; each learns at once what another one publishes.

API_KEY is the token that workers show. Administrators have tokens of their own, in
the file of --admin-tokens with a name and a token on each line; AVAP_ADMIN_TOKEN is
the token of "admin". Without TLS they are served on this machine alone.

After a restore from a backup, --min-revision N goes on above the revisions that
workers have seen: their /debug/catalog says which.`,
		Example: `  avap keygen && API_KEY=… AVAP_ADMIN_TOKEN=… avap definitions serve --keys avap-keys.json
  DATABASE_URL=postgres://avap:…@db/avap avap definitions serve --listen :50051 --keys keys.json \
      --admin-tokens admins --tls-cert tls.crt --tls-key tls.key --tls-ca workers-ca.crt`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	fs := cmd.Flags()
	fs.StringVar(&o.listen, "listen", ":50051", "where workers and administrators connect")
	o.store.register(fs)
	o.keys.register(fs)
	fs.DurationVar(&o.lifetime, "manifest-lifetime", 24*time.Hour, "how long workers may take a manifest for valid; it is renewed at half")
	fs.Uint64Var(&o.minRevision, "min-revision", 0, "go on above this revision")
	fs.StringVar(&o.adminTokens, "admin-tokens", "", "a file with a name and a token of an administrator on each line")
	fs.BoolVar(&o.reflection, "reflection", false, "let clients with the token ask for the services' descriptions")
	fs.DurationVar(&o.drain, "drain-timeout", 30*time.Second, "how long calls in progress may take to finish")
	o.tls.register(fs, "the CA of clients, in PEM: they must show a certificate of it")
	return cmd
}

// mostLifetime is a hundred years, which the times of a manifest can surely hold.
const mostLifetime = 876_000 * time.Hour

// keysInterval is how often the file of the keyring is looked at.
const keysInterval = time.Second

func (o *definitionsOptions) run(cmd *cobra.Command) error {
	outliveLogs()
	opt, err := o.options()
	if err != nil {
		return err
	}
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	if opt.Keys, err = o.keys.open(); err != nil {
		return err
	}
	for _, use := range []seal.Use{seal.UseCatalog, seal.UsePackage} {
		if _, err := opt.Keys.Signing(use); err != nil {
			return err
		}
	}
	db, err := o.store.open(ctx)
	if err != nil {
		return interrupted(ctx, err)
	}
	defer db.Close()
	opt.Store = db
	l, err := listen("--listen", o.listen, ":50051")
	if err != nil {
		return err
	}
	defer l.Close()
	server, err := definitions.New(ctx, opt)
	if err != nil {
		return interrupted(ctx, err)
	}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		opt.Keys.Watch(ctx, keysInterval, func(err error) { opt.Log.Error("the keyring cannot be read again", "error", err) })
	}()
	opt.Log.Info("serving", "listen", l.Addr().String(), "revision", server.Publisher().Revision(), "tls", opt.TLS != nil)
	fmt.Fprintf(cmd.OutOrStdout(), "avap definitions listens on %s\n", l.Addr())
	return o.serve(ctx, stop, server, l, watched)
}

// interrupted gives the error of a start, which after a signal comes of that alone.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("ended by a signal before it listened")
	}
	return err
}

// serve serves until ctx ends, then lets calls finish.
func (o *definitionsOptions) serve(ctx context.Context, stop func(), server *definitions.Server, l net.Listener, watched <-chan struct{}) error {
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-served:
		served <- nil
		stop()
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.drain)
	defer cancel()
	server.Close(drain)
	<-watched
	return errors.Join(err, <-served)
}

// options checks the flags and the environment.
func (o *definitionsOptions) options() (definitions.Options, error) {
	opt := definitions.Options{
		ManifestLifetime: o.lifetime, MinRevision: o.minRevision, Reflection: o.reflection,
		Log: slog.New(slog.NewJSONHandler(os.Stderr, nil)),
	}
	var err error
	if opt.Token, err = tokenOf("API_KEY"); err != nil {
		return opt, err
	}
	switch {
	case o.lifetime < time.Second:
		return opt, errors.New("--manifest-lifetime must be at least 1s")
	case o.lifetime > mostLifetime:
		return opt, fmt.Errorf("--manifest-lifetime must be at most %.0fh", mostLifetime.Hours())
	case o.drain < 0:
		return opt, errors.New("--drain-timeout must not be less than 0")
	case o.minRevision > 1<<62:
		return opt, fmt.Errorf("--min-revision must be at most %d", uint64(1<<62))
	case opt.Token == "":
		return opt, errors.New("API_KEY is not set: it is the token that workers show")
	}
	if opt.AdminTokens, err = readAdminTokens(o.adminTokens); err != nil {
		return opt, err
	}
	opt.TLS, err = o.tls.server(opt.Log)
	return opt, err
}

// readAdminTokens reads the file of --admin-tokens, if there is one, and the
// token of admin. No error quotes what the file holds.
func readAdminTokens(file string) (map[string]string, error) {
	tokens := map[string]string{}
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("--admin-tokens: %w", err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return nil, fmt.Errorf("--admin-tokens: %w", err)
		}
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			return nil, fmt.Errorf("--admin-tokens %s: mode %#o lets others at the tokens: chmod 600", file, mode)
		}
		if err := parseAdminTokens(f, tokens); err != nil {
			return nil, fmt.Errorf("--admin-tokens %s:%w", file, err)
		}
	}
	token, err := tokenOf("AVAP_ADMIN_TOKEN")
	if err != nil {
		return nil, err
	}
	if token != "" {
		if other, named := tokens["admin"]; named && other != token {
			return nil, fmt.Errorf("admin has one token in %s and another in AVAP_ADMIN_TOKEN: take one out", file)
		}
		tokens["admin"] = token
	}
	return tokens, nil
}

// parseAdminTokens reads lines of a name and a token; empty ones and those that
// begin with # are none.
func parseAdminTokens(r io.Reader, tokens map[string]string) error {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 2 {
			return fmt.Errorf("%d: a line is a name and a token", n)
		}
		if tokens[fields[0]] != "" {
			return fmt.Errorf("%d: %s stands twice", n, fields[0])
		}
		if !isToken(fields[1]) {
			return fmt.Errorf("%d: a token is of printable ASCII", n)
		}
		tokens[fields[0]] = fields[1]
	}
	return lines.Err()
}

// tokenOf returns the token that a variable of the environment holds; empty for none. It
// must be one that can be sent, which one with the line end of its file cannot.
func tokenOf(variable string) (string, error) {
	token := os.Getenv(variable)
	if !isToken(token) {
		return "", fmt.Errorf("%s: a token is of printable ASCII, without a line end", variable)
	}
	return token, nil
}

// isToken reports whether a text can be sent as a token.
func isToken(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}
