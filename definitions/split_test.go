package definitions_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/definitions"
	"github.com/avap-framework/avap/seal"
)

func TestSplit(t *testing.T) {
	quotas := seal.Contract{Depth: 3}
	got, err := definitions.Split(definitions.Source{Name: "two.avap", Quotas: quotas, Text: "// One.\ncommand one(o: out) { o = 1 }\n\ncommand two(o: out) requires http { o = 2 } // the end\n"})
	want := []definitions.Source{
		{Kind: bytecode.KindCommand, Name: "one", Quotas: quotas, Text: "// One.\ncommand one(o: out) { o = 1 }\n"},
		{Kind: bytecode.KindCommand, Name: "two", Quotas: quotas, Text: "command two(o: out) requires http { o = 2 } // the end\n", Capabilities: []string{"http"}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := definitions.Split(definitions.Source{Text: "command one("}); err == nil {
		t.Error("half a definition was split")
	}
}
