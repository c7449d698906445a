// This file holds the paths of single parts of the worker: JSON, packages, the cache.

package guard

import (
	"fmt"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/vm"
	"github.com/avap-framework/avap/worker/l1"
)

var partPaths = []Path{
	{"json/parse", 100, startParse},
	{"json/answer", 100, startAnswer},
	{"l1/hit", 5000, startHit},
	{"seal/verify", 100, startVerify},
}

// order is a body of some 600 bytes.
const order = `{"customer":{"name":"Ada Lovelace","mail":"ada@example.org","since":1843},"items":[` +
	`{"sku":"A1","pieces":12,"price":9.5,"note":"fragile \u2014 \"glass\""},{"sku":"B2","pieces":1,"price":20.25,"note":null},` +
	`{"sku":"C3","pieces":250,"price":0.075,"note":"Grüße"},{"sku":"D4","pieces":3,"price":1e3,"note":"line one\nline two"}],` +
	`"paid":true,"express":false,"total":1377.0,"address":{"street":"12 St James's Square","town":"London","code":"SW1Y 4JH"},` +
	`"comment":"a text without anything to escape, which is what nearly all texts are, and of the length of a short remark"}`

// startParse reads the order into an execution.
func startParse(s *setup) (work, error) {
	engine, err := avap.New(avap.Options{})
	if err != nil {
		return work{}, err
	}
	body, fields := []byte(order), 0
	count := func(string, vm.Value) error { fields++; return nil }
	var fuel, memory int64
	return work{
		round: func() error {
			x := engine.Begin(s.ctx, avap.Limits{}, nil)
			defer x.End()
			fields = 0
			if err := x.Machine().ParseObject(body, count); err != nil {
				return err
			}
			if fields != 7 {
				return fmt.Errorf("%d fields were read, not 7", fields)
			}
			fuel, memory = x.Machine().Used()
			return nil
		},
		used: func() (int64, int64) { return fuel, memory },
	}, nil
}

// startAnswer writes the answer of an execution that has the order for its result.
func startAnswer(s *setup) (work, error) {
	engine, err := avap.New(avap.Options{})
	if err != nil {
		return work{}, err
	}
	program, err := engine.Compile("addParam(order, order)\naddResult(order)")
	if err != nil {
		return work{}, err
	}
	x := engine.Begin(s.ctx, avap.Limits{Time: -1, Memory: -1, Output: -1}, nil)
	s.atEnd(func() error { x.End(); return nil })
	if err := x.Machine().ParseObject([]byte(`{"order":`+order+`}`), x.SetParameter); err != nil {
		return work{}, err
	}
	x.Only = true
	if err := x.Run(program); err != nil {
		return work{}, err
	}
	var buffer []byte
	return work{round: func() error {
		answer, err := x.AppendAnswer(buffer[:0])
		if err != nil {
			return err
		}
		if len(answer) < len(order) {
			return fmt.Errorf("the answer does not hold the order: %s", answer)
		}
		buffer = answer
		return nil
	}}, nil
}

// startHit finds a script of 20 lines in a full cache.
func startHit(*setup) (work, error) {
	cache := l1.New[int](l1.Options{})
	text := script("lines20")
	for i := range 1000 {
		cache.Put(fmt.Sprint(text, i), i, 1000)
	}
	key := fmt.Sprint(text, 500)
	return work{round: func() error {
		if v, ok := cache.GetString(key); !ok || v != 500 {
			return fmt.Errorf("the cache gave %d, %v", v, ok)
		}
		return nil
	}}, nil
}

// startVerify verifies the package of a script of 20 lines.
func startVerify(*setup) (work, error) {
	key, keys, err := newKey(seal.UsePackage)
	if err != nil {
		return work{}, err
	}
	pack, err := seal.SealSource(script("lines20"), key)
	if err != nil {
		return work{}, err
	}
	return work{round: func() error { return seal.Verify(keys, pack) }}, nil
}
