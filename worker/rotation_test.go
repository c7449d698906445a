package worker_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/worker"
)

// generation is the keys of one time, and the requests under way with them.
type generation struct {
	request, pkg *seal.Key
	inUse        sync.WaitGroup
}

// rotation is a keyring's file whose keys change, and who signs with them.
type rotation struct {
	file string
	ring *seal.Keyring

	mu      sync.RWMutex
	current *generation
}

// write puts keys into the file, as an editor does that is careful: in one step.
func (r *rotation) write(t *testing.T, generations ...*generation) {
	t.Helper()
	var keys []*seal.Key
	for _, g := range generations {
		keys = append(keys, g.request, g.pkg)
	}
	draft := r.file + ".new"
	if err := os.WriteFile(draft, seal.AppendKeys(nil, keys), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(draft, r.file); err != nil {
		t.Fatal(err)
	}
}

// until looks now and then, until something is so.
func until(t *testing.T, so func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(20 * time.Second); !so(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it does not come to be")
		}
	}
}

// await waits until the worker has noticed that a key came or went.
func (r *rotation) await(t *testing.T, g *generation, there bool) {
	t.Helper()
	until(t, func() bool { return (r.ring.Lookup(seal.UseRequest, g.request.ID) != nil) == there })
}

// use puts a generation in force for the senders, and waits until the one before it is
// used no more.
func (r *rotation) use(g *generation) {
	r.mu.Lock()
	before := r.current
	r.current = g
	r.mu.Unlock()
	if before != nil {
		before.inUse.Wait()
	}
}

// take gives the generation in force, to be used until its Done.
func (r *rotation) take() *generation {
	r.mu.RLock()
	defer r.mu.RUnlock()
	r.current.inUse.Add(1)
	return r.current
}

func newGeneration(t *testing.T, n int) *generation {
	t.Helper()
	var g generation
	var err error
	for use, k := range map[seal.Use]**seal.Key{seal.UseRequest: &g.request, seal.UsePackage: &g.pkg} {
		if *k, err = seal.GenerateKey(use, "k"+strconv.Itoa(n), time.Time{}, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	return &g
}

// TestRotationUnderLoad changes all keys many times over while callers sign requests
// and packages with them: not one of these fails. What is signed with a key that has
// gone does.
func TestRotationUnderLoad(t *testing.T) {
	r := &rotation{file: filepath.Join(t.TempDir(), "keys.json")}
	g := newGeneration(t, 0)
	r.write(t, g)
	var err error
	if r.ring, err = seal.OpenKeyring(seal.KeyringOptions{File: r.file}); err != nil {
		t.Fatal(err)
	}
	addr := listen(t, avap.Options{}, worker.Options{Keys: r.ring, Verifier: seal.NewVerifier(r.ring, seal.VerifierOptions{})})
	watching, stop := context.WithCancel(t.Context())
	var background sync.WaitGroup
	background.Go(func() {
		r.ring.Watch(watching, time.Millisecond, func(err error) { t.Errorf("the keyring: %v", err) })
	})
	defer background.Wait()
	defer stop()
	r.use(g)

	program := compiled(t, "n = 1\naddResult(n)")
	var sent atomic.Int64
	done := make(chan struct{})
	var senders sync.WaitGroup
	for sender := range 8 {
		senders.Go(func() {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			in := bufio.NewReader(conn)
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				g := r.take()
				status, body, err := roundTrip(t, conn, in, signedWith(t, g, program, (sender+i)%3))
				g.inUse.Done()
				if err != nil || status != 200 {
					t.Errorf("%d %s: %v", status, body, err)
					return
				}
				sent.Add(1)
			}
		})
	}
	const rotations = 12
	for n := 1; n <= rotations; n++ {
		next := newGeneration(t, n)
		r.write(t, g, next) // the new keys are known before anybody signs with them
		r.await(t, next, true)
		before := sent.Load() // some are sent while both are valid
		until(t, func() bool { return sent.Load() > before+20 || t.Failed() })
		r.use(next)
		r.write(t, next) // the old ones are signed with no more
		r.await(t, g, false)
		expect(t, addr, signedWith(t, g, program, 0), 401, "signature_invalid")
		stale := &generation{request: next.request, pkg: g.pkg}
		expect(t, addr, signedWith(t, stale, program, 1), 401, "integrity")
		g = next
	}
	close(done)
	senders.Wait()
	t.Logf("%d requests, %d rotations", sent.Load(), rotations)
}

// signedWith is a signed request: with a script, a package of version 2 or 1.
func signedWith(t testing.TB, g *generation, program *bytecode.Program, form int) string {
	m := message{body: answering(1)}
	switch form {
	case 1:
		m = message{body: string(sealed(t, g.pkg, program, seal.Contract{})), headers: []string{packageType}}
	case 2:
		m = message{body: string(sealedSource(t, g.pkg, "n = 1\naddResult(n)")), headers: []string{packageType}}
	}
	m.headers = append(m.headers, "X-AVAP-Signature: "+signature(t, g.request, seal.Request{
		Method: "POST", Target: executePath, Body: []byte(m.body), Time: time.Now(),
	}))
	return m.String()
}

// roundTrip sends a request on a connection that is kept, and reads the answer.
func roundTrip(t testing.TB, conn io.Writer, in *bufio.Reader, request string) (int, string, error) {
	t.Helper()
	if _, err := io.WriteString(conn, request); err != nil {
		return 0, "", err
	}
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return 0, "", err
	}
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}
