// This file holds the commands that search and replace by regular expressions.

package command

import (
	"slices"
	"strconv"
	"strings"

	"github.com/avap-framework/avap/vm"
)

// replace(SourceVariable, rePattern, newValue, TargetVariable)
func (l *library) replace(m *vm.Machine, args []vm.Value) error {
	source, p, err := l.patternOver(m, args, true)
	if err != nil {
		return err
	}
	with, err := scalarText(m, args[2], "newValue")
	if err != nil {
		return err
	}
	template, groups, err := parseReplacement(m, with.Str(), p)
	if err != nil {
		return err
	}
	x, err := newMatcher(m, p, source.Str(), groups)
	if err != nil {
		return err
	}
	defer x.close()
	text := source.Str()
	var out *vm.TextBuilder
	rest := 0
	err = x.each(func(found []int) (err error) {
		if out == nil {
			if out, err = m.BuildText(len(text)); err != nil {
				return err
			}
		}
		if err := out.WriteString(text[rest:found[0]]); err != nil {
			return err
		}
		rest = found[1]
		return template.write(m, out, text, found)
	})
	if err != nil {
		return err
	}
	if out == nil {
		args[3] = source
		return nil
	}
	if err := out.WriteString(text[rest:]); err != nil {
		return err
	}
	args[3], err = out.Finish()
	return err
}

// getRegex(SourceVariable, rePattern, TargetVariable)
func (l *library) getRegex(m *vm.Machine, args []vm.Value) error {
	source, p, err := l.patternOver(m, args, false)
	if err != nil {
		return err
	}
	group := min(p.groups(), 1)
	x, err := newMatcher(m, p, source.Str(), group)
	if err != nil {
		return err
	}
	defer x.close()
	var out *vm.TextBuilder
	err = x.each(func(found []int) (err error) {
		if out == nil {
			if out, err = m.BuildText(0); err != nil {
				return err
			}
		}
		return writeGroup(out, source.Str(), found, group)
	})
	switch {
	case err != nil:
		return err
	case out == nil:
		args[2] = vm.NoneValue()
		return nil
	}
	args[2], err = out.Finish()
	return err
}

// patternOver reads the first two arguments: a text and the pattern for it.
func (l *library) patternOver(m *vm.Machine, args []vm.Value, looseSpaces bool) (vm.Value, *pattern, error) {
	source, err := scalarText(m, args[0], "SourceVariable")
	if err != nil {
		return vm.Value{}, nil, err
	}
	pattern, err := scalarText(m, args[1], "rePattern")
	if err != nil {
		return vm.Value{}, nil, err
	}
	p, err := l.patterns.compile(m, pattern.Str(), looseSpaces)
	return source, p, err
}

// writeGroup writes the text of a group, nothing where it is not in the match.
func writeGroup(out *vm.TextBuilder, text string, found []int, group int) error {
	if start, end := found[2*group], found[2*group+1]; start >= 0 {
		return out.WriteString(text[start:end])
	}
	return nil
}

// replacement is a new value: pieces of text and groups.
type replacement []piece

type piece struct {
	text  string
	group int // -1 for text
}

func (r replacement) write(m *vm.Machine, out *vm.TextBuilder, text string, found []int) error {
	if err := m.Work(1 + len(r)/4); err != nil {
		return err
	}
	for _, p := range r {
		if p.group >= 0 {
			if err := writeGroup(out, text, found, p.group); err != nil {
				return err
			}
		} else if err := out.WriteString(p.text); err != nil {
			return err
		}
	}
	return nil
}

// parseReplacement reads a new value as Python's re.sub does: \1 and \g<name>
// are groups, \n and the like characters, \\ a backslash. It returns the highest
// group that is used.
func parseReplacement(m *vm.Machine, s string, p *pattern) (r replacement, groups int, err error) {
	for s != "" {
		i := strings.IndexByte(s, '\\')
		if i < 0 {
			i = len(s)
		}
		if i > 0 {
			r = append(r, piece{s[:i], -1})
		}
		if s = s[i:]; s == "" {
			break
		}
		next, size, err := parseEscape(s, p)
		if err != nil {
			return nil, 0, err
		}
		if err := m.Charge(32); err != nil {
			return nil, 0, err
		}
		if err := work(m, i); err != nil {
			return nil, 0, err
		}
		groups = max(groups, next.group)
		r = append(r, next)
		s = s[size:]
	}
	return r, groups, nil
}

// templateEscapes are the letters that stand for a character after a backslash.
const templateEscapes = "a\ab\bf\fn\nr\rt\tv\v\\\\"

// parseEscape reads an escape of a new value and gives its length.
func parseEscape(s string, p *pattern) (piece, int, error) {
	if len(s) == 1 {
		return piece{}, 0, failed("newValue ends in a lone backslash")
	}
	c := s[1]
	if i := strings.IndexByte(templateEscapes, c); i >= 0 && i%2 == 0 {
		return piece{templateEscapes[i+1 : i+2], -1}, 2, nil
	}
	switch {
	case c == 'g':
		end := strings.IndexByte(s[:min(len(s), maxPattern)], '>')
		if end < 0 || s[2] != '<' {
			return piece{}, 0, failed(`newValue: write \g<1> or \g<name>`)
		}
		group, err := findGroup(s[3:end], p)
		return piece{group: group}, end + 1, err
	case '0' <= c && c <= '9':
		return parseDigits(s, p)
	case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
		return piece{}, 0, failed(`newValue: unknown escape \%c; write \\ for a backslash`, c)
	}
	return piece{`\`, -1}, 1, nil
}

// parseDigits reads \1 to \99, a group, or \0 and three octal digits, a character.
func parseDigits(s string, p *pattern) (piece, int, error) {
	n := 2
	for n < len(s) && n < 4 && '0' <= s[n] && s[n] <= '7' {
		n++
	}
	if s[1] == '0' || n == 4 && s[1] <= '3' {
		if s[1] == '0' {
			n = min(n, 4)
		}
		code, err := strconv.ParseUint(s[1:n], 8, 16)
		return piece{string(rune(code)), -1}, n, err
	}
	n = 2
	if n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	group, err := findGroup(s[1:n], p)
	return piece{group: group}, n, err
}

// findGroup returns the number of a group that is named or numbered.
func findGroup(name string, p *pattern) (int, error) {
	group, err := strconv.Atoi(name)
	if err != nil && name != "" {
		group = slices.Index(p.names, name)
	}
	if name == "" || group < 0 || group > p.groups() {
		return 0, failed("newValue: the pattern has no group %s", clip(name))
	}
	return group, nil
}
