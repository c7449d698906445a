// This file holds the bare servers.

// Bare answers every request with the same bytes, over one of two HTTP
// libraries: what a server with nothing in it costs.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"

	"github.com/valyala/fasthttp"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func run() error {
	kind := flag.String("kind", "fasthttp", "fasthttp or nethttp")
	listen := flag.String("listen", "127.0.0.1:8080", "address")
	file := flag.String("answer", "", "file with the body of the answer")
	flag.Parse()
	answer, err := os.ReadFile(*file)
	if err != nil {
		return err
	}
	switch *kind {
	case "fasthttp":
		server := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
			ctx.SetContentType("application/json")
			ctx.SetBody(answer)
		}}
		return server.ListenAndServe(*listen)
	case "nethttp":
		return http.ListenAndServe(*listen, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Write(answer) //nolint:errcheck // the client is gone
		}))
	}
	return fmt.Errorf("-kind is %q, want fasthttp or nethttp", *kind)
}
