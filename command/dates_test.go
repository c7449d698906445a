// This file holds the tests of the commands on dates. What they expect of formats
// is what Python's datetime gives.

package command

import (
	"math"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/vm"
)

// noon is the clock of the tests: noon (UTC) of the first of March 2026.
type noon struct{}

func (noon) Now() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC) }

func TestGetDateTime(t *testing.T) {
	runTable(t, Host{Clock: noon{}}, "getDateTime", []row{
		{"no format", []any{nil, 0, nil}, 1772366400.123456},
		{"no format, later", []any{"", 60, "Europe/Madrid"}, 1772366460.123456},
		{"UTC", []any{"%Y-%m-%d %H:%M:%S.%f %Z %z", nil, nil}, "2026-03-01 12:00:00.123456 UTC +0000"},
		{"a zone", []any{"%d/%m/%y %H:%M %Z %z", 0, "Europe/Madrid"}, "01/03/26 13:00 CET +0100"},
		{"a zone in summer", []any{"%H:%M %Z", 120 * 86400, "Europe/Madrid"}, "14:00 CEST"},
		{"a zone behind", []any{"%F %T %z", 0, "America/St_Johns"}, "2026-03-01 08:30:00 -0330"},
		{"a float delta", []any{"%S.%f", 0.5, ""}, "00.623456"},
		{"a delta in text", []any{"%H:%M", "-3600", ""}, "11:00"},
		{"an empty delta", []any{"%H:%M", "", ""}, "12:00"},
		{"text of the format", []any{"at %H o'clock, 100%%", 0, nil}, "at 12 o'clock, 100%"},

		{"an unknown zone", []any{"%H", 0, "Mars/Olympus"}, errOf(vm.CodeRuntime, `TimeZone: "Mars/Olympus" is no zone of the IANA data base`)},
		{"the host's zone", []any{"%H", 0, "Local"}, errOf(vm.CodeRuntime, `TimeZone: "Local" is no zone of the IANA data base`)},
		{"a path", []any{"%H", 0, "../../etc/passwd"}, errOf(vm.CodeRuntime, `TimeZone: "../../etc/passwd" is no zone of the IANA data base`)},
		{"a delta that is no number", []any{"%H", "soon", nil}, errOf(vm.CodeRuntime, `TimeDelta must be a number, not "soon"`)},
		{"a delta that is a list", []any{"%H", []any{1}, nil}, errOf(vm.CodeType, "TimeDelta must be a number, not a list")},
		{"a delta that is a bool", []any{"%H", true, nil}, errOf(vm.CodeType, "TimeDelta must be a number, not a bool")},
		{"too late", []any{"%Y", 300_000_000_000, nil}, errOf(vm.CodeOverflow, "the year is out of range: 1 to 9999")},
		{"far too late", []any{"%Y", math.MaxInt64, nil}, errOf(vm.CodeOverflow, "the year is out of range: 1 to 9999")},
		{"far too early", []any{"%Y", -1e300, nil}, errOf(vm.CodeOverflow, "the year is out of range: 1 to 9999")},
	})
}

