// This file holds the worker's side of a definition server: its flags, and the
// catalog that it gives executions.

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/spf13/pflag"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/command"
	"github.com/avap-framework/avap/worker"
	"github.com/avap-framework/avap/worker/replica"
	"github.com/avap-framework/avap/worker/telemetry"
)

// followFlags say which definition server a worker follows.
type followFlags struct {
	address  string
	snapshot string
	expired  string
	tls      tlsFlags
	token    string // API_KEY, or that of a server in this process
}

func (f *followFlags) register(fs *pflag.FlagSet, dev bool) {
	without, snapshot := "none", "avap-catalog.snapshot"
	if dev {
		without, snapshot = "one in this process", "none"
	}
	fs.StringVar(&f.address, "definitions", "", "the definition server, HOST:PORT (default BRAIN_HOST:BRAIN_PORT, else "+without+")")
	fs.StringVar(&f.snapshot, "snapshot", snapshot, "where the signed catalog is kept; none for nowhere")
	fs.StringVar(&f.expired, "catalog-expired", "", "with a catalog that has expired: serve, also start with it, or stop (default: serve on, but do not start)")
	f.tls.register(fs, "the definition server's CA in PEM, or system for those of this machine")
}

// resolve takes over what the environment says.
func (f *followFlags) resolve() error {
	f.address = brain(f.address)
	if f.snapshot == "none" {
		f.snapshot = ""
	}
	if f.address != "" {
		if err := checkServer(f.address); err != nil {
			return err
		}
		var err error
		if f.token, err = tokenOf("API_KEY"); err != nil {
			return err
		}
		if f.token == "" {
			return errors.New("API_KEY is not set: it is the token of the definition server")
		}
	}
	// What is wrong without a server too is found before there is one.
	switch replica.Expired(f.expired) {
	case replica.ExpiredDefault, replica.ExpiredServe, replica.ExpiredStop:
	default:
		return fmt.Errorf("--catalog-expired=%s: write serve or stop", f.expired)
	}
	if _, err := f.tls.client(nil); err != nil {
		return err
	}
	if f.address == "" {
		return nil
	}
	return checkSnapshot(f.snapshot)
}

// checkSnapshot refuses a name that cannot be a snapshot's. A snapshot that does not
// verify is moved away, which must not happen to a folder that was named by mistake.
func checkSnapshot(name string) error {
	if name == "" {
		return nil
	}
	if folder, err := os.Stat(filepath.Dir(name)); err != nil || !folder.IsDir() {
		return fmt.Errorf("--snapshot %s: there is no such folder: make it first", name)
	}
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("--snapshot %s: not a regular file", name)
	}
	var file *os.File
	if err == nil {
		file, err = os.Open(name)
	}
	if err != nil {
		return fmt.Errorf("--snapshot: %w", err)
	}
	return file.Close()
}

// follower follows a definition server. It is safe for concurrent use.
type follower struct {
	*replica.Client
	engine  *avap.Engine
	current atomic.Pointer[followed]
}

// followed is a revision as executions see it.
type followed struct {
	revision *catalog.Revision
	catalog  *worker.Catalog
}

// open makes a follower, which starts from the snapshot where there is one.
func (f *followFlags) open(opt *worker.Options, host avap.Host, cacheBytes bytesValue, log *slog.Logger) (*follower, error) {
	tls, err := f.tls.client(log)
	if err != nil {
		return nil, err
	}
	name, _ := os.Hostname()
	client, err := replica.New(replica.Options{
		Address: f.address, Token: f.token, TLS: tls, Worker: name,
		Snapshot: f.snapshot, Expired: replica.Expired(f.expired), Log: log, Explain: f.explain,
		Catalog: catalog.ReplicaOptions{
			Keys: opt.Keys, Stock: command.Signature, Natives: command.Natives(host), Word: command.IsWord, CacheBytes: int(cacheBytes),
		},
	})
	if err != nil {
		return nil, err
	}
	engine, err := avap.New(avap.Options{Limits: opt.Limits})
	if err != nil {
		return nil, err
	}
	return &follower{Client: client, engine: engine}, nil
}

// explain makes an error of following the server one that says what to mend.
func (f *followFlags) explain(err error) error {
	s, ok := status.FromError(err)
	if !ok {
		return err
	}
	switch s.Code() {
	case codes.Unavailable:
		return unavailable(s.Message(), f.address, f.tls != (tlsFlags{}))
	case codes.Unauthenticated:
		return errors.New("the definition server does not know the token: API_KEY must be the same on both sides")
	}
	return err
}

// catalog returns the catalog in force, nil where there is none.
func (f *follower) catalog() *worker.Catalog {
	v := f.Current()
	if v == nil {
		return nil
	}
	c := f.current.Load()
	if c == nil || c.revision != v {
		c = &followed{v, worker.NewCatalog(f.engine, v, v.Script)}
		f.current.Store(c)
	}
	return c.catalog
}

// telemetry returns the state of the catalog, for metrics.
func (f *follower) telemetry() telemetry.Catalog {
	st := f.Status()
	return telemetry.Catalog{
		Revision: st.Revision, Issued: st.Issued, Expires: st.Expires, LastError: st.LastErrorAt,
		Connected: st.Connected, Units: st.Units, Unusable: st.Unusable,
	}
}

// debugCatalog is what /debug/catalog shows.
func (s *service) debugCatalog() any {
	programs := s.CacheStats()
	shown := struct {
		Source   string             `json:"source"`
		Catalog  *replica.Status    `json:"catalog,omitempty"`
		Unusable []catalog.Unusable `json:"unusable"`
		Programs map[string]any     `json:"programs"`
	}{Source: "stock commands", Unusable: []catalog.Unusable{}, Programs: map[string]any{
		"entries": programs.Entries, "bytes": programs.Bytes, "limit": programs.Limit,
		"hits": programs.Hits, "misses": programs.Misses, "evictions": programs.Evictions,
		"declined": programs.Declined,
	}}
	if s.follower != nil {
		st := s.follower.Status()
		shown.Source, shown.Catalog = s.flags.follow.address, &st
		shown.Unusable = append(shown.Unusable, s.follower.Unusable()...)
	}
	return shown
}
