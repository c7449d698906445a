package httpclient_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/avap-framework/avap/host/httpclient"
)

// FuzzDestination holds that a destination is short, has one form alone and is
// given for what the client itself takes for a URL.
func FuzzDestination(f *testing.F) {
	for _, seed := range forgedURLs {
		f.Add(seed.at("8080"))
	}
	for _, seed := range []string{"", "http://a:b", "http://é.example", "http://[::1%25é]/", "http://[fe80::1%25a]:1", "HTTPS://A..b./?x#y", "http://xn--a", "http://a:00", "http://" + strings.Repeat("é", 400)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, url string) {
		destination, err := httpclient.Destination(url)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Fatalf("an error of several lines: %q", err)
			}
			return
		}
		if len(destination) > 400 {
			t.Fatalf("a destination of %d bytes", len(destination))
		}
		// Zone identifiers are written as they are, which no URL does.
		if again, err := httpclient.Destination(destination); !strings.Contains(destination, "%") && (err != nil || again != destination) {
			t.Fatalf("%q becomes %q, which becomes %q: %v", url, destination, again, err)
		}
		if _, err := http.NewRequest("GET", strings.TrimSpace(url), nil); err != nil {
			t.Fatalf("%q has a destination and is no URL: %v", url, err)
		}
	})
}