func TestStampToDatetime(t *testing.T) {
	const format = "%Y-%m-%d %H:%M:%S.%f"
	runTable(t, Host{}, "stampToDatetime", []row{
		{"an int", []any{0, format, 0}, "1970-01-01 00:00:00.000000"},
		{"a float", []any{1.5, format, 0}, "1970-01-01 00:00:01.500000"},
		{"negative", []any{-0.25, format, 0}, "1969-12-31 23:59:59.750000"},
		{"text", []any{"1772366400", format, "3600"}, "2026-03-01 13:00:00.000000"},
		{"rounds to even microseconds", []any{1772366400.1234565, format, 0}, "2026-03-01 12:00:00.123456"},
		{"rounds up to the next second", []any{0.9999999, format, 0}, "1970-01-01 00:00:01.000000"},
		{"the first second", []any{-62135596800, format, 0}, "0001-01-01 00:00:00.000000"},
		{"the last second", []any{253402300799, format, 0}, "9999-12-31 23:59:59.000000"},
		{
			"directives",
			[]any{1772366400, "%a %A %b %B %d %H %I %p %j %m %M %S %U %W %w %y %Y %Z %z %G %V %u %x %X %D %e %C %h %R", 0},
			"Sun Sunday Mar March 01 12 12 PM 060 03 00 00 09 08 0 26 2026 UTC +0000 2026 09 7 03/01/26 12:00:00 03/01/26  1 20 Mar 12:00",
		},
		{"combined", []any{1772366400, "%c|%r|%n|%t|%%|%s", 0}, "Sun Mar  1 12:00:00 2026|12:00:00 PM|\n|\t|%|1772366400"},
		{"without padding", []any{1772366400, "%-d/%-m %-H:%-M", 0}, "1/3 12:0"},
		{"text of the format", []any{0, "el año €", 0}, "el año €"},
		{"no format, ints", []any{10, "", 5}, int64(15)},
		{"no format, floats", []any{10, nil, 0.5}, 10.5},
		{"no format, text", []any{"10.5", nil, nil}, 10.5},

		{"no number", []any{"today", format, 0}, errOf(vm.CodeRuntime, `timestamp must be a number, not "today"`)},
		{"None", []any{nil, format, 0}, errOf(vm.CodeType, "timestamp must be a number, not None")},
		{"too early", []any{-62135596801, format, 0}, errOf(vm.CodeOverflow, "the year is out of range: 1 to 9999")},
		{"too late", []any{253402300800, format, 0}, errOf(vm.CodeOverflow, "the year is out of range: 1 to 9999")},
		{"far too late", []any{1e300, format, 0}, errOf(vm.CodeOverflow, "the year is out of range: 1 to 9999")},
		{"beyond 64 bits", []any{math.MaxInt64, "", 1}, errOf(vm.CodeOverflow, "TimeDelta: the sum does not fit in 64 bits")},
	})
}

