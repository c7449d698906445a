// This file holds the signatures of requests.

package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// HeaderName is the header of a request that holds its signature.
const HeaderName = "X-AVAP-Signature"

// Defaults of VerifierOptions.
const (
	DefaultWindow        = 300 * time.Second
	DefaultReplayEntries = 2_000_000
)

// maxHeader is how long a header with all fields may be, in bytes.
const maxHeader = 512

// VerifierOptions say what a Verifier lets pass. Zero fields stand for the defaults.
type VerifierOptions struct {
	// Window is how far, in whole seconds, a signature's time may be from now, on
	// either side.
	Window time.Duration
	// Replay demands the field n, and refuses what was seen within the window.
	Replay bool
	// ReplayEntries is how many signatures are remembered at most, at about 30
	// bytes each.
	ReplayEntries int
	// Now is the clock; nil stands for the keyring's.
	Now func() time.Time
}

// Verifier verifies signatures of requests. It is safe for concurrent use.
type Verifier struct {
	keys   *Keyring
	window int64            // seconds
	now    func() time.Time // nil: the keyring's
	memory *memory          // nil without replay protection
}

// NewVerifier makes a Verifier that takes the request keys of a keyring.
func NewVerifier(keys *Keyring, opt VerifierOptions) *Verifier {
	if opt.Window == 0 {
		opt.Window = DefaultWindow
	}
	if opt.ReplayEntries == 0 {
		opt.ReplayEntries = DefaultReplayEntries
	}
	v := &Verifier{keys: keys, window: int64(opt.Window / time.Second), now: opt.Now}
	if opt.Replay {
		v.memory = newMemory(opt.ReplayEntries, v.window)
	}
	return v
}

// Header is a signature whose form, key and time are in order, but whose MAC
// has not been looked at.
type Header struct {
	KeyID string

	time, nonce string // as sent; nonce is empty where there is none
	seconds     int64
	sum         [sha256.Size]byte
	key         *Key
}

// ParseHeader looks at the values of a request's X-AVAP-Signature headers,
// before its body is read. The Header keeps parts of them. Its errors are of type
// *Error.
func (v *Verifier) ParseHeader(values []string) (Header, error) {
	return v.ParseHeaderAt(values, time.Time{})
}

// ParseHeaderAt is ParseHeader for a request of which the caller knows when it came: that
// spares a look at the clock, unless the verifier has a clock of its own.
func (v *Verifier) ParseHeaderAt(values []string, came time.Time) (h Header, err error) {
	if len(values) > 1 {
		return h, invalid("more than one " + HeaderName)
	}
	value := ""
	if len(values) == 1 {
		value = trimSpace(values[0])
	}
	if value == "" {
		return h, &Error{Code: CodeMissing, Msg: "the request is not signed: " + HeaderName + " is missing"}
	}
	if err := h.parse(value); err != nil {
		return Header{}, &Error{Code: CodeInvalid, Msg: "the signature is malformed: " + err.Error(), Err: err}
	}
	if v.memory != nil && h.nonce == "" {
		return Header{}, invalid("the signature is malformed: no n, which the protection against replays demands")
	}
	now, valid := came, came // for the signature, and for the key
	switch {
	case v.now != nil:
		now, valid = v.now(), v.keys.now()
	case came.IsZero():
		now = v.keys.now()
		valid = now
	}
	if h.key = v.keys.lookupAt(UseRequest, h.KeyID, valid); h.key == nil {
		return Header{}, invalid("the signature's key is unknown")
	}
	if age := now.Unix() - h.seconds; age > v.window || age < -v.window {
		return Header{}, expired()
	}
	return h, nil
}

