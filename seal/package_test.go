package seal_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/seal"
)

// resign puts the right size and MAC into a package that was altered.
func resign(b []byte, secret byte) []byte {
	binary.BigEndian.PutUint32(b[6:], uint32(len(b)-42))
	h := hmac.New(sha256.New, bytes.Repeat([]byte{secret}, 32))
	h.Write(b[:10])
	h.Write(b[42:])
	copy(b[10:42], h.Sum(nil))
	return b
}

func TestOpen(t *testing.T) {
	now := newKey(t, seal.UsePackage, "now", 'a', time.Time{}, time.Time{})
	full := newKey(t, seal.UsePackage, "12345678", 'b', day(1), day(30))
	ring := newKeyring(t, clock, now, full)
	for _, tt := range []struct {
		name string
		key  *seal.Key
		unit *seal.Unit
	}{
		{"a script", now, answer()},
		{"a command", full, setOne()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, err := seal.Seal(tt.unit, tt.key)
			if err != nil {
				t.Fatal(err)
			}
			p, err := seal.Open(ring, b)
			if err != nil {
				t.Fatal(err, errors.Unwrap(err))
			}
			if diff := cmp.Diff(&seal.Package{Version: 2, KeyID: tt.key.ID, Unit: tt.unit}, p); diff != "" {
				t.Errorf("(-sealed +opened):\n%s", diff)
			}
			if again, err := seal.Seal(p.Unit, tt.key); err != nil || !bytes.Equal(b, again) {
				t.Errorf("sealed again it is %x (%v), not %x", again, err, b)
			}
		})
	}
	for _, text := range []string{"", "addResult(x)\n", strings.Repeat("// long\n", 1<<15)} {
		for _, k := range []*seal.Key{now, full} {
			b, err := seal.SealSource(text, k)
			if err != nil {
				t.Fatal(err)
			}
			p, err := seal.Open(ring, b)
			if diff := cmp.Diff(&seal.Package{Version: 1, KeyID: k.ID, Source: text}, p); diff != "" || err != nil {
				t.Errorf("source of %d bytes under %v: %v (-sealed +opened):\n%s", len(text), k, err, diff)
			}
		}
	}
}

