// This file draws groups of horizontal bars.

package plot

import (
	"bytes"
	"math"
	"text/template"
)

// Bar is one bar: its label stands before it, its text behind it.
type Bar struct {
	Label, Text string
	Value       float64
	Colour      string // as SVG writes it
}

// Group is bars that are compared with each other.
type Group struct {
	Title string
	Bars  []Bar
}

// Measures of the drawing, in pixels.
const (
	lineHeight = 18
	groupGap   = 34
	barsLeft   = 110
	barWidth   = 520
	barsWidth  = barsLeft + barWidth + 170
)

// A shape is one bar with its place, or a group's title where Width is 0.
type shape struct {
	X, Y, Width     float64
	Label, Text     string
	Colour          string
	TextX, Baseline float64
}

type barsPage struct {
	Width, Height int
	Titles, Bars  []shape
}

var barsTemplate = template.Must(template.New("bars").Parse(`<svg xmlns="http://www.w3.org/2000/svg" width="{{.Width}}" height="{{.Height}}" viewBox="0 0 {{.Width}} {{.Height}}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#ffffff"/>
{{range .Titles}}<text x="{{.X}}" y="{{.Y}}" font-weight="bold" fill="#222222">{{.Text | html}}</text>
{{end}}{{range .Bars}}<text x="{{.X}}" y="{{.Baseline}}" text-anchor="end" fill="#222222">{{.Label | html}}</text>
<rect x="{{.TextX}}" y="{{.Y}}" width="{{.Width}}" height="13" fill="{{.Colour}}"/>
<text x="{{.TextX}}" dx="{{.Width}}" y="{{.Baseline}}" fill="#222222">&#160;{{.Text | html}}</text>
{{end}}</svg>
`))

// Bars draws each group to a scale of its own, from zero to its largest value, so
// that lengths may be compared within a group.
func Bars(groups ...Group) ([]byte, error) {
	p := barsPage{Width: barsWidth}
	y := 24.0
	for _, g := range groups {
		p.Titles = append(p.Titles, shape{X: 10, Y: y, Text: g.Title})
		y += 8
		most := 0.0
		for _, b := range g.Bars {
			most = max(most, b.Value)
		}
		for _, b := range g.Bars {
			width := 1.0
			if most > 0 {
				width = max(1, math.Round(barWidth*b.Value/most))
			}
			p.Bars = append(p.Bars, shape{
				X: barsLeft - 6, Y: y, TextX: barsLeft, Baseline: y + 11, Width: width,
				Label: b.Label, Text: b.Text, Colour: b.Colour,
			})
			y += lineHeight
		}
		y += groupGap
	}
	p.Height = int(y)
	var out bytes.Buffer
	err := barsTemplate.Execute(&out, p)
	return out.Bytes(), err
}
