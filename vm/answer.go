// This file holds the answer of an execution that succeeded, as JSON.

package vm

import (
	"strconv"
	"time"
)

// AppendAnswer appends the answer of the execution that has just succeeded:
//
//	{"success":true,"result":{…},"variables":{…},"logs":[…]}
//
// result is in the order of the exports, variables in the order in which they
// came to be. Without full, variables and logs are left out. The answer counts
// against the quotas of output and memory.
func (m *Machine) AppendAnswer(dst []byte, full bool) (_ []byte, err error) {
	m.mem.op = m.mem.left
	dst = append(dst, `{"success":true,"result":{`...)
	for i := range m.exports {
		if dst, err = m.appendField(dst, i == 0, m.exports[i].Name, m.exports[i].Value); err != nil {
			return dst, m.locate(err)
		}
	}
	dst = append(dst, '}')
	if full {
		dst = append(dst, `,"variables":{`...)
		if dst, err = m.appendVariables(dst); err != nil {
			return dst, m.locate(err)
		}
		dst = append(dst, `},"logs":[`...)
		if dst, err = m.appendLogs(dst); err != nil {
			return dst, m.locate(err)
		}
		dst = append(dst, ']')
	}
	return append(dst, '}'), nil
}

// appendField appends one member of an object.
func (m *Machine) appendField(dst []byte, first bool, name string, v Value) ([]byte, error) {
	if !first {
		dst = append(dst, ',')
	}
	if err := m.output(len(name) + 4); err != nil {
		return dst, err
	}
	dst = append(AppendQuoted(dst, name), ':')
	return m.AppendJSON(dst, v)
}

// appendVariables appends the Global pool. The names that the program has are there as
// JSON already.
func (m *Machine) appendVariables(dst []byte) (_ []byte, err error) {
	code := m.frames[0].code
	for i, b := range m.births {
		if b < 0 {
			f := &m.in.Variables[^b]
			dst, err = m.appendField(dst, i == 0, f.Name, f.Value)
		} else {
			if i > 0 {
				dst = append(dst, ',')
			}
			name := &code.members[b]
			if err = m.output(int(name.size) + 4); err == nil {
				dst, err = m.AppendJSON(append(dst, name.in(code.names)...), m.stack[b])
			}
		}
		if err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func (m *Machine) appendLogs(dst []byte) ([]byte, error) {
	logs := m.logs
	size := 60 * len(logs)
	for i := range logs {
		size += int(logs[i].name.size)
	}
	if err := m.output(size); err != nil {
		return dst, err
	}
	names := m.frames[0].code.names
	for i := range logs {
		l := &logs[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, l.name.in(names)...)
		if l.took < time.Microsecond/2 { // as most are, see logFuel
			dst = append(dst, '0')
		} else {
			dst = appendMillis(dst, l.took)
		}
		if l.failed {
			dst = append(dst, `,"success":false}`...)
		} else {
			dst = append(dst, `,"success":true}`...)
		}
	}
	return dst, nil
}

// appendMillis writes a duration in milliseconds, rounded to a microsecond,
// without trailing zeros.
func appendMillis(dst []byte, d time.Duration) []byte {
	us := uint64(max(0, d)+time.Microsecond/2) / uint64(time.Microsecond)
	frac := us % 1000
	if us == frac {
		dst = append(dst, '0')
	} else {
		dst = strconv.AppendUint(dst, us/1000, 10)
	}
	if frac == 0 {
		return dst
	}
	digits := [...]byte{'.', byte('0' + frac/100), byte('0' + frac/10%10), byte('0' + frac%10)}
	n := len(digits)
	for digits[n-1] == '0' {
		n--
	}
	return append(dst, digits[:n]...)
}
