// Package plot draws the charts of measurements as SVG: lines over an axis, and
// groups of bars. It knows no more than these measurements need.
package plot

// This file draws lines.

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"text/template"
)

// Point is a place on a line, in the units of the axes.
type Point struct{ X, Y float64 }

// Line is a line from point to point.
type Line struct {
	Name   string
	Points []Point
}

// Tick is a marked place of an axis.
type Tick struct {
	At    float64 // in the unit of the axis
	Label string
}

// Axis is one side of a chart. It begins at zero, and ends at or after the
// largest value.
type Axis struct {
	Unit string
	// Log has each power of ten be as far from the next one. The axis then begins at
	// the one below the least value; what is not more than zero stands there too.
	Log bool
	// Ticks are the marked places; nil for round values at about five places.
	Ticks []Tick
}

// Lines is a chart of lines.
type Lines struct {
	Title string
	X, Y  Axis
	Lines []Line
}

// Measures of the drawing, in pixels.
const (
	linesWidth, linesHeight = 640.0, 260.0
	marginLeft, marginTop   = 60.0, 40.0
	marginRight             = 20.0
	marginBottom            = 50.0
	legendWidth             = 180.0
)

var lineColours = []string{"#0b6e4f", "#8f5b6c", "#5b6c8f", "#b08a3e"}

type linesLine struct {
	Name, Colour, Points string
	LegendX              float64
}

type linesPage struct {
	Title, XUnit, YUnit string
	Left, Top           float64
	Right, Bottom       float64
	Width, Height       float64
	Lines               []linesLine
	XTicks, YTicks      []Tick
}

var linesTemplate = template.Must(template.New("lines").Parse(`<svg xmlns="http://www.w3.org/2000/svg" width="{{.Width}}" height="{{.Height}}" viewBox="0 0 {{.Width}} {{.Height}}" font-family="sans-serif" font-size="12" fill="#222222">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="{{.Left}}" y="18" font-weight="bold">{{.Title | html}}</text>
{{range .YTicks}}<line x1="{{$.Left}}" y1="{{printf "%.1f" .At}}" x2="{{$.Right}}" y2="{{printf "%.1f" .At}}" stroke="#e2e6ea"/>
<text x="{{$.Left}}" dx="-6" dy="4" y="{{printf "%.1f" .At}}" text-anchor="end">{{.Label | html}}</text>
{{end}}{{range .XTicks}}<text x="{{printf "%.1f" .At}}" y="{{$.Bottom}}" dy="18" text-anchor="middle">{{.Label | html}}</text>
{{end}}<text x="10" y="{{.Top}}" dy="-8">{{.YUnit | html}}</text>
<text x="{{.Right}}" y="{{.Bottom}}" dy="36" text-anchor="end">{{.XUnit | html}}</text>
{{range .Lines}}<polyline fill="none" stroke="{{.Colour}}" stroke-width="1.5" points="{{.Points}}"/>
<text x="{{.LegendX}}" y="{{$.Bottom}}" dy="36" fill="{{.Colour}}">{{.Name | html}}</text>
{{end}}</svg>
`))

// SVG draws the chart.
func (c Lines) SVG() ([]byte, error) {
	p := linesPage{
		Title: c.Title, XUnit: c.X.Unit, YUnit: c.Y.Unit,
		Left: marginLeft, Top: marginTop, Right: marginLeft + linesWidth, Bottom: marginTop + linesHeight,
		Width: marginLeft + linesWidth + marginRight, Height: marginTop + linesHeight + marginBottom,
	}
	var xs, ys []float64
	for _, l := range c.Lines {
		for _, at := range l.Points {
			xs, ys = append(xs, at.X), append(ys, at.Y)
		}
	}
	x, y := newScale(c.X, xs, false), newScale(c.Y, ys, true)
	across := func(v float64) float64 { return marginLeft + linesWidth*x.part(v) }
	down := func(v float64) float64 { return p.Bottom - linesHeight*y.part(v) }
	for _, t := range x.ticks {
		p.XTicks = append(p.XTicks, Tick{across(t.At), t.Label})
	}
	for _, t := range y.ticks {
		p.YTicks = append(p.YTicks, Tick{down(t.At), t.Label})
	}
	legend := min(legendWidth, linesWidth/float64(len(c.Lines)+1)) // the unit of x stands there too
	for i, l := range c.Lines {
		var points strings.Builder
		for _, at := range l.Points {
			fmt.Fprintf(&points, "%.1f,%.1f ", across(at.X), down(at.Y))
		}
		p.Lines = append(p.Lines, linesLine{
			l.Name, lineColours[i%len(lineColours)], strings.TrimSpace(points.String()), marginLeft + legend*float64(i),
		})
	}
	var b bytes.Buffer
	err := linesTemplate.Execute(&b, p)
	return b.Bytes(), err
}

// A scale says where a value stands between the ends of an axis.
type scale struct {
	log         bool
	first, last float64 // of a logarithmic axis their powers of ten
	ticks       []Tick
}

// newScale fits an axis to values. Where round is asked for, a linear one ends at
// a tick.
func newScale(a Axis, values []float64, round bool) scale {
	s := scale{log: a.Log, ticks: a.Ticks}
	if a.Log {
		s.fitLog(values)
	} else {
		s.fitLinear(values, round)
	}
	return s
}

func (s *scale) fitLinear(values []float64, round bool) {
	for _, v := range values {
		s.last = max(s.last, v)
	}
	if s.last == 0 {
		s.last = 1
	}
	by := step(s.last)
	if round {
		s.last = by * math.Ceil(s.last/by)
	}
	if s.ticks != nil {
		return
	}
	// A little more than the end, for what is lost in the product.
	for i := 0; float64(i)*by <= s.last*(1+1e-9); i++ {
		v := float64(i) * by
		s.ticks = append(s.ticks, Tick{v, fmt.Sprintf("%.6g", v)})
	}
}

func (s *scale) fitLog(values []float64) {
	s.first, s.last = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if v > 0 {
			s.first = min(s.first, math.Floor(math.Log10(v)))
			s.last = max(s.last, math.Ceil(math.Log10(v)))
		}
	}
	if s.first > s.last { // no values
		s.first, s.last = 0, 1
	}
	if s.first == s.last {
		s.last++
	}
	if s.ticks != nil {
		return
	}
	for power := s.first; power <= s.last; power++ {
		v := math.Pow(10, power)
		s.ticks = append(s.ticks, Tick{v, fmt.Sprintf("%.6g", v)})
	}
}

// part returns the place of a value, from 0 for the beginning of the axis to 1.
func (s *scale) part(v float64) float64 {
	if s.log {
		v = max(math.Log10(v), s.first)
	}
	return (v - s.first) / (s.last - s.first)
}

// step is a round distance of about five ticks.
func step(most float64) float64 {
	size := math.Pow(10, math.Floor(math.Log10(most/5)))
	for _, times := range []float64{1, 2, 5} {
		if most/(size*times) <= 6 {
			return size * times
		}
	}
	return size * 10
}
