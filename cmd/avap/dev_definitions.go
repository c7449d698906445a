// This file holds the definition server of `avap dev`: in the same process, on an
// embedded database.

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/definitions"
	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/worker/telemetry"
)

// devDefinitions is the definition server of a developer's process.
type devDefinitions struct {
	listener  net.Listener
	keys      string // the keyring's file
	token     string // of workers
	tokenFile string // with the token of the administrator
	server    *definitions.Server
	store     store.Store
	served    chan error
}

// openDefinitions starts the definition server in the data folder, and publishes
// definitions there.
func (o *devOptions) openDefinitions(cmd *cobra.Command, sources []avap.Source) (*devDefinitions, error) {
	if err := os.MkdirAll(o.data, 0o700); err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	keys := o.worker.keys.file
	if keys == "" {
		keys = filepath.Join(o.data, "keys.json")
	}
	d := &devDefinitions{
		keys: keys, tokenFile: filepath.Join(o.data, "admin-token"),
		token: rand.Text(), served: make(chan error, 1),
	}
	if err := d.open(cmd, o, sources); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *devDefinitions) open(cmd *cobra.Command, o *devOptions, sources []avap.Source) error {
	level, err := telemetry.ParseLevel(o.worker.logLevel)
	if err != nil {
		return fmt.Errorf("--log-level: %w", err)
	}
	opt := definitions.Options{
		Token: d.token, ManifestLifetime: 24 * time.Hour,
		Log: slog.New(telemetry.NewLogHandler(os.Stderr, max(level, slog.LevelWarn))),
	}
	if opt.Keys, err = d.openKeys(o.worker.keys.file != ""); err != nil {
		return err
	}
	admin, err := d.adminToken()
	if err != nil {
		return err
	}
	opt.AdminTokens = map[string]string{"admin": admin}
	if d.store, err = store.Open(cmd.Context(), "sqlite:"+filepath.Join(o.data, "avap.db"), store.Options{}); err != nil {
		return err
	}
	opt.Store = d.store
	if d.server, err = definitions.New(cmd.Context(), opt); err != nil {
		return err
	}
	if err := d.publish(cmd, sources); err != nil {
		return err
	}
	if d.listener, err = listenFree(cmd, "definitions-listen", o.definitions); err != nil {
		return err
	}
	go func() { d.served <- d.server.Serve(d.listener) }()
	return nil
}

// publishing says how to publish.
func (d *devDefinitions) publishing() string {
	return strings.NewReplacer("{token}", d.tokenFile, "{definitions}", d.listener.Addr().String()).Replace(
		`Publish a command or a script of your own:

  AVAP_ADMIN_TOKEN=$(cat {token}) avap catalog publish FILE --definitions {definitions}

`)
}

// openKeys opens the keyring, which the first start makes unless it was given.
func (d *devDefinitions) openKeys(given bool) (*seal.Keyring, error) {
	if _, err := os.Stat(d.keys); errors.Is(err, fs.ErrNotExist) && !given {
		var keys []*seal.Key
		for _, use := range seal.Uses {
			k, err := seal.GenerateKey(use, "dev", time.Time{}, time.Time{})
			if err != nil {
				return nil, err
			}
			keys = append(keys, k)
		}
		if err := writeWhole(d.keys, seal.AppendKeys(nil, keys), 0o600); err != nil {
			return nil, err
		}
	}
	return seal.OpenKeyring(seal.KeyringOptions{File: d.keys})
}

// adminToken returns the administrator's token: that of AVAP_ADMIN_TOKEN, else the
// folder's own, which the first start makes.
func (d *devDefinitions) adminToken() (string, error) {
	given, err := tokenOf("AVAP_ADMIN_TOKEN")
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(d.tokenFile)
	token := string(bytes.TrimSpace(text))
	if given != "" && given != token {
		token, err = given, fs.ErrNotExist
	}
	if errors.Is(err, fs.ErrNotExist) {
		if token == "" {
			token = rand.Text()
		}
		return token, writeWhole(d.tokenFile, []byte(token+"\n"), 0o600)
	}
	return token, err
}

// publish publishes the definitions of --define. It reports mistakes itself, as errFailed.
func (d *devDefinitions) publish(cmd *cobra.Command, sources []avap.Source) error {
	if len(sources) == 0 {
		return nil
	}
	all := make([]definitions.Source, len(sources))
	for i, s := range sources {
		all[i] = definitions.Source{Kind: bytecode.KindCommand, Name: s.Name, Text: s.Text}
	}
	result, err := d.server.Publisher().Publish(cmd.Context(), all, definitions.Order{Author: "dev", Comment: "--define"})
	if err != nil {
		return err
	}
	if result.Revision != 0 {
		return nil
	}
	for _, m := range result.Diagnostics {
		name := "definitions"
		if m.Source >= 0 {
			name = sources[m.Source].Name
		}
		if m.Severity == definitions.SeverityError {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s:%d:%d: %s\n", name, m.Pos.Line, m.Pos.Col, m.Msg)
		}
	}
	return errFailed{}
}

// close ends the server.
func (d *devDefinitions) close() {
	if d.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		d.server.Close(ctx)
	}
	if d.listener != nil {
		<-d.served
	}
	if d.store != nil {
		d.store.Close()
	}
}
