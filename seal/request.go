// This file holds the signatures of requests.

package seal

import (
	"cmp"
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
	opt.Window = cmp.Or(opt.Window, DefaultWindow)
	opt.ReplayEntries = cmp.Or(opt.ReplayEntries, DefaultReplayEntries)
	v := &Verifier{keys: keys, window: int64(opt.Window / time.Second), now: opt.Now}
	if opt.Replay {
		v.memory = newMemory(opt.ReplayEntries, v.window)
	}
	return v
}

// Header is a signature whose form, key and time are in order, but whose MAC
// has not been looked at. One goroutine at a time may use it, and none a copy of one that
// Verify has looked at.
type Header struct {
	KeyID string

	time, nonce string // as sent; nonce is empty where there is none
	seconds     int64
	sum         [sha256.Size]byte
	key         *Key
	mac         *mac // that Verify used last: the next request is of the same key, as a rule
}

// ParseHeader looks at the values of a request's X-AVAP-Signature headers,
// before its body is read. The Header keeps parts of them. Its errors are of type
// *Error.
func (v *Verifier) ParseHeader(values []string) (Header, error) {
	var h Header
	if err := v.ParseHeaderAt(&h, values, time.Time{}); err != nil {
		return Header{}, err
	}
	return h, nil
}

// ParseHeaderAt is ParseHeader into a Header, which after an error is of no use, for a
// request of which the caller knows when it came: that spares a look at the clock, unless
// the verifier has a clock of its own.
func (v *Verifier) ParseHeaderAt(h *Header, values []string, came time.Time) error {
	*h = Header{mac: h.mac}
	if len(values) > 1 {
		return invalid("more than one " + HeaderName)
	}
	value := ""
	if len(values) == 1 {
		value = trimSpace(values[0])
	}
	if value == "" {
		return &Error{Code: CodeMissing, Msg: "the request is not signed: " + HeaderName + " is missing"}
	}
	if err := h.parse(value); err != nil {
		return &Error{Code: CodeInvalid, Msg: "the signature is malformed: " + err.Error(), Err: err}
	}
	if v.memory != nil && h.nonce == "" {
		return invalid("the signature is malformed: no n, which the protection against replays demands")
	}
	now, valid := came, came // for the signature, and for the key
	switch {
	case v.now != nil:
		now, valid = v.now(), v.keys.now()
	case came.IsZero():
		now = v.keys.now()
		valid = now
	}
	if h.key = v.keys.requestKey(h.KeyID, valid); h.key == nil {
		return invalid("the signature's key is unknown")
	}
	if age := now.Unix() - h.seconds; age > v.window || age < -v.window {
		return expired()
	}
	return nil
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
	signed := false // there was a v1
	for {
		s = strings.TrimPrefix(s, " ")
		var n int // how long the value is; 0 where it is wrong
		var wrong *error
		switch {
		case h.time == "" && strings.HasPrefix(s, "t="):
			s, wrong = s[len("t="):], &errTime
			n = h.setTime(s)
			h.time = s[:n]
		case h.KeyID == "" && strings.HasPrefix(s, "kid="):
			s, wrong = s[len("kid="):], &errKeyID
			if n = idLen(s); n > maxID {
				n = 0
			}
			h.KeyID = s[:n]
		case !signed && strings.HasPrefix(s, "v1="):
			s, wrong = s[len("v1="):], &errSum
			n = h.setSum(s)
			signed = true
		case h.nonce == "" && strings.HasPrefix(s, "n="):
			s, wrong = s[len("n="):], &errNonce
			if n = nonceLen(s); n > maxNonce {
				n = 0
			}
			h.nonce = s[:n]
		default:
			return errField
		}
		switch {
		case n == 0:
			return *wrong
		case n == len(s):
			return check(h.time != "" && h.KeyID != "" && signed, errNoFields)
		case s[n] != ',':
			return *wrong
		}
		s = s[n+1:]
	}
}

func check(ok bool, err error) error {
	if ok {
		return nil
	}
	return err
}

