// This file tests the report on samples whose medians are known.

package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/avap-framework/avap/bench/engine"
)

func samples(program, name string, times ...float64) *subject {
	s := &subject{Program: program, Engine: name}
	for _, ns := range times {
		s.Samples = append(s.Samples, engine.Sample{CPU: ns, Wall: 2 * ns})
	}
	return s
}

func example() report {
	return newReport([]*subject{
		samples("loop", avap, 1000, 3000, 2000),
		samples("loop", "goja", 40000, 10000, 20000),
		samples("loop", "tengo", 18000, 18000, 18000),
		samples("loop", lua54, 1000, 1000, 1000),
		samples(compile, avap, 90000, 110000),
	}, "cpu", 3, time.Second)
}

func TestBars(t *testing.T) {
	want := []bar{
		{Program: "loop", Value: 9, Pairs: 9, Against: "tengo", Holds: true},
		{Program: "loop", Value: 2, Pairs: 2, Against: lua54, Holds: false},
		{Program: compile, Value: 100, Holds: false},
	}
	got := example().Bars
	if len(got) != len(want) {
		t.Fatalf("%d bars, want %d: %v", len(got), len(want), got)
	}
	for i := range got {
		got[i].Promise = ""
		if got[i] != want[i] {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
}

// TestPairs has a machine that is half as fast for most rounds of one engine, and for few
// of the other, so that their medians are not of the same speed.
func TestPairs(t *testing.T) {
	r := newReport([]*subject{
		samples("loop", avap, 100, 200, 200, 100, 200),
		samples("loop", "tengo", 900, 1800, 900, 900, 900),
	}, "cpu", 5, time.Second)
	if len(r.Bars) != 1 || r.Bars[0].Value != 4.5 || r.Bars[0].Pairs != 9 {
		t.Errorf("%+v", r.Bars)
	}
}

func TestMarkdown(t *testing.T) {
	text := example().markdown()
	for _, want := range []string{
		"| loop | 2 µs | 20 µs (10.0) | 18 µs (9.0) | 1 µs (0.5) |",
		"| compile | 100 µs | n/a | n/a | n/a |",
		"| loop | at least 8 times as fast as the fastest Go peer | 9.00 | 9.00 | tengo | yes |",
		"| compile | 20 lines in under 100 µs | 100.00 |  |  | **no** |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no line %q in\n%s", want, text)
		}
	}
}

func TestPlotIsXML(t *testing.T) {
	svg, err := example().svg()
	if err != nil {
		t.Fatal(err)
	}
	decoder, bars := xml.NewDecoder(bytes.NewReader(svg)), 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "rect" {
			bars++
		}
	}
	if want := 1 + 5; bars != want { // the background and each result
		t.Errorf("%d rectangles, want %d", bars, want)
	}
}
