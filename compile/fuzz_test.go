// This file holds the fuzz target.

package compile_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/command"
	"github.com/avap-framework/avap/compile"
	"github.com/avap-framework/avap/syntax"
)

// FuzzScript compiles any source that parses: what comes out verifies, is the same from
// a compiler that was used before, and is refused just where its charges are too many.
func FuzzScript(f *testing.F) {
	for _, src := range languageSources(f) {
		f.Add(src)
	}
	f.Add(numbered("v%d = f(%d) + `a${v%d}`\n", 200))
	f.Add("function f(a) { b = a\nvariableToList(b, l)\nreturn [x for x, y in $g if x > 1.5] }\nx = f(2)\nx.nothing()")
	var again compile.Compiler
	f.Fuzz(func(t *testing.T, src string) {
		tree, err := syntax.Parse(src, syntax.Options{})
		if err != nil {
			return
		}
		charged := 0
		opt := compile.Options{Lookup: command.Signature, Charge: func(n int) error { charged += n; return nil }}
		p, said, err := compile.Script(tree, opt)
		if err == nil {
			if err := bytecode.Verify(p); err != nil {
				t.Error(err)
			}
		}
		p2, said2, err2 := again.Script(tree, opt)
		if diff := cmp.Diff([]any{p, said, err}, []any{p2, said2, err2}); diff != "" {
			t.Errorf("a compiler that was used before (-fresh +used):\n%s", diff)
		}
		charged /= 2
		full := errors.New("full")
		for _, limit := range []int{charged, charged - 1} {
			left := limit
			opt.Charge = func(n int) error {
				if left -= n; left < 0 {
					return full
				}
				return nil
			}
			if _, _, err := again.Script(tree, opt); errors.Is(err, full) != (limit < charged) {
				t.Errorf("%d bytes are charged, and with %d of them it ends with %v", charged, limit, err)
			}
		}
	})
}
