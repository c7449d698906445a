// Package workload holds what avap bench sends: profiles, each a stream of requests
// to a worker with the check of every answer.
//
//	profile, ok := workload.Find("mixed")
//	source, err := profile.Source(workload.Options{Host: "127.0.0.1:8888", Seed: 1})
//
// The answers are known beforehand, because Go computes them beside the script:
// a worker that is fast and wrong shows.
package workload

// This file holds the profiles.

import (
	"bytes"
	"crypto/rand"
	"slices"

	"github.com/avap-framework/avap/internal/load"
	"github.com/avap-framework/avap/seal"
)

// Profile is a kind of load.
type Profile struct {
	Name string
	What string // in half a sentence
	// Signed tells that its requests are signed in any case.
	Signed bool

	// A profile has one of both: the request that it repeats, or a source.
	single func(b *builder) request
	source func(b *builder) load.Source
}

// Options say where the requests of a profile go.
type Options struct {
	Host string // of the header Host
	// Path is a prefix of the API's path; usually empty.
	Path string
	// Key signs each request; nil for none. It must be one of use request.
	Key *seal.Key
	// Seed is what random variables are drawn from.
	Seed uint64
}

// Profiles returns all profiles.
func Profiles() []Profile {
	return []Profile{
		{"steady", "one small script: a parameter, a branch, an answer", false, (*builder).steady, nil},
		{"mixed", "ten scripts of different kinds, with random variables", false, nil, (*builder).mixed},
		{"compute", "a loop of 1,000 rounds", false, (*builder).compute, nil},
		{"signed", "steady, with a signature", true, (*builder).steady, nil},
		{"cold", "a small script that is new each time, so that each is compiled", false, (*builder).cold, nil},
		{"chaos", "steady, with 1 % syntax errors and 5 % heavy scripts", false, nil, (*builder).chaos},
	}
}

// Find returns the profile of a name.
func Find(name string) (p Profile, ok bool) {
	all := Profiles()
	i := slices.IndexFunc(all, func(p Profile) bool { return p.Name == name })
	if i < 0 {
		return Profile{}, false
	}
	return all[i], true
}

// Source returns the requests of the profile. Two sources of the same options send
// the same requests, but for scripts that must be new to a worker: those are new
// with each source. A refusal for want of room (overloaded) passes each check; who
// counts sees it by its code.
func (p Profile) Source(opt Options) (load.Source, error) {
	b := newBuilder(opt)
	if p.single != nil {
		s := b.repeat(p.single(b))
		return s, b.err
	}
	s := p.source(b)
	return s, b.err
}

// Message returns the request that the profile repeats, for load generators of other
// people, and the check of its answer, which takes no refusal; ok is false where it
// has several. Each load.NumberMark in the body stands for 12 digits that must be new
// each time. The request is not signed: Options.Key is not looked at.
func (p Profile) Message(opt Options) (m load.Message, check load.Check, ok bool) {
	if p.single == nil {
		return load.Message{}, nil, false
	}
	b := newBuilder(opt)
	r := p.single(b)
	return b.message(r), r.check, true
}

// A builder makes the sources of a profile. Its first error stays.
type builder struct {
	opt Options
	tag string // what tells the scripts of this source from others
	err error
}

func newBuilder(opt Options) *builder { return &builder{opt: opt, tag: rand.Text()} }

// repeat sends the same request each time, but for a load.NumberMark in it.
func (b *builder) repeat(r request) load.Source {
	m, check := b.message(r), load.Either(r.check, load.Code(503, "overloaded"))
	numbered := bytes.Contains(m.Body, []byte(load.NumberMark))
	switch {
	case b.opt.Key == nil && numbered:
		return load.Numbered(m, check)
	case b.opt.Key == nil:
		return load.Fixed(m, check)
	case numbered:
		return b.keep(load.SignedNumbered(b.opt.Key, m, check))
	}
	return b.keep(load.Signed(b.opt.Key, m, check))
}

func (b *builder) keep(s load.Source, err error) load.Source {
	if b.err == nil {
		b.err = err
	}
	return s
}

func (b *builder) message(r request) load.Message {
	return load.Message{
		Target: b.opt.Path + "/api/v1/execute" + r.query, Host: b.opt.Host, Body: r.body(),
		Header: [][2]string{{"Content-Type", "application/json"}},
	}
}
