// This file holds the tests of who may call what.

package definitions_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"github.com/avap-framework/avap/definitions"
	"github.com/avap-framework/avap/definitions/avapv1pb"
	"github.com/avap-framework/avap/definitions/avapv2pb"
)

// calls are a call of each kind on a connection.
var calls = map[string]func(context.Context, *grpc.ClientConn) error{
	"GetCommand": func(ctx context.Context, c *grpc.ClientConn) error {
		_, err := avapv1pb.NewDefinitionEngineClient(c).GetCommand(ctx, &avapv1pb.CommandRequest{Name: "addVar"})
		return err
	},
	"SyncCatalog": func(ctx context.Context, c *grpc.ClientConn) error {
		_, err := avapv1pb.NewDefinitionEngineClient(c).SyncCatalog(ctx, &avapv1pb.Empty{})
		return err
	},
	"Watch": func(ctx context.Context, c *grpc.ClientConn) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := avapv2pb.NewCatalogClient(c).Watch(ctx, &avapv2pb.WatchRequest{BytecodeVersion: 1})
		if err != nil {
			return err
		}
		_, err = stream.Recv()
		return err
	},
	"GetUnit": func(ctx context.Context, c *grpc.ClientConn) error {
		_, err := avapv2pb.NewCatalogClient(c).GetUnit(ctx, &avapv2pb.GetUnitRequest{Kind: avapv2pb.Kind_KIND_COMMAND, Name: "addVar", BytecodeVersion: 1})
		return err
	},
	"Audit": func(ctx context.Context, c *grpc.ClientConn) error {
		_, err := avapv2pb.NewAdminClient(c).Audit(ctx, &avapv2pb.AuditRequest{})
		return err
	},
	"List": func(ctx context.Context, c *grpc.ClientConn) error {
		stream, err := avapv2pb.NewAdminClient(c).List(ctx, &avapv2pb.ListRequest{})
		if err != nil {
			return err
		}
		for err == nil {
			_, err = stream.Recv()
		}
		if err == io.EOF {
			return nil
		}
		return err
	},
	"Import": func(ctx context.Context, c *grpc.ClientConn) error {
		stream, err := avapv2pb.NewAdminClient(c).Import(ctx)
		if err != nil {
			return err
		}
		_ = stream.CloseSend()
		_, err = stream.Recv()
		return err
	},
	"health": func(ctx context.Context, c *grpc.ClientConn) error {
		_, err := grpc_health_v1.NewHealthClient(c).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
		return err
	},
	"reflection": func(ctx context.Context, c *grpc.ClientConn) error {
		stream, err := grpc_reflection_v1.NewServerReflectionClient(c).ServerReflectionInfo(ctx)
		if err != nil {
			return err
		}
		_ = stream.Send(&grpc_reflection_v1.ServerReflectionRequest{
			MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{},
		})
		_ = stream.CloseSend()
		_, err = stream.Recv()
		return err
	},
	"nonsense": func(ctx context.Context, c *grpc.ClientConn) error {
		return c.Invoke(ctx, "/avap.Nonsense/Call", &avapv1pb.Empty{}, &avapv1pb.Empty{})
	},
}

// TestTokens holds what each service says to each token.
func TestTokens(t *testing.T) {
	const (
		ok    = codes.OK
		who   = codes.Unauthenticated
		none  = codes.Unimplemented
		empty = codes.InvalidArgument // an import of nothing
	)
	tokens := map[string][]string{
		"none": nil, "empty": {""}, "wrong": {"nobody's"}, "worker": {workerToken}, "ada": {adminToken}, "bob": {"bob's token"},
		"prefix": {workerToken[:5]}, "both": {workerToken, adminToken}, "twice": {workerToken, workerToken},
	}
	workers := map[string]codes.Code{"worker": ok}
	admins := map[string]codes.Code{"ada": ok, "bob": ok}
	want := map[string]map[string]codes.Code{
		"GetCommand": workers, "SyncCatalog": workers, "Watch": workers, "GetUnit": workers, "Audit": admins, "List": admins,
		"Import":     {"ada": empty, "bob": empty},
		"reflection": workers,
		"nonsense":   {"worker": none},
	}
	_, addr := serve(t, definitions.Options{Reflection: true, AdminTokens: map[string]string{"ada": adminToken, "bob": "bob's token"}})
	c := dial(t, addr, nil)
	for call, do := range calls {
		for token, values := range tokens {
			t.Run(call+"/"+token, func(t *testing.T) {
				code, listed := want[call][token]
				if !listed {
					code = who
				}
				if call == "health" {
					code = ok
				}
				if err := do(with(t.Context(), values...), c); status.Code(err) != code {
					t.Errorf("got %v, want %v", err, code)
				}
			})
		}
	}
}

