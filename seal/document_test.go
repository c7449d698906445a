// This file holds docs/package-format.md to what the code does.

package seal_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/seal"
)

// fence gives the text of the page's first fenced block of a kind.
func fence(t *testing.T, page, kind string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, "```"+kind+"\n")
	text, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatalf("the page has no block %s", kind)
	}
	return text
}

// undump gives the bytes of a dump as hex.Dump writes it.
func undump(t *testing.T, dump string) []byte {
	t.Helper()
	var b []byte
	for line := range strings.Lines(dump) {
		columns, _, _ := strings.Cut(line, "|")
		for _, field := range strings.Fields(columns)[1:] {
			n, err := strconv.ParseUint(field, 16, 8)
			if err != nil {
				t.Fatal(err)
			}
			b = append(b, byte(n))
		}
	}
	return b
}

func TestDocument(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "package-format.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	name := filepath.Join(t.TempDir(), "keys.json")
	writeFile(t, name, fence(t, page, "json"))
	keys, err := seal.ReadKeys(name)
	if err != nil {
		t.Fatal(err)
	}
	unit := answer()
	unit.Source = sha256.Sum256([]byte(fence(t, page, "text")))
	b, err := seal.Seal(unit, keys[0])
	if err != nil {
		t.Fatal(err)
	}
	dump := fence(t, page, "hexdump")
	if diff := cmp.Diff(strings.Split(hex.Dump(b), "\n"), strings.Split(dump, "\n")); diff != "" {
		t.Fatalf("the package (-sealed +documented):\n%s", diff)
	}

	// What is documented holds without this package, too.
	documented := undump(t, dump)
	_, rest, _ := strings.Cut(page, "hexkey:")
	secret, err := hex.DecodeString(rest[:64])
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(documented[:10])
	mac.Write(documented[42:])
	if sum := mac.Sum(nil); !hmac.Equal(sum, documented[10:42]) {
		t.Errorf("the MAC is %x, documented is %x", sum, documented[10:42])
	}
	if string(documented[:4]) != "AVAP" || binary.BigEndian.Uint16(documented[4:]) != 2 ||
		binary.BigEndian.Uint32(documented[6:]) != uint32(len(documented)-42) {
		t.Errorf("the header is % x", documented[:10])
	}
	if size := ", size " + strconv.Itoa(len(documented)-42) + " |"; !strings.Contains(page, size) {
		t.Errorf("the page does not say %q", size)
	}
	p, err := seal.Open(newKeyring(t, clock, keys...), documented)
	if diff := cmp.Diff(&seal.Package{Version: 2, KeyID: "2026-11", Unit: unit}, p); diff != "" || err != nil {
		t.Errorf("%v (-want +opened):\n%s", err, diff)
	}
	if unit.Contract != (seal.Contract{Instructions: 1000, Time: 50 * time.Millisecond}) {
		t.Errorf("the page names another contract than %+v", unit.Contract)
	}
}
