// This file holds the difference between two texts, line by line.

package main

import (
	"fmt"
	"io"
	"strings"
)

// diffLine is a line of a difference: kept (' '), taken out ('-') or put in ('+').
type diffLine struct {
	op   byte
	text string
}

// contextLines is how many lines are shown around a change.
const contextLines = 3

// maxEdits bounds the work on texts that have little in common: past it the rest
// of one stands for the rest of the other.
const maxEdits = 2000

// diffLines returns the lines of two texts with the fewest changes between them,
// by Myers, "An O(ND) Difference Algorithm and Its Variations" (1986).
func diffLines(before, after string) []diffLine {
	a, b := splitLines(before), splitLines(after)
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var all []diffLine
	all = appendLines(all, ' ', a[:head])
	all = append(all, editScript(a[head:len(a)-tail], b[head:len(b)-tail])...)
	return appendLines(all, ' ', a[len(a)-tail:])
}

func splitLines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

func appendLines(all []diffLine, op byte, lines []string) []diffLine {
	for _, line := range lines {
		all = append(all, diffLine{op, line})
	}
	return all
}

// editScript finds the way from a to b. furthest[k] is how far in a the way on
// the diagonal k = x-y gets with so many edits; kept for each number of edits, to
// walk back.
func editScript(a, b []string) []diffLine {
	if len(a) == 0 || len(b) == 0 {
		return appendLines(appendLines(nil, '-', a), '+', b)
	}
	offset := min(len(a)+len(b), maxEdits) + 1
	furthest := make([]int, 2*offset+1)
	var trail [][]int
	for edits := range offset {
		trail = append(trail, append([]int(nil), furthest[offset-edits-1:offset+edits+2]...))
		for k := -edits; k <= edits; k += 2 {
			x := furthest[offset+k-1] + 1
			if k == -edits || k != edits && furthest[offset+k-1] < furthest[offset+k+1] {
				x = furthest[offset+k+1]
			}
			for x < len(a) && x-k < len(b) && a[x] == b[x-k] {
				x++
			}
			furthest[offset+k] = x
			if x >= len(a) && x-k >= len(b) {
				return walkBack(a, b, trail)
			}
		}
	}
	return appendLines(appendLines(nil, '-', a), '+', b)
}

// walkBack reads the way from its end. trail[d] holds the diagonals from -d-1 to
// d+1 as they were before edit d.
func walkBack(a, b []string, trail [][]int) []diffLine {
	var back []diffLine
	x, y := len(a), len(b)
	for edits := len(trail) - 1; edits > 0; edits-- {
		at := func(k int) int { return trail[edits][k+edits+1] }
		k := x - y
		from := k - 1
		if k == -edits || k != edits && at(k-1) < at(k+1) {
			from = k + 1
		}
		fromX := at(from)
		fromY := fromX - from
		for x > fromX && y > fromY {
			x, y = x-1, y-1
			back = append(back, diffLine{' ', a[x]})
		}
		if x == fromX {
			y--
			back = append(back, diffLine{'+', b[y]})
		} else {
			x--
			back = append(back, diffLine{'-', a[x]})
		}
	}
	for x > 0 {
		x--
		back = append(back, diffLine{' ', a[x]})
	}
	for i, j := 0, len(back)-1; i < j; i, j = i+1, j-1 {
		back[i], back[j] = back[j], back[i]
	}
	return back
}

// printDiff prints the changes with the lines around them, in the unified form.
func printDiff(w io.Writer, before, after string) {
	color := paletteOf(w)
	lines := diffLines(before, after)
	shown := make([]bool, len(lines))
	for i, l := range lines {
		if l.op == ' ' {
			continue
		}
		for j := max(0, i-contextLines); j <= min(len(lines)-1, i+contextLines); j++ {
			shown[j] = true
		}
	}
	lineA, lineB := 1, 1
	for i, l := range lines {
		if shown[i] && (i == 0 || !shown[i-1]) {
			fmt.Fprintf(w, "%s%s%s\n", color.cyan, hunkHead(lines[i:], shown[i:], lineA, lineB), color.plain)
		}
		if shown[i] {
			printLine(w, color, l)
		}
		if l.op != '+' {
			lineA++
		}
		if l.op != '-' {
			lineB++
		}
	}
}

func printLine(w io.Writer, color palette, l diffLine) {
	switch l.op {
	case '-':
		fmt.Fprintf(w, "%s-%s%s\n", color.red, l.text, color.plain)
	case '+':
		fmt.Fprintf(w, "%s+%s%s\n", color.green, l.text, color.plain)
	default:
		fmt.Fprintf(w, " %s\n", l.text)
	}
}

// hunkHead says which lines of both texts follow.
func hunkHead(lines []diffLine, shown []bool, lineA, lineB int) string {
	countA, countB := 0, 0
	for i := 0; i < len(lines) && shown[i]; i++ {
		if lines[i].op != '+' {
			countA++
		}
		if lines[i].op != '-' {
			countB++
		}
	}
	if countA == 0 {
		lineA--
	}
	if countB == 0 {
		lineB--
	}
	return fmt.Sprintf("@@ -%d,%d +%d,%d @@", lineA, countA, lineB, countB)
}
