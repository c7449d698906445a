// This file holds the keyring's file: reading it strictly, and writing it. No
// error quotes what the file holds, for a secret may stand anywhere by mistake.

package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	"unicode/utf8"
)

// maxFile is the size of a keyring's file in bytes.
const maxFile = 1 << 20

// ReadKeys reads the keys of a file, in its order. Only its owner may have
// access to it (mode 0600). Its errors are one line each, with the name of the
// file and, where it is about the contents, the line.
func ReadKeys(name string) ([]*Key, error) {
	text, err := readFile(name)
	if err != nil {
		return nil, err
	}
	return parseFile(name, text)
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", name)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s: mode %#o lets others at the secrets: chmod 600", name, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s: larger than %d MiB", name, maxFile>>20)
	}
	return text, err
}

func parseFile(name string, text []byte) ([]*Key, error) {
	keys, at, err := parseKeys(text)
	if err != nil {
		line := 1 + bytes.Count(text[:min(int(at), len(text))], []byte{'\n'})
		return nil, fmt.Errorf("%s:%d: %w", name, line, err)
	}
	return keys, nil
}

var (
	errJSON     = errors.New("not JSON")
	errUTF8     = errors.New("not UTF-8")
	errTrailing = errors.New("something stands behind the keyring")
	errShape    = errors.New(`a keyring is {"keys": [{"use": …, "id": …, "secret": …}]}`)
)

// parseKeys reads a keyring. Beside an error it tells how far it read.
func parseKeys(text []byte) (keys []*Key, at int64, err error) {
	if !utf8.Valid(text) {
		return nil, 0, errUTF8
	}
	d := fileReader{json.NewDecoder(bytes.NewReader(text))}
	keys, err = d.keyring()
	return keys, d.InputOffset(), err
}

// fileReader reads token by token: so nothing is taken that is not asked for,
// and nothing twice.
type fileReader struct{ *json.Decoder }

// expect reads one token, which must be this one.
func (d fileReader) expect(want json.Token) error {
	switch got, err := d.Token(); {
	case err != nil:
		return errJSON
	case got != want:
		return errShape
	}
	return nil
}

func (d fileReader) expectAll(want ...json.Token) error {
	for _, t := range want {
		if err := d.expect(t); err != nil {
			return err
		}
	}
	return nil
}

func (d fileReader) keyring() ([]*Key, error) {
	if err := d.expectAll(json.Delim('{'), "keys", json.Delim('[')); err != nil {
		return nil, err
	}
	var keys []*Key
	for d.More() {
		k, err := d.key()
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", len(keys)+1, err)
		}
		for _, other := range keys {
			if k.Use == other.Use && k.ID == other.ID {
				return nil, fmt.Errorf("key %d: there is a %v already", len(keys)+1, k)
			}
		}
		keys = append(keys, k)
	}
	if err := d.expectAll(json.Delim(']'), json.Delim('}')); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errTrailing
	}
	return keys, nil
}

// key reads one key: an object of texts.
func (d fileReader) key() (*Key, error) {
	if err := d.expect(json.Delim('{')); err != nil {
		return nil, err
	}
	fields := map[string]string{"use": "", "id": "", "secret": "", "not_before": "", "not_after": ""}
	seen := map[string]bool{}
	for d.More() {
		name, err := d.text()
		if err != nil {
			return nil, err
		}
		if _, known := fields[name]; !known {
			return nil, errors.New("an unknown field: the fields are use, id, secret, not_before, not_after")
		}
		if seen[name] {
			return nil, fmt.Errorf("%s stands twice", name)
		}
		seen[name] = true
		if fields[name], err = d.text(); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := d.expect(json.Delim('}')); err != nil {
		return nil, err
	}
	for _, name := range []string{"use", "id", "secret"} {
		if !seen[name] {
			return nil, fmt.Errorf("no %s", name)
		}
	}
	return keyOf(fields, seen)
}

func (d fileReader) text() (string, error) {
	token, err := d.Token()
	if err != nil {
		return "", errJSON
	}
	s, ok := token.(string)
	if !ok {
		return "", errors.New("not a text")
	}
	return s, nil
}

// keyOf makes a key of its fields.
func keyOf(fields map[string]string, seen map[string]bool) (*Key, error) {
	secret, err := base64.StdEncoding.Strict().DecodeString(fields["secret"])
	if err != nil || base64.StdEncoding.EncodeToString(secret) != fields["secret"] {
		return nil, errors.New("secret: not base64 (standard alphabet, with padding)")
	}
	if len(secret) < MinFileSecret {
		return nil, fmt.Errorf("secret: %d bytes; a file's has %d or more", len(secret), MinFileSecret)
	}
	var times [2]time.Time
	for i, name := range []string{"not_before", "not_after"} {
		if !seen[name] {
			continue
		}
		if times[i], err = time.Parse(time.RFC3339, fields[name]); err != nil {
			return nil, fmt.Errorf("%s: not a time of RFC 3339, as 2026-11-01T00:00:00Z", name)
		}
	}
	return NewKey(Use(fields["use"]), fields["id"], secret, times[0], times[1])
}

// AppendKeys appends a keyring's file, which holds the secrets, to dst.
func AppendKeys(dst []byte, keys []*Key) []byte {
	type entry struct {
		Use       Use    `json:"use"`
		ID        string `json:"id"`
		Secret    []byte `json:"secret"`
		NotBefore string `json:"not_before,omitempty"`
		NotAfter  string `json:"not_after,omitempty"`
	}
	file := struct {
		Keys []entry `json:"keys"`
	}{Keys: []entry{}}
	moment := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Format(time.RFC3339Nano)
	}
	for _, k := range keys {
		file.Keys = append(file.Keys, entry{k.Use, k.ID, k.secret, moment(k.NotBefore), moment(k.NotAfter)})
	}
	buf := bytes.NewBuffer(dst)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(file) // texts alone: cannot fail
	return buf.Bytes()
}
