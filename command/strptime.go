// This file holds the reader of dates: Python's strptime. A format becomes a
// regular expression, whose first alternatives win as they do there.

package command

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/avap-framework/avap/vm"
)

// maxDate bounds the text of a date, in bytes.
const maxDate = 1000

// directives are what the letters after a % match.
var directives = map[byte]string{
	'd': `3[0-1]|[1-2]\d|0[1-9]|[1-9]| [1-9]`,
	'f': `[0-9]{1,6}`,
	'H': `2[0-3]|[0-1]\d|\d`,
	'I': `1[0-2]|0[1-9]|[1-9]`,
	'G': `\d\d\d\d`,
	'j': `36[0-6]|3[0-5]\d|[1-2]\d\d|0[1-9]\d|00[1-9]|[1-9]\d|0[1-9]|[1-9]`,
	'm': `1[0-2]|0[1-9]|[1-9]`,
	'M': `[0-5]\d|\d`,
	'S': `6[0-1]|[0-5]\d|\d`,
	'U': `5[0-3]|[0-4]\d|\d`,
	'W': `5[0-3]|[0-4]\d|\d`,
	'w': `[0-6]`,
	'u': `[1-7]`,
	'V': `5[0-3]|0[1-9]|[1-4]\d|\d`,
	'y': `\d\d`,
	'Y': `\d\d\d\d`,
	'z': `[+-]\d\d:?[0-5]\d(?::?[0-5]\d(?:\.\d{1,6})?)?|(?-i:Z)`,
	'Z': `UTC|GMT`,
	'p': `AM|PM`,
	'A': `Sunday|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday`,
	'a': `Sun|Mon|Tue|Wed|Thu|Fri|Sat`,
	'B': `January|February|March|April|May|June|July|August|September|October|November|December`,
	'b': `Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec`,
}

// combined are the letters that stand for several directives.
var combined = map[byte]string{
	'c': "%a %b %d %H:%M:%S %Y", 'x': "%m/%d/%y", 'X': "%H:%M:%S", 'D': "%m/%d/%y", 'F': "%Y-%m-%d",
	'T': "%H:%M:%S", 'R': "%H:%M", 'r': "%I:%M:%S %p", 'h': "%b", 'e': "%d", 'n': " ", 't': " ",
}

// parseTime reads a date in a format.
func (l *library) parseTime(m *vm.Machine, date, format string) (instant, error) {
	switch {
	case len(date) > maxDate:
		return instant{}, failed("DateString is longer than %d bytes", maxDate)
	case len(format) > maxFormat:
		return instant{}, failed("Format is longer than %d bytes", maxFormat)
	}
	if err := m.Work(200 + 4*len(format) + len(date)*len(format)/64); err != nil {
		return instant{}, err
	}
	pattern, ok := l.formats.Get(format)
	if !ok {
		var err error
		if pattern, err = datePattern(format); err != nil {
			return instant{}, err
		}
		l.formats.Add(strings.Clone(format), pattern)
	}
	found := pattern.FindStringSubmatch(date)
	if found == nil {
		return instant{}, failed("DateString %q does not match the format %q", clip(date), clip(format))
	}
	if rest := date[len(found[0]):]; rest != "" {
		return instant{}, failed("DateString %q goes on behind the format: %q", clip(date), clip(rest))
	}
	fields := dateFields{}
	for i, name := range pattern.SubexpNames() {
		if name != "" {
			fields[name[0]] = found[i]
		}
	}
	return fields.instant()
}

// datePattern makes a regular expression of a format.
func datePattern(format string) (*regexp.Regexp, error) {
	var b strings.Builder
	b.WriteString("^(?i:")
	seen := map[byte]bool{}
	if err := writeFormat(&b, format, seen); err != nil {
		return nil, err
	}
	b.WriteByte(')')
	pattern, err := regexp.Compile(b.String())
	if err != nil {
		return nil, failed("Format %q cannot be read by", clip(format))
	}
	return pattern, nil
}

func writeFormat(b *strings.Builder, format string, seen map[byte]bool) error {
	for format != "" {
		if rest := strings.TrimLeft(format, " \t\r\n\f\v"); rest != format {
			b.WriteString(`\s+`)
			format = rest
			continue
		}
		if format[0] != '%' {
			n := strings.IndexAny(format, "% \t\r\n\f\v")
			if n < 0 {
				n = len(format)
			}
			b.WriteString(regexp.QuoteMeta(format[:n]))
			format = format[n:]
			continue
		}
		if len(format) == 1 {
			return failed("Format ends in a lone %%")
		}
		if err := writeDirective(b, format[1], seen); err != nil {
			return err
		}
		format = format[2:]
	}
	return nil
}

func writeDirective(b *strings.Builder, c byte, seen map[byte]bool) error {
	if c == '%' {
		b.WriteByte('%')
		return nil
	}
	if several, ok := combined[c]; ok {
		return writeFormat(b, several, seen)
	}
	switch pattern, ok := directives[c]; {
	case !ok:
		return failed("Format: dates cannot be read by the directive %%%s", strings.ToValidUTF8(string(c), "?"))
	case seen[c]:
		return failed("Format has %%%c twice", c)
	default:
		seen[c] = true
		fmt.Fprintf(b, "(?P<%c>%s)", c, pattern)
		return nil
	}
}

// dateFields are the texts that the directives of a format matched.
type dateFields map[byte]string

// number returns the number of a directive, or one for those that are missing.
func (f dateFields) number(c byte, missing int) int {
	s, ok := f[c]
	if !ok {
		return missing
	}
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil {
		return missing
	}
	return n
}

func (f dateFields) has(c byte) bool { _, ok := f[c]; return ok }

