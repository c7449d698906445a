package main

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

// TestProgress writes one line over and over, and takes it away at the end.
func TestProgress(t *testing.T) {
	var out bytes.Buffer
	p := &progress{out: &out, what: "importing", shown: -1}
	p.show(0, 0)
	for done := range uint64(1001) {
		p.show(done, 1000)
	}
	lines := bytes.Split(out.Bytes(), []byte("\r"))
	if len(lines) != 102 || string(lines[0]) != "" {
		t.Errorf("%d lines, want one for each percent", len(lines)-1)
	}
	if diff := cmp.Diff("importing 1000 of 1000 (100 %)\x1b[K", string(lines[len(lines)-1])); diff != "" {
		t.Errorf("the last line (-want +got):\n%s", diff)
	}
	out.Reset()
	p.end()
	if out.String() != "\r\x1b[K" {
		t.Errorf("the end is %q", &out)
	}
}

// TestNoTerminal shows neither progress nor colours where nobody looks.
func TestNoTerminal(t *testing.T) {
	var out bytes.Buffer
	cmd := &cobra.Command{}
	cmd.SetErr(&out)
	cmd.SetIn(&out)
	p := newProgress(cmd, "importing")
	p.show(1, 2)
	p.end()
	if out.Len() > 0 {
		t.Errorf("%q was shown", &out)
	}
	if asks(cmd) {
		t.Error("a buffer is taken for somebody to ask")
	}
	if (paletteOf(&out) != palette{}) {
		t.Error("a buffer gets colours")
	}
}
