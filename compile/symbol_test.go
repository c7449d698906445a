// This file holds the tests of the tables of names and numbers.

package compile

import (
	"fmt"
	"testing"

	"github.com/avap-framework/avap/bytecode"
)

// TestSymbols gives each name a symbol of its own, however many there are and wherever
// they are looked for.
func TestSymbols(t *testing.T) {
	var table symbols
	for name, format := range map[string]string{
		"few": "n%d", "meeting at few places": "a%04daz", "one that is empty": "%.0d",
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // the second time in memory that was used before
				seen := map[*symbol]string{}
				for i := range 3 * fewSymbols {
					name := fmt.Sprintf(format, i)
					s := table.get(name)
					if other, ok := seen[s]; ok && other != name {
						t.Fatalf("%q has the symbol of %q", name, other)
					}
					if seen[s] == "" && (s.slot != 0 || s.text != 0) {
						t.Fatalf("%q is new and has %+v", name, *s)
					}
					seen[s], s.slot, s.text = name, int32(i+1), 7
				}
				for s, name := range seen {
					if got := table.get(name); got != s || got.name != name {
						t.Errorf("%q has another symbol later: %q", name, got.name)
					}
				}
				table.reset()
			}
		})
	}
}

// TestNumbers tells numbers apart, of which there are more than are looked through.
func TestNumbers(t *testing.T) {
	var all []number
	for i := range uint64(20) {
		all = append(all, number{bytecode.ConstInt, i}, number{bytecode.ConstFloat, i})
	}
	var table numbers
	for i, n := range all {
		if at, ok := table.get(n); ok {
			t.Errorf("%v is at %d before it is put there", n, at)
		}
		table.put(n, int32(i))
	}
	for i, n := range all {
		if at, ok := table.get(n); !ok || at != int32(i) {
			t.Errorf("%v is at %d, %v, want %d", n, at, ok, i)
		}
	}
	table.reset()
	if at, ok := table.get(all[0]); ok {
		t.Errorf("%v is at %d after a reset", all[0], at)
	}
}
