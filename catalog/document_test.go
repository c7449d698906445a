// This file holds docs/catalog-format.md to what the code does.

package catalog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/avap-framework/avap/catalog"
)

func TestDocument(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "catalog-format.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for set, entries := range map[string][]catalog.Entry{
		"empty":   nil,
		"a":       {entry("a")},
		"a, b, c": {entry("a"), entry("b"), entry("c")},
	} {
		if row := fmt.Sprintf("| %s | `%x` |\n", set, catalog.NewTree(entries...).Root()); !strings.Contains(page, row) {
			t.Errorf("the page has no row %s", row)
		}
	}
	body, err := catalog.AppendManifest(nil, someManifest())
	if size := fmt.Sprintf("\n%d bytes, neither more", len(body)); err != nil || !strings.Contains(page, size) {
		t.Errorf("the page does not say%s (%v)", size, err)
	}
	for _, name := range []string{
		"ErrManifest", "ErrExpired", "ErrBytecode", "ErrRollback", "ErrFork", "ErrHash", "ErrPackage", "ErrOrigin", "ErrUnit", "ErrRoot",
	} {
		if !strings.Contains(page, "| `"+name+"` |") {
			t.Errorf("the page does not say when it is %s", name)
		}
	}
}
