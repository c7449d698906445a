package worker_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/worker"
)

// TestStoredContract runs a stored script under contracts: they lower what it may use, and
// give it nothing that the worker does not.
func TestStoredContract(t *testing.T) {
	engine, err := avap.New(avap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	program, err := engine.Compile("randomString(\"[a-z]\", 8, x)\naddResult(x)")
	if err != nil {
		t.Fatal(err)
	}
	// Stored scripts, each with the first byte of its hash.
	type stored struct {
		hash     byte
		contract seal.Contract
		requires []string
	}
	scripts := map[string]stored{
		"free":         {hash: 1},
		"random":       {hash: 2, requires: []string{"random", "time"}},
		"sql alone":    {hash: 3, requires: []string{"sql"}},
		"instructions": {hash: 4, contract: seal.Contract{Instructions: 1}},
	}
	catalog := worker.NewCatalog(engine, nil, func(_ context.Context, name string) (*seal.Unit, [32]byte, error) {
		s, found := scripts[name]
		if !found {
			return nil, [32]byte{}, nil
		}
		p := *program.Bytecode()
		p.Requires = s.requires
		return &seal.Unit{Origin: seal.OriginPublished, Contract: s.contract, Program: &p}, [32]byte{s.hash}, nil
	})
	for _, tt := range []struct {
		name   string
		grants avap.Capability
		want   map[string]string // the code by script; empty for success
	}{
		{"grants all", avap.AllCapabilities, map[string]string{
			"free": "", "random": "", "sql alone": "capability_denied", "instructions": "quota_instructions", "nobody's": "unknown_script",
		}},
		{"grants http", avap.CapHTTP, map[string]string{
			"free": "capability_denied", "random": "capability_denied", "sql alone": "capability_denied", "instructions": "quota_instructions", "nobody's": "unknown_script",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, worker.Options{
				Catalog:  func() *worker.Catalog { return catalog },
				Unsigned: true, UnsignedGrants: tt.grants,
			})
			got := map[string]string{}
			for name := range tt.want {
				for range 2 { // compiled, then out of the cache
					got[name] = codeOfStored(t, s, name)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("codes (-want +got):\n%s", diff)
			}
		})
	}
}

// codeOfStored runs a stored script, and gives the code of its failure.
func codeOfStored(t *testing.T, s *server, name string) string {
	t.Helper()
	request, err := json.Marshal(map[string]string{"name": name})
	if err != nil {
		t.Fatal(err)
	}
	status, _, body := post(t, s, "/api/v1/execute", string(request))
	var answer struct {
		Success bool
		Code    string
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Success != (status == http.StatusOK) {
		t.Errorf("%s: status %d with %s", name, status, body)
	}
	return answer.Code
}