// name returns the place of a directive's text in a list of names, -1 for none.
func (f dateFields) name(c byte) int {
	for i, name := range strings.Split(directives[c], "|") {
		if strings.EqualFold(name, f[c]) {
			return i
		}
	}
	return -1
}

// instant returns the time that the fields mean.
func (f dateFields) instant() (instant, error) {
	year, month, day, err := f.date()
	if err != nil {
		return instant{}, err
	}
	second := f.number('S', 0)
	if second > 59 {
		return instant{}, failed("DateString: the second must be in 0..59")
	}
	t := time.Date(year, time.Month(month), day, f.hour(), f.number('M', 0), second, 0, time.UTC)
	micro, _ := strconv.Atoi((f['f'] + "000000")[:6])
	offset, offsetMicro := f.offset()
	unix, micro := t.Unix()-int64(offset), micro-offsetMicro
	if micro < 0 {
		unix, micro = unix-1, micro+1e6
	}
	return instant{unix + int64(micro/1e6), micro % 1e6}, nil
}

// hour returns the hour of the day. Without AM or PM, 12-hour times are in the morning.
func (f dateFields) hour() int {
	if !f.has('I') {
		return f.number('H', 0)
	}
	hour := f.number('I', 0) % 12
	if strings.EqualFold(f['p'], "PM") {
		hour += 12
	}
	return hour
}

// weekday returns the day of the week, Sunday being 0, and -1 where none is named.
func (f dateFields) weekday() int {
	switch {
	case f.has('A'):
		return f.name('A')
	case f.has('a'):
		return f.name('a')
	case f.has('w'):
		return f.number('w', 0)
	case f.has('u'):
		return f.number('u', 0) % 7
	}
	return -1
}

// year returns the year; of two digits, 69 to 99 are in the last century.
func (f dateFields) year() (int, bool) {
	switch {
	case f.has('Y'):
		return f.number('Y', 0), true
	case f.has('y'):
		year := f.number('y', 0)
		if year < 69 {
			return 2000 + year, true
		}
		return 1900 + year, true
	}
	return 1900, false
}

// date returns the date, from whichever fields say it.
func (f dateFields) date() (year, month, day int, err error) {
	year, given := f.year()
	month, day = f.number('m', 1), f.number('d', 1)
	switch {
	case f.has('B'):
		month = f.name('B') + 1
	case f.has('b'):
		month = f.name('b') + 1
	}
	if f.has('G') || f.has('V') {
		return f.isoDate(given)
	}
	if year < 1 {
		return 0, 0, 0, yearOutOfRange()
	}
	dayOfYear, known := f.dayOfYear(year)
	if known {
		t := time.Date(year, 1, dayOfYear, 0, 0, 0, 0, time.UTC)
		return t.Year(), int(t.Month()), t.Day(), nil
	}
	if t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC); t.Day() != day {
		return 0, 0, 0, failed("DateString: the day is out of range for the month")
	}
	return year, month, day, nil
}

// isoDate returns the date of an ISO year, week and day of the week.
func (f dateFields) isoDate(given bool) (year, month, day int, err error) {
	weekday := f.weekday()
	if !f.has('G') || !f.has('V') || weekday < 0 || given || f.has('j') {
		return 0, 0, 0, failed("Format: %%G and %%V go together, with a day of the week and without another year")
	}
	year = f.number('G', 0)
	if year < 1 {
		return 0, 0, 0, yearOutOfRange()
	}
	fourth := time.Date(year, 1, 4, 0, 0, 0, 0, time.UTC)
	monday := 4 - (int(fourth.Weekday())+6)%7
	t := time.Date(year, 1, monday+7*(f.number('V', 1)-1)+(weekday+6)%7, 0, 0, 0, 0, time.UTC)
	if y, week := t.ISOWeek(); y != year || week != f.number('V', 1) {
		return 0, 0, 0, failed("DateString: the year %d has no week %d", year, f.number('V', 1))
	}
	return t.Year(), int(t.Month()), t.Day(), nil
}

// dayOfYear returns the day of the year, where it is said, or a week of the year
// and a day of it.
func (f dateFields) dayOfYear(year int) (int, bool) {
	weekday := f.weekday()
	switch {
	case f.has('j'):
		return f.number('j', 0), true
	case weekday < 0:
		return 0, false
	case f.has('U'):
		return dayInWeek(year, f.number('U', 0), weekday, 0), true
	case f.has('W'):
		return dayInWeek(year, f.number('W', 0), weekday, 1), true
	}
	return 0, false
}

// dayInWeek returns the day of the year of a day of a week, where weeks begin on
// the given day and the days before the first whole one are in week 0.
func dayInWeek(year, week, weekday, begins int) int {
	first := int(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Weekday())
	first, weekday = (first+7-begins)%7, (weekday+7-begins)%7
	if week == 0 {
		return 1 + weekday - first
	}
	return 1 + (7-first)%7 + 7*(week-1) + weekday
}

// offset returns the offset from UTC in seconds and microseconds.
func (f dateFields) offset() (seconds, micro int) {
	s := f['z']
	if len(s) < 5 {
		return 0, 0
	}
	sign := 1
	if s[0] == '-' {
		sign = -1
	}
	digits, fraction, _ := strings.Cut(strings.ReplaceAll(s[1:], ":", ""), ".")
	digits += "00"
	for i, unit := range []int{3600, 60, 1} {
		n, _ := strconv.Atoi(digits[2*i : 2*i+2])
		seconds += n * unit
	}
	micro, _ = strconv.Atoi((fraction + "000000")[:6])
	return sign * seconds, sign * micro
}
