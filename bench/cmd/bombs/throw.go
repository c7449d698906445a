// This file throws the bombs, one after the other.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/avap-framework/avap/bench/bombs"
)

const avap = "AVAP"

// A result is what one bomb did to one engine.
type result struct {
	Engine  string  `json:"engine"`
	Bomb    string  `json:"bomb"`
	What    string  `json:"what"`
	Outcome outcome `json:"outcome"`
	Message string  `json:"message,omitempty"`
	// Unexpected tells that AVAP ended with a code that the bomb does not name.
	Unexpected bool    `json:"unexpected,omitempty"`
	PeakMiB    float64 `json:"peak_mib"`
	Seconds    float64 `json:"seconds"`
}

// throw hits every engine with every bomb that its language can say.
func throw(ctx context.Context, all []bombs.Bomb, opt options) ([]result, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var results []result
	for _, peer := range bombs.Peers() {
		for _, bomb := range all {
			if bomb.Sources[peer.Language] == "" || !opt.only.MatchString(peer.Name+"/"+bomb.ID) {
				continue
			}
			command := exec.Command(self, "-hit", peer.Name, "-with", bomb.ID, "-avap-bombs", opt.folder)
			d, err := watch(ctx, command)
			if err != nil {
				return nil, err
			}
			results = append(results, told(peerResult(d), peer.Name, bomb, d))
		}
	}
	if opt.avap == "" {
		return results, nil
	}
	ours, err := throwAVAP(ctx, all, opt)
	return append(ours, results...), err
}

// told completes a result and tells of it at once, because all take minutes.
func told(r result, name string, bomb bombs.Bomb, d death) result {
	r.Engine, r.Bomb, r.What = name, bomb.ID, bomb.What
	r.PeakMiB, r.Seconds = float64(d.peak)/(1<<20), d.took.Seconds()
	fmt.Fprintf(os.Stderr, "%-12s %-24s %-14s %5.0f MiB %5.1f s  %.80q\n",
		r.Engine, r.Bomb, r.Outcome, r.PeakMiB, r.Seconds, r.Message)
	return r
}

func peerResult(d death) result {
	var end ending
	if d.killed != "" || d.err != nil || json.Unmarshal(d.stdout, &end) != nil {
		outcome, message := d.fatal()
		return result{Outcome: outcome, Message: message}
	}
	if end.Finished {
		return result{Outcome: finished}
	}
	return result{Outcome: stopped, Message: end.Error}
}

// throwAVAP hits the avap binary, with a server and a database within reach.
func throwAVAP(ctx context.Context, all []bombs.Bomb, opt options) ([]result, error) {
	if _, err := exec.LookPath(opt.avap); err != nil {
		return nil, fmt.Errorf("%w (make build makes it; -avap '' leaves AVAP out)", err)
	}
	address, closeOrigin, err := serve()
	if err != nil {
		return nil, err
	}
	defer closeOrigin()
	folder, err := os.MkdirTemp("", "bombs")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	var results []result
	for _, bomb := range all {
		if !opt.only.MatchString(avap + "/" + bomb.ID) {
			continue
		}
		command := exec.Command(opt.avap, "run", bomb.File, "--only-result", "--allow-net", address)
		if bomb.Serves != "" {
			command.Args = append(command.Args, "--param", "url=http://"+address+bomb.Serves)
		}
		command.Env = append(os.Environ(), "AVAP_DATABASE=sqlite:"+filepath.Join(folder, "bombs.db"))
		d, err := watch(ctx, command)
		if err != nil {
			return nil, err
		}
		results = append(results, told(avapResult(d, bomb), avap, bomb, d))
	}
	return results, nil
}

// serve starts the server of the bombs on a free port of loopback.
func serve() (address string, stop func() error, err error) {
	handler, err := bombs.Origin()
	if err != nil {
		return "", nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: handler}
	go server.Serve(listener) //nolint:errcheck // it ends when stop is called
	return listener.Addr().String(), server.Close, nil
}

func avapResult(d death, bomb bombs.Bomb) result {
	var answer struct {
		Success bool   `json:"success"`
		Code    string `json:"code"`
		Error   string `json:"error"`
	}
	if d.killed != "" || json.Unmarshal(d.stdout, &answer) != nil {
		outcome, message := d.fatal()
		return result{Outcome: outcome, Message: message, Unexpected: true}
	}
	if answer.Success {
		return result{Outcome: finished, Unexpected: !slices.Contains(bomb.Codes, "ok")}
	}
	return result{
		Outcome: stopped, Message: answer.Code + ": " + answer.Error,
		Unexpected: !slices.Contains(bomb.Codes, answer.Code),
	}
}
