// PostgreSQL's values: texts with the object identifiers of their types.

package sqldb

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/avap-framework/avap/host"
)

// arrayElements gives the type of the elements of those array types that are
// handed on as JSON.
var arrayElements = map[uint32]uint32{
	pgtype.BoolArrayOID:        pgtype.BoolOID,
	pgtype.Int2ArrayOID:        pgtype.Int2OID,
	pgtype.Int4ArrayOID:        pgtype.Int4OID,
	pgtype.Int8ArrayOID:        pgtype.Int8OID,
	pgtype.Float4ArrayOID:      pgtype.Float4OID,
	pgtype.Float8ArrayOID:      pgtype.Float8OID,
	pgtype.NumericArrayOID:     pgtype.NumericOID,
	pgtype.TextArrayOID:        pgtype.TextOID,
	pgtype.VarcharArrayOID:     pgtype.VarcharOID,
	pgtype.BPCharArrayOID:      pgtype.BPCharOID,
	pgtype.NameArrayOID:        pgtype.NameOID,
	pgtype.UUIDArrayOID:        pgtype.UUIDOID,
	pgtype.DateArrayOID:        pgtype.DateOID,
	pgtype.TimeArrayOID:        pgtype.TimeOID,
	pgtype.TimestampArrayOID:   pgtype.TimestampOID,
	pgtype.TimestamptzArrayOID: pgtype.TimestamptzOID,
	pgtype.JSONArrayOID:        pgtype.JSONOID,
	pgtype.JSONBArrayOID:       pgtype.JSONBOID,
}

// decodePG reads a value in PostgreSQL's text form; nil is NULL.
func decodePG(oid uint32, raw []byte) any {
	if raw == nil {
		return nil
	}
	text := validText(string(raw))
	switch oid {
	case pgtype.BoolOID:
		return text == "t"
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case pgtype.Float4OID, pgtype.Float8OID:
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return finite(f)
		}
	case pgtype.NumericOID:
		return decodeNumeric(text)
	case pgtype.JSONOID, pgtype.JSONBOID:
		return host.JSON(text)
	}
	if element, ok := arrayElements[oid]; ok {
		if out, ok := arrayJSON(text, element); ok {
			return host.JSON(out)
		}
	}
	return text
}

// decodeNumeric reads a number without bounds. What floats cannot hold at all
// stays text.
func decodeNumeric(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		return finite(f)
	}
	return text
}

// arrayJSON turns the text of an array into JSON. It fails for those with bounds
// of their own, "[0:1]={…}".
func arrayJSON(text string, element uint32) (string, bool) {
	r := arrayReader{text: text, element: element}
	if !r.array() || r.text != "" {
		return "", false
	}
	return r.out.String(), true
}

// arrayReader goes through the text of an array and writes JSON. PostgreSQL nests
// at most six dimensions.
type arrayReader struct {
	text    string // what is still to be read
	element uint32
	out     strings.Builder
}

func (r *arrayReader) take(c byte) bool {
	if r.text == "" || r.text[0] != c {
		return false
	}
	r.text = r.text[1:]
	return true
}

func (r *arrayReader) array() bool {
	if !r.take('{') {
		return false
	}
	r.out.WriteByte('[')
	for first := true; !r.take('}'); first = false {
		if !first {
			if !r.take(',') {
				return false
			}
			r.out.WriteByte(',')
		}
		if !r.item() {
			return false
		}
	}
	r.out.WriteByte(']')
	return true
}

func (r *arrayReader) item() bool {
	switch {
	case r.text == "":
		return false
	case r.text[0] == '{':
		return r.array()
	case r.text[0] == '"':
		s, ok := r.quoted()
		return ok && r.write(s)
	}
	end := strings.IndexAny(r.text, ",}")
	if end < 0 {
		return false
	}
	s := r.text[:end]
	r.text = r.text[end:]
	if strings.EqualFold(s, "NULL") {
		r.out.WriteString("null")
		return true
	}
	return r.write(s)
}

// quoted reads an element in quotes, where a backslash quotes what follows.
func (r *arrayReader) quoted() (string, bool) {
	var b strings.Builder
	for i := 1; i < len(r.text); i++ {
		switch c := r.text[i]; c {
		case '"':
			r.text = r.text[i+1:]
			return b.String(), true
		case '\\':
			if i++; i == len(r.text) {
				return "", false
			}
			b.WriteByte(r.text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

// write appends an element as JSON.
func (r *arrayReader) write(text string) bool {
	switch v := decodePG(r.element, []byte(text)).(type) {
	case bool:
		r.out.WriteString(strconv.FormatBool(v))
	case int64:
		r.out.WriteString(strconv.FormatInt(v, 10))
	case float64:
		r.out.WriteString(formatFloat(v))
	case host.JSON:
		r.out.WriteString(string(v))
	case string:
		quoted, err := json.Marshal(v)
		if err != nil {
			return false
		}
		r.out.Write(quoted)
	}
	return true
}
