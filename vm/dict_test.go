// This file tests dicts against a model.

package vm

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

// modelDict is what a dict means, done simply.
type modelDict struct {
	keys []any // in order
	vals map[any]int64
}

func (d *modelDict) set(key any, v int64) {
	if _, ok := d.vals[key]; !ok {
		d.keys = append(d.keys, key)
	}
	d.vals[key] = v
}

func (d *modelDict) remove(key any) (int64, bool) {
	v, ok := d.vals[key]
	if ok {
		delete(d.vals, key)
		for i, k := range d.keys {
			if k == key {
				d.keys = append(d.keys[:i:i], d.keys[i+1:]...)
				break
			}
		}
	}
	return v, ok
}

// randomKey gives a key as the machine has it and as the model does: all
// numbers that are equal are one key.
func randomKey(t *testing.T, m *Machine, rng *rand.Rand, span int) (Value, any) {
	n := int64(rng.IntN(span))
	switch rng.IntN(6) {
	case 0:
		return floatValue(float64(n)), n
	case 1:
		return BoolValue(n%2 == 1), n % 2
	case 2:
		return NoneValue(), nil
	case 3:
		return floatValue(float64(n) + 0.5), float64(n) + 0.5
	case 4:
		return IntValue(n), n
	}
	s := fmt.Sprint("key", n)
	return text(t, m, s), s
}

func TestDictAgainstModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	m := NewMachine(unlimited)
	for _, span := range []int{2, 6, 40, 3000} {
		d, err := m.newDict(rng.IntN(5))
		if err != nil {
			t.Fatal(err)
		}
		model := &modelDict{vals: map[any]int64{}}
		for step := range 20_000 {
			key, modelKey := randomKey(t, m, rng, span)
			switch deletes := step / 2000 % 2; {
			case rng.IntN(3) <= deletes:
				got, ok, err := d.remove(m, key)
				want, wantOK := model.remove(modelKey)
				if err != nil || ok != wantOK || ok && got.Int() != want {
					t.Fatalf("remove %v: %v, %v, %v, want %v, %v", modelKey, got.Int(), ok, err, want, wantOK)
				}
			default:
				val := IntValue(int64(step))
				if !key.IsString() || step%2 == 0 || !d.put(key, val) {
					if err := d.set(m, key, val); err != nil {
						t.Fatal(err)
					}
				}
				model.set(modelKey, int64(step))
			}
			if step%500 == 0 {
				checkDict(t, m, d, model)
				if step%3000 == 0 {
					if d, err = d.copy(m); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		checkDict(t, m, d, model)
	}
}

func checkDict(t *testing.T, m *Machine, d *dict, model *modelDict) {
	t.Helper()
	if d.len() != len(model.keys) {
		t.Fatalf("%d entries, want %d", d.len(), len(model.keys))
	}
	i := 0
	for e, pos := d.next(0); e != nil; e, pos = d.next(pos) {
		want := model.vals[model.keys[i]]
		got, ok, err := d.get(m, e.key)
		if err != nil || !ok || got.Int() != want || e.val.Int() != want {
			t.Fatalf("key %v: %v, %v, %v, want %v", model.keys[i], got.Int(), ok, err, want)
		}
		i++
	}
	if i != d.len() {
		t.Fatalf("met %d of %d entries", i, d.len())
	}
	if n := len(d.entries); n > 32 && n > 4*d.live+4 {
		t.Fatalf("%d entries for %d that live", n, d.live)
	}
}

func TestEqualNumbersAreOneKey(t *testing.T) {
	m := NewMachine(patient)
	for in, want := range map[string]string{
		"{1: 'a', 1.0: 'b', True: 'c'}":                          "{1: 'c'}",
		"{True: 'a', 1: 'b'}":                                    "{True: 'b'}",
		"{0.0: 'a', -0.0: 'b', False: 'c'}":                      "{0.0: 'c'}",
		"{9007199254740993: 1, 9007199254740992.0: 2}":           "{9007199254740993: 1, 9007199254740992.0: 2}",
		"{9223372036854775807: 1, 9.223372036854775807e18: 2}":   "{9223372036854775807: 1, 9.223372036854776e+18: 2}",
		"{-9223372036854775808: 1, -9.223372036854775808e18: 2}": "{-9223372036854775808: 2}",
		"{None: 1, -1: 2, 'None': 3, '1': 4, 1: 5}":              "{None: 1, -1: 2, 'None': 3, '1': 4, 1: 5}",
	} {
		if got := shown(m, literal(t, m, in), nil); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}

func TestWhatIsNoKey(t *testing.T) {
	m := NewMachine(patient)
	d := &dict{}
	for in, kind := range map[string]string{"[]": "list", "()": "tuple", "{}": "dict"} {
		want := "!type_error unhashable type: '" + kind + "'"
		if got := shown(m, NoneValue(), d.set(m, literal(t, m, in), NoneValue())); got != want {
			t.Errorf("%s as a key: %s", in, got)
		}
	}
}

func TestHashes(t *testing.T) {
	m := NewMachine(unlimited)
	for _, n := range []int{0, 1, 100, hashChunk, hashChunk + 1, 3*hashChunk + 7} {
		v, err := m.mul(text(t, m, "x"), IntValue(int64(n)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.hashKey(v)
		if err != nil || got != hashBytes(v.str()) || got == 0 {
			t.Errorf("a text of %d bytes: %d, %v", n, got, err)
		}
	}
}

// Keys in a row, as a script would choose them, spread over the index.
func TestIntKeysSpread(t *testing.T) {
	for _, step := range []int64{1, 8, 1 << 16, 1 << 32, 1 << 52} {
		slots := map[uint32]int{}
		most := 0
		for i := range int64(1024) {
			slot := hashInt(i*step) & 2047
			slots[slot]++
			most = max(most, slots[slot])
		}
		if most > 12 {
			t.Errorf("steps of %d: %d keys in one place", step, most)
		}
	}
}

func TestDictGrowthIsCharged(t *testing.T) {
	m := NewMachine(Limits{Memory: 1 << 20, Time: -1})
	d, err := m.newDict(0)
	for i := int64(0); err == nil; i++ {
		err = d.set(m, IntValue(i), NoneValue())
	}
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeMemory {
		t.Fatal(err)
	}
	if d.size() > 1<<20 || d.size() < 1<<18 {
		t.Errorf("the quota ended a dict of %d bytes", d.size())
	}
}

func BenchmarkDictGetSmall(b *testing.B) { benchmarkDictGet(b, 6) }
func BenchmarkDictGetLarge(b *testing.B) { benchmarkDictGet(b, 1000) }

func benchmarkDictGet(b *testing.B, n int) {
	m := NewMachine(unlimited)
	d := &dict{}
	keys := make([]Value, n)
	for i := range keys {
		if err := d.set(m, staticText(fmt.Sprint("customer_", i)), IntValue(1)); err != nil {
			b.Fatal(err)
		}
		keys[i] = staticText(fmt.Sprint("customer_", i))
	}
	i := 0
	for b.Loop() {
		if _, ok, _ := d.get(m, keys[i]); !ok {
			b.Fatal("a key is missing")
		}
		if i++; i == n {
			i = 0
		}
	}
}

func BenchmarkDictSet(b *testing.B) {
	m := NewMachine(unlimited)
	keys := make([]Value, 100)
	for i := range keys {
		keys[i] = staticText(fmt.Sprint("customer_", i))
	}
	b.ReportAllocs()
	for b.Loop() {
		d := &dict{}
		for _, key := range keys {
			if err := d.set(m, key, key); err != nil {
				b.Fatal(err)
			}
		}
	}
}
