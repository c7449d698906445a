// This file holds the profile mixed: ten kinds of scripts, and what Go says their
// answers are.

package workload

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/avap-framework/avap/internal/load"
)

// draws is how many requests of each kind there are, made beforehand: the workers
// see as many variables, and the sender computes nothing while it sends.
const draws = 64

// mixed sends the kinds in random order, each as often as the others.
func (b *builder) mixed() load.Source {
	random := rand.New(rand.NewPCG(b.opt.Seed, 0))
	var sources []load.Source
	for _, kind := range kinds {
		for range draws {
			sources = append(sources, b.repeat(kind.draw(kind.script, random)))
		}
	}
	random.Shuffle(len(sources), func(i, j int) { sources[i], sources[j] = sources[j], sources[i] })
	return load.Cycle(sources...)
}

// A kind is a script and how its requests are drawn.
type kind struct {
	name, script string
	draw         func(script string, r *rand.Rand) request
}

var kinds = []kind{
	{"parameter of the query", `addParam(limit, max)
if(max, 500, >)
    price = max * 3 - 100
else()
    price = max * 3
end()
label = "T-" + str(max)
addResult(price)
addResult(label)
`, drawParameter},
	{"sum of a list of dicts", `total = sum(line.price * line.n for line in lines)
if(total > 10000)
    total = total - total // 10
end()
addResult(total)
`, drawOrder},
	{"text", `full = first.upper() + " " + last.lower()
greeting = ` + "`Hello ${full}, ${count} messages.`" + `
n = len(full)
addResult(greeting)
addResult(n)
`, drawText},
	{"list", `even = [n for n in numbers if n % 2 == 0]
even.sort()
least = min(numbers)
addResult(even)
addResult(least)
`, drawList},
	{"dict", `counts = {}
startLoop(i, 0, len(words) - 1)
    counts[words[i]] = counts.get(words[i], 0) + 1
endLoop()
addResult(counts)
`, drawDict},
	{"while", `while(b != 0)
    rest = a % b
    a = b
    b = rest
end()
addResult(a)
`, drawDivisor},
	{"recursion", `function fib(n) {
    if(n < 2)
        return(n)
    end()
    return(fib(n - 1) + fib(n - 2))
}
f = fib(n)
addResult(f)
`, drawFib},
	{"error that is caught", `try()
    n = int(text)
exception(err)
    n = -1
end()
addResult(n)
`, drawError},
	{"pattern and hash", `getRegex(note, [0-9]+, digits)
encodeSHA256(digits, hash)
addResult(digits)
addResult(hash)
`, drawHash},
	{"status of its own", `stock = {"A1": 3, "B2": 14, "C3": 0}
left = stock.get(sku)
if(left, None, =)
    addVar(_status, 404)
    left = 0
end()
addResult(left)
`, drawStatus},
}

// given is a request with variables.
func given(script string, variables map[string]any, check load.Check) request {
	return request{script: script, fields: map[string]any{"variables": variables}, check: check}
}

func drawParameter(script string, r *rand.Rand) request {
	limit := r.IntN(1000)
	price := limit * 3
	if limit > 500 {
		price -= 100
	}
	return request{
		script: script, query: fmt.Sprintf("?limit=%d", limit),
		check: exports(200, fmt.Sprintf(`{"price":%d,"label":"T-%d"}`, price, limit)),
	}
}

func drawOrder(script string, r *rand.Rand) request {
	lines := make([]map[string]any, 1+r.IntN(8))
	total := 0
	for i := range lines {
		price, n := 1+r.IntN(2000), 1+r.IntN(5)
		lines[i] = map[string]any{"price": price, "n": n}
		total += price * n
	}
	if total > 10000 {
		total -= total / 10
	}
	return given(script, map[string]any{"lines": lines}, exports(200, fmt.Sprintf(`{"total":%d}`, total)))
}

func drawText(script string, r *rand.Rand) request {
	names := []string{"Ada", "Begoña", "Chloé", "Dwayne", "Ευα", "Félix"}
	first, last, count := names[r.IntN(len(names))], names[r.IntN(len(names))], r.IntN(100)
	full := strings.ToUpper(first) + " " + strings.ToLower(last)
	return given(script, map[string]any{"first": first, "last": last, "count": count},
		exports(200, fmt.Sprintf(`{"greeting":%s,"n":%d}`, encode(fmt.Sprintf("Hello %s, %d messages.", full, count)), len([]rune(full)))))
}

func drawList(script string, r *rand.Rand) request {
	numbers := make([]int, 1+r.IntN(20))
	even := []int{}
	for i := range numbers {
		numbers[i] = r.IntN(1000)
		if numbers[i]%2 == 0 {
			even = append(even, numbers[i])
		}
	}
	slices.Sort(even)
	return given(script, map[string]any{"numbers": numbers},
		exports(200, fmt.Sprintf(`{"even":%s,"least":%d}`, encode(even), slices.Min(numbers))))
}

func drawDict(script string, r *rand.Rand) request {
	words := make([]string, 1+r.IntN(20))
	var order []string
	counts := map[string]int{}
	for i := range words {
		word := string(rune('a' + r.IntN(6)))
		if words[i] = word; counts[word] == 0 {
			order = append(order, word)
		}
		counts[word]++
	}
	for i, word := range order {
		order[i] = fmt.Sprintf(`"%s":%d`, word, counts[word])
	}
	return given(script, map[string]any{"words": words}, exports(200, `{"counts":{`+strings.Join(order, ",")+`}}`))
}

func drawDivisor(script string, r *rand.Rand) request {
	a, b := 1+r.IntN(1_000_000), 1+r.IntN(1_000_000)
	variables := map[string]any{"a": a, "b": b}
	for b != 0 {
		a, b = b, a%b
	}
	return given(script, variables, exports(200, fmt.Sprintf(`{"a":%d}`, a)))
}

func drawFib(script string, r *rand.Rand) request {
	n := 3 + r.IntN(8)
	a, b := 0, 1
	for range n {
		a, b = b, a+b
	}
	return given(script, map[string]any{"n": n}, exports(200, fmt.Sprintf(`{"f":%d}`, a)))
}

func drawError(script string, r *rand.Rand) request {
	n := r.IntN(1000)
	text := fmt.Sprint(n)
	if r.IntN(2) == 0 {
		text, n = text+" pieces", -1
	}
	return given(script, map[string]any{"text": text}, exports(200, fmt.Sprintf(`{"n":%d}`, n)))
}

func drawHash(script string, r *rand.Rand) request {
	a, b := r.IntN(10_000), r.IntN(100)
	digits := fmt.Sprintf("%d%02d", a, b)
	return given(script, map[string]any{"note": fmt.Sprintf("order %d of %02d", a, b)},
		exports(200, fmt.Sprintf(`{"digits":"%s","hash":"%x"}`, digits, sha256.Sum256([]byte(digits)))))
}

func drawStatus(script string, r *rand.Rand) request {
	sku := []string{"A1", "B2", "C3", "D4"}[r.IntN(4)]
	left, known := map[string]int{"A1": 3, "B2": 14, "C3": 0}[sku]
	status := 200
	if !known {
		status = 404
	}
	return given(script, map[string]any{"sku": sku}, exports(status, fmt.Sprintf(`{"left":%d}`, left)))
}
