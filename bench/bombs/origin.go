// This file holds the server whose answers are bombs.

package bombs

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"time"
)

// Origin returns the server's handler. Its paths are described with the bombs.
func Origin() (http.Handler, error) {
	member, err := zeros()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	block := bytes.Repeat([]byte("x"), 1<<20)
	mux.HandleFunc("/stream", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		repeat(w, block, 10<<10)
	})
	mux.HandleFunc("/gzip", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Encoding", "gzip")
		repeat(w, member, 40<<20/len(member)+1)
	})
	mux.HandleFunc("/deep", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		repeat(w, []byte(strings.Repeat("[", 100_000)), 50)
		repeat(w, []byte(strings.Repeat("]", 100_000)), 50)
	})
	mux.HandleFunc("/wide", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		repeat(w, []byte("["), 1)
		repeat(w, []byte(strings.Repeat("{},", 100_000)), 100)
		repeat(w, []byte("{}]"), 1)
	})
	mux.HandleFunc("/trickle", trickle)
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/redirect", http.StatusFound)
	})
	mux.HandleFunc("/short", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		repeat(w, []byte("ok"), 1)
	})
	return mux, nil
}

// zeros is 40 MB of zeros as one member of a gzip file. Members may follow each
// other, which is how a bomb of any size costs its maker little.
func zeros() ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(make([]byte, 40<<20)); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// repeat writes a block n times, or until the client has gone.
func repeat(w io.Writer, block []byte, n int) {
	for range n {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// trickle writes a byte every 100 ms until the client has gone.
func trickle(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	control := http.NewResponseController(w)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := w.Write([]byte("x")); err != nil {
			return
		}
		if err := control.Flush(); err != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}
