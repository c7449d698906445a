// This file tests certificates whose files change while they are in use.

package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCertificateRenewed replaces and removes the files of a certificate: what cannot be
// used changes nothing and is logged once, what can is taken.
func TestCertificateRenewed(t *testing.T) {
	t.Parallel()
	dir, renewed := t.TempDir(), t.TempDir()
	for _, folder := range []string{dir, renewed} {
		if err := makeCertificates(folder); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	c, err := newCertificate(filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key"), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	serves := func() string {
		t.Helper()
		for range 2 { // handshakes
			if _, err := c.get(); err != nil {
				t.Fatal(err)
			}
		}
		pair, err := c.get()
		if err != nil {
			t.Fatal(err)
		}
		return string(pair.Certificate[0])
	}
	replace := func(name string, written time.Time) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(renewed, name))
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, written, written); err != nil {
			t.Fatal(err)
		}
	}
	first := serves()
	replace("server.crt", time.Now().Add(time.Hour)) // the key does not fit yet
	if serves() != first {
		t.Error("the certificate changed without its key")
	}
	if got := strings.Count(log.String(), "\n"); got != 1 || !strings.Contains(log.String(), "the certificate is as it was") || !strings.Contains(log.String(), "private key does not match") {
		t.Errorf("%d lines in the log:\n%s", got, log.String())
	}
	replace("server.key", time.Now().Add(time.Hour))
	if serves() == first {
		t.Error("the renewed certificate is not taken")
	}
	if got := strings.Count(log.String(), "\n"); got != 1 {
		t.Errorf("%d lines in the log:\n%s", got, log.String())
	}
	// Files that are gone are told of too, and again once they have been there.
	second, written := serves(), time.Now()
	for n := range 3 {
		for _, name := range []string{"server.crt", "server.key"} {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		if serves() != second {
			t.Error("the certificate went with its files")
		}
		if got := strings.Count(log.String(), "no such file"); got != n+1 {
			t.Errorf("gone %d times, %d lines in the log:\n%s", n+1, got, log.String())
		}
		replace("server.crt", written)
		replace("server.key", written)
		if serves() != second {
			t.Error("the certificate is another")
		}
	}
}
