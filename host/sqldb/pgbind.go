// Types for the values that go to PostgreSQL.
//
// PostgreSQL gives each placeholder one type, when it parses a statement. Sent
// without any type, `SELECT $1` takes the number 5 for text; sent as an integer,
// `name = $1` is no statement. Literals have neither trouble, and so the values
// are sent as the literals that they would be: integers and numerics with their
// type, quoted texts and NULL without one. Where the parser refuses that, it is
// asked again with less said; nothing runs before it agrees.

package sqldb

import (
	"errors"
	"math"
	"regexp"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/avap-framework/avap/host"
)

// The parser's refusals that other types may mend.
const (
	undefinedFunction     = "42883" // operator does not exist: text = integer
	datatypeMismatch      = "42804"
	ambiguousFunction     = "42725"
	cannotCoerce          = "42846"
	indeterminateDatatype = "42P18" // could not determine data type of parameter $1
	groupingError         = "42803"
)

// binding is one way to put a statement to the parser.
type binding struct {
	parts   []string
	args    []any    // one for each placeholder
	numbers []int    // of each place in parts: its placeholder, from 1
	types   []uint32 // of each placeholder; 0 leaves it to the parser

	loosened, merged bool
}

// bindLiterals binds the values of a statement as literals.
func bindLiterals(stmt host.Statement) *binding {
	b := &binding{parts: castTypedLiterals(stmt.Parts), args: stmt.Args}
	for i, arg := range stmt.Args {
		b.numbers = append(b.numbers, i+1)
		b.types = append(b.types, literalType(arg))
	}
	return b
}

func (b *binding) sql() string { return placeValues(b.parts, "$", b.numbers) }

// literalType returns the type that PostgreSQL gives a literal.
func literalType(arg any) uint32 {
	switch v := arg.(type) {
	case bool:
		return pgtype.BoolOID
	case int64:
		if v < math.MinInt32 || v > math.MaxInt32 {
			return pgtype.Int8OID
		}
		return pgtype.Int4OID
	case float64:
		return pgtype.NumericOID
	}
	return 0
}

// parameterNumber finds the placeholder that a message speaks of, in whatever
// language.
var parameterNumber = regexp.MustCompile(`\$(\d+)`)

// mend changes the binding after a refusal, and reports whether there is
// anything else to try. Each change is made once.
func (b *binding) mend(refusal *pgconn.PgError) bool {
	switch refusal.Code {
	case indeterminateDatatype:
		return b.settle(refusal.Message)
	case undefinedFunction, datatypeMismatch, ambiguousFunction, cannotCoerce:
		return b.loosen()
	case groupingError:
		return b.merge()
	}
	return false
}

// settle gives the placeholder of a message a type that nothing else gives it:
// that of its literal, or text, as for a quoted literal beside nothing.
func (b *binding) settle(message string) bool {
	m := parameterNumber.FindStringSubmatch(message)
	if m == nil {
		return false
	}
	n, err := strconv.Atoi(m[1])
	if err != nil || n < 1 || n > len(b.types) || b.types[n-1] != 0 {
		return false
	}
	b.types[n-1] = pgtype.TextOID
	if t := literalType(b.args[n-1]); t != 0 {
		b.types[n-1] = t
	}
	return true
}

// loosen takes numbers and bools for quoted literals, which become what stands
// beside them.
func (b *binding) loosen() bool {
	if b.loosened {
		return false
	}
	b.loosened = true
	clear(b.types)
	return slices.ContainsFunc(b.args, func(arg any) bool { return literalType(arg) != 0 })
}

// merge gives equal values one placeholder, so that the expressions around them
// are equal to the parser: SELECT f(${x}) … GROUP BY f(${x}).
func (b *binding) merge() bool {
	if b.merged {
		return false
	}
	b.merged = true
	var args []any
	var types []uint32
	for i, number := range b.numbers {
		arg := b.args[number-1]
		n := slices.Index(args, arg)
		if n < 0 {
			n = len(args)
			args, types = append(args, arg), append(types, b.types[number-1])
		}
		b.numbers[i] = n + 1
	}
	fewer := len(args) < len(b.args)
	b.args, b.types = args, types
	return fewer
}

// encode writes the values in text form, as the types want it that the parser
// settled on.
func (b *binding) encode(types []uint32) ([][]byte, error) {
	if len(types) > len(b.args) {
		return nil, errors.New("the statement has placeholders of its own")
	}
	out := make([][]byte, len(types))
	for i, t := range types {
		out[i] = encodePG(t, b.args[i])
	}
	return out, nil
}

// encodePG writes a value in text form; nil is NULL.
func encodePG(oid uint32, arg any) []byte {
	integer := oid == pgtype.Int2OID || oid == pgtype.Int4OID || oid == pgtype.Int8OID
	switch v := arg.(type) {
	case string:
		return append([]byte{}, v...) // never nil, which is NULL
	case int64:
		return strconv.AppendInt(nil, v, 10)
	case bool:
		if integer {
			return strconv.AppendInt(nil, int64(boolInt(v)), 10)
		}
		return strconv.AppendBool(nil, v)
	case float64:
		if integer && v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return strconv.AppendInt(nil, int64(v), 10)
		}
		return []byte(formatFloat(v))
	}
	return nil
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