// Everything that is done to a package but with the key makes it one that does
// not verify, and so does a good MAC over what is no unit.
func TestOpenRefuses(t *testing.T) {
	good := newKey(t, seal.UsePackage, "good", 'a', time.Time{}, time.Time{})
	stale := newKey(t, seal.UsePackage, "stale", 'b', time.Time{}, day(15))
	early := newKey(t, seal.UsePackage, "early", 'c', day(16), time.Time{})
	stranger := newKey(t, seal.UsePackage, "strange", 'd', time.Time{}, time.Time{})
	imposter := newKey(t, seal.UsePackage, "good", 'e', time.Time{}, time.Time{})
	ring := newKeyring(t, clock, good, stale, early, newKey(t, seal.UseRequest, "request", 'r', time.Time{}, time.Time{}))
	requests := newKey(t, seal.UsePackage, "request", 'r', time.Time{}, time.Time{})

	compiled := func(k *seal.Key, u *seal.Unit) []byte {
		b, err := seal.Seal(u, k)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	source := func(k *seal.Key) []byte {
		b, err := seal.SealSource("addResult(x)", k)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	set := func(b []byte, at int, values ...byte) []byte {
		copy(b[at:], values)
		return b
	}
	v2 := compiled(good, answer())
	// Offsets in v2: 42 kid, 50 kind, 51 origin, 52 size of the name, 53 name,
	// 59 parameters, 60 quotas.
	altered := func(at int, values ...byte) []byte { return resign(set(bytes.Clone(v2), at, values...), 'a') }
	code := len(v2) - len(bytecode.AppendProgram(nil, answer().Program))

	tests := []struct {
		name string
		b    []byte
	}{
		{"nothing", nil},
		{"one byte", []byte("A")},
		{"a header without its last byte", v2[:41]},
		{"source text", []byte("addVar(x, 1)\naddResult(x) // no package at all")},
		{"another magic", set(compiled(good, answer()), 0, 'a')},
		{"another magic, signed", altered(0, 'Z')},
		{"version 0", altered(4, 0, 0)},
		{"version 3", altered(4, 0, 3)},
		{"version 513", altered(4, 2, 1)},
		{"version 1 of a compiled one", set(bytes.Clone(v2), 5, 1)},
		{"version 2 of a source", set(source(good), 5, 2)},
		{"version 2 of a source, signed", resign(set(source(good), 5, 2), 'a')},
		{"a header alone", set(bytes.Clone(v2[:42]), 6, 0, 0, 0, 0)},
		{"an empty unit, signed", resign(bytes.Clone(v2[:42]), 'a')},
		{"half a key's id, signed", resign(bytes.Clone(v2[:46]), 'a')},
		{"a key's id alone, signed", resign(bytes.Clone(v2[:50]), 'a')},
		{"the last byte missing", v2[:len(v2)-1]},
		{"a byte behind it", append(bytes.Clone(v2), 0)},
		{"a size too small", set(bytes.Clone(v2), 9, v2[9]-1)},
		{"a size too large", set(bytes.Clone(v2), 9, v2[9]+1)},
		{"the largest size", set(bytes.Clone(v2), 6, 255, 255, 255, 255)},
		{"another package behind it", append(bytes.Clone(v2), v2...)},
		{"first bit of the MAC", set(bytes.Clone(v2), 10, v2[10]^128)},
		{"last bit of the MAC", set(bytes.Clone(v2), 41, v2[41]^1)},
		{"a MAC of zeros", set(bytes.Clone(v2), 10, make([]byte, 32)...)},
		{"a bit of the code", set(bytes.Clone(v2), len(v2)-30, v2[len(v2)-30]^1)},
		{"a bit of the source", set(source(good), 42, 'b')},
		{"the MAC of a source package", set(bytes.Clone(v2), 10, source(good)[10:42]...)},
		{"a key that has ended", compiled(stale, answer())},
		{"a key that has not begun", compiled(early, answer())},
		{"a key that nobody knows", compiled(stranger, answer())},
		{"another secret under the id", compiled(imposter, answer())},
		{"a key of another use", compiled(requests, answer())},
		{"source, a key that has ended", source(stale)},
		{"source, a key that has not begun", source(early)},
		{"source, a key that nobody knows", source(stranger)},
		{"source, a key of another use", source(requests)},
		{"source, the last byte missing", source(good)[:53]},
		{"source, a byte behind it", append(source(good), '\n')},
		{"no id of a key", altered(42, 0, 0, 0, 0)},
		{"an id with something behind its zeros", altered(49, 'x')},
		{"an id with a space", altered(46, ' ')},
		{"an id in capitals", altered(42, 'G')},
		{"kind 0", altered(50, 0)},
		{"kind 3", altered(50, 3)},
		{"a kind that is not the program's", altered(50, 2)},
		{"origin 0", altered(51, 0)},
		{"origin 3", altered(51, 3)},
		{"a name that is not the program's", altered(53, 'A')},
		{"a name that is too long", altered(52, 127)},
		{"a name's size written too long", resign(slices.Replace(bytes.Clone(v2), 52, 53, 128|6, 0), 'a')},
		{"a name's size without end", altered(52, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255)},
		{"a name's size of 64 bits", altered(52, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1)},
		{"a parameter that is not the program's", resign(slices.Replace(bytes.Clone(v2), 59, 60, 1, 1, 'p', 0), 'a')},
		{"more parameters than bytes", altered(59, 255, 255, 127)},
		{"a quota written too long", resign(slices.Replace(bytes.Clone(v2), 62, 63, 128, 0), 'a')},
		{"a quota of 64 bits", resign(slices.Replace(bytes.Clone(v2), 62, 63, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1), 'a')},
		{"a capability that is not the program's", resign(slices.Replace(bytes.Clone(v2), code-33, code-32, 1, 3, 's', 'q', 'l'), 'a')},
		{"a unit that ends in its hash", resign(bytes.Clone(v2[:code-1]), 'a')},
		{"a unit without a program", resign(bytes.Clone(v2[:code]), 'a')},
		{"a program without its end", resign(bytes.Clone(v2[:len(v2)-1]), 'a')},
		{"a byte behind the program", resign(append(bytes.Clone(v2), 0), 'a')},
		{"bytecode version 0", altered(code, 0)},
		{"a later bytecode version", altered(code, bytecode.Version+1)},
		{"a register out of range", broken(t, v2, bytecode.Instr{Op: bytecode.OpLoadI, C: 42}, bytecode.Instr{Op: bytecode.OpLoadI, A: 200, C: 42})},
		{"a constant out of range", broken(t, v2, bytecode.Instr{Op: bytecode.OpExport}, bytecode.Instr{Op: bytecode.OpExport, C: 9})},
		{"an unknown operation", broken(t, v2, bytecode.Instr{Op: bytecode.OpExport}, bytecode.Instr{Op: 255})},
		{"no end of the code", broken(t, v2, bytecode.Instr{Op: bytecode.OpStop}, bytecode.Instr{Op: bytecode.OpLog})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := seal.Open(ring, tt.b)
			if code := codeOf(t, err); code != seal.CodeIntegrity || p != nil {
				t.Fatalf("%+v with the code %q, want integrity", p, code)
			}
			if err.Error() != "the package does not verify" || errors.Unwrap(err) == nil {
				t.Errorf("the error says %q because of %v", err, errors.Unwrap(err))
			}
		})
	}
	var version *bytecode.VersionError
	if _, err := seal.Open(ring, altered(code, bytecode.Version+1)); !errors.As(err, &version) {
		t.Errorf("a later bytecode version is %v", err)
	}
}

// broken puts one instruction of a package in the place of another, and signs it.
func broken(t *testing.T, b []byte, from, to bytecode.Instr) []byte {
	t.Helper()
	encode := func(in bytecode.Instr) []byte {
		return binary.LittleEndian.AppendUint32([]byte{byte(in.Op), in.A, in.B, in.X}, uint32(in.C))
	}
	if bytes.Count(b, encode(from)) != 1 {
		t.Fatalf("%v is not there once", from)
	}
	return resign(bytes.Replace(b, encode(from), encode(to), 1), 'a')
}

// No byte of a package may change, and no part of it is one.
func TestOpenRefusesEveryChange(t *testing.T) {
	k := newKey(t, seal.UsePackage, "k", 'a', time.Time{}, time.Time{})
	ring := newKeyring(t, clock, k)
	b, err := seal.Seal(setOne(), k)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		for bit := range 8 {
			b[i] ^= 1 << bit
			if _, err := seal.Open(ring, b); codeOf(t, err) != seal.CodeIntegrity {
				t.Errorf("bit %d of byte %d: %v", bit, i, err)
			}
			b[i] ^= 1 << bit
		}
		if _, err := seal.Open(ring, b[:i]); codeOf(t, err) != seal.CodeIntegrity {
			t.Errorf("the first %d bytes: %v", i, err)
		}
	}
}

