// This file holds the answer as `avap run` prints it.

package main

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/vm"
)

// jsonOrText reads a value as JSON where it is JSON, with the order of keys
// kept, else takes it as text.
func jsonOrText(text string) any {
	m := vm.NewMachine(avap.Limits{})
	v, err := m.ParseJSON([]byte(text))
	if err != nil {
		return text
	}
	x, err := vm.ToGo(v)
	if err != nil {
		return text
	}
	return x
}

func printAnswer(out io.Writer, answer []byte, indented bool) error {
	if indented {
		var buf bytes.Buffer
		if err := json.Indent(&buf, answer, "", "  "); err != nil {
			return err
		}
		answer = buf.Bytes()
	}
	_, err := out.Write(append(answer, '\n'))
	return err
}
