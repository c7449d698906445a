// This file holds the commands that read lists and dicts, and texts that hold one.

package command

import (
	"strings"

	"github.com/avap-framework/avap/vm"
)

// getListLen(SourceVariable, TargetVariable)
func getListLen(m *vm.Machine, args []vm.Value) error {
	source, err := listInText(m, args[0])
	if err != nil {
		return err
	}
	switch source.Kind() {
	case vm.String, vm.List, vm.Tuple, vm.Dict:
	default:
		return wrongKind("SourceVariable", "a list, a dict or text", source)
	}
	n, err := m.Len(source)
	args[1] = vm.IntValue(int64(n))
	return err
}

// itemFromList(SourceVariable, index, TargetVariable)
func itemFromList(m *vm.Machine, args []vm.Value) error {
	source, err := listInText(m, args[0])
	if err != nil {
		return err
	}
	if k := source.Kind(); k != vm.List && k != vm.Tuple {
		return wrongKind("SourceVariable", "a list", source)
	}
	index, err := whole(args[1], "index")
	if err != nil {
		return err
	}
	items := source.Items()
	at := index
	if at < 0 {
		at += int64(len(items))
	}
	if at < 0 || at >= int64(len(items)) {
		return failed("index %d is out of range: SourceVariable has %d items", index, len(items))
	}
	args[2] = items[at]
	return nil
}

// variableFromJSON(SourceVariable, key, TargetVariable)
func variableFromJSON(m *vm.Machine, args []vm.Value) error {
	source := args[0]
	if source.IsString() {
		var err error
		if source, err = dictFromText(m, source.Str(), "SourceVariable"); err != nil {
			return err
		}
	}
	if source.Kind() != vm.Dict {
		return wrongKind("SourceVariable", "a dict, or text that holds one", source)
	}
	v, ok, err := lookUp(m, source, args[1])
	if !ok {
		v = vm.NoneValue()
	}
	args[2] = v
	return err
}

// lookUp returns the value at a key. The keys of JSON are text: where a number or
// a bool is no key, its text is tried.
func lookUp(m *vm.Machine, d, key vm.Value) (vm.Value, bool, error) {
	v, ok, err := m.Key(d, key)
	if ok || err != nil || key.IsString() {
		return v, ok, err
	}
	name, err := m.JSON(key)
	if err != nil {
		return vm.Value{}, false, err
	}
	text, err := m.Text(string(name))
	if err != nil {
		return vm.Value{}, false, err
	}
	return m.Key(d, text)
}

// listInText returns the list that a text holds in the notation of JSON or Python;
// everything else as it is.
func listInText(m *vm.Machine, v vm.Value) (vm.Value, error) {
	if !v.IsString() || !enclosed(v.Str(), '[', ']') {
		return v, nil
	}
	list, ok, err := readLiteral(m, v.Str())
	if err != nil || !ok {
		return v, err
	}
	return list, nil
}

// dictFromText reads a text that holds a dict in JSON, or in Python's notation.
func dictFromText(m *vm.Machine, s, param string) (vm.Value, error) {
	v, ok, err := readLiteral(m, s)
	if err != nil {
		return vm.Value{}, err
	}
	if !ok || v.Kind() != vm.Dict {
		return vm.Value{}, failed("%s holds no dict in JSON: %q", param, clip(s))
	}
	return v, nil
}

// readLiteral reads a text that is a list or a dict in JSON, or failing that in
// Python's notation. ok is false where it is neither.
func readLiteral(m *vm.Machine, s string) (v vm.Value, ok bool, err error) {
	if !enclosed(s, '{', '}') && !enclosed(s, '[', ']') {
		return vm.Value{}, false, nil
	}
	v, err = m.ParseJSON([]byte(s))
	if err == nil || !catchable(err) {
		return v, err == nil, err
	}
	v, err = readPython(m, s)
	if err == nil || !catchable(err) {
		return v, err == nil, err
	}
	return vm.Value{}, false, nil
}

// maxMargin is how much white space may stand around a list or a dict in a text.
const maxMargin = 4 << 10

// enclosed reports whether a text begins and ends with brackets.
func enclosed(s string, open, end byte) bool {
	head := strings.TrimSpace(s[:min(len(s), maxMargin)])
	tail := strings.TrimSpace(s[max(0, len(s)-maxMargin):])
	return len(s) >= 2 && head != "" && head[0] == open && tail != "" && tail[len(tail)-1] == end
}