func TestGetTimeStamp(t *testing.T) {
	runtime := func(msg string) failure { return errOf(vm.CodeRuntime, msg) }
	tests := []struct {
		date, format string
		want         any
	}{
		{"2026-01-01", "%Y-%m-%d", 1767225600.0},
		{"2026-01-01 02:00:00 +0200", "%Y-%m-%d %H:%M:%S %z", 1767225600.0},
		{"1/2/26", "%m/%d/%y", 1767312000.0},
		{"31 dec 1969 11:59 pm", "%d %b %Y %I:%M %p", -60.0},
		{"12 AM", "%I %p", -2208988800.0},
		{"12", "%I", -2208988800.0},
		{"2026-060", "%Y-%j", 1772323200.0},
		{"2025-366", "%Y-%j", 1767225600.0},
		{"2026 00 Thu", "%Y %U %a", 1767225600.0},
		{"2026 01 Sunday", "%Y %U %A", 1767484800.0},
		{"2026 00 1", "%Y %W %w", 1766966400.0},
		{"2024 00 Mon", "%Y %W %a", 1704067200.0},
		{"2023 00 0", "%Y %U %w", 1672531200.0},
		{"2026 W53 7", "%G W%V %u", 1798934400.0},
		{"2026-W01-1", "%G-W%V-%u", 1766966400.0},
		{"1.5", "%S.%f", -2208988798.5},
		{"2026-03-01T10:20:30.123456Z", "%Y-%m-%dT%H:%M:%S.%f%z", 1772360430.123456},
		{"2026-03-01 10:00-03:30", "%Y-%m-%d %H:%M%z", 1772371800.0},
		{"2026-03-01 10:00 +01:02:03.5", "%Y-%m-%d %H:%M %z", 1772355476.5},
		{"2026-12-31T23:59:59-12:00", "%Y-%m-%dT%H:%M:%S%z", 1798804799.0},
		{"1122026", "%d%m%Y", 1770768000.0},
		{"Sun Mar  1 14:00:05 2026", "%c", 1772373605.0},
		{"03/01/26", "%x", 1772323200.0},
		{"14:00:05", "%X", -2208938395.0},
		{"100%", "%y0%%", 1262304000.0},
		{"a  b", "a b", -2208988800.0},
		{"UTC", "%Z", -2208988800.0},
		{"69", "%y", -31536000.0},
		{"68", "%y", 3092601600.0},
		{" 5", "%d", -2208643200.0},
		{"2026-03-01 14:00", "%F %R", 1772373600.0},
		{"1772373600.5", "", 1772373600.5},

		{"2026-02-29", "%Y-%m-%d", runtime("DateString: the day is out of range for the month")},
		{"02-29", "%m-%d", runtime("DateString: the day is out of range for the month")},
		{"2026-13-01", "%Y-%m-%d", runtime(`DateString "2026-13-01" does not match the format "%Y-%m-%d"`)},
		{"2026-01-01x", "%Y-%m-%d", runtime(`DateString "2026-01-01x" goes on behind the format: "x"`)},
		{"0000", "%Y", errOf(vm.CodeOverflow, "the year is out of range: 1 to 9999")},
		{"60", "%S", runtime("DateString: the second must be in 0..59")},
		{"ab", "a b", runtime(`DateString "ab" does not match the format "a b"`)},
		{"2026", "%q", runtime("Format: dates cannot be read by the directive %q")},
		{"x", "%", runtime("Format ends in a lone %")},
		{"5 5", "%d %d", runtime("Format has %d twice")},
		{"2026 10", "%Y %V", runtime("Format: %G and %V go together, with a day of the week and without another year")},
		{"2025 53 1", "%G %V %u", runtime("DateString: the year 2025 has no week 53")},
		{"today", "", runtime(`DateString, without a Format, must be a number, not "today"`)},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, call(t, Host{}, "getTimeStamp", tt.date, tt.format, 0)); diff != "" {
			t.Errorf("%q by %q: %s", tt.date, tt.format, diff)
		}
	}
	runTable(t, Host{}, "getTimeStamp", []row{
		{"a delta", []any{"2026-01-01", "%Y-%m-%d", 60}, 1767225660.0},
		{"a delta in text", []any{"2026-01-01", "%Y-%m-%d", "-0.5"}, 1767225599.5},
		{"a date that reads as a number", []any{2026, "%Y", nil}, 1767225600.0},
		{"None", []any{nil, "%Y", 0}, errOf(vm.CodeType, "DateString must be a date, not None")},
		{"a list", []any{[]any{}, "%Y", 0}, errOf(vm.CodeType, "DateString must be text, not a list")},
	})
}

// FuzzDates holds that what strftime writes, strptime reads as the same time.
func FuzzDates(f *testing.F) {
	for _, format := range []string{
		"%Y-%m-%d %H:%M:%S", "%d %B %Y %I:%M:%S %p", "%y%j%H%M%S", "%G-W%V-%u %T", "%a %d %b %Y %X.%f", "%c", "%F %T %z",
		"%Y %U %w %H:%M:%S", "%Y %W %A %T", "%%Y%Y (%m) [%d] \\d+ %X",
	} {
		for _, unix := range []int64{0, -1, 1772366400, 951782399, 253402300799, -62135596800, 1e9} {
			f.Add(format, unix)
		}
	}
	full := []string{"%Y-%m-%d %H:%M:%S", "%G-W%V-%u %T", "%c", "%Y %U %w %H:%M:%S", "%Y %W %A %T", "%Y%j %X", "%F %T %z"}
	f.Fuzz(func(t *testing.T, format string, unix int64) {
		text, ok := call(t, Host{}, "stampToDatetime", unix, format, 0).(string)
		if !ok || format == "" {
			return
		}
		back := call(t, Host{}, "getTimeStamp", text, format, 0)
		for _, whole := range full {
			if format == whole && back != float64(unix) {
				t.Errorf("%d by %q is %q, and back %v", unix, format, text, back)
			}
		}
	})
}
