// This file says where figures come from.

package page

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// Origin is a line for a block: the machine, the commit, the day, Go's version, and how
// often was measured. Changes of documentation and of results do not count as changes of
// the commit. What cannot be found out is called unknown.
func Origin(ctx context.Context, rounds int) string {
	often := fmt.Sprintf("%d rounds", rounds)
	if rounds == 1 {
		often = "one round"
	}
	return fmt.Sprintf("*%s, %d processors; commit %s; %s; %s; %s.*\n",
		processor(), runtime.NumCPU(), commit(ctx), time.Now().UTC().Format(time.DateOnly), runtime.Version(), often)
}

// processor is the model of the machine's processors, as Linux names it.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH + " processor of unknown model"
	}
	for line := range bytes.Lines(text) {
		if name, value, found := strings.Cut(string(line), ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH + " processor of unknown model"
}

// commit is that of the working tree.
func commit(ctx context.Context) string {
	id, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	changes, err := exec.CommandContext(ctx, "git", "status", "--porcelain", "--", ":/", ":(exclude,top)docs", ":(exclude,top)bench/results").Output()
	if err != nil || len(changes) > 0 {
		return strings.TrimSpace(string(id)) + " with changes"
	}
	return strings.TrimSpace(string(id))
}
