// This file holds the test of reading hex digits: each digit in each place, and what is none.

package seal

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
)

func TestUnhex(t *testing.T) {
	for at := range 8 {
		for c := range 256 {
			text := []byte("09afb8c1")
			text[at] = byte(c)
			got, ok := unhex(binary.LittleEndian.Uint64(text))
			if wanted := strings.IndexByte("0123456789abcdef", byte(c)) >= 0; ok != wanted {
				t.Errorf("%q is taken for hex digits: %t", text, ok)
			}
			if want, err := hex.DecodeString(string(text)); ok && (err != nil || binary.LittleEndian.Uint32(want) != got) {
				t.Errorf("%q is read as %08x, not as % x", text, got, want)
			}
		}
	}
}
