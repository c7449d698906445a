// This file tests that the bombs can be read, thrown and served.

package bombs

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestLoad(t *testing.T) {
	all, err := Load("../../testdata/bombs")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Errorf("%d bombs, want 50 at least", len(all))
	}
	var languages []string
	for _, peer := range Peers() {
		languages = append(languages, peer.Language)
	}
	for _, bomb := range all {
		for language := range bomb.Sources {
			if !slices.Contains(languages, language) {
				t.Errorf("%s is written in %s, which no peer speaks", bomb.ID, language)
			}
		}
	}
}

func TestExpand(t *testing.T) {
	for source, want := range map[string]string{
		"x = <<[*3>><<]*3>>": "x = [[[]]]",
		"<<1***2>>1":         "1**1**1",
		"1 << 2 >> 3":        "1 << 2 >> 3",
	} {
		if got := Expand(source); got != want {
			t.Errorf("Expand(%q) = %q, want %q", source, got, want)
		}
	}
}

func TestPeersRunAndStop(t *testing.T) {
	harmless := map[string]string{
		"lua": "return 1", "js": "1", "star": "x = 1", "tengo": "x := 1", "expr": "1",
	}
	broken := map[string]string{
		"lua": "return (", "js": "(", "star": "x = (", "tengo": "x := (", "expr": "(",
	}
	endless := map[string]string{
		"lua": "while true do end", "js": "while (true) {}", "star": "while True:\n    pass",
		"tengo": "for {}", "expr": "len(1..1000000000)",
	}
	for _, peer := range Peers() {
		t.Run(peer.Name, func(t *testing.T) {
			if err := peer.Run(harmless[peer.Language]); err != nil {
				t.Error(err)
			}
			if err := peer.Run(broken[peer.Language]); err == nil {
				t.Error("a script that does not parse ran")
			}
			if err := peer.Run(endless[peer.Language]); err == nil {
				t.Error("no limit stopped the endless script")
			}
		})
	}
}

func TestOrigin(t *testing.T) {
	handler, err := Origin()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	client := server.Client()
	client.Transport = &http.Transport{DisableCompression: true}
	for path, want := range map[string]string{
		"/short": "ok", "/stream": "xxxx", "/deep": "[[[[", "/wide": "[{},", "/trickle": "xx", "/gzip": "\x00\x00\x00",
	} {
		answer, err := client.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(decoded(t, answer), got); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if string(got) != want {
			t.Errorf("%s begins with %q, want %q", path, got, want)
		}
		answer.Body.Close()
	}
	if _, err := client.Get(server.URL + "/redirect"); err == nil || !strings.Contains(err.Error(), "redirects") {
		t.Errorf("/redirect ended with %v, want too many redirects", err)
	}
}

func decoded(t *testing.T, answer *http.Response) io.Reader {
	t.Helper()
	if answer.Header.Get("Content-Encoding") != "gzip" {
		return answer.Body
	}
	r, err := gzip.NewReader(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
