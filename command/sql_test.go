// This file holds the tests of ormDirect against real databases.

package command_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/host/sqldb"
	"github.com/avap-framework/avap/internal/pgtest"
	"github.com/avap-framework/avap/vm"
)

// eachDatabase runs a test on SQLite and on PostgreSQL.
func eachDatabase(t *testing.T, test func(t *testing.T, db sqldb.DB)) {
	t.Run("sqlite", func(t *testing.T) { test(t, openDB(t, "sqlite:"+t.TempDir()+"/test.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, openDB(t, pgtest.Database(t))) })
}

// tables is what the tests start from.
const tables = `
ormDirect("CREATE TABLE users (id INTEGER, name TEXT, score REAL, note TEXT)", made)
ormDirect("INSERT INTO users VALUES (1, 'Ana', 1.5, NULL), (2, 'Bo''b', 2.5, 'it''s 100%'), (3, 'C;--', NULL, '')", added)
addResult(added)
`

func TestOrmDirect(t *testing.T) {
	tests := []struct{ name, script, want string }{
		{
			"rows", `
ormDirect("SELECT id, name, score, note FROM users ORDER BY id", rows)
addResult(rows)`,
			`{"rows":[{"id":1,"name":"Ana","score":1.5,"note":null},{"id":2,"name":"Bo'b","score":2.5,"note":"it's 100%"},{"id":3,"name":"C;--","score":null,"note":""}]}`,
		},
		{
			"no rows", `
ormDirect("SELECT id FROM users WHERE id > 9", rows)
addResult(rows)`,
			`{"rows":[]}`,
		},
		{
			"bare SQL", `
ormDirect(SELECT name FROM users WHERE id = 1, rows)
addResult(rows)`,
			`{"rows":[{"name":"Ana"}]}`,
		},
		{
			"changes", "\nlow = 2\normDirect(`UPDATE users SET score = ${9} WHERE id >= ${low}`, n)\nformer = ormDirect(`DELETE FROM users WHERE id = ${1}`)\naddResult(n)\naddResult(former)",
			`{"n":"Success: 2","former":"Success: 1"}`,
		},
		{
			"a value of each type", "\normDirect(`INSERT INTO users VALUES (${4}, ${\"D\"}, ${0.25}, ${None})`, n)\normDirect(`SELECT * FROM users WHERE id = ${4} AND name = ${'D'} AND score = ${0.25} AND note IS NULL`, rows)\naddResult(rows)",
			`{"rows":[{"id":4,"name":"D","score":0.25,"note":null}]}`,
		},
		{
			"a name that is not set is NULL", "\normDirect(`INSERT INTO users (id, name) VALUES (5, ${unknown})`, n)\normDirect(`SELECT id FROM users WHERE name IS NULL`, rows)\naddResult(rows)",
			`{"rows":[{"id":5}]}`,
		},
		{
			"a list", "\nids = [1, 3]\normDirect(`SELECT name FROM users WHERE id IN (${ids}) ORDER BY id`, rows)\naddResult(rows)",
			`{"rows":[{"name":"Ana"},{"name":"C;--"}]}`,
		},
		{
			"an empty list", "\nids = []\normDirect(`SELECT name FROM users WHERE id IN (${ids})`, rows)\naddResult(rows)",
			`{"rows":[]}`,
		},
		{
			"a list of text", "\nnames = [\"Ana\", \"Bo'b\"]\normDirect(`SELECT id FROM users WHERE name IN (${names}) ORDER BY id`, rows)\naddResult(rows)",
			`{"rows":[{"id":1},{"id":2}]}`,
		},
		{
			"LIKE", "\nq = \"o'\"\normDirect(`SELECT id FROM users WHERE name LIKE '%${q}%'`, rows)\naddResult(rows)",
			`{"rows":[{"id":2}]}`,
		},
		{
			"a quoted text with quotes in it", "\nx = \"100\"\normDirect(`SELECT id FROM users WHERE note = 'it''s ${x}%'`, rows)\naddResult(rows)",
			`{"rows":[{"id":2}]}`,
		},
		{
			"a comment", "\nx = 7\normDirect(`SELECT id -- not ${x}\nFROM users /* nor ${x} */ WHERE id = ${1}`, rows)\naddResult(rows)",
			`{"rows":[{"id":1}]}`,
		},
		{
			"a session lasts for one execution", "\normDirect(BEGIN, b)\normDirect(`DELETE FROM users WHERE id > ${0}`, n)\normDirect(ROLLBACK, r)\normDirect(SELECT COUNT(id) AS n FROM users, rows)\naddResult(rows)",
			`{"rows":[{"n":3}]}`,
		},
		{
			"an error is caught", "\ntry()\n  ormDirect(SELECT id FROM nowhere, rows)\nexception(e)\n  failed = \"nowhere\" in e\nend()\naddResult(failed)",
			`{"failed":true}`,
		},
	}
	eachDatabase(t, func(t *testing.T, db sqldb.DB) {
		h := avap.Host{SQL: db}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				if _, err := exports(t, h, tables, ""); err != nil {
					t.Fatal(err)
				}
				got, err := exports(t, h, tt.script, "")
				if err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Error(diff)
				}
				if _, err := exports(t, h, `ormDirect("DROP TABLE users", n)`, ""); err != nil {
					t.Fatal(err)
				}
			})
		}
	})
}

