// This file holds the paths of whole requests, from a caller's write to its read: the
// worker and its caller share a process and a loopback connection.

package guard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/worker"
	"github.com/avap-framework/avap/worker/httpd"
	"github.com/avap-framework/avap/worker/telemetry"
)

// requestPaths are named request/… and system calls are counted for them.
var requestPaths = []Path{
	{"request/bare", 300, startBare},
	{"request/unsigned", 150, func(s *setup) (work, error) {
		return startRequest(s, request{script: handlerScript, want: http.StatusOK})
	}},
	{"request/signed", 100, func(s *setup) (work, error) {
		return startRequest(s, request{script: handlerScript, sign: true, want: http.StatusOK})
	}},
	{"request/compute", 30, func(s *setup) (work, error) {
		return startRequest(s, request{script: script("compute"), want: http.StatusOK})
	}},
	{"request/cold", 50, func(s *setup) (work, error) {
		return startRequest(s, request{script: "tag = " + unique + "\n" + handlerScript, want: http.StatusOK})
	}},
	{"request/once", 50, func(s *setup) (work, error) {
		const small = 64 << 10 // which a dozen scripts fill: none is kept that comes once
		return startRequest(s, request{script: "tag = " + unique + "\n" + handlerScript, cache: small, want: http.StatusOK})
	}},
	{"request/bad-signature", 150, func(s *setup) (work, error) {
		return startRequest(s, request{script: handlerScript, sign: true, tamper: true, want: http.StatusUnauthorized})
	}},
	{"request/syntax-error", 150, func(s *setup) (work, error) {
		return startRequest(s, request{script: "total = (1 + 2\naddResult(total)", want: http.StatusBadRequest})
	}},
}

// request is one request that is sent again and again.
type request struct {
	script       string // another one in each round where it holds unique
	sign, tamper bool
	cache        int // bytes; 0 for as many as a worker has by default
	want         int // the status
}

// unique stands in a script for a number that counts up.
const unique = "1000000000"

const target = "/api/v1/execute"

// startRequest starts a worker and connects to it.
func startRequest(s *setup, r request) (work, error) {
	engine, err := avap.New(avap.Options{})
	if err != nil {
		return work{}, err
	}
	key, keys, err := newKey(seal.UseRequest)
	if err != nil {
		return work{}, err
	}
	catalog := worker.NewCatalog(engine, nil, nil)
	w := worker.New(worker.Options{
		Catalog:  func() *worker.Catalog { return catalog },
		Keys:     keys,
		Verifier: seal.NewVerifier(keys, seal.VerifierOptions{}),
		Unsigned: true, CacheBytes: r.cache,
		Metrics: telemetry.NewMetrics(telemetry.Options{}),
	})
	message, err := r.message(key)
	if err != nil {
		return work{}, err
	}
	c, err := connect(s, w.Serve, func(ctx context.Context) error { return w.Drain(ctx, 0, time.Second) })
	if err != nil {
		return work{}, err
	}
	number := bytes.Index(message, []byte(unique))
	return work{round: func() error {
		if number >= 0 {
			countUp(message[number : number+len(unique)])
		}
		return c.ask(message, r.want)
	}}, nil
}

// message returns the request's bytes.
func (r request) message(key *seal.Key) ([]byte, error) {
	body, err := json.Marshal(map[string]any{"script": r.script, "limit": 42, "rounds": 1000})
	if err != nil {
		return nil, err
	}
	var signature string
	if r.sign {
		value, err := seal.Sign(key, seal.Request{Method: http.MethodPost, Target: target, Body: body, Time: time.Now()})
		if err != nil {
			return nil, err
		}
		signature = seal.HeaderName + ": " + value + "\r\n"
	}
	if r.tamper {
		body = bytes.Replace(body, []byte("42"), []byte("43"), 1)
	}
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s",
		target, signature, len(body), body), nil
}

// countUp adds one to a number in decimal digits.
func countUp(digits []byte) {
	for i := len(digits) - 1; ; i-- {
		if digits[i] < '9' {
			digits[i]++
			return
		}
		digits[i] = '0'
	}
}

// startBare starts an HTTP server that answers with a few bytes: what is left is the
// connection's loop.
func startBare(s *setup) (work, error) {
	server := httpd.New(httpd.Options{Handler: plain{}})
	serve := func(l net.Listener) error {
		if err := server.Serve(l); !errors.Is(err, httpd.ErrClosed) {
			return err
		}
		return nil
	}
	c, err := connect(s, serve, server.Shutdown)
	if err != nil {
		return work{}, err
	}
	message := []byte("POST " + target + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
	return work{round: func() error { return c.ask(message, http.StatusOK) }}, nil
}

// plain answers each request with the same few bytes.
type plain struct{}

func (plain) Head(*httpd.Request) bool { return true }

func (plain) Serve(r *httpd.Request) {
	r.Answer(http.StatusOK, append(r.Buffer(), `{"success":true}`...))
}

func (plain) Refuse(r *httpd.Request, _ httpd.Problem) {
	r.Answer(http.StatusBadRequest, r.Buffer())
}

func (plain) Done(*httpd.Request) {}

// client is a caller with one connection. It calls readv and writev, so that each
// read and write in a list of system calls is the server's.
type client struct {
	raw          syscall.RawConn
	sent, answer [1][]byte
	n            int
	err          error
	write, read  func(fd uintptr) (done bool) // made once, not for each request
}

// connect serves until the path ends, and connects to it.
func connect(s *setup, serve func(net.Listener) error, stop func(context.Context) error) (*client, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- serve(l) }()
	s.atEnd(func() error { return errors.Join(stop(s.ctx), <-ended) })
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return nil, err
	}
	s.atEnd(conn.Close)
	c := &client{answer: [1][]byte{make([]byte, 4<<10)}}
	c.raw, err = conn.(*net.TCPConn).SyscallConn()
	c.write = func(fd uintptr) bool {
		c.n, c.err = unix.Writev(int(fd), c.sent[:])
		return c.err != unix.EAGAIN
	}
	c.read = func(fd uintptr) bool {
		c.n, c.err = unix.Readv(int(fd), c.answer[:])
		return c.err != unix.EAGAIN
	}
	return c, err
}

// ask sends a request and reads its answer, which the server writes at once.
func (c *client) ask(message []byte, want int) error {
	c.sent[0] = message
	if err := errors.Join(c.raw.Write(c.write), c.err); err != nil {
		return err
	}
	if c.n != len(message) {
		return fmt.Errorf("%d of %d bytes were sent", c.n, len(message))
	}
	if err := errors.Join(c.raw.Read(c.read), c.err); err != nil {
		return err
	}
	answer := c.answer[0][:c.n]
	const line = len("HTTP/1.1 ")
	if len(answer) < line+3 || answer[len(answer)-1] != '}' {
		return fmt.Errorf("not a whole answer: %q", answer)
	}
	if status, err := strconv.Atoi(string(answer[line : line+3])); err != nil || status != want {
		return fmt.Errorf("the answer is not one of status %d: %s", want, answer)
	}
	return nil
}

// newKey makes a key and a keyring of it alone.
func newKey(use seal.Use) (*seal.Key, *seal.Keyring, error) {
	key, err := seal.GenerateKey(use, "default", time.Time{}, time.Time{})
	if err != nil {
		return nil, nil, err
	}
	keys, err := seal.NewKeyring(nil, key)
	return key, keys, err
}
