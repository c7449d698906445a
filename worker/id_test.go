// This file holds the test of the ids that requests get.

package worker

import (
	"encoding/binary"
	"encoding/hex"
	"testing"
)

func TestPutHex(t *testing.T) {
	for _, n := range []uint64{0, 0x0123456789abcdef, 0xfedcba9876543210, 0x99aa99aa9a9aa9a9, 1<<64 - 1} {
		var text [16]byte
		putHex(text[:], n)
		digits, err := hex.DecodeString(string(text[:]))
		if err != nil {
			t.Errorf("%x is written as %q: %v", n, text, err)
			continue
		}
		for i, b := range digits { // the low digit of each byte comes first
			digits[i] = b<<4 | b>>4
		}
		if got := binary.LittleEndian.Uint64(digits); got != n {
			t.Errorf("%x is written as %q, which is %x", n, text, got)
		}
	}
}
