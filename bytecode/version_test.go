// This file holds the tests of versions.

package bytecode

import "testing"

// TestVocabulary holds the latest version to what there is. Where it fails, something
// was added: give it a version of its own.
func TestVocabulary(t *testing.T) {
	want := vocabulary{ops: NumOps, builtins: len(Builtins), methods: len(Methods), codes: len(Codes)}
	if got := vocabularies[Version-1]; got != want {
		t.Errorf("version %d has %+v, there are %+v: add a row, and raise Version", Version, got, want)
	}
	for i := range vocabularies[1:] {
		low, high := vocabularies[i], vocabularies[i+1]
		if low.ops > high.ops || low.builtins > high.builtins || low.methods > high.methods || low.codes > high.codes || low == high {
			t.Errorf("version %d has %+v, the one before it %+v", i+2, high, low)
		}
	}
}

// TestHas finds out what a smaller vocabulary lacks.
func TestHas(t *testing.T) {
	small := vocabulary{ops: int(OpLastError), builtins: 3, methods: 4, codes: 2}
	tests := map[string]struct {
		code []Instr
		want bool
	}{
		"within":                {[]Instr{{Op: OpBuiltin, C: 2}, {Op: OpMethod, C: 3}, {Op: OpStop}}, true},
		"an operation":          {[]Instr{{Op: OpLastError}, {Op: OpStop}}, false},
		"a built-in":            {[]Instr{{Op: OpBuiltin, C: 3}}, false},
		"a method":              {[]Instr{{Op: OpMethod, C: 4}}, false},
		"a code":                {[]Instr{{Op: OpRaise, B: 2}}, false},
		"a named built-in":      {[]Instr{{Op: OpBuiltinKw, C: 0}}, true},
		"a later one":           {[]Instr{{Op: OpBuiltinKw, C: 1}}, false},
		"a named method":        {[]Instr{{Op: OpMethodKw, C: 1}}, true},
		"a later method":        {[]Instr{{Op: OpMethodKw, C: 2}}, false},
		"a site that is not":    {[]Instr{{Op: OpMethodKw, C: 3}}, false},
		"a number, no built-in": {[]Instr{{Op: OpLoadI, C: 99}}, true},
	}
	for name, tt := range tests {
		p := &Program{Functions: []Function{{Code: []Instr{{Op: OpStop}}}, {Code: tt.code}}, Sites: []CallSite{{Target: 2}, {Target: 3}, {Target: 4}}}
		if got := small.has(p); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