func TestSealRefuses(t *testing.T) {
	k := newKey(t, seal.UsePackage, "k", 'a', time.Time{}, time.Time{})
	request := newKey(t, seal.UseRequest, "k", 'a', time.Time{}, time.Time{})
	change := func(f func(*seal.Unit)) *seal.Unit {
		u := answer()
		f(u)
		return u
	}
	for name, tt := range map[string]struct {
		u *seal.Unit
		k *seal.Key
	}{
		"a request key":      {answer(), request},
		"no origin":          {change(func(u *seal.Unit) { u.Origin = 0 }), k},
		"a quota below 0":    {change(func(u *seal.Unit) { u.Contract.Depth = -1 }), k},
		"a program that bad": {change(func(u *seal.Unit) { u.Program.Functions[0].Registers = 0 }), k},
	} {
		if b, err := seal.Seal(tt.u, tt.k); err == nil {
			t.Errorf("%s: sealed as %x", name, b)
		}
	}
}

func TestIsPackage(t *testing.T) {
	b, err := seal.SealSource("addResult(x)", newKey(t, seal.UsePackage, "k", 'a', time.Time{}, time.Time{}))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		string(b): true, string(b[:20]): true, "": false, "AVAP": false, "AVAP = 1\n": false, "addResult(AVAP)": false,
	} {
		if got := seal.IsPackage([]byte(text)); got != want {
			t.Errorf("%.20q is meant as a package: %t", text, got)
		}
	}
}

func TestOpenUnverified(t *testing.T) {
	b, err := seal.Seal(answer(), newKey(t, seal.UsePackage, "k", 'a', time.Time{}, time.Time{}))
	if err != nil {
		t.Fatal(err)
	}
	b[20] ^= 1 // of the MAC
	p, err := seal.OpenUnverified(b)
	if diff := cmp.Diff(&seal.Package{Version: 2, KeyID: "k", Unit: answer()}, p); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := seal.OpenUnverified(b[:60]); codeOf(t, err) != seal.CodeIntegrity {
		t.Errorf("a broken one: %v", err)
	}
}

func BenchmarkOpen(b *testing.B) {
	k := newKey(b, seal.UsePackage, "k", 'a', time.Time{}, time.Time{})
	ring := newKeyring(b, clock, k)
	sealed, err := seal.Seal(answer(), k)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := seal.Open(ring, sealed); err != nil {
			b.Fatal(err)
		}
	}
}
