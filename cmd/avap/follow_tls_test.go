// This file tests TLS between a worker and its definition server, and what the
// worker says where the two do not fit together.

package main

import (
	"regexp"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestServeOverTLS follows a server over mutual TLS.
func TestServeOverTLS(t *testing.T) {
	t.Parallel()
	h := newHalves(t)
	other := t.TempDir()
	for _, dir := range []string{h.dir, other} {
		if err := makeCertificates(dir); err != nil {
			t.Fatal(err)
		}
	}
	h.serve(t, "--tls-cert", "server.crt", "--tls-key", "server.key", "--tls-ca", "ca.crt")
	const see = "see --tls-ca, --tls-cert and --tls-key"
	// A server that refuses a certificate may close the connection before the worker reads why.
	refused := func(reason string) string {
		return `\((` + reason + `\): |(broken pipe|connection reset by peer)\): where this goes on it refuses this side's certificate: )` + see
	}
	client := []string{"--tls-cert", "client.crt", "--tls-key", "client.key"}
	for name, c := range map[string]struct {
		args []string
		why  string // the worker has no catalog, as a pattern; empty where it has one
	}{
		"both certificates":         {append(client, "--tls-ca", "ca.crt"), ""},
		"none of the worker":        {[]string{"--tls-ca", "ca.crt"}, refused("certificate required")},
		"the worker's of others":    {[]string{"--tls-ca", "ca.crt", "--tls-cert", other + "/client.crt", "--tls-key", other + "/client.key"}, refused("unknown certificate authority")},
		"the server's of others":    {append(client, "--tls-ca", other+"/ca.crt"), `\(certificate signed by unknown authority\): ` + see},
		"the server's not of here":  {append(client, "--tls-ca", "system"), `\(certificate signed by unknown authority\): ` + see},
		"in plain text, which ends": {nil, `does it want TLS\? then name its CA with --tls-ca`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkFollows(t, h, h.env, c.args, c.why)
		})
	}
}

// TestServeInPlainText follows a server without TLS, if it may.
func TestServeInPlainText(t *testing.T) {
	t.Parallel()
	h := newHalves(t)
	h.serve(t)
	for name, c := range map[string]struct {
		token string
		args  []string
		why   string
	}{
		"right":          {"workers", nil, ""},
		"wrong token":    {"administrators", nil, "the definition server does not know the token: API_KEY must be the same on both sides"},
		"TLS for it":     {"workers", []string{"--tls-ca", "system"}, `\(first record does not look like a TLS handshake\): see --tls-ca, --tls-cert and --tls-key`},
		"another server": {"workers", []string{"--definitions", "127.0.0.1:1"}, `no answer of a definition server at 127\.0\.0\.1:1 \(connection refused\): start one with avap definitions serve, or name it with --definitions HOST:PORT`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkFollows(t, h, environment("API_KEY="+c.token), c.args, c.why)
		})
	}
}

// checkFollows starts a worker that has a catalog, or says why it has none: on
// the admin port and in its log. The reason is a pattern.
func checkFollows(t *testing.T, h *halves, env, args []string, why string) {
	t.Helper()
	w := startServe(t, h.dir, env, h.workerArgs(append(args, "--snapshot", "none")...)...)
	if why == "" {
		until(t, "the worker has the catalog", func() bool { return w.ready(t) })
		return
	}
	until(t, "the worker says why it has no catalog", func() bool { return w.catalog(t).Failures > 0 })
	if got := w.reason(t); !got.is(503, `"message":"no catalog yet; `) || !regexp.MustCompile(why).MatchString(got.body) {
		t.Errorf("%v, want %s", got, why)
	}
	// It counts a failure before it logs it.
	until(t, "the log says "+why, func() bool { return regexp.MustCompile(why).MatchString(w.stderr.String()) })
}

// TestUnavailable makes what gRPC says of a server one that says what to mend.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	const refuses = "where this goes on it refuses this side's certificate: see --tls-ca, --tls-cert and --tls-key"
	for _, c := range []struct {
		message string
		secure  bool
		want    string
	}{
		{"write tcp 10.0.0.1:4242->10.0.0.2:50051: write: broken pipe", true, "no answer of a definition server at brain:50051 (broken pipe): " + refuses},
		{"read tcp 10.0.0.1:4242->10.0.0.2:50051: read: connection reset by peer", true, "no answer of a definition server at brain:50051 (connection reset by peer): " + refuses},
		{`connection error: desc = "error reading server preface: read tcp 10.0.0.1:4242->10.0.0.2:50051: read: connection reset by peer"`, true, "no answer of a definition server at brain:50051 (connection reset by peer): " + refuses},
		{"write tcp 10.0.0.1:4242->10.0.0.2:50051: write: broken pipe", false, "no answer of a definition server at brain:50051 (broken pipe): does it want TLS? then name its CA with --tls-ca"},
		{`connection error: desc = "transport: authentication handshake failed: remote error: tls: expired certificate"`, true, "no answer of a definition server at brain:50051 (expired certificate): see --tls-ca, --tls-cert and --tls-key"},
		{`connection error: desc = "error reading server preface: EOF"`, false, "no answer of a definition server at brain:50051 (EOF): does it want TLS? then name its CA with --tls-ca"},
		{"error reading from server: EOF", false, "the connection with the definition server at brain:50051 broke (EOF)"},
		{"error reading from server: read tcp 10.0.0.1:4242->10.0.0.2:50051: read: connection reset by peer", true, "the connection with the definition server at brain:50051 broke (connection reset by peer)"},
		{"the server stops", true, "the definition server: the server stops"},
	} {
		if got := unavailable(c.message, "brain:50051", c.secure).Error(); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.message, got, c.want)
		}
	}
}

// TestServerDies has an administrator find out whether a change was made, where the server
// died under it, and a worker not look for certificates.
func TestServerDies(t *testing.T) {
	t.Parallel()
	dies := status.Error(codes.Unavailable, "error reading from server: EOF")
	const want = "the connection with the definition server at brain:50051 broke (EOF): avap catalog audit tells whether a change was made"
	if got := explain(dies, "brain:50051", false).Error(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	h := newHalves(t)
	h.serve(t)
	w := h.worker(t)
	until(t, "the worker has the catalog", func() bool { return w.ready(t) })
	h.kill()
	if _, err := w.await(&w.stderr, `"error":"the connection with the definition server at [^ ]+ broke \([^)]*\)"`); err != nil {
		t.Error(err)
	}
}
