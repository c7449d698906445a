// This file holds the server: its options, how it starts, serves and stops.

package definitions

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/avap-framework/avap/definitions/avapv2pb"
	"github.com/avap-framework/avap/definitions/store"
	"github.com/avap-framework/avap/seal"
)

// Options make a server.
type Options struct {
	Store store.Store   // required; the server does not close it
	Keys  *seal.Keyring // required; with a package key and a catalog key
	// Token is what workers show as x-avap-auth. Required.
	Token string
	// AdminTokens are the tokens of administrators by their names, which the
	// audit log has. Without any, the service Admin is UNIMPLEMENTED. None may be
	// the workers', and no two the same.
	AdminTokens map[string]string
	// ManifestLifetime is how long a manifest is valid; it is renewed at half. 0
	// stands for 24 h; it is at least a second.
	ManifestLifetime time.Duration
	// MinRevision is what the revision must be above; see PublisherOptions.
	MinRevision uint64
	// TLS is the server's side of TLS, with ClientAuth for mutual TLS; nil for
	// plaintext.
	TLS *tls.Config
	// Reflection lets clients with a token ask for the services' descriptions.
	Reflection bool
	Log        *slog.Logger     // nil: slog.Default()
	Now        func() time.Time // nil: time.Now
}

// Limits of connections.
const (
	maxRequest     = 16 << 20 // bytes of a request's message
	maxHeaders     = 16 << 10 // bytes of a request's headers
	maxStreams     = 16 << 10 // calls at a time on one connection
	handshakeTime  = 10 * time.Second
	clientPingTime = 5 * time.Second  // clients that ping more often are cut off
	pingTime       = 30 * time.Second // of silence, before the server asks whether the client is there
	pingTimeout    = 10 * time.Second
)

// Server is a definition server. It is safe for concurrent use.
type Server struct {
	publisher *Publisher
	hub       *hub
	grpc      *grpc.Server
	health    *health.Server
	log       *slog.Logger
	watchers  atomic.Int64

	stopping chan struct{} // closed when watchers shall go
	stop     sync.Once
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

// New brings a store up to date, as OpenPublisher says, and makes a server whose
// catalog is in memory. It follows the store from then on, until Close.
func New(ctx context.Context, opt Options) (*Server, error) {
	if err := opt.check(); err != nil {
		return nil, err
	}
	publisher, err := OpenPublisher(ctx, PublisherOptions{
		Store: opt.Store, Keys: opt.Keys, MinRevision: opt.MinRevision, Log: opt.Log, Now: opt.Now,
	})
	if err != nil {
		return nil, err
	}
	s := &Server{publisher: publisher, log: publisher.log, stopping: make(chan struct{}), health: health.NewServer()}
	s.hub = &hub{
		state: publisher.state, keys: opt.Keys, lifetime: opt.ManifestLifetime, now: publisher.now, log: s.log,
	}
	if s.hub.lifetime == 0 {
		s.hub.lifetime = 24 * time.Hour
	}
	publisher.mu.Lock()
	publisher.changed = s.hub.renew
	s.hub.renew()
	publisher.mu.Unlock()
	if s.hub.failed != nil {
		return nil, s.hub.failed
	}
	s.register(&opt)
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.running.Go(func() { s.hub.run(ctx) })
	s.running.Go(func() { publisher.Follow(ctx) })
	return s, nil
}

// check says what is wrong with options.
func (o *Options) check() error {
	switch {
	case o.Store == nil || o.Keys == nil:
		return errors.New("a definition server needs a store and keys")
	case o.Token == "":
		return errors.New("a definition server needs the workers' token: set API_KEY")
	case o.ManifestLifetime != 0 && o.ManifestLifetime < time.Second:
		return errors.New("manifests are valid for a second or longer")
	}
	seen := map[string]string{o.Token: "the workers"}
	for name, token := range o.AdminTokens {
		other := seen[token]
		switch {
		case name == "" || token == "":
			return errors.New("an administrator has a name and a token")
		case name == stockAuthor || name == serverAuthor:
			return fmt.Errorf("no administrator can be called %s: the audit log has what the program does under this name", name)
		case other != "":
			return fmt.Errorf("%s and %s have the same token", other, name)
		}
		seen[token] = name
	}
	if _, err := o.Keys.Signing(seal.UseCatalog); err != nil {
		return err
	}
	return nil
}

// register makes the gRPC server.
func (s *Server) register(opt *Options) {
	options := []grpc.ServerOption{
		grpc.InTapHandle(newGuard(opt.Token, opt.AdminTokens).check),
		grpc.ForceServerCodecV2(newCodec()),
		grpc.MaxRecvMsgSize(maxRequest), grpc.MaxSendMsgSize(math.MaxInt32),
		grpc.MaxHeaderListSize(maxHeaders), grpc.MaxConcurrentStreams(maxStreams),
		grpc.ConnectionTimeout(handshakeTime),
		// A worker holds a connection and hardly uses it: 10,000 of them with buffers
		// of the usual size would hold 640 MiB.
		grpc.WriteBufferSize(8 << 10), grpc.ReadBufferSize(4 << 10),
		grpc.UnaryInterceptor(s.recoverUnary), grpc.StreamInterceptor(s.recoverStream),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: clientPingTime, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingTime, Timeout: pingTimeout}),
	}
	if opt.TLS != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(opt.TLS)))
	}
	s.grpc = grpc.NewServer(options...)
	s.grpc.RegisterService(&engineDesc, &engineService{publisher: s.publisher})
	avapv2pb.RegisterCatalogServer(s.grpc, &catalogService{server: s})
	avapv2pb.RegisterAdminServer(s.grpc, &adminService{publisher: s.publisher, log: s.log})
	grpc_health_v1.RegisterHealthServer(s.grpc, s.health)
	for service := range s.grpc.GetServiceInfo() {
		s.health.SetServingStatus(service, grpc_health_v1.HealthCheckResponse_SERVING)
	}
	if opt.Reflection {
		reflection.Register(s.grpc)
	}
}

// Publisher returns the publisher behind the server.
func (s *Server) Publisher() *Publisher { return s.publisher }

// Watchers returns how many workers follow the catalog.
func (s *Server) Watchers() int { return int(s.watchers.Load()) }

// Serve answers on a listener until Close, or until accepting fails for good. It
// may be called for several listeners, and closes its own. After Close it
// returns nil.
func (s *Server) Serve(l net.Listener) error {
	err := s.grpc.Serve(l)
	if errors.Is(err, grpc.ErrServerStopped) {
		return nil
	}
	return err
}

// Close ends the server: health checks fail, watchers are sent away, and calls
// that are under way may end until ctx does; then they are cut off. It is safe
// to call again.
func (s *Server) Close(ctx context.Context) {
	s.stop.Do(func() {
		s.health.Shutdown()
		close(s.stopping)
		s.cancel()
	})
	done := make(chan struct{})
	go func() {
		s.grpc.GracefulStop()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		s.grpc.Stop()
		<-done
	}
	s.running.Wait()
}
