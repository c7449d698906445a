// This file holds the flags of TLS, on both sides of the definition server's
// protocol.

package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/spf13/pflag"
)

// tlsFlags name a certificate with its key, and whom to trust.
type tlsFlags struct{ cert, key, ca string }

func (f *tlsFlags) register(fs *pflag.FlagSet, ca string) {
	fs.StringVar(&f.cert, "tls-cert", "", "this side's certificate with those above it, in PEM")
	fs.StringVar(&f.key, "tls-key", "", "the certificate's key, in PEM")
	fs.StringVar(&f.ca, "tls-ca", "", ca)
}

// server gives the server's side: nil without a certificate. Where there is a CA
// clients must show a certificate of it. The log is told of files that cannot be read
// again.
func (f *tlsFlags) server(log *slog.Logger) (*tls.Config, error) {
	if *f == (tlsFlags{}) {
		return nil, nil
	}
	if f.cert == "" || f.key == "" {
		return nil, errors.New("a server's TLS needs both --tls-cert and --tls-key")
	}
	pair, err := newCertificate(f.cert, f.key, log)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return pair.get() },
	}
	if f.ca != "" {
		if config.ClientCAs, err = readCA(f.ca); err != nil {
			return nil, err
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return config, nil
}

// client gives the client's side: nil where no flag is given. The log, which may be
// nil, is told of files that cannot be read again.
func (f *tlsFlags) client(log *slog.Logger) (*tls.Config, error) {
	if *f == (tlsFlags{}) {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.ca != "" && f.ca != "system" {
		roots, err := readCA(f.ca)
		if err != nil {
			return nil, err
		}
		config.RootCAs = roots
	}
	if (f.cert == "") != (f.key == "") {
		return nil, errors.New("--tls-cert and --tls-key go together")
	}
	if f.cert != "" {
		pair, err := newCertificate(f.cert, f.key, log)
		if err != nil {
			return nil, err
		}
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair.get() }
	}
	return config, nil
}

func readCA(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--tls-ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("--tls-ca %s: there is no certificate in PEM", file)
	}
	return pool, nil
}

// certificate is a pair of files that are read again once they have changed, so
// that a certificate is renewed without a restart.
type certificate struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex
	pair    *tls.Certificate
	read    [2]time.Time // when the files of pair had been written
	refused [2]time.Time // when those had been that were told of since, if any; else read
}

func newCertificate(cert, key string, log *slog.Logger) (*certificate, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &certificate{cert: cert, key: key, log: log}
	_, err := c.get()
	return c, err
}

// get gives the pair as of now. Files that do not fit together, because one of
// them is about to be replaced, leave the pair as it was, and are told of once.
func (c *certificate) get() (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var written [2]time.Time
	for i, file := range []string{c.cert, c.key} {
		if info, err := os.Stat(file); err == nil {
			written[i] = info.ModTime()
		}
	}
	if c.pair != nil && written == c.read {
		c.refused = written
		return c.pair, nil
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err == nil {
		c.pair, c.read, c.refused = &pair, written, written
	}
	if c.pair == nil {
		return nil, fmt.Errorf("--tls-cert %s --tls-key %s: %w", c.cert, c.key, err)
	}
	if err != nil && written != c.refused {
		c.refused = written
		c.log.Warn("the certificate is as it was", "cert", c.cert, "key", c.key, "error", err)
	}
	return c.pair, nil
}
