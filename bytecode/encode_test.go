package bytecode

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestRoundTrip(t *testing.T) {
	for name, p := range examples() {
		b := AppendProgram([]byte("prefix"), p)
		if !bytes.HasPrefix(b, []byte("prefix")) {
			t.Fatalf("%s: the encoding is not appended", name)
		}
		b = b[len("prefix"):]
		got, err := Decode(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(p, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s changes (-before +after):\n%s", name, diff)
		}
		if !bytes.Equal(b, AppendProgram(nil, got)) {
			t.Errorf("%s has two encodings", name)
		}
	}
}

// No prefix of a program is a program, nor is one with something behind it.
func TestDecodeTruncated(t *testing.T) {
	for name, p := range examples() {
		b := AppendProgram(nil, p)
		for n := range b {
			if _, err := Decode(b[:n]); err == nil {
				t.Fatalf("%s: the first %d of %d bytes are taken for a program", name, n, len(b))
			}
		}
		if _, err := Decode(append(b, 0)); !errors.Is(err, errTrailing) {
			t.Errorf("%s: a byte behind it gives %v", name, err)
		}
	}
}

// tiny is the least program, byte by byte.
func tiny() []byte {
	return []byte{
		Version,
		1, 1, 's', // one string, of one byte
		byte(KindScript), 0, // kind, name
		0, 0, 0, 0, 0, 0, 0, // no constants, globals, params, commands, sites, logs, requires
		1, 0, 0, 0, // one function: name, params, registers
		1, byte(OpStop), 0, 0, 0, 0, 0, 0, 0, // one instruction
		0, 0, 0, // no handlers, positions, locals
	}
}

func TestDecodeTiny(t *testing.T) {
	p, err := Decode(tiny())
	if err != nil {
		t.Fatal(err)
	}
	if err := Verify(p); err != nil {
		t.Fatal(err)
	}
	want := &Program{Kind: KindScript, Name: "s", Functions: []Function{{Name: "s", Code: []Instr{{Op: OpStop}}}}}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	// replace gives the least program with n bytes at a place replaced.
	replace := func(at, n int, by ...byte) []byte {
		b := tiny()
		return append(append(bytes.Clone(b[:at]), by...), b[at+n:]...)
	}
	float := func(f float64) []byte {
		return append([]byte{1, byte(ConstFloat)}, binary.LittleEndian.AppendUint64(nil, math.Float64bits(f))...)
	}
	tests := []struct {
		name   string
		bytes  []byte
		want   error
		offset int
	}{
		{"nothing", nil, errTruncated, 0},
		{"an overlong version", replace(0, 1, 0x81, 0), errOverlong, 0},
		{"an endless number", replace(0, 1, bytes.Repeat([]byte{0xff}, 11)...), errTooLarge, 0},
		{"an overlong count", replace(1, 1, 0x81, 0), errOverlong, 1},
		{"more strings than bytes", replace(1, 1, 0xff, 0x7f), errCount, 1},
		{"a count of 2^63", replace(1, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1), errTooLarge, 1},
		{"a string longer than the bytes", replace(2, 1, 0x70), errCount, 2},
		{"a string that is not UTF-8", replace(3, 1, 0xff), errUTF8, 2},
		{"a surrogate", replace(2, 2, 3, 0xed, 0xa0, 0x80), errUTF8, 2},
		{"a string twice", replace(1, 3, 2, 1, 's', 1, 's'), errRepeated, 4},
		{"a string that nothing mentions", replace(1, 3, 2, 1, 's', 1, 't'), errUnused, 31},
		{"strings out of turn", replace(1, 5, 2, 1, 's', 1, 't', byte(KindScript), 1), errReference, 7},
		{"a string beyond the table", replace(5, 1, 1), errReference, 5},
		{"no table", replace(1, 3, 0), errReference, 3},
		{"an unknown constant", replace(6, 1, 1, 3, 0), errConstant, 7},
		{"an infinite constant", replace(6, 1, float(math.Inf(-1))...), errNotFinite, 7},
		{"a constant that is no number", replace(6, 1, float(math.NaN())...), errNotFinite, 7},
		{"an int of 65 bits", replace(6, 1, 1, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2), errTooLarge, 8},
		{"an overlong int", replace(6, 1, 1, 0, 0x80, 0), errOverlong, 8},
		{"2^31 registers", replace(16, 1, 0x80, 0x80, 0x80, 0x80, 8), errTooLarge, 16},
		{"more functions than bytes", replace(13, 1, 3), errCount, 13},
		{"more instructions than bytes", replace(17, 1, 2), errCount, 17},
		{"more handlers than bytes", replace(26, 1, 1), errCount, 26},
		{"a line before the first", replace(27, 1, 1, 0, 1, 0), errPosition, 28},
		{"a line far beyond the last", replace(27, 1, 1, 0, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0), errPosition, 28},
		{"a byte behind it", append(tiny(), 0), errTrailing, 29},
	}
	for _, test := range tests {
		_, err := Decode(test.bytes)
		var at *DecodeError
		if !errors.Is(err, test.want) || !errors.As(err, &at) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
			continue
		}
		if at.Offset != test.offset {
			t.Errorf("%s: %v, want offset %d", test.name, err, test.offset)
		}
	}
}

func TestDecodeOtherVersion(t *testing.T) {
	b := tiny()
	b[0] = 77
	_, err := Decode(b)
	var version *VersionError
	if !errors.As(err, &version) || version.Version != 77 {
		t.Fatalf("a program of version 77 gives %v", err)
	}
	if !strings.Contains(err.Error(), "version 77") {
		t.Errorf("the error does not name the version: %v", err)
	}
}

// What a decoder allocates depends on the bytes that are there, not on the
// counts in them.
func TestDecodeAllocatesInProportion(t *testing.T) {
	const size = 1 << 20
	zeros := make([]byte, size)
	count := binary.AppendUvarint(nil, size-64)
	inputs := map[string][]byte{
		"many strings":   append(append([]byte{Version}, count...), zeros...),
		"many constants": append(append(tiny()[:6:6], count...), zeros...),
		"many functions": append(append(tiny()[:13:13], binary.AppendUvarint(nil, size/7-64)...), zeros...),
		"many sites":     append(append(tiny()[:10:10], binary.AppendUvarint(nil, size/2-64)...), zeros...),
		"a huge string":  append(append([]byte{Version, 1}, count...), zeros...),
	}
	for name, b := range inputs {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Decode(b)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 32*size {
			t.Errorf("%s: %d bytes allocated for %d", name, got, len(b))
		}
	}
}