// TestWithoutOptions serves neither administrators nor reflection unless told to.
func TestWithoutOptions(t *testing.T) {
	_, addr := serve(t, definitions.Options{AdminTokens: map[string]string{}})
	c := dial(t, addr, nil)
	for _, call := range []string{"Audit", "List", "Import", "reflection"} {
		for _, token := range []string{workerToken, adminToken} {
			err := calls[call](with(t.Context(), token), c)
			want := codes.Unimplemented
			if call == "reflection" && token != workerToken {
				want = codes.Unauthenticated
			}
			if status.Code(err) != want {
				t.Errorf("%s with %s: %v", call, token, err)
			}
		}
	}
}

// TestOptions holds options that no server is made of.
func TestOptions(t *testing.T) {
	good := func() definitions.Options {
		return definitions.Options{Store: newMemory(), Keys: keyring(t), Token: workerToken}
	}
	tests := map[string]struct {
		change func(*definitions.Options)
		want   string
	}{
		"no token":      {func(o *definitions.Options) { o.Token = "" }, "API_KEY"},
		"no store":      {func(o *definitions.Options) { o.Store = nil }, "a store"},
		"lifetime":      {func(o *definitions.Options) { o.ManifestLifetime = time.Millisecond }, "a second or longer"},
		"no name":       {func(o *definitions.Options) { o.AdminTokens = map[string]string{"": "x"} }, "a name and a token"},
		"empty token":   {func(o *definitions.Options) { o.AdminTokens = map[string]string{"ada": ""} }, "a name and a token"},
		"same tokens":   {func(o *definitions.Options) { o.AdminTokens = map[string]string{"ada": "x", "bob": "x"} }, "have the same token"},
		"the workers'":  {func(o *definitions.Options) { o.AdminTokens = map[string]string{"ada": workerToken} }, "have the same token"},
		"reserved name": {func(o *definitions.Options) { o.AdminTokens = map[string]string{"stock": "x"} }, "no administrator can be called stock"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			opt := good()
			tt.change(&opt)
			if _, err := definitions.New(t.Context(), opt); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// certificate makes a certificate of an authority, or where that is nil, an authority.
func certificate(t *testing.T, authority *tls.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := template, any(key)
	if authority == nil {
		template.IsCA, template.BasicConstraintsValid = true, true
		template.KeyUsage = x509.KeyUsageCertSign
	} else {
		parent, signer = authority.Leaf, authority.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// TestTLS serves over TLS, and over mutual TLS only who has a certificate.
func TestTLS(t *testing.T) {
	authority := certificate(t, nil)
	pool := x509.NewCertPool()
	pool.AddCert(authority.Leaf)
	own := certificate(t, &authority)
	_, addr := serve(t, definitions.Options{TLS: &tls.Config{
		Certificates: []tls.Certificate{certificate(t, &authority)}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}})
	tests := map[string]struct {
		creds credentials.TransportCredentials
		want  codes.Code
	}{
		"with a certificate":   {credentials.NewTLS(&tls.Config{RootCAs: pool, Certificates: []tls.Certificate{own}}), codes.OK},
		"without":              {credentials.NewTLS(&tls.Config{RootCAs: pool}), codes.Unavailable},
		"of another authority": {credentials.NewTLS(&tls.Config{RootCAs: pool, Certificates: []tls.Certificate{certificate(t, nil)}}), codes.Unavailable},
		"plaintext":            {nil, codes.Unavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := dial(t, addr, tt.creds)
			for call, token := range map[string]string{"GetCommand": workerToken, "Audit": adminToken} {
				if err := calls[call](with(t.Context(), token), c); status.Code(err) != tt.want {
					t.Errorf("%s: got %v, want %v", call, err, tt.want)
				}
			}
		})
	}
}
