package avap_test

import (
	"testing"
	"time"

	"github.com/avap-framework/avap"
)

// TestSameInstruction runs scripts that meet a quota many times: each stops at
// the same instruction every time, whatever ran on the machine before.
func TestSameInstruction(t *testing.T) {
	t.Parallel()
	engine, err := avap.New(avap.Options{Limits: avap.Limits{Time: time.Minute, Memory: 1 << 20, Instructions: 200_000}})
	if err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{
		"instructions": "i = 0\nwhile(true)\n    i = i + 1\nend()",
		"memory":       "l = []\nwhile(true)\n    l.append(str(len(l)) * 3)\nend()",
		"dropped":      "i = 0\nwhile(true)\n    i = i + 1\n    t = [str(i) * 100, {\"k\": i}]\nend()",
		"depth":        "function f(n) { return f(n + 1) }\nf(0)",
	} {
		p, err := engine.Compile(script)
		if err != nil {
			t.Fatal(err)
		}
		var first [2]int64
		for round := range 20 {
			x := engine.Begin(t.Context(), avap.Limits{Time: time.Minute, Memory: 1 << 20, Instructions: 200_000}, nil)
			err := x.Run(p)
			var now [2]int64
			now[0], now[1] = x.Machine().Used()
			x.End()
			if err == nil {
				t.Fatalf("%s: no quota was met", name)
			}
			if round == 0 {
				first = now
			} else if now != first {
				t.Errorf("%s: stopped at %v in round %d, at %v before: %v", name, now, round, first, err)
			}
		}
	}
}
