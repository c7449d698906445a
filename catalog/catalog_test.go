package catalog_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/command"
	"github.com/avap-framework/avap/syntax"
)

func stock() *catalog.Catalog {
	return catalog.New(command.Signature, command.Natives(command.Host{}))
}

func parse(t *testing.T, src string) []*syntax.Definition {
	t.Helper()
	f, err := syntax.Parse(src, syntax.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return f.Commands
}

// TestDefine adds definitions that call each other, in any order.
func TestDefine(t *testing.T) {
	c, _, err := stock().Define(parse(t, `
// Shouts.
command shout(text: value, o: out) {
    o = mark(text.upper())
}

command mark(text: value, o: out) {
    o = text + "!"
}
`))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Doc("shout"); got != "Shouts." {
		t.Errorf("documentation %q", got)
	}
	for _, name := range []string{"shout", "mark", "encodeMD5"} {
		if c.Signature(name) == nil || c.Command(name) == nil {
			t.Errorf("%s is not in the catalog", name)
		}
	}
	next, _, err := c.Define(parse(t, `command mark(text: value, o: out) { o = text + "?" }`))
	if err != nil {
		t.Fatal(err)
	}
	if next.Command("shout") == c.Command("shout") {
		t.Error("a definition still calls one that was replaced")
	}
	if c.Command("nosuch") != nil || c.Signature("nosuch") != nil {
		t.Error("nosuch is in the catalog")
	}
}

// TestDefineErrors holds what cannot be defined.
func TestDefineErrors(t *testing.T) {
	for name, c := range map[string]struct{ src, want string }{
		"stock name":         {"command addVar(a: value) { b = a }", "a stock command has this name"},
		"built-in name":      {"command len(a: value) { b = a }", "a built-in function has this name"},
		"itself":             {"command a(x: value) {\n a(x)\n}", "circle: a → a"},
		"a circle":           {"command a(x: value) { b(x) }\ncommand b(x: value) { c(x) }\ncommand c(x: value) { a(x) }", "circle: a → b → c → a"},
		"unknown mode":       {"command a(x: maybe) { y = x }", "maybe is no mode"},
		"unknown capability": {"command a(x: value) requires disk { y = x }", "disk is no capability"},
		"missing capability": {"command a(x: value, o: out) { o = RequestGet(x) }", "requires http"},
		"script only":        {"command a(x: value) { addResult(x) }", "belongs to scripts"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := stock().Define(parse(t, c.src))
			var e *catalog.Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// TestRedefineIntoCircle refuses a new version that closes a circle through an
// old definition.
func TestRedefineIntoCircle(t *testing.T) {
	c, _, err := stock().Define(parse(t, "command a(x: value) { b(x) }\ncommand b(x: value) { y = x }"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Define(parse(t, "command b(x: value) { a(x) }")); err == nil || !strings.Contains(err.Error(), "circle") {
		t.Errorf("got %v", err)
	}
}
