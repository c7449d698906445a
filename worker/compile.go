// This file holds POST /api/v1/compile.

package worker

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"unicode/utf8"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/seal"
	"github.com/avap-framework/avap/vm"
	"github.com/avap-framework/avap/worker/httpd"
)

// compile answers with the signed package of a script. It stores nothing.
func (w *Worker) compile(r *httpd.Request, x *exchange) {
	if err := w.admit(r, x, w.compileScript); err != nil {
		w.fail(r, x, err)
	}
}

func (w *Worker) compileScript(r *httpd.Request, _ *exchange, e *execution) error {
	script, name, err := readCompile(e, r.Body)
	if err != nil {
		return err
	}
	program, err := w.scripted(e, script)
	if err != nil {
		return err
	}
	code := *program.Bytecode() // a copy of its own, for the name
	code.Name = name
	pkg, err := w.sealed(&code, script)
	if err != nil {
		return err
	}
	r.Answer(http.StatusOK, appendCompiled(r.Buffer(), pkg, &code, program.Diagnostics()))
	return nil
}

// readCompile reads `{"script": …, "name": …}`.
func readCompile(e *execution, body []byte) (script, name string, err error) {
	err = e.Machine().ParseObject(body, func(key string, v vm.Value) error {
		if key != "script" && key != "name" {
			return badRequest(quote(key) + ` is not known here: the keys are "script" and "name"`)
		}
		if v.Kind() != vm.String {
			return badRequest(quote(key) + " must be text")
		}
		if key == "script" {
			script = v.Str()
		} else {
			name = v.Str()
		}
		return nil
	})
	const longest = 256
	if err == nil && utf8.RuneCountInString(name) > longest {
		err = badRequest(`"name" is longer than ` + strconv.Itoa(longest) + " characters")
	}
	return script, name, asBadRequest(err)
}

// sealed returns the signed package of a script that was compiled here.
func (w *Worker) sealed(p *bytecode.Program, script string) ([]byte, error) {
	if w.opt.Keys == nil {
		return nil, badRequest("the worker has no package key to sign with")
	}
	k, err := w.opt.Keys.Signing(seal.UsePackage)
	if err != nil {
		return nil, badRequest("the worker has no package key to sign with")
	}
	return seal.Seal(&seal.Unit{
		Origin: seal.OriginCompiled, Source: sha256.Sum256([]byte(script)), Program: p,
	}, k)
}

// appendCompiled appends the answer's body.
func appendCompiled(dst, pkg []byte, p *bytecode.Program, said []avap.Diagnostic) []byte {
	hash := sha256.Sum256(pkg)
	dst = vm.AppendQuoted(append(dst, `{"success":true,"name":`...), p.Name)
	dst = base64.StdEncoding.AppendEncode(append(dst, `,"package":"`...), pkg)
	dst = hex.AppendEncode(append(dst, `","hash":"`...), hash[:])
	dst = strconv.AppendInt(append(dst, `","instructions":`...), int64(instructions(p)), 10)
	dst = append(dst, `,"diagnostics":[`...)
	for i, d := range said {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(append(dst, `{"line":`...), int64(d.Line), 10)
		dst = strconv.AppendInt(append(dst, `,"column":`...), int64(d.Col), 10)
		if !d.Caution() {
			dst = vm.AppendQuoted(append(dst, `,"code":`...), string(d.Code))
		}
		dst = append(vm.AppendQuoted(append(dst, `,"message":`...), d.Message), '}')
	}
	return append(dst, "]}"...)
}

// instructions counts the instructions of a program.
func instructions(p *bytecode.Program) int {
	n := 0
	for i := range p.Functions {
		n += len(p.Functions[i].Code)
	}
	return n
}
