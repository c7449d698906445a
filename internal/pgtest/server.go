// This file holds the server: its data directory and its process.

package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	startTime = time.Minute      // for the server to answer, crash recovery included
	stopTime  = 30 * time.Second // for the server to shut down
	pollTime  = 20 * time.Millisecond

	// maxSocketDir is the longest directory that leaves room for the name of
	// the socket: the system allows its whole path 104 bytes at least.
	maxSocketDir = 80
)

// Server is a running PostgreSQL with a data directory of its own. Its methods
// are safe for concurrent use.
type Server struct {
	dir       string // holds the data, the socket and the log
	binaries  string
	settings  []string
	owner     *account     // nil: the user who runs the tests
	databases atomic.Int64 // created so far

	mu      sync.Mutex
	process *process // nil while the server does not run
}

// account is a user of the system.
type account struct{ uid, gid int }

// newServer lays out a data directory and starts the server on it.
func newServer(ctx context.Context, settings []string) (*Server, error) {
	binaries, err := findBinaries()
	if err != nil {
		return nil, err
	}
	owner, err := serverOwner()
	if err != nil {
		return nil, err
	}
	dir, err := makeDir(owner)
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, binaries: binaries, settings: settings, owner: owner}
	if err := s.initialise(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// makeDir makes a directory that the server's owner alone can enter. It is not
// tb.TempDir, which an owner other than the test's user could not reach.
func makeDir(owner *account) (string, error) {
	parent := os.TempDir()
	if len(parent) > maxSocketDir-len("/pgtest-0123456789") {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "pgtest-")
	if err != nil {
		return "", err
	}
	if owner != nil {
		if err := os.Chown(dir, owner.uid, owner.gid); err != nil {
			return "", errors.Join(err, os.RemoveAll(dir))
		}
	}
	return dir, nil
}

func (s *Server) data() string    { return filepath.Join(s.dir, "data") }
func (s *Server) logFile() string { return filepath.Join(s.dir, "log") }

// initialise creates the data directory.
func (s *Server) initialise(ctx context.Context) error {
	cmd := s.command(ctx, "initdb",
		"--pgdata="+s.data(), "--username="+User, "--auth=trust",
		"--encoding=UTF8", "--locale=C", "--no-sync")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	p, err := startProcess(cmd)
	if err != nil {
		return err
	}
	<-p.done
	if p.err != nil {
		return fmt.Errorf("initdb: %w\n%s", p.err, out.Bytes())
	}
	return nil
}

// command prepares one of PostgreSQL's programs to run as the owner, out of
// reach of the PG* variables that the tests were started with.
func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.binaries, name), args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = processAttributes(s.owner)
	return cmd
}

// start starts the server and waits until it answers.
func (s *Server) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTime,
		fmt.Errorf("the server did not answer within %v", startTime))
	defer cancel()

	s.mu.Lock()
	defer s.mu.Unlock()
	for s.process == nil {
		err := s.launch(ctx)
		if !errors.Is(err, errStillInUse) {
			return err
		}
		if err := wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// errStillInUse says that sessions of a killed server have yet to notice.
var errStillInUse = errors.New("shared memory still in use")

// launch starts the server once.
func (s *Server) launch(ctx context.Context) error {
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	from, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}

	// The process outlives ctx, which bounds the start alone.
	cmd := s.command(context.Background(), "postgres", s.arguments()...)
	cmd.Stdout, cmd.Stderr = log, log
	p, err := startProcess(cmd)
	if err != nil {
		return err
	}
	err = s.ready(ctx, p)
	if err == nil {
		s.process = p
		return nil
	}
	err = errors.Join(err, s.crash(p))
	said := s.logSince(from)
	if bytes.Contains(said, []byte("pre-existing shared memory block")) {
		return errStillInUse
	}
	return fmt.Errorf("start of the server: %w\n%s", err, said)
}

func (s *Server) arguments() []string {
	settings := append([]string{
		"listen_addresses=",
		"unix_socket_directories=" + s.dir,
		"port=5432", // names the socket
		"timezone=UTC",
		"shared_buffers=16MB",
		// The data need not survive the machine; to survive the server, it is
		// enough to hand each commit to the system.
		"fsync=off",
		"full_page_writes=off",
	}, s.settings...)
	args := []string{"-D", s.data()}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return args
}

// ready waits until the server lets a session in.
func (s *Server) ready(ctx context.Context, p *process) error {
	for {
		conn, err := s.connect(ctx)
		if err == nil {
			closeConn(conn)
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("the server ended: %w", p.err)
		default:
		}
		if waitErr := wait(ctx); waitErr != nil {
			return fmt.Errorf("%w: %w", waitErr, err)
		}
	}
}

// wait lets a moment pass.
func wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(pollTime):
		return nil
	}
}

// logSince returns what the server wrote after an offset in its log.
func (s *Server) logSince(offset int64) []byte {
	log, err := os.ReadFile(s.logFile())
	if err != nil || int64(len(log)) < offset {
		return nil
	}
	return log[offset:]
}

func (s *Server) running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process != nil
}

// stop shuts the server down and waits for its end.
func (s *Server) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return nil
	}
	p := s.process
	s.process = nil
	if err := p.interrupt(); err != nil {
		return errors.Join(err, s.crash(p))
	}
	return nil
}

func (s *Server) kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return errors.New("kill of a server that does not run")
	}
	p := s.process
	s.process = nil
	return s.crash(p)
}

// crash ends a process and those that it started, without a word to them.
func (s *Server) crash(p *process) error {
	p.kill()
	return endSessions(s.data())
}

// close stops the server and removes all that it wrote.
func (s *Server) close() error {
	return errors.Join(s.stop(), os.RemoveAll(s.dir))
}

// process is a server process. Its err is set when done is closed.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

func startProcess(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The signal at the parent's death comes at the death of the thread
		// that started the process: it must live as long as the process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, <-started
}

// interrupt asks for what PostgreSQL calls a fast shutdown and waits for it.
func (p *process) interrupt() error {
	// An error here means that the process has ended, which done tells too.
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-p.done:
		if p.err != nil {
			return fmt.Errorf("the server ended: %w", p.err)
		}
		return nil
	case <-time.After(stopTime):
		return fmt.Errorf("the server did not stop within %v", stopTime)
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// findBinaries returns the directory of initdb and postgres: in PATH, where
// pg_config says, or where Debian puts them, which is not in PATH.
func findBinaries() (string, error) {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	debian, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	dirs = append(dirs, debian...)
	for _, dir := range dirs {
		if executable(filepath.Join(dir, "postgres")) && executable(filepath.Join(dir, "initdb")) {
			return dir, nil
		}
	}
	return "", errors.New("no PostgreSQL server found: scripts/install-test-deps.sh installs one")
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
