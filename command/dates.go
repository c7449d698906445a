// This file holds the commands on dates and times.

package command

import (
	"math"
	"time"

	"github.com/ncruces/go-strftime"

	"github.com/avap-framework/avap/vm"
)

const (
	// maxFormat bounds a format, in bytes: a directive becomes 28 bytes at most.
	maxFormat = 1000
	// minUnix and maxUnix bound the years that formats can write: 1 to 9999.
	minUnix = -62135596800
	maxUnix = 253402300799
)

// getDateTime(Format, TimeDelta, TimeZone, TargetVariable)
func (l *library) getDateTime(m *vm.Machine, args []vm.Value) error {
	delta, err := timeDelta(args[1])
	if err != nil {
		return err
	}
	zone, err := l.zone(m, args[2])
	if err != nil {
		return err
	}
	now := l.host.Clock.Now().Truncate(time.Microsecond)
	stamp := instant{now.Unix(), now.Nanosecond() / 1000}
	if isEmpty(args[0]) {
		args[3], err = add(stamp.value(), delta)
		return err
	}
	moment, err := stamp.plus(delta)
	if err != nil {
		return err
	}
	args[3], err = formatTime(m, args[0], moment, zone)
	return err
}

// stampToDatetime(timestamp, Format, TimeDelta, TargetVariable)
func stampToDatetime(m *vm.Machine, args []vm.Value) error {
	stamp, err := number(args[0], "timestamp")
	if err != nil {
		return err
	}
	delta, err := timeDelta(args[2])
	if err != nil {
		return err
	}
	if isEmpty(args[1]) {
		args[3], err = add(stamp, delta)
		return err
	}
	moment, err := instant{}.plus(stamp)
	if err == nil {
		moment, err = moment.plus(delta)
	}
	if err != nil {
		return err
	}
	args[3], err = formatTime(m, args[1], moment, time.UTC)
	return err
}

// getTimeStamp(DateString, Format, TimeDelta, TargetVariable)
func (l *library) getTimeStamp(m *vm.Machine, args []vm.Value) error {
	delta, err := timeDelta(args[2])
	if err != nil {
		return err
	}
	if isEmpty(args[0]) {
		return wrongKind("DateString", "a date", vm.NoneValue())
	}
	if isEmpty(args[1]) {
		stamp, err := number(args[0], "DateString, without a Format,")
		if err == nil {
			args[3], err = vm.FloatValue(seconds(stamp) + seconds(delta))
		}
		return err
	}
	date, err := scalarText(m, args[0], "DateString")
	if err != nil {
		return err
	}
	format, err := scalarText(m, args[1], "Format")
	if err != nil {
		return err
	}
	moment, err := l.parseTime(m, date.Str(), format.Str())
	if err != nil {
		return err
	}
	args[3], err = add(moment.value(), delta)
	return err
}

// timeDelta reads a number of seconds; None and empty text are none.
func timeDelta(v vm.Value) (vm.Value, error) {
	if isEmpty(v) {
		return vm.IntValue(0), nil
	}
	return number(v, "TimeDelta")
}

// zone returns the time zone of a name, UTC for none.
func (l *library) zone(m *vm.Machine, v vm.Value) (*time.Location, error) {
	text, err := scalarText(m, v, "TimeZone")
	if err != nil {
		return nil, err
	}
	name := text.Str()
	if err := m.Work(100); err != nil {
		return nil, err
	}
	if zone, ok := l.zones.Get(name); ok {
		return zone, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" || len(name) > maxShown {
		return nil, failed("TimeZone: %q is no zone of the IANA data base", clip(name))
	}
	l.zones.Add(zone.String(), zone)
	return zone, nil
}

// add adds two numbers: ints exactly, anything else as floats.
func add(a, b vm.Value) (vm.Value, error) {
	if a.IsInt() && b.IsInt() {
		sum := a.Int() + b.Int()
		if (sum > a.Int()) != (b.Int() > 0) && b.Int() != 0 {
			return vm.Value{}, vm.Errorf(vm.CodeOverflow, "TimeDelta: the sum does not fit in 64 bits")
		}
		return vm.IntValue(sum), nil
	}
	return vm.FloatValue(seconds(a) + seconds(b))
}

// seconds returns a number as a float.
func seconds(v vm.Value) float64 {
	if v.IsInt() {
		return float64(v.Int())
	}
	return v.Float()
}

// instant is a time as Unix seconds and microseconds.
type instant struct {
	unix  int64
	micro int
}

// value returns the Unix time as a float.
func (i instant) value() vm.Value {
	v, _ := vm.FloatValue(float64(i.unix*1e6+int64(i.micro)) / 1e6) // always finite
	return v
}

// plus returns the time that lies v seconds after i, to the nearest microsecond.
func (i instant) plus(v vm.Value) (instant, error) {
	whole, micro := int64(0), 0.0
	if v.IsInt() {
		whole = v.Int()
	} else {
		floor := math.Floor(v.Float())
		if math.Abs(floor) > 1<<60 {
			return instant{}, yearOutOfRange()
		}
		whole, micro = int64(floor), math.RoundToEven((v.Float()-floor)*1e6)
	}
	if whole < 2*minUnix || whole > 2*maxUnix {
		return instant{}, yearOutOfRange()
	}
	i.unix, i.micro = i.unix+whole, i.micro+int(micro)
	i.unix, i.micro = i.unix+int64(i.micro/1e6), i.micro%1e6
	return i, nil
}

func yearOutOfRange() error {
	return vm.Errorf(vm.CodeOverflow, "the year is out of range: 1 to 9999")
}

// formatTime writes a time in the format of strftime.
func formatTime(m *vm.Machine, format vm.Value, i instant, zone *time.Location) (vm.Value, error) {
	text, err := scalarText(m, format, "Format")
	if err != nil {
		return vm.Value{}, err
	}
	if len(text.Str()) > maxFormat {
		return vm.Value{}, failed("Format is longer than %d bytes", maxFormat)
	}
	if i.unix < minUnix || i.unix > maxUnix {
		return vm.Value{}, yearOutOfRange()
	}
	t := time.Unix(i.unix, int64(i.micro)*1000).In(zone)
	if t.Year() < 1 || t.Year() > 9999 {
		return vm.Value{}, yearOutOfRange()
	}
	if err := m.Work(8 + len(text.Str())); err != nil {
		return vm.Value{}, err
	}
	return m.Text(strftime.Format(text.Str(), t))
}
