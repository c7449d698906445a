// This file holds the measurements of the server; docs/performance.md has what
// came of them.

package definitions_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/definitions"
	"github.com/avap-framework/avap/definitions/avapv1pb"
	"github.com/avap-framework/avap/definitions/avapv2pb"
	"github.com/avap-framework/avap/definitions/store"
)

// bareEngine answers with one message, and does nothing else.
type bareEngine struct {
	avapv1pb.UnimplementedDefinitionEngineServer
	answer *avapv1pb.CommandResponse
}

func (e *bareEngine) GetCommand(context.Context, *avapv1pb.CommandRequest) (*avapv1pb.CommandResponse, error) {
	return e.answer, nil
}

// BenchmarkGetCommand measures GetCommand against a bare gRPC call that returns
// the same bytes, in turns of one run. It reports calls a second of both and how
// many of the bare ones the server's are.
func BenchmarkGetCommand(b *testing.B) {
	s, addr := serve(b, definitions.Options{})
	publish(b, s.Publisher(), "// Greets somebody.\ncommand greet(who: value, target: out) {\n    target = \"Hello \" + who\n}")
	ours := avapv1pb.NewDefinitionEngineClient(dial(b, addr, nil))
	ctx, req := with(b.Context(), workerToken), &avapv1pb.CommandRequest{Name: "greet"}
	answer, err := ours.GetCommand(ctx, req)
	if err != nil {
		b.Fatal(err)
	}

	bareServer := grpc.NewServer()
	avapv1pb.RegisterDefinitionEngineServer(bareServer, &bareEngine{answer: answer})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = bareServer.Serve(l) }()
	b.Cleanup(bareServer.Stop)
	bare := avapv1pb.NewDefinitionEngineClient(dial(b, l.Addr().String(), nil))

	const callers, turn = 16, 2000
	var spent [2]time.Duration
	calls := 0
	for b.Loop() {
		for i, c := range []avapv1pb.DefinitionEngineClient{ours, bare} {
			start := time.Now()
			var all sync.WaitGroup
			for range callers {
				all.Go(func() {
					for range turn / callers {
						got, err := c.GetCommand(ctx, req)
						if err != nil || len(got.Code) != len(answer.Code) {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			spent[i] += time.Since(start)
		}
		calls += turn
	}
	b.ReportMetric(float64(calls)/spent[0].Seconds(), "calls/s")
	b.ReportMetric(float64(calls)/spent[1].Seconds(), "bare-calls/s")
	b.ReportMetric(spent[1].Seconds()/spent[0].Seconds(), "ratio")
	b.ReportMetric(float64(proto.Size(answer)), "B/answer")
}

// manyDefinitions are sources of so many commands of several lines.
func manyDefinitions(n int) []definitions.Source {
	sources := make([]definitions.Source, n)
	for i := range sources {
		sources[i] = definitions.Source{Kind: bytecode.KindCommand, Name: fmt.Sprint("c", i), Text: fmt.Sprintf(`// Prices an order of kind %d.
command price%05d(pieces: value, price: value, total: out) {
    rebate = 0
    if(pieces > %d)
        rebate = 0.1
    end()
    total = round(pieces * price * (1 - rebate), 2)
}
`, i, i, i%50+1)}
	}
	return sources
}

// filled gives a SQLite store with so many definitions.
func filled(b *testing.B, n int) store.Store {
	b.Helper()
	s, err := store.Open(b.Context(), "sqlite:"+filepath.Join(b.TempDir(), "avap.db"), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	p := open(b, s, keyring(b))
	if r, err := p.Publish(b.Context(), manyDefinitions(n), definitions.Order{Author: "ada"}); err != nil || r.Revision != 2 {
		b.Fatal(render(r, err))
	}
	return s
}

// BenchmarkColdStart measures from a store on disk to a server that can serve.
func BenchmarkColdStart(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			db := filled(b, n)
			for b.Loop() {
				s, err := definitions.New(b.Context(), definitions.Options{Store: db, Keys: keyring(b), Token: workerToken, Log: slog.New(slog.DiscardHandler)})
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				s.Close(b.Context())
				b.StartTimer()
			}
		})
	}
}

// BenchmarkPublishMany measures one publication of so many definitions, on SQLite.
func BenchmarkPublishMany(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				filled(b, n)
			}
		})
	}
}

// BenchmarkFullSync measures from the request to the applied revision of a worker
// that has nothing yet.
func BenchmarkFullSync(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			keys := keyring(b)
			_, addr := serve(b, definitions.Options{Store: filled(b, n), Keys: keys})
			c := avapv2pb.NewCatalogClient(dial(b, addr, nil))
			for b.Loop() {
				ctx, cancel := context.WithCancel(with(b.Context(), workerToken))
				stream, err := c.Watch(ctx, &avapv2pb.WatchRequest{BytecodeVersion: bytecode.Version})
				if err != nil {
					b.Fatal(err)
				}
				v, err := apply(replica(keys), stream)
				if err != nil || v.Tree().Len() < n {
					b.Fatal(err)
				}
				cancel()
			}
		})
	}
}

// BenchmarkDelta measures one publication into a catalog of 10,000 definitions,
// up to the worker that has applied it, and what that is sent.
func BenchmarkDelta(b *testing.B) {
	keys := keyring(b)
	s, addr := serve(b, definitions.Options{Store: filled(b, 10_000), Keys: keys})
	stream, err := avapv2pb.NewCatalogClient(dial(b, addr, nil)).Watch(with(b.Context(), workerToken), &avapv2pb.WatchRequest{BytecodeVersion: bytecode.Version})
	if err != nil {
		b.Fatal(err)
	}
	counted := &counter{ServerStreamingClient: stream}
	r := replica(keys)
	if _, err := apply(r, counted); err != nil {
		b.Fatal(err)
	}
	counted.bytes = 0
	for i := 0; b.Loop(); i++ {
		publish(b, s.Publisher(), fmt.Sprintf("command price00001(pieces: value, price: value, total: out) { total = pieces * price + %d }", i))
		if _, err := apply(r, counted); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(counted.bytes)/float64(b.N), "B/delta")
}

// counter counts the bytes of messages.
type counter struct {
	grpc.ServerStreamingClient[avapv2pb.WatchResponse]
	bytes int
}

func (c *counter) Recv() (*avapv2pb.WatchResponse, error) {
	m, err := c.ServerStreamingClient.Recv()
	c.bytes += proto.Size(m)
	return m, err
}
