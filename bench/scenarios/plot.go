// This file draws lines over time.

package scenarios

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"text/template"
)

type point struct{ X, Y float64 }

type series struct {
	Name   string
	Points []point
}

// Measures of the drawing, in pixels.
const (
	plotWidth, plotHeight = 640.0, 260.0
	marginLeft, marginTop = 60.0, 40.0
	marginRight           = 20.0
	marginBottom          = 50.0
)

var lineColours = []string{"#0b6e4f", "#8f5b6c", "#5b6c8f"}

type plotLine struct {
	Name, Colour, Points string
	LegendX              float64
}

type plotTick struct {
	At    float64
	Label string
}

type plotPage struct {
	Title, XUnit, YUnit string
	Left, Top           float64
	Right, Bottom       float64
	Width, Height       float64
	Lines               []plotLine
	XTicks, YTicks      []plotTick
}

var plotTemplate = template.Must(template.New("plot").Parse(`<svg xmlns="http://www.w3.org/2000/svg" width="{{.Width}}" height="{{.Height}}" viewBox="0 0 {{.Width}} {{.Height}}" font-family="sans-serif" font-size="12" fill="#222222">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="{{.Left}}" y="18" font-weight="bold">{{.Title | html}}</text>
{{range .YTicks}}<line x1="{{$.Left}}" y1="{{printf "%.1f" .At}}" x2="{{$.Right}}" y2="{{printf "%.1f" .At}}" stroke="#e2e6ea"/>
<text x="{{$.Left}}" dx="-6" dy="4" y="{{printf "%.1f" .At}}" text-anchor="end">{{.Label}}</text>
{{end}}{{range .XTicks}}<text x="{{printf "%.1f" .At}}" y="{{$.Bottom}}" dy="18" text-anchor="middle">{{.Label}}</text>
{{end}}<text x="{{.Left}}" y="{{.Top}}" dx="-6" dy="-8" text-anchor="end">{{.YUnit | html}}</text>
<text x="{{.Right}}" y="{{.Bottom}}" dy="36" text-anchor="end">{{.XUnit | html}}</text>
{{range .Lines}}<polyline fill="none" stroke="{{.Colour}}" stroke-width="1.5" points="{{.Points}}"/>
<text x="{{.LegendX}}" y="{{$.Bottom}}" dy="36" fill="{{.Colour}}">{{.Name | html}}</text>
{{end}}</svg>
`))

// plot draws lines from zero to the largest value.
func plot(title, xUnit, yUnit string, lines ...series) ([]byte, error) {
	most := point{1, 1}
	for _, s := range lines {
		for _, p := range s.Points {
			most = point{max(most.X, p.X), max(most.Y, p.Y)}
		}
	}
	xStep, yStep := step(most.X), step(most.Y)
	top := point{most.X, yStep * math.Ceil(most.Y/yStep)}
	d := plotPage{
		Title: title, XUnit: xUnit, YUnit: yUnit,
		Left: marginLeft, Top: marginTop, Right: marginLeft + plotWidth, Bottom: marginTop + plotHeight,
		Width: marginLeft + plotWidth + marginRight, Height: marginTop + plotHeight + marginBottom,
	}
	x := func(v float64) float64 { return marginLeft + plotWidth*v/top.X }
	y := func(v float64) float64 { return d.Bottom - plotHeight*v/top.Y }
	for v := 0.0; v <= top.X; v += xStep {
		d.XTicks = append(d.XTicks, plotTick{x(v), fmt.Sprintf("%g", v)})
	}
	for v := 0.0; v <= top.Y; v += yStep {
		d.YTicks = append(d.YTicks, plotTick{y(v), fmt.Sprintf("%g", v)})
	}
	for i, s := range lines {
		var points strings.Builder
		for _, p := range s.Points {
			fmt.Fprintf(&points, "%.1f,%.1f ", x(p.X), y(p.Y))
		}
		d.Lines = append(d.Lines, plotLine{
			s.Name, lineColours[i%len(lineColours)], strings.TrimSpace(points.String()), marginLeft + 180*float64(i),
		})
	}
	var b bytes.Buffer
	err := plotTemplate.Execute(&b, d)
	return b.Bytes(), err
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
