// This file holds how Python is told from AVAP.

package legacy

import "regexp"

// pythonMarks are forms of Python that are none of AVAP.
var pythonMarks = regexp.MustCompile(`(?m)` +
	`^\s*(import\s+\w|from\s+[\w.]+\s+import\b|async\s+def\b|def\s+\w+\s*\(|class\s+\w+\s*[(:]|@\w+|#|pass\s*$|raise\b|del\s+\w|with\s+.+:\s*$|global\s+\w)` +
	`|^\s*(if|elif|else|for|while|try|except|finally)\b[^{}]*:\s*(#.*)?$` +
	`|\bself\.\w|\btask\[|\btask\.get\(|\blambda\b.*:|\b[rf]["']|\bprint\s*\(|"""|'''`)

// isPython reports whether a text is rather Python than AVAP. Some texts are both:
// those without any form of Python's own count as AVAP.
func isPython(code string) bool { return pythonMarks.MatchString(code) }
