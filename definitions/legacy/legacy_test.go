package legacy_test

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/command"
	"github.com/avap-framework/avap/definitions/legacy"
	"github.com/avap-framework/avap/internal/pgtest"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/syntax"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }

const (
	pythonAddVar = "props = task[\"properties\"]\nself.conector.variables[props[\"targetVarName\"]] = props[\"varValue\"]\n"
	greet        = "// Greets somebody.\ncommand greet(who: value, target: out) {\n    target = \"Hello \" + who\n}\n"
)

func TestSort(t *testing.T) {
	tests := []struct {
		name    string
		row     legacy.Row
		taken   string // the text of the source
		kind    bytecode.Kind
		refused string
		stock   bool
	}{
		{name: "a definition", row: legacy.Row{Name: "greet", Code: greet}, taken: greet, kind: bytecode.KindCommand},
		{name: "a stock name, whatever its code", row: legacy.Row{Name: "addVar", Code: pythonAddVar}, stock: true},
		{name: "a word of the language", row: legacy.Row{Name: "endLoop", Code: "# only marks the end\n"}, stock: true},
		{name: "a script", row: legacy.Row{Name: "hello", Type: "script", Code: "addParam(who, who)\naddResult(who)\n"}, taken: "addParam(who, who)\naddResult(who)\n", kind: bytecode.KindScript},
		{
			name: "a body with its interface",
			row: legacy.Row{
				Name: "total", Description: "Adds the tax.\nRounded.", Type: "function",
				Interface: `[{"item":"price","type":"value"},{"item":"rate","type":"variable"},{"item":"sum","type":"var"}]`,
				Code:      "sum = round(price * (1 + rate), 2)",
			},
			taken: "// Adds the tax.\n// Rounded.\ncommand total(price: value, rate: name, sum: out) {\n    sum = round(price * (1 + rate), 2)\n}\n",
			kind:  bytecode.KindCommand,
		},
		{
			name: "a body that calls the world outside",
			row: legacy.Row{
				Name: "customer", Interface: `[{"item":"id","type":"value"},{"item":"found","type":"variable"}]`,
				Code: "RequestGet(`https://crm.internal/${id}`, , , found)\r\n",
			},
			taken: "command customer(id: value, found: out) requires http {\n    RequestGet(`https://crm.internal/${id}`, , , found)\n}\n",
			kind:  bytecode.KindCommand,
		},
		{
			name:  "an interface with this project's modes",
			row:   legacy.Row{Name: "match", Interface: `[{"item":"p","type":"value","mode":"text"},{"item":"o","type":"var","mode":"out"}]`, Code: "o = p"},
			taken: "command match(p: text, o: out) {\n    o = p\n}\n", kind: bytecode.KindCommand,
		},
		{name: "no parameters", row: legacy.Row{Name: "noop", Interface: "[]", Code: "x = 1"}, taken: "command noop() {\n    x = 1\n}\n", kind: bytecode.KindCommand},

		{name: "Python with the machine's own names", row: legacy.Row{Name: "setVar", Code: pythonAddVar}, refused: "Python source: write the command in AVAP"},
		{name: "Python that imports", row: legacy.Row{Name: "log", Code: "import os\nif os.getenv('DEBUG'):\n    print('end')\n"}, refused: "Python source: write the command in AVAP"},
		{name: "Python with a comment alone", row: legacy.Row{Name: "mark", Code: "# the parser does it\nx = 1"}, refused: "Python source: write the command in AVAP"},
		{name: "another language", row: legacy.Row{Name: "js", Code: "const x = () => 1;"}, refused: "source in a language that is not known: write the command in AVAP"},
		{name: "a broken definition", row: legacy.Row{Name: "greet", Code: "command greet(who: value) {\n    x = 1 +\n}\n"}, refused: "AVAP source: line 2: "},
		{name: "another command's definition", row: legacy.Row{Name: "hello", Code: greet}, refused: "AVAP source: it defines the command greet, which is not the row's name"},
		{name: "more than a definition", row: legacy.Row{Name: "greet", Code: greet + "x = 1\n"}, refused: "AVAP source: it holds more than definitions of commands"},
		{name: "a function in a body", row: legacy.Row{Name: "f", Code: "function g(a) { return a }"}, refused: "AVAP source: the function g stands in it, which no definition can have"},
		{name: "a body that closes the definition", row: legacy.Row{Name: "f", Code: "x = 1\n}\ncommand g() {\ny = 2"}, refused: "AVAP source: line 2: "},
		{name: "a name that is none", row: legacy.Row{Name: "two words", Code: "x = 1"}, refused: "AVAP source: line 1: "},
		{name: "an interface that is none", row: legacy.Row{Name: "f", Interface: "{}", Code: "x = 1"}, refused: "AVAP source: the interface is no JSON list of items"},
		{name: "an unknown type", row: legacy.Row{Name: "f", Interface: `[{"item":"a","type":"blob"}]`, Code: "x = 1"}, refused: `AVAP source: the type "blob" of the parameter a is neither variable, value nor var`},
		{name: "no code", row: legacy.Row{Name: "f", Code: " \n"}, refused: "the row has no code"},
		{name: "no name", row: legacy.Row{Code: greet}, refused: "the row has no name"},
		{name: "what could not be read", row: legacy.Row{Name: "f", Fault: "compiled code without its source"}, refused: "compiled code without its source"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.row.Table = "t"
			got := legacy.Sort([]legacy.Row{tt.row}, legacy.AVAP{})
			var want legacy.Sorted
			switch {
			case tt.stock:
				want.Stock = []string{tt.row.Name}
			case tt.refused != "":
				want.Refused = []legacy.Refusal{{Table: "t", Name: tt.row.Name, Reason: tt.refused}}
				if len(got.Refused) == 1 && strings.HasSuffix(tt.refused, ": ") && strings.HasPrefix(got.Refused[0].Reason, tt.refused) {
					got.Refused[0].Reason = tt.refused // what follows is the parser's word
				}
			default:
				want.Sources = []legacy.Source{{Table: "t", Kind: tt.kind, Name: tt.row.Name, Text: tt.taken}}
				compiles(t, tt.kind, tt.taken)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// compiles checks that a definition is one.
func compiles(t *testing.T, kind bytecode.Kind, text string) {
	t.Helper()
	f, err := syntax.Parse(text, syntax.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if kind == bytecode.KindScript {
		return
	}
	stock := catalog.New(command.Signature, command.Natives(command.Host{}))
	if _, _, err := stock.Define(f.Commands); err != nil {
		t.Error(err)
	}
}

func TestSortOfSameNames(t *testing.T) {
	same := legacy.Row{Name: "greet", Code: greet}
	other := legacy.Row{Name: "greet", Code: greet + "// later\n"}
	end := legacy.Row{Name: "end", Code: "# one"}
	for _, tt := range []struct {
		name string
		rows []legacy.Row
		want legacy.Sorted
	}{
		{"the same twice", []legacy.Row{same, end, same}, legacy.Sorted{
			Stock: []string{"end"}, Sources: []legacy.Source{{Kind: bytecode.KindCommand, Name: "greet", Text: greet}},
		}},
		{"two codes", []legacy.Row{same, other}, legacy.Sorted{
			Refused: []legacy.Refusal{{Name: "greet", Reason: "several rows have this name and not the same code: delete all but one"}},
		}},
		{"a stock name twice", []legacy.Row{end, {Name: "end", Code: "# two"}}, legacy.Sorted{Stock: []string{"end"}}},
		{"nothing", nil, legacy.Sorted{}},
	} {
		if diff := cmp.Diff(tt.want, legacy.Sort(tt.rows, legacy.AVAP{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// shouting is a second front end, in front of the first.
type shouting struct{}

func (shouting) Language() string            { return "shouting" }
func (shouting) Recognizes(code string) bool { return strings.ToUpper(code) == code }
func (shouting) Source(row legacy.Row) (legacy.Source, error) {
	if row.Code == "SILENCE" {
		return legacy.Source{}, errors.New("nobody shouts that")
	}
	return legacy.Source{Kind: bytecode.KindScript, Name: row.Name, Text: strings.ToLower(row.Code)}, nil
}

func TestSecondFrontend(t *testing.T) {
	got := legacy.Sort([]legacy.Row{
		{Name: "a", Code: "X = 1"},
		{Name: "b", Code: "SILENCE"},
		{Name: "greet", Code: greet},
	}, shouting{}, legacy.AVAP{})
	want := legacy.Sorted{
		Sources: []legacy.Source{{Kind: bytecode.KindScript, Name: "a", Text: "x = 1"}, {Kind: bytecode.KindCommand, Name: "greet", Text: greet}},
		Refused: []legacy.Refusal{{Name: "b", Reason: "shouting source: nobody shouts that"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// both runs a test on a new database of each kind.
func both(t *testing.T, test func(t *testing.T, url string, db *sql.DB, bytes string)) {
	t.Run("sqlite", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "old.db")
		test(t, "sqlite:"+file, open(t, "sqlite", file), "BLOB")
	})
	t.Run("postgres", func(t *testing.T) {
		url := pgtest.Database(t)
		test(t, url, open(t, "pgx", url), "bytea")
	})
}

func open(t *testing.T, driver, name string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func execute(t *testing.T, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// oldPackage is a package of version 1, of a key that nobody here has.
func oldPackage(t *testing.T, source string) []byte {
	t.Helper()
	key, err := seal.GenerateKey(seal.UsePackage, "old", time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := seal.SealSource(source, key)
	if err != nil {
		t.Fatal(err)
	}
	return pkg
}

func hashOf(source string) string {
	sum := sha256.Sum256([]byte(source))
	return hex.EncodeToString(sum[:])
}

func TestRead(t *testing.T) {
	both(t, func(t *testing.T, url string, db *sql.DB, bytes string) {
		execute(t, db, "CREATE TABLE obex_dapl_functions (id INTEGER PRIMARY KEY, name VARCHAR(100), interface TEXT, description TEXT, type VARCHAR(50), logic BOOLEAN, service VARCHAR(50), code TEXT)")
		execute(t, db, "CREATE TABLE avap_bytecode (id INTEGER PRIMARY KEY, command_name VARCHAR(100) UNIQUE NOT NULL, bytecode "+bytes+", version INTEGER DEFAULT 1, source_hash VARCHAR(64), is_verified BOOLEAN)")
		insert := "INSERT INTO obex_dapl_functions (id, name, interface, description, type, logic, code) VALUES ($1, $2, $3, $4, $5, $6, $7)"
		execute(t, db, insert, 1, "addVar", `[{"item":"targetVarName","type":"variable"}]`, nil, nil, nil, pythonAddVar)
		execute(t, db, insert, 2, "greet", "[]", "Greets.", "function", true, greet)
		execute(t, db, insert, 3, "packed", nil, "", "function", false, nil)
		execute(t, db, insert, 4, "lost", nil, "", "function", false, "")
		pkg := "INSERT INTO avap_bytecode (id, command_name, bytecode, source_hash) VALUES ($1, $2, $3, $4)"
		execute(t, db, pkg, 1, "greet", oldPackage(t, "not looked at"), "")
		execute(t, db, pkg, 2, "packed", oldPackage(t, greet), hashOf(greet))
		execute(t, db, pkg, 3, "alone", oldPackage(t, "x = 1"), nil)
		execute(t, db, pkg, 4, "altered", oldPackage(t, "x = 1"), hashOf("x = 2"))
		execute(t, db, pkg, 5, "compiled", []byte("AVBC\x00\x01\x02"), nil)
		execute(t, db, pkg, 6, "binary", oldPackage(t, "x = \xff"), nil)

		got, err := legacy.Read(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		functions, packages := legacy.FunctionsTable, legacy.BytecodeTable
		want := []legacy.Row{
			{Table: functions, Name: "addVar", Interface: `[{"item":"targetVarName","type":"variable"}]`, Code: pythonAddVar},
			{Table: functions, Name: "greet", Interface: "[]", Description: "Greets.", Type: "function", Code: greet},
			{Table: packages, Name: "packed", Type: "function", Code: greet},
			{Table: functions, Name: "lost", Type: "function"},
			{Table: packages, Name: "alone", Code: "x = 1"},
			{Table: packages, Name: "altered", Fault: "the package's source is not that of its source_hash"},
			{Table: packages, Name: "compiled", Fault: "compiled code without its source"},
			{Table: packages, Name: "binary", Code: "x = \xff", Fault: "a column holds what is no text"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestReadOfFewColumns(t *testing.T) {
	both(t, func(t *testing.T, url string, db *sql.DB, _ string) {
		execute(t, db, "CREATE TABLE something_else (name TEXT)")
		if _, err := legacy.Read(t.Context(), url); !errors.Is(err, legacy.ErrNoTables) {
			t.Errorf("an empty database: %v, want ErrNoTables", err)
		}
		execute(t, db, "CREATE TABLE obex_dapl_functions (code TEXT, name TEXT)")
		execute(t, db, "INSERT INTO obex_dapl_functions (name, code) VALUES ('greet', 'x = 1')")
		got, err := legacy.Read(t.Context(), url)
		if diff := cmp.Diff([]legacy.Row{{Table: legacy.FunctionsTable, Name: "greet", Code: "x = 1"}}, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		execute(t, db, "CREATE TABLE avap_bytecode (bytecode TEXT)")
		want := "the table avap_bytecode has no column command_name"
		if _, err := legacy.Read(t.Context(), url); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	})
}

// FuzzSort takes whatever a column may hold: what is taken reads as one
// definition of the row's name.
func FuzzSort(f *testing.F) {
	for _, code := range []string{greet, pythonAddVar, "x = 1", "x = 1\n}\ncommand g() {\ny = 2", "/*", "x = `", "a(", "x = 1 // }"} {
		f.Add("greet", `[{"item":"a","type":"value"}]`, "what it does\n*/", code)
	}
	f.Fuzz(func(t *testing.T, name, iface, doc, code string) {
		row := legacy.Row{Name: name, Interface: iface, Description: doc, Code: code}
		for _, s := range legacy.Sort([]legacy.Row{row}, legacy.AVAP{}).Sources {
			file, err := syntax.Parse(s.Text, syntax.Options{})
			if err != nil {
				t.Fatalf("%q does not parse: %v", s.Text, err)
			}
			if len(file.Body) > 0 || len(file.Commands) == 0 || file.Commands[0].Name != name {
				t.Fatalf("%q is no definition of %q alone", s.Text, name)
			}
		}
	})
}
