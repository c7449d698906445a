// This file holds the scripts that are sent, and what their right answers are.

package scenarios

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/avap-framework/avap/internal/load"
	"github.com/avap-framework/avap/internal/workload"
)

const executePath = "/api/v1/execute"

// A script is a request to /execute and the check of its answer.
type script struct {
	name  string
	text  string
	extra map[string]any // body parameters
	check load.Check
}

// steady is a small request handler: it reads a parameter, branches, and answers.
var steady = repeated("steady")

// repeated is the script of a profile of avap bench that repeats one request.
func repeated(profile string) script {
	m, check, err := message(profile, "")
	if err != nil {
		panic(err) // of a name that stands above
	}
	s := script{name: profile, check: check}
	if err := json.Unmarshal(m.Body, &s.extra); err != nil {
		panic(err) // of JSON that package workload has made
	}
	s.text = s.extra["script"].(string)
	delete(s.extra, "script")
	return s
}

// message is the request that a profile of avap bench repeats, with the check of its
// answer. What must be new in it is new at each call.
func message(profile, addr string) (load.Message, load.Check, error) {
	p, ok := workload.Find(profile)
	if !ok {
		return load.Message{}, nil, fmt.Errorf("no profile %s", profile)
	}
	m, check, ok := p.Message(workload.Options{Host: addr})
	if !ok {
		return load.Message{}, nil, fmt.Errorf("profile %s has several requests", profile)
	}
	return m, check, nil
}

// The hostile scripts hold load.NumberMark, so that no two of them are the same
// and each is compiled.
var (
	endless = script{
		"endless", `tag = "` + load.NumberMark + `"
while(True)
end()
`, nil,
		load.Either(load.Code(400, "quota_instructions"), load.Code(504, "quota_time")),
	}
	bomb = script{
		"memory bomb", `tag = "` + load.NumberMark + `"
s = "x"
startLoop(i, 1, 64)
    s = s + s
endLoop()
`, nil,
		load.Code(400, "quota_memory"),
	}
	recursion = script{
		"recursion", `tag = "` + load.NumberMark + `"
function f(n) {
    return f(n + 1) + 1
}
x = f(1)
`, nil,
		load.Code(400, "quota_depth"),
	}
	broken = script{
		"syntax error", `tag = "` + load.NumberMark + `"
if(tag, 1, ==
    addResult(tag)
`, nil,
		load.Code(400, "syntax_error"),
	}
	// cold is a healthy script that is new each time.
	cold = script{
		"cold", `tag = "` + load.NumberMark + `"
text = "T-" + tag
addResult(text)
`, nil,
		load.Prefix(200, `{"success":true,"result":{"text":"T-0`),
	}
)

// heavy is a script whose processor time grows with its rounds.
func heavy(rounds int) script {
	return script{
		"heavy", `addParam(rounds, n)
s = 0
startLoop(i, 1, n)
    s = s + i
endLoop()
addResult(s)
`,
		map[string]any{"rounds": rounds},
		load.Prefix(200, fmt.Sprintf(`{"success":true,"result":{"s":%d}`, rounds*(rounds+1)/2)),
	}
}

// orShed takes a refusal for want of room as a right answer too.
func (s script) orShed() script {
	s.check = load.Either(s.check, load.Code(503, "overloaded"))
	return s
}

// body returns the script as /execute takes it.
func (s script) body() []byte {
	fields := map[string]any{"script": s.text}
	for name, value := range s.extra {
		fields[name] = value
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // NumberMark must stay as it is
	if err := e.Encode(fields); err != nil {
		panic(err) // of texts and numbers that stand above
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func (s script) message(addr string) load.Message {
	return load.Message{
		Target: executePath, Host: addr, Body: s.body(),
		Header: [][2]string{{"Content-Type", "application/json"}},
	}
}

// source sends a script without a signature; each time with another number
// where it has a mark for it.
func (w *Worker) source(s script) load.Source {
	if bytes.Contains([]byte(s.text), []byte(load.NumberMark)) {
		return load.Numbered(s.message(w.Addr), s.check)
	}
	return load.Fixed(s.message(w.Addr), s.check)
}