// TestOrmDirectInjection holds that a value reaches the database as a value,
// whatever it holds and wherever it stands.
func TestOrmDirectInjection(t *testing.T) {
	values := []string{
		`'; DROP TABLE users; --`, `' OR '1'='1`, `" OR ""="`, `\`, `\'; DROP TABLE users; --`, `'`, `''`, `/* `, ` */ OR 1=1`, `--`, `$$`, `$a$`, `${x}`, `?1`, `$1`, `:a`, `%`, `1 OR 1=1`, `1); DROP TABLE users; --`, "a\nb", `☃`,
	}
	templates := []string{
		"SELECT ${v} AS v",
		"SELECT '${v}' AS v",
		"SELECT '' || '${v}' AS v",
		"SELECT v FROM (SELECT '${v}' AS v) AS t WHERE v = ${v}",
		"SELECT ${v} AS v -- ${v}",
		"SELECT /* ${v} */ ${v} AS v",
		"SELECT v FROM (SELECT ${v} AS v) AS t WHERE v IN (${[v, 'x']})",
	}
	eachDatabase(t, func(t *testing.T, db sqldb.DB) {
		h := avap.Host{SQL: db}
		if _, err := exports(t, h, tables, ""); err != nil {
			t.Fatal(err)
		}
		engine, err := avap.New(avap.Options{Host: h})
		if err != nil {
			t.Fatal(err)
		}
		for _, template := range templates {
			program, err := engine.Compile("ormDirect(`" + template + "`, rows)\nsame = [r[\"v\"] for r in rows] == [v]\naddResult(same)\n" +
				"ormDirect(SELECT COUNT(*) AS n FROM users, count)\nn = count[0][\"n\"]\naddResult(n)")
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range values {
				result, err := program.Run(t.Context(), avap.Input{Variables: avap.Object{{Key: "v", Value: v}}})
				if err != nil {
					t.Errorf("%s with %q: %v", template, v, err)
					continue
				}
				want := avap.Object{{Key: "same", Value: true}, {Key: "n", Value: int64(3)}}
				if diff := cmp.Diff(want, result.Exports); diff != "" {
					t.Errorf("%s with %q: %s", template, v, diff)
				}
			}
		}
	})
}

func TestOrmDirectOnPostgres(t *testing.T) {
	h := avap.Host{SQL: openDB(t, pgtest.Database(t))}
	tests := []struct{ name, script, want string }{
		{
			"JSON is parsed", "ormDirect(`SELECT '{\"a\": [1, 2.0]}'::jsonb AS j, ARRAY[1, 2] AS l, true AS b`, rows)\naddResult(rows)",
			`{"rows":[{"j":{"a":[1,2.0]},"l":[1,2],"b":true}]}`,
		},
		{
			"JSON beyond the language is text", "ormDirect(`SELECT '{\"a\": 1e999}'::json AS j`, rows)\naddResult(rows)",
			`{"rows":[{"j":"{\"a\": 1e999}"}]}`,
		},
		{
			"a dict is JSON", "d = {\"a\": [1, \"it's\"]}\normDirect(`SELECT ${d}::jsonb AS j`, rows)\naddResult(rows)",
			`{"rows":[{"j":{"a":[1,"it's"]}}]}`,
		},
		{
			"an array", "l = [3, 4]\normDirect(`SELECT ARRAY[${l}] AS l`, rows)\naddResult(rows)",
			`{"rows":[{"l":[3,4]}]}`,
		},
		{
			"dates and intervals", "d = \"2026-03-01\"\nn = 2\normDirect(`SELECT (DATE '${d}' + INTERVAL '${n} days')::date AS d`, rows)\naddResult(rows)",
			`{"rows":[{"d":"2026-03-03"}]}`,
		},
		{
			"escape text", "x = \"it's \\\\ \"\normDirect(`SELECT E'\\\\t${x}\\\\'' AS t`, rows)\naddResult(rows)",
			`{"rows":[{"t":"\tit's \\ '"}]}`,
		},
		{
			"dollar quotes", "x = \"$q$ it's\"\normDirect(`SELECT $q$a ${x}$q$ AS t`, rows)\naddResult(rows)",
			`{"rows":[{"t":"a $q$ it's"}]}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := exports(t, h, tt.script, "")
			if err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOrmDirectRefused(t *testing.T) {
	db := openDB(t, "sqlite:"+t.TempDir()+"/test.db")
	large := "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT i, hex(zeroblob(100)) AS t FROM n"
	tests := []struct {
		name   string
		host   avap.Host
		limits avap.Limits
		script string
		want   string
	}{
		{"no database", avap.Host{}, avap.Limits{}, "ormDirect(SELECT 1, x)", "sql_error: this engine has no database"},
		{"no text", avap.Host{SQL: db}, avap.Limits{}, "ormDirect(42, x)", "type_error: prompt must be text, not an int"},
		{"a value in a name", avap.Host{SQL: db}, avap.Limits{}, "t = \"users\"\normDirect(`SELECT * FROM \"${t}\"`, x)", `runtime_error: prompt: no value can stand inside of "…`},
		{"memory", avap.Host{SQL: db}, avap.Limits{Memory: 1 << 20}, "ormDirect(\"" + large + "\", x)", "quota_memory: more than 1048576 bytes of memory"},
		{"host calls", avap.Host{SQL: db}, avap.Limits{HostCalls: 2}, "startLoop(i, 1, 3)\normDirect(SELECT 1, x)\nendLoop()", "quota_host_calls: more than 2 host calls"},
		{"host time", avap.Host{SQL: db}, avap.Limits{HostTime: 50 * time.Millisecond}, "ormDirect(\"" + strings.Replace(large, "100000)", "1000000000)", 1) + " WHERE i < 0\", x)", "sql_error: the statement timed out"},
		{"a database that is away", avap.Host{SQL: away{}}, avap.Limits{}, "ormDirect(SELECT 1, x)", "sql_error: the database cannot be reached"},
		{"a driver of another kind", avap.Host{SQL: odd{}}, avap.Limits{}, "ormDirect(SELECT 1, x)", "sql_error: the call failed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			engine, err := avap.New(avap.Options{Host: tt.host, Limits: tt.limits})
			if err != nil {
				t.Fatal(err)
			}
			program, err := engine.Compile(tt.script)
			if err != nil {
				t.Fatal(err)
			}
			_, err = program.Run(t.Context(), avap.Input{})
			e, ok := errors.AsType[*vm.Error](err)
			if !ok {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(tt.want, string(e.Code)+": "+e.Msg); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// away is a database that cannot be reached.
type away struct{}

func (away) Open(context.Context) (host.Session, error) {
	return nil, &host.Error{Code: host.CodeSQL, Message: "the database cannot be reached"}
}

// odd is a database whose errors are not for the authors of scripts.
type odd struct{}

func (odd) Open(context.Context) (host.Session, error) {
	return nil, errors.New("dial tcp 10.0.0.7:5432: connection refused")
}
