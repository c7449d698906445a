// This file draws the report: a group of horizontal bars for each program.

package main

import "github.com/avap-framework/avap/internal/plot"

// svg draws each program's bars, from zero to the slowest engine.
func (r report) svg() ([]byte, error) {
	var groups []plot.Group
	for _, program := range r.programs() {
		g := plot.Group{Title: program + " (time of one run; shorter is faster)"}
		for _, x := range r.Results {
			if x.Program == program {
				g.Bars = append(g.Bars, plot.Bar{
					Label: x.Engine, Text: r.cell(program, x.Engine), Value: x.Median, Colour: colour(x.Engine),
				})
			}
		}
		groups = append(groups, g)
	}
	return plot.Bars(groups...)
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