// setTime reads t, and tells how many digits it has; 0 where it is none. One that no
// clock will ever show is merely far away.
func (h *Header) setTime(s string) (n int) {
	seconds := int64(0)
	for n < len(s) && s[n]-'0' <= 9 {
		seconds = 10*seconds + int64(s[n]-'0')
		n++
	}
	if n > maxDigits {
		seconds = math.MaxInt64
	}
	h.seconds = seconds
	if n > 1 && s[0] == '0' {
		return 0
	}
	return n
}

// maxDigits is how many digits a number has at most that 64 bits surely hold.
const maxDigits = 18

// setSum reads v1, and tells how many digits it has; 0 where it is none.
func (h *Header) setSum(s string) (n int) {
	n = hex.EncodedLen(len(h.sum))
	if len(s) < n {
		return 0
	}
	text := []byte(s[:n]) // makes no copy
	for i := 0; i < len(h.sum); i += 4 {
		four, ok := unhex(binary.LittleEndian.Uint64(text[2*i:]))
		if !ok {
			return 0
		}
		binary.LittleEndian.PutUint32(h.sum[i:], four)
	}
	return n
}

// unhex reads eight lower-case hex digits, the first in the lowest byte, into four bytes
// that lie likewise. It reads all of them side by side, each in a byte of its own. Digits
// they are where writing what was read gives the text again.
func unhex(text uint64) (bytes uint32, ok bool) {
	const each = 0x0101_0101_0101_0101
	v := (text + 9*(text>>6&each)) & (0x0f * each) // letters have bit 6, and from 1 on count from 10
	letters := (v + 6*each) >> 4 & each            // 1 for 10 and more
	ok = v+'0'*each+('a'-'9'-1)*letters == text
	v = (v<<4 | v>>8) & 0x00ff_00ff_00ff_00ff
	v = (v | v>>8) & 0x0000_ffff_0000_ffff
	return uint32(v | v>>16), ok
}

// maxNonce is how many characters n has at most.
const maxNonce = 64

func validNonce(s string) bool { return s != "" && len(s) <= maxNonce && nonceLen(s) == len(s) }

// nonceLen is how many characters a text begins with that n may have.
func nonceLen(s string) int {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '_' && c != '-' {
			return i
		}
	}
	return len(s)
}

// Verify looks at the MAC of a request whose header ParseHeader accepted:
// method and target as sent, the query included, and the whole body. Its
// errors are of type *Error.
func (v *Verifier) Verify(h *Header, method, target string, body []byte) error {
	sum := h.computation().request(h.time, h.nonce, method, target, body)
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

// computation returns what computes a MAC of the header's key.
func (h *Header) computation() *mac {
	switch {
	case h.mac == nil:
		h.mac = h.key.begin()
	case h.mac.key == h.key:
		h.mac.h.Reset()
	default:
		h.mac.key.macs.Put(h.mac)
		h.mac = h.key.begin()
	}
	return h.mac
}

// request returns the MAC of a request.
func (m *mac) request(t, nonce, method, target string, body []byte) [sha256.Size]byte {
	text := append(m.text[:0], t...)
	if nonce != "" {
		text = append(append(text, '.'), nonce...)
	}
	text = append(append(text, '\n'), method...)
	text = append(append(text, '\n'), target...)
	text = append(text, '\n')
	if len(body) <= cap(text)-len(text) { // to copy it takes less than to hash in two pieces
		text, body = append(text, body...), nil
	}
	m.text = text
	m.h.Write(text)
	if len(body) > 0 {
		m.h.Write(body)
	}
	return m.sum()
}

// Request is what a signature is made of.
type Request struct {
	Method string
	Target string // as it will be sent, the query included
	Body   []byte
	Time   time.Time
	Nonce  string // empty for none
}

// Sign returns the value of the header for a request, under a request key.
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
	m := k.begin()
	sum := m.request(t, r.Nonce, r.Method, r.Target, r.Body)
	k.macs.Put(m)
	value := "t=" + t + ", kid=" + k.ID + ", v1=" + hex.EncodeToString(sum[:])
	if r.Nonce != "" {
		value += ", n=" + r.Nonce
	}
	return value, nil
}
