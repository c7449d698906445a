// This file draws the report: a group of horizontal bars for each program.

package main

import (
	"bytes"
	"math"
	"text/template"
)

// Measures of the drawing, in pixels.
const (
	lineHeight = 18
	groupGap   = 34
	left       = 110
	barWidth   = 520
	width      = left + barWidth + 170
)

// A shape is one bar with its place, or a group's title where Width is 0.
type shape struct {
	X, Y, Width     float64
	Label, Text     string
	Colour          string
	TextX, Baseline float64
}

type drawing struct {
	Width, Height int
	Titles, Bars  []shape
}

var page = template.Must(template.New("svg").Parse(`<svg xmlns="http://www.w3.org/2000/svg" width="{{.Width}}" height="{{.Height}}" viewBox="0 0 {{.Width}} {{.Height}}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#ffffff"/>
{{range .Titles}}<text x="{{.X}}" y="{{.Y}}" font-weight="bold" fill="#222222">{{.Text | html}}</text>
{{end}}{{range .Bars}}<text x="{{.X}}" y="{{.Baseline}}" text-anchor="end" fill="#222222">{{.Label | html}}</text>
<rect x="{{.TextX}}" y="{{.Y}}" width="{{.Width}}" height="13" fill="{{.Colour}}"/>
<text x="{{.TextX}}" dx="{{.Width}}" y="{{.Baseline}}" fill="#222222">&#160;{{.Text | html}}</text>
{{end}}</svg>
`))

// svg draws each program's bars to a scale of its own, from zero to the
// slowest engine, so that lengths may be compared within a group.
func (r report) svg() ([]byte, error) {
	d := drawing{Width: width}
	y := 24.0
	for _, program := range r.programs() {
		d.Titles = append(d.Titles, shape{X: 10, Y: y, Text: program + " (time of one run; shorter is faster)"})
		y += 8
		slowest := 0.0
		for _, x := range r.Results {
			if x.Program == program {
				slowest = max(slowest, x.Median)
			}
		}
		for _, x := range r.Results {
			if x.Program != program {
				continue
			}
			d.Bars = append(d.Bars, shape{
				X: left - 6, Y: y, TextX: left, Baseline: y + 11,
				Width: max(1, math.Round(barWidth*x.Median/slowest)),
				Label: x.Engine, Text: r.cell(program, x.Engine), Colour: colour(x.Engine),
			})
			y += lineHeight
		}
		y += groupGap
	}
	d.Height = int(y)
	var b bytes.Buffer
	err := page.Execute(&b, d)
	return b.Bytes(), err
}

func colour(name string) string {
	switch name {
	case avap:
		return "#0b6e4f"
	case lua54:
		return "#5b6c8f"
	}
	return "#b9c2cf"
}
