// This file holds what the tests share: keys, units, and the code of an error.

package seal_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/seal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// day gives a day of November 2026; the tests' clock stands at the 15th.
func day(n int) time.Time { return time.Date(2026, 11, n, 0, 0, 0, 0, time.UTC) }

func clock() time.Time { return day(15) }

// newKey makes a key whose secret is 32 times one byte.
func newKey(t testing.TB, use seal.Use, id string, secret byte, notBefore, notAfter time.Time) *seal.Key {
	t.Helper()
	k, err := seal.NewKey(use, id, bytes.Repeat([]byte{secret}, 32), notBefore, notAfter)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newKeyring(t testing.TB, now func() time.Time, keys ...*seal.Key) *seal.Keyring {
	t.Helper()
	r, err := seal.NewKeyring(now, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// codeOf gives the code of an error, "" where there is none.
func codeOf(t testing.TB, err error) seal.Code {
	t.Helper()
	var e *seal.Error
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("%v is no *seal.Error", err)
	}
	if e == nil {
		return ""
	}
	return e.Code
}

// answer is a script that exports 42.
func answer() *seal.Unit {
	return &seal.Unit{
		Origin:   seal.OriginCompiled,
		Contract: seal.Contract{Instructions: 1000, Time: 50 * time.Millisecond},
		Source:   sha256.Sum256([]byte("addVar(x, 42)\naddResult(x)\n")),
		Program: &bytecode.Program{
			Kind:      bytecode.KindScript,
			Name:      "answer",
			Constants: []bytecode.Constant{{Kind: bytecode.ConstString, Text: "x"}},
			Globals:   []string{"x"},
			Logs:      []string{"addVar", "addResult"},
			Functions: []bytecode.Function{{
				Registers: 1,
				Code: []bytecode.Instr{
					{Op: bytecode.OpLog},
					{Op: bytecode.OpLoadI, C: 42},
					{Op: bytecode.OpLog, C: 1},
					{Op: bytecode.OpExport},
					{Op: bytecode.OpStop},
				},
				Positions: []bytecode.Position{{Line: 1, Col: 1}, {PC: 2, Line: 2, Col: 1}},
			}},
		},
	}
}

// setOne is a definition that requires capabilities and sets its output to 1.
func setOne() *seal.Unit {
	return &seal.Unit{
		Origin: seal.OriginPublished,
		Contract: seal.Contract{
			Instructions: 1, Memory: 2, Time: 3, HostTime: 4, Depth: 5, Output: 1<<63 - 1, HostCalls: 7,
		},
		Source: sha256.Sum256([]byte("command setOne …")),
		Program: &bytecode.Program{
			Kind:     bytecode.KindCommand,
			Name:     "setOne",
			Globals:  []string{"how", "target"},
			Params:   []bytecode.Param{{Name: "how", Mode: bytecode.ModeText}, {Name: "target", Mode: bytecode.ModeOut}},
			Requires: []string{"http", "time"},
			Functions: []bytecode.Function{{
				Name: "setOne", Params: 2, Registers: 2,
				Code:      []bytecode.Instr{{Op: bytecode.OpLoadI, A: 1, C: 1}, {Op: bytecode.OpStop}},
				Positions: []bytecode.Position{{Line: 2, Col: 5}},
				Locals:    []string{"how", "target"},
			}},
		},
	}
}
