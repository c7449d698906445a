//go:build race

package telemetry_test

// raceEnabled: the race detector has pools forget at random.
const raceEnabled = true
