package page_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/bench/page"
)

const written = `# Figures

By hand, above.
<!-- begin a -->
old
<!-- begin-- a comment like any other -->
<!-- end a -->
By hand, between: <!-- begin b --> is no line of its own.
<!-- begin b -->
<!-- end b -->

By hand, below.
`

// TestSet: a block is replaced, and all else stays.
func TestSet(t *testing.T) {
	p := page.Page(filepath.Join(t.TempDir(), "page.md"))
	if err := os.WriteFile(string(p), []byte(written), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := p.Has("a", "b"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time changes nothing
		for name, text := range map[string]string{"a": "new\n", "b": "| x |\n|---|\n"} {
			if err := p.Set(name, text); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(string(p))
		if err != nil {
			t.Fatal(err)
		}
		want := `# Figures

By hand, above.
<!-- begin a -->

new

<!-- end a -->
By hand, between: <!-- begin b --> is no line of its own.
<!-- begin b -->

| x |
|---|

<!-- end b -->

By hand, below.
`
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// TestNoBlock: a page without the place for a block says which line it misses, and
// stays as it is.
func TestNoBlock(t *testing.T) {
	const begin, end = "<!-- begin a -->\n", "<!-- end a -->\n"
	for name, tt := range map[string]struct{ page, says string }{
		"empty":            {"", "0 lines <!-- begin a -->, want one"},
		"no begin":         {end, "0 lines <!-- begin a -->, want one"},
		"no end":           {begin, "0 lines <!-- end a -->, want one (behind <!-- begin a -->)"},
		"two":              {begin + end + begin + end, "2 lines <!-- begin a -->, want one"},
		"two ends":         {begin + end + end, "2 lines <!-- end a -->, want one"},
		"the wrong order":  {end + begin, "0 lines <!-- end a -->, want one (behind <!-- begin a -->)"},
		"another one":      {"<!-- begin ab -->\n<!-- end ab -->\n", "0 lines <!-- begin a -->"},
		"not a line alone": {" " + begin + end, "0 lines <!-- begin a -->"},
		"another inside":   {begin + "text\n<!-- begin b -->\n" + end, `another block begins inside of <!-- begin a -->, behind "text"`},
	} {
		t.Run(name, func(t *testing.T) {
			p := page.Page(filepath.Join(t.TempDir(), "page.md"))
			if err := os.WriteFile(string(p), []byte(tt.page), 0o644); err != nil {
				t.Fatal(err)
			}
			for _, err := range []error{p.Has("a"), p.Set("a", "text")} {
				if !errors.Is(err, page.ErrNoBlock) || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), string(p)) {
					t.Errorf("got %v, want %q", err, tt.says)
				}
			}
			if got, err := os.ReadFile(string(p)); err != nil || string(got) != tt.page {
				t.Errorf("the page is now %q, %v", got, err)
			}
		})
	}
}

// TestNoPage: without a page nothing is asked for and nothing written.
func TestNoPage(t *testing.T) {
	var p page.Page
	if err := errors.Join(p.Has("a"), p.Set("a", "text")); err != nil {
		t.Error(err)
	}
}

func TestDraw(t *testing.T) {
	p := page.Page(filepath.Join(t.TempDir(), "page.md"))
	markdown, err := p.Draw("x.svg", "How fast", []byte("<svg/>"))
	if err != nil || markdown != "![How fast](images/x.svg)\n" {
		t.Errorf("got %q, %v", markdown, err)
	}
	if svg, err := os.ReadFile(filepath.Join(filepath.Dir(string(p)), "images", "x.svg")); err != nil || string(svg) != "<svg/>" {
		t.Errorf("the drawing is %q, %v", svg, err)
	}
}

func TestOrigin(t *testing.T) {
	for rounds, says := range map[int]string{1: "; one round.*\n", 7: "; 7 rounds.*\n"} {
		got := page.Origin(t.Context(), rounds)
		for _, part := range []string{" processors; commit ", "; go1.", says} {
			if !strings.Contains(got, part) {
				t.Errorf("%q has no %q", got, part)
			}
		}
	}
}
