// This file holds what the scripts about definition servers need: a server in a
// process of its own, a database, certificates.

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite"

	"github.com/avap-framework/avap/internal/pgtest"
)

// definitionsCommands are the commands that scripts have beside their own:
//
//	serve ARG…             starts avap definitions serve on a free port, and has
//	                       AVAP_DEFINITIONS name it
//	stop                   ends the newest server as an operator does: it must end
//	                       well
//	kill                   ends it without a word
//	waitfor PATTERN ARG…   runs a program again until it prints the pattern
//	sqlite DATABASE FILE   runs the SQL of a file
//	certificates           makes ca.crt, and server and client .crt and .key
var definitionsCommands = map[string]func(*testscript.TestScript, bool, []string){
	"serve":        func(ts *testscript.TestScript, _ bool, args []string) { serversOf(ts).start(ts, args) },
	"stop":         func(ts *testscript.TestScript, _ bool, _ []string) { serversOf(ts).stop(ts) },
	"kill":         func(ts *testscript.TestScript, _ bool, _ []string) { serversOf(ts).kill() },
	"waitfor":      waitFor,
	"sqlite":       runSQL,
	"certificates": func(ts *testscript.TestScript, _ bool, _ []string) { ts.Check(makeCertificates(ts.Getenv("WORK"))) },
}

// definitionsServers are the servers of a script that run, the newest last.
type definitionsServers struct{ running []*process }

type serversKey struct{}

// setupServers gives a script its servers: none yet.
func setupServers(env *testscript.Env) error {
	all := &definitionsServers{}
	env.Values[serversKey{}] = all
	env.Defer(func() {
		for len(all.running) > 0 {
			all.kill()
		}
	})
	return nil
}

func serversOf(ts *testscript.TestScript) *definitionsServers {
	return ts.Value(serversKey{}).(*definitionsServers)
}

func (all *definitionsServers) start(ts *testscript.TestScript, args []string) {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "API_KEY", "AVAP_ADMIN_TOKEN", "DATABASE_URL"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	s, addr, err := startDefinitions(ts.Getenv("WORK"), env, args...)
	ts.Check(err)
	all.running = append(all.running, s)
	ts.Setenv("AVAP_DEFINITIONS", addr)
}

// startDefinitions starts a server on a free port, and waits until it serves.
func startDefinitions(dir string, env []string, args ...string) (p *process, addr string, err error) {
	path, err := exec.LookPath("avap")
	if err != nil {
		return nil, "", err
	}
	p, err = startProcess(path, dir, env, append([]string{"definitions", "serve", "--listen", "127.0.0.1:0"}, args...)...)
	if err != nil {
		return nil, "", err
	}
	greeting, err := p.await(&p.stdout, `^avap definitions listens on (.*)\n`)
	if err != nil {
		p.kill()
		return nil, "", err
	}
	return p, greeting[1], nil
}

func (all *definitionsServers) newest() *process {
	s := all.running[len(all.running)-1]
	all.running = all.running[:len(all.running)-1]
	return s
}

func (all *definitionsServers) stop(ts *testscript.TestScript) {
	ts.Check(all.newest().end(context.Background()))
}

func (all *definitionsServers) kill() { all.newest().kill() }

func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: waitfor PATTERN program arg…")
	}
	pattern := regexp.MustCompile(args[0])
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := ts.Exec(args[1], args[2:]...)
		if printed := ts.ReadFile("stdout"); pattern.MatchString(printed) {
			return
		} else if time.Now().After(end) {
			ts.Fatalf("%v: never printed %s, but %s", err, pattern, printed)
		}
	}
}

func runSQL(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: sqlite DATABASE FILE")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	_, err = db.Exec(ts.ReadFile(args[1]))
	ts.Check(err)
}

// makeCertificates makes a CA in a folder, and two certificates of it that are good
// for both sides.
func makeCertificates(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	err = writeCertificate(filepath.Join(dir, "ca"), ca, ca, key, key)
	for i, name := range []string{"server", "client"} {
		own, e := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if e != nil {
			return e
		}
		err = errors.Join(err, writeCertificate(filepath.Join(dir, name), &x509.Certificate{
			SerialNumber: big.NewInt(int64(2 + i)), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}, ca, own, key))
	}
	return err
}

func writeCertificate(name string, c, ca *x509.Certificate, own, key *ecdsa.PrivateKey) error {
	der, err := x509.CreateCertificate(rand.Reader, c, ca, own.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(name+".crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
	)
}

// TestScriptsOnPostgres runs the command lines that want a PostgreSQL.
func TestScriptsOnPostgres(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/postgres",
		Cmds: scriptCommands(),
		Setup: func(env *testscript.Env) error {
			env.Setenv("DATABASE_URL", url)
			return setupServers(env)
		},
	})
}