// trimSpace takes blanks and tabs off both ends.
func trimSpace(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

func invalid(msg string) *Error { return &Error{Code: CodeInvalid, Msg: msg} }

func expired() *Error {
	return &Error{Code: CodeExpired, Msg: "the signature's time is too far from the server's"}
}

// What may be wrong with a header.
var (
	errLong     = errors.New("it is too long")
	errField    = errors.New("the fields are t, kid, v1 and perhaps n, each once")
	errTime     = errors.New("t is not decimal without sign or leading zero")
	errKeyID    = errors.New("kid is no id of a key")
	errSum      = errors.New("v1 is not 64 lower-case hex digits")
	errNonce    = errors.New("n is not 1 to 64 of A-Z, a-z, 0-9, _ and -")
	errNoFields = errors.New("t, kid or v1 is missing")
)

// parse reads fields in any order, apart by a comma and perhaps a space.
func (h *Header) parse(s string) error {
	if len(s) > maxHeader {
		return errLong
	}
	sum := ""
	for rest, more := s, true; more; {
		var field, name, value string
		field, rest, more = strings.Cut(rest, ",")
		field = strings.TrimPrefix(field, " ")
		if i := strings.IndexByte(field[:min(len(field), maxName+1)], '='); i >= 0 {
			name, value = field[:i], field[i+1:]
		}
		var into *string
		valid := errField
		switch name {
		case "t":
			into, valid = &h.time, h.setTime(value)
		case "kid":
			into, valid = &h.KeyID, check(value != "" && len(value) <= maxID && validID(value), errKeyID)
		case "v1":
			into, valid = &sum, h.setSum(value)
		case "n":
			into, valid = &h.nonce, check(validNonce(value), errNonce)
		}
		switch {
		case into == nil || *into != "":
			return errField
		case valid != nil:
			return valid
		}
		*into = value
	}
	return check(h.time != "" && h.KeyID != "" && sum != "", errNoFields)
}

// maxName is how long the longest name of a field is.
const maxName = len("kid")

func check(ok bool, err error) error {
	if ok {
		return nil
	}
	return err
}

// setTime reads t. One that no clock will ever show is merely far away.
func (h *Header) setTime(s string) error {
	if s == "" || len(s) > 1 && s[0] == '0' {
		return errTime
	}
	n := int64(0)
	for i := range len(s) {
		digit := s[i] - '0'
		if digit > 9 {
			return errTime
		}
		n = 10*n + int64(digit)
	}
	if len(s) > maxDigits {
		n = math.MaxInt64
	}
	h.seconds = n
	return nil
}

// maxDigits is how many digits a number has at most that 64 bits surely hold.
const maxDigits = 18

func (h *Header) setSum(s string) error {
	if len(s) != hex.EncodedLen(len(h.sum)) {
		return errSum
	}
	var text [2 * len(h.sum)]byte
	copy(text[:], s)
	for i := 0; i < len(h.sum); i += 4 {
		four, ok := unhex(binary.LittleEndian.Uint64(text[2*i:]))
		if !ok {
			return errSum
		}
		binary.LittleEndian.PutUint32(h.sum[i:], four)
	}
	return nil
}

// unhex reads eight lower-case hex digits, the first in the lowest byte, into four bytes
// that lie likewise. It reads all of them side by side, each in a byte of its own.
func unhex(text uint64) (bytes uint32, ok bool) {
	const each = 0x0101_0101_0101_0101
	letters := text >> 6 & each // 1 for a to f, else 0
	v := text&(0x0f*each) + 9*letters
	ok = text&(0xf0*each) == 0x30*each+0x30*letters && // they are 0x3_ or 0x6_
		v&(0x10*each) == 0 && (v+6*each)>>4&each == letters // below 16; from 10 on exactly the letters
	v = (v<<4 | v>>8) & 0x00ff_00ff_00ff_00ff
	v = (v | v>>8) & 0x0000_ffff_0000_ffff
	return uint32(v | v>>16), ok
}

func validNonce(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '_' && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// Verify looks at the MAC of a request whose header ParseHeader accepted:
// method and target as sent, the query included, and the whole body. Its
// errors are of type *Error.
func (v *Verifier) Verify(h *Header, method, target string, body []byte) error {
	sum := requestSum(h.key, h.time, h.nonce, method, target, body)
	if !hmac.Equal(sum[:], h.sum[:]) {
		return invalid("the signature is wrong")
	}
	if v.memory == nil {
		return nil
	}
	now := v.now
	if now == nil {
		now = v.keys.now
	}
	return v.memory.remember(&sum, h.seconds, now().Unix())
}

func requestSum(k *Key, t, nonce, method, target string, body []byte) [sha256.Size]byte {
	m := k.begin()
	head := append(m.text[:0], t...)
	if nonce != "" {
		head = append(append(head, '.'), nonce...)
	}
	head = append(append(head, '\n'), method...)
	head = append(append(head, '\n'), target...)
	m.text = append(head, '\n')
	m.h.Write(m.text)
	m.h.Write(body)
	return k.end(m)
}

// Request is what a signature is made of.
type Request struct {
	Method string
	Target string // as it will be sent, the query included
	Body   []byte
	Time   time.Time
	Nonce  string // empty for none
}

// Sign gives the value of the header for a request, under a request key.
func Sign(k *Key, r Request) (string, error) {
	switch {
	case k.Use != UseRequest:
		return "", errors.New("requests are signed with request keys")
	case r.Nonce != "" && !validNonce(r.Nonce):
		return "", errNonce
	case r.Time.Unix() < 0:
		return "", errTime
	}
	t := strconv.FormatInt(r.Time.Unix(), 10)
	sum := requestSum(k, t, r.Nonce, r.Method, r.Target, r.Body)
	value := "t=" + t + ", kid=" + k.ID + ", v1=" + hex.EncodeToString(sum[:])
	if r.Nonce != "" {
		value += ", n=" + r.Nonce
	}
	return value, nil
}
