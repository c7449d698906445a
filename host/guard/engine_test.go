package guard_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	avap "github.com/avap-framework/avap"
	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/host/guard"
)

// TestScriptsCatchRefusals runs a script past an outage of its host and another
// one of its database.
func TestScriptsCatchRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := sqlFunc(func(context.Context) (host.Session, error) {
			return nil, &host.Error{Code: host.CodeSQL, Message: "the database cannot be reached", Unavailable: true}
		})
		opts := guard.Options{Breaker: guard.Breaker{Failures: 2, OpenFor: time.Minute}}
		engine, err := avap.New(avap.Options{Host: avap.Host{
			HTTP: guard.NewHTTP(answer(503, nil), opts),
			SQL:  guard.NewSQL("database", down, opts),
		}})
		if err != nil {
			t.Fatal(err)
		}
		program, err := engine.Compile("messages = []\n" +
			"startLoop(i, 1, 3)\n" +
			"try()\nRequestGet(`http://slow.example/`, ``, ``, got)\nexception(err)\nmessages.append(err)\nend()\n" +
			"try()\normDirect(`SELECT 1`, got)\nexception(err)\nmessages.append(err)\nend()\n" +
			"endLoop()\n" +
			"addResult(messages)")
		if err != nil {
			t.Fatal(err)
		}
		result, err := program.Run(t.Context(), avap.Input{})
		if err != nil {
			t.Fatal(err)
		}
		want := []any{
			"GET http://slow.example: the answer has status 503", "the database cannot be reached",
			"GET http://slow.example: the answer has status 503", "the database cannot be reached",
			"GET http://slow.example:80: the last calls to this host failed; it is not called for a while", dbOpen,
		}
		if diff := cmp.Diff(want, result.Get("messages")); diff != "" {
			t.Error(diff)
		}
	})
}
