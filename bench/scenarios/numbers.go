// This file holds the little arithmetic that reports need.

package scenarios

import (
	"cmp"
	"maps"
	"slices"
)

// median returns the middle of values, the mean of both where there are two; 0 of none.
func median[T ~int64 | ~float64](values []T) T {
	if len(values) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(values))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// quartiles returns the values that a quarter, a half and three quarters of values are not
// above; 0 of none.
func quartiles(values []float64) (first, middle, third float64) {
	if len(values) == 0 {
		return 0, 0, 0
	}
	s := slices.Sorted(slices.Values(values))
	return s[(len(s)-1)/4], median(values), s[len(s)*3/4]
}

func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// spread returns the least, the median and the largest of values; 0 of none.
func spread[T ~int64 | ~float64](values []T) (least, middle, most T) {
	if len(values) == 0 {
		return 0, 0, 0
	}
	return slices.Min(values), median(values), slices.Max(values)
}
