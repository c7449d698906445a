// Command measured is the process that package guard measures: it goes some paths, and
// writes a line of JSON for each sample. It says first what it was built with.
//
//	measured -samples 3 run/loop
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"

	"golang.org/x/sys/cpu"

	"github.com/avap-framework/avap/internal/guard"
)

func main() {
	samples := flag.Int("samples", 5, "how many samples of each path")
	rounds := flag.Int("rounds", 0, "rounds of a sample; 0 for the path's own")
	flag.Parse()
	avx2 := ""
	if cpu.X86.HasAVX2 {
		avx2 = "+avx2"
	}
	fmt.Printf("%s %s/%s%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, avx2)
	for _, p := range guard.Paths() {
		if flag.NArg() > 0 && !slices.Contains(flag.Args(), p.Name) {
			continue
		}
		n := p.Rounds
		if *rounds > 0 {
			n = *rounds
		}
		if err := p.Run(context.Background(), os.Stdout, *samples, n); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
