// This file starts the peers: servers of other people that do the job of the profile
// steady, as many processes as the machine has processors. Their handlers are in peers/.

package scenarios

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"text/template"

	"github.com/avap-framework/avap/internal/load"
)

//go:embed peers
var peerFiles embed.FS

var nginxConfig = template.Must(template.ParseFS(peerFiles, "peers/nginx.conf"))

// Where nginx and its modules come from.
const (
	nginxPackages = "nginx-core libnginx-mod-http-lua lua-cjson"
	nginxModules  = "/usr/lib/nginx/modules"
	nodePackage   = "nodejs"
)

// nginx starts nginx with LuaJIT and cjson. The check is that of its answers.
func (l *Lab) nginx(ctx context.Context, check load.Check) (target, error) {
	if err := installed(l.opt.Nginx, nginxPackages); err != nil {
		return target{}, err
	}
	if _, err := os.Stat(filepath.Join(nginxModules, "ngx_http_lua_module.so")); err != nil {
		return target{}, fmt.Errorf("%w (Debian: apt-get install %s)", err, nginxPackages)
	}
	dir := filepath.Join(l.dir, "nginx")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return target{}, err
	}
	addr, err := freeAddr()
	if err != nil {
		return target{}, err
	}
	user := ""
	if os.Geteuid() == 0 {
		user = "root" // the folder is closed to others; nobody else may choose one
	}
	var config bytes.Buffer
	if err := nginxConfig.Execute(&config, struct {
		Dir, Addr, User, Modules string
		Workers                  int
	}{dir, addr, user, nginxModules, runtime.NumCPU()}); err != nil {
		return target{}, err
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, config.Bytes(), 0o644); err != nil {
		return target{}, err
	}
	if err := copyPeer(dir, "steady.lua"); err != nil {
		return target{}, err
	}
	t, err := l.peer(ctx, nginxLua, addr, check, l.opt.Nginx, "-e", "stderr", "-p", dir, "-c", file)
	if err != nil {
		return target{}, fmt.Errorf("%w (Debian: apt-get install %s)", err, nginxPackages)
	}
	return t, nil
}

// node starts Node.js with a cluster of processes.
func (l *Lab) node(ctx context.Context, check load.Check) (target, error) {
	if err := installed(l.opt.Node, nodePackage); err != nil {
		return target{}, err
	}
	if err := copyPeer(l.dir, "server.js"); err != nil {
		return target{}, err
	}
	addr, err := freeAddr()
	if err != nil {
		return target{}, err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return target{}, err
	}
	return l.peer(ctx, nodeJS, addr, check, l.opt.Node, filepath.Join(l.dir, "server.js"), host, port, strconv.Itoa(runtime.NumCPU()))
}

func copyPeer(dir, name string) error {
	text, err := peerFiles.ReadFile("peers/" + name)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), text, 0o644)
}

// peer starts a server and returns when it listens.
func (l *Lab) peer(ctx context.Context, name, addr string, check load.Check, program string, args ...string) (target, error) {
	p, err := l.start(nil, program, args...)
	if err != nil {
		return target{}, err
	}
	return target{name: name, server: p, addr: addr, request: always(steady.message(addr), check)}, p.listens(ctx, addr)
}

// listens waits until an address takes connections.
func (p *process) listens(ctx context.Context, addr string) error {
	return p.until(ctx, func(ctx context.Context) bool {
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", addr)
		if err != nil {
			return false
		}
		_ = c.Close() // that it is there is all
		return true
	})
}

// outcome is what an answer says of a script's work.
type outcome struct {
	Success           bool
	Result, Variables map[string]any
}

// sameValues expects an answer with the values of another one, however they are
// written: 121.0 is 121.
func sameValues(as []byte) load.Check {
	var want outcome
	if err := json.Unmarshal(as, &want); err != nil {
		return func(int, []byte) bool { return false }
	}
	return func(status int, body []byte) bool {
		var got outcome
		return status == 200 && json.Unmarshal(body, &got) == nil && reflect.DeepEqual(got, want)
	}
}
