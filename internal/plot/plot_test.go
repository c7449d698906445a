package plot_test

// This file reads the drawings as XML, and compares what stands where.

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/avap-framework/avap/internal/plot"
)

// drawn is what a drawing holds: how many of each shape, the points of its lines,
// and its texts.
type drawn struct {
	Shapes map[string]int
	Points []string
	Texts  []string
}

func read(t *testing.T, svg []byte, err error) drawn {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	d := drawn{Shapes: map[string]int{}}
	inText := false
	for decoder := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return d
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
		switch x := token.(type) {
		case xml.StartElement:
			d.Shapes[x.Name.Local]++
			inText = x.Name.Local == "text"
			for _, a := range x.Attr {
				if a.Name.Local == "points" {
					d.Points = append(d.Points, a.Value)
				}
			}
		case xml.CharData:
			if inText {
				d.Texts = append(d.Texts, string(x))
			}
		case xml.EndElement:
			inText = false
		}
	}
}

func TestLines(t *testing.T) {
	tests := []struct {
		name  string
		chart plot.Lines
		want  drawn
	}{
		{
			"from zero to a round value",
			plot.Lines{
				Title: "memory & time", X: plot.Axis{Unit: "s"}, Y: plot.Axis{Unit: "MiB"},
				Lines: []plot.Line{{Name: "a<b", Points: []plot.Point{{X: 0, Y: 1}, {X: 10, Y: 345}}}, {Name: "empty"}},
			},
			drawn{
				map[string]int{"svg": 1, "rect": 1, "line": 5, "text": 1 + 5 + 6 + 2 + 2, "polyline": 2},
				[]string{"60.0,299.4 700.0,75.8", ""},
				[]string{
					"memory & time", "0", "100", "200", "300", "400",
					"0", "2", "4", "6", "8", "10", "MiB", "s", "a<b", "empty",
				},
			},
		}, {
			"powers of ten, and ticks of its own",
			plot.Lines{
				X: plot.Axis{Ticks: []plot.Tick{{At: 0, Label: "0 %"}, {At: 2, Label: "99 %"}}}, Y: plot.Axis{Log: true},
				Lines: []plot.Line{{Points: []plot.Point{{X: 0, Y: 0}, {X: 1, Y: 0.1}, {X: 2, Y: 8}}}},
			},
			drawn{
				map[string]int{"svg": 1, "rect": 1, "line": 3, "text": 1 + 3 + 2 + 2 + 1, "polyline": 1},
				[]string{"60.0,300.0 380.0,300.0 700.0,52.6"},
				[]string{"0.1", "1", "10", "0 %", "99 %"},
			},
		}, {
			"nothing but zero",
			plot.Lines{Lines: []plot.Line{{Points: []plot.Point{{X: 0, Y: 0}}}}},
			drawn{
				map[string]int{"svg": 1, "rect": 1, "line": 6, "text": 1 + 6 + 6 + 2 + 1, "polyline": 1},
				[]string{"60.0,300.0"},
				[]string{"0", "0.2", "0.4", "0.6", "0.8", "1", "0", "0.2", "0.4", "0.6", "0.8", "1"},
			},
		}, {
			"a logarithmic axis of nothing",
			plot.Lines{Y: plot.Axis{Log: true}},
			drawn{
				map[string]int{"svg": 1, "rect": 1, "line": 2, "text": 1 + 2 + 6 + 2},
				nil,
				[]string{"1", "10", "0", "0.2", "0.4", "0.6", "0.8", "1"},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			svg, err := tt.chart.SVG()
			if diff := cmp.Diff(tt.want, read(t, svg, err)); diff != "" {
				t.Errorf("drawn (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBars(t *testing.T) {
	svg, err := plot.Bars(
		plot.Group{Title: "first & best", Bars: []plot.Bar{{Label: "a<b", Text: "2", Value: 2, Colour: "#000000"}, {Label: "c", Text: "4", Value: 4}}},
		plot.Group{Title: "nothing", Bars: []plot.Bar{{Label: "d", Text: "0"}}},
	)
	want := drawn{
		Shapes: map[string]int{"svg": 1, "rect": 1 + 3, "text": 2 + 2*3}, // one for the background
		Texts:  []string{"first & best", "nothing", "a<b", "\u00a02", "c", "\u00a04", "d", "\u00a00"},
	}
	if diff := cmp.Diff(want, read(t, svg, err)); diff != "" {
		t.Errorf("drawn (-want +got):\n%s", diff)
	}
	if !bytes.Contains(svg, []byte(`width="260" height="13" fill="#000000"`)) || !bytes.Contains(svg, []byte(`width="520"`)) {
		t.Errorf("the first bar is not half as long as the second:\n%s", svg)
	}
}
