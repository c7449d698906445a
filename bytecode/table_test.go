package bytecode

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// declaredOps reads the operations and their comments from op.go, in order.
func declaredOps(t *testing.T) (names, comments []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "op.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Op") {
			names = append(names, spec.Names[0].Name)
			comments = append(comments, strings.TrimSpace(spec.Comment.Text()))
		}
		return true
	})
	return names, comments
}

func TestTableIsComplete(t *testing.T) {
	names, _ := declaredOps(t)
	if len(names) != NumOps {
		t.Fatalf("op.go declares %d operations, the table has %d", len(names), NumOps)
	}
	if OpInvalid.Known() {
		t.Error("the invalid operation is in the table")
	}
	for i, name := range names[1:] {
		op := Op(i + 1)
		info := Ops[op]
		if want := strings.ToLower(strings.TrimPrefix(name, "Op")); info.Name != want {
			t.Errorf("%s is called %q in the table, not %q", name, info.Name, want)
		}
		if info.Group == "" || info.Effect == "" || info.Picture == "" {
			t.Errorf("%s lacks a group, an effect or a picture", name)
		}
		if mnemonic, _, _ := strings.Cut(info.Example, " "); mnemonic != info.Name {
			t.Errorf("the example of %s is one of %q", name, mnemonic)
		}
	}
}

// The comment of an operation names its operands, so they are in the table;
// one that it assigns to first is written.
func TestTableAgreesWithComments(t *testing.T) {
	letter := regexp.MustCompile(`\b[ABXC]\b`)
	assigned := regexp.MustCompile(`^R\[A\](, R\[A\+1\]| … R\[.*\])? = `)
	writes := []Operand{Write, Update, WriteRange, WriteUpTo, Counter, Native, Receiver, Frame}
	names, comments := declaredOps(t)
	for i, comment := range comments[1:] {
		op := Op(i + 1)
		info := Ops[op]
		if comment == "" {
			t.Errorf("%s has no comment", names[op])
		}
		used := map[string]Operand{"A": info.A, "B": info.B, "X": info.X, "C": info.C}
		for _, l := range letter.FindAllString(comment, -1) {
			if used[l] == Unused {
				t.Errorf("%s has the operand %s in its comment, %q, not in the table", names[op], l, comment)
			}
		}
		if assigned.MatchString(comment) && !slices.Contains(writes, info.A) {
			t.Errorf("%s writes R[A] by its comment, %q, not by the table", names[op], comment)
		}
	}
}

func TestExamplesUseEveryOperation(t *testing.T) {
	used := map[Op]bool{}
	for _, p := range examples() {
		for _, f := range p.Functions {
			for _, in := range f.Code {
				used[in.Op] = true
			}
		}
	}
	for op := Op(1); int(op) < NumOps; op++ {
		if !used[op] {
			t.Errorf("no example uses %v", op)
		}
	}
}

func TestNamesOfUnknownThings(t *testing.T) {
	for _, s := range []string{Op(255).String(), OpInvalid.String(), Comparator(9).String(), Kind(0).String(), Kind(9).String()} {
		if s != "?" {
			t.Errorf("something unknown is called %q", s)
		}
	}
}
