// This file holds what is asked of a publication before any database sees it.

package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/avap-framework/avap/bytecode"
)

// maxName bounds names in bytes, so that every index takes them.
const maxName = 512

// InvalidError says what is wrong with a publication that no store would take.
type InvalidError struct {
	Key Key // the unit that it is about; the zero Key where it is none
	Msg string
}

func (e *InvalidError) Error() string {
	if e.Key == (Key{}) {
		return e.Msg
	}
	return e.Key.Name + ": " + e.Msg
}

// prepare checks a publication and gives it as it will be stored: with a hash,
// an author and a time for each version, times to the microsecond. What it was
// given is not changed.
func prepare(p Publication) (Publication, error) {
	if len(p.Versions) == 0 && len(p.Packages) == 0 && p.AtLeast == 0 {
		return p, &InvalidError{Msg: "there is nothing in the publication"}
	}
	if p.Base >= math.MaxInt64 || p.AtLeast > math.MaxInt64 {
		return p, &InvalidError{Msg: "the revision is more than 2^63-1"}
	}
	if p.Time.IsZero() {
		p.Time = time.Now()
	}
	p.Time = p.Time.UTC().Truncate(time.Microsecond)
	for _, text := range []string{string(p.Action), p.Author, p.Comment} {
		if err := checkText(text); err != nil {
			return p, &InvalidError{Msg: err.Error()}
		}
	}
	var err error
	if p.Versions, err = prepareVersions(p); err != nil {
		return p, err
	}
	return p, checkPackages(p)
}

// prepareVersions returns a copy of the versions, completed.
func prepareVersions(p Publication) ([]Version, error) {
	versions := make([]Version, len(p.Versions))
	seen := make(map[Key]bool, len(p.Versions))
	for i, v := range p.Versions {
		if seen[v.Key] {
			return nil, &InvalidError{v.Key, "the publication has two versions of it"}
		}
		seen[v.Key] = true
		if err := checkVersion(v); err != nil {
			return nil, &InvalidError{v.Key, err.Error()}
		}
		hash := sha256.Sum256([]byte(v.Source))
		if v.Hash != [32]byte{} && v.Hash != hash {
			return nil, &InvalidError{v.Key, "the hash is not the source's"}
		}
		v.Hash = hash
		if v.Author == "" {
			v.Author = p.Author
		}
		if v.Time.IsZero() {
			v.Time = p.Time
		}
		v.Time = v.Time.UTC().Truncate(time.Microsecond)
		versions[i] = v
	}
	return versions, nil
}

func checkVersion(v Version) error {
	if err := checkKey(v.Key); err != nil {
		return err
	}
	if v.Version == 0 || v.Version > math.MaxInt64 || v.From > math.MaxInt64 {
		return errors.New("versions are numbered from 1")
	}
	texts := append([]string{v.Source, v.Author}, v.Requires...)
	for _, param := range v.Params {
		texts = append(texts, param.Name)
		if _, known := bytecode.ParseMode(param.Mode.String()); !known {
			return fmt.Errorf("the parameter %q has an unknown mode", param.Name)
		}
	}
	for _, text := range texts {
		if err := checkText(text); err != nil {
			return err
		}
	}
	return nil
}

// checkPackages looks at what can be said of packages without a database.
func checkPackages(p Publication) error {
	seen := make(map[Key]bool, len(p.Packages))
	for _, pkg := range p.Packages {
		if seen[pkg.Key] {
			return &InvalidError{pkg.Key, "the publication has two packages of it"}
		}
		seen[pkg.Key] = true
		if err := checkKey(pkg.Key); err != nil {
			return &InvalidError{pkg.Key, err.Error()}
		}
		if err := checkText(pkg.KeyID); err != nil {
			return &InvalidError{pkg.Key, err.Error()}
		}
		if pkg.Version == 0 || pkg.Version > math.MaxInt64 {
			return &InvalidError{pkg.Key, "versions are numbered from 1"}
		}
	}
	return nil
}

func checkKey(k Key) error {
	switch {
	case k.Kind != bytecode.KindScript && k.Kind != bytecode.KindCommand:
		return fmt.Errorf("%d is no kind of a unit", k.Kind)
	case k.Name == "":
		return errors.New("a unit has no name")
	case len(k.Name) > maxName:
		return fmt.Errorf("the name is longer than %d bytes", maxName)
	}
	return checkText(k.Name)
}

// checkText refuses what one database or the other could not give back.
func checkText(s string) error {
	if strings.ContainsRune(s, 0) {
		return errors.New("a text holds a zero byte")
	}
	if !utf8.ValidString(s) {
		return errors.New("a text is not UTF-8")
	}
	return nil
}
