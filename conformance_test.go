package avap_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/internal/conformance"
	"github.com/avap-framework/avap/vm"
)

// TestConformance runs every case of the language through the embedded engine.
func TestConformance(t *testing.T) {
	t.Parallel()
	// The quota of time is out of the way: a busy machine might meet it first.
	engine, err := avap.New(avap.Options{Limits: avap.Limits{Time: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range conformance.Load(t, "testdata/conformance") {
		t.Run(c.Name, func(t *testing.T) {
			status, body := answerOf(t, engine, &c)
			c.Want.Check(t, status, body)
		})
	}
}

// answerOf runs a case and gives what the REST API would answer.
func answerOf(t *testing.T, engine *avap.Engine, c *conformance.Case) (status int, body []byte) {
	t.Helper()
	program, err := engine.Compile(c.Script)
	if err != nil {
		return failureOf(t, err)
	}
	r, err := program.Run(t.Context(), avap.Input{
		Query:      c.Request.Query,
		Parameters: objectOf(t, c.Request.Body),
		Variables:  objectOf(t, c.Request.Variables),
	})
	if err != nil {
		return failureOf(t, err)
	}
	if r.Status == http.StatusNoContent {
		return r.Status, nil
	}
	return r.Status, r.JSON
}

// objectOf reads a JSON object in its order.
func objectOf(t *testing.T, text json.RawMessage) avap.Object {
	t.Helper()
	if text == nil {
		return nil
	}
	v, err := vm.NewMachine(vm.Limits{}).ParseJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	x, err := vm.ToGo(v)
	if err != nil {
		t.Fatal(err)
	}
	return x.(avap.Object)
}

// failureOf gives the answer of a failure: status 504 for a time quota, else 400.
func failureOf(t *testing.T, err error) (int, []byte) {
	t.Helper()
	var e *avap.Error
	if !errors.As(err, &e) {
		t.Fatalf("not an *Error: %v", err)
	}
	body, err := json.Marshal(map[string]any{
		"success": false, "error": e.Error(), "code": e.Code, "line": e.Line, "column": e.Col,
	})
	if err != nil {
		t.Fatal(err)
	}
	if e.Code == vm.CodeTime {
		return http.StatusGatewayTimeout, body
	}
	return http.StatusBadRequest, body
}
