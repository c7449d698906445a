// This file holds requests that are signed.

package load

import (
	"slices"
	"time"

	"github.com/avap-framework/avap/seal"
)

// Sign returns the message with a signature of now added to its header.
func Sign(key *seal.Key, m Message, now time.Time) (Message, error) {
	value, err := seal.Sign(key, seal.Request{Method: m.method(), Target: m.Target, Body: m.Body, Time: now})
	if err != nil {
		return Message{}, err
	}
	m.Header = append(slices.Clip(m.Header), [2]string{seal.HeaderName, value})
	return m, nil
}

// Signed sends the same message each time, signed anew once a second, so that a
// long run does not leave the window of the signatures. The key must be one of
// use request.
func Signed(key *seal.Key, m Message, check Check) (Source, error) {
	first, err := newSigned(key, m, check, time.Now())
	if err != nil {
		return nil, err
	}
	return first, nil
}

type signed struct {
	key     *seal.Key
	message Message
	fixed
	second int64
}

func newSigned(key *seal.Key, m Message, check Check, now time.Time) (*signed, error) {
	s := &signed{key: key, message: m, fixed: fixed{check: check}}
	return s, s.sign(now)
}

func (s *signed) sign(now time.Time) error {
	m, err := Sign(s.key, s.message, now)
	if err != nil {
		return err
	}
	s.bytes, s.second = m.Bytes(), now.Unix()
	return nil
}

func (s *signed) Next(n int64, r *Request) {
	if now := time.Now(); now.Unix() != s.second {
		// What could be signed once can be signed again; if not, the request goes
		// out under the old signature, and the server says what it thinks of it.
		_ = s.sign(now)
	}
	s.fixed.Next(n, r)
}

// SignedNumbered sends requests that differ as those of Numbered do, each signed
// by itself, which costs the sender an HMAC of the body. Only marks in the body are
// replaced.
func SignedNumbered(key *seal.Key, m Message, check Check) (Source, error) {
	if _, err := Sign(key, m, time.Now()); err != nil {
		return nil, err
	}
	return signedNumbered{key, m, marksOf(m.Body), check}, nil
}

type signedNumbered struct {
	key     *seal.Key
	message Message
	marks   []int
	check   Check
}

func (s signedNumbered) Next(n int64, r *Request) {
	m := s.message
	m.Body = slices.Clone(m.Body)
	setNumber(m.Body, s.marks, n)
	if signed, err := Sign(s.key, m, time.Now()); err == nil {
		m = signed // what could be signed once can be signed again
	}
	r.Bytes, r.Check = m.Bytes(), s.check
}
