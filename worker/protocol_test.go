package worker_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/avap-framework/avap"
	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/worker"
	"github.com/avap-framework/avap/worker/httpd"
)

// listen starts a worker and gives its address.
func listen(t *testing.T, engine avap.Options, opt worker.Options) string {
	t.Helper()
	return strings.TrimPrefix(start(t, engine, opt).URL, "http://")
}

// conn is a connection on which a test writes what it likes.
type conn struct {
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, addr string) *conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return &conn{c, bufio.NewReader(c)}
}

func (c *conn) send(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// read reads one answer.
func (c *conn) read(t *testing.T) (resp *http.Response, body string) {
	t.Helper()
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// closed tells whether nothing more comes on the connection.
func (c *conn) closed() bool {
	_, err := c.in.ReadByte()
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

// execution is an execute request as it goes over the wire.
func execution(body string, headers ...string) string {
	head := "POST /api/v1/execute HTTP/1.1\r\nHost: localhost\r\n"
	for _, h := range headers {
		head += h + "\r\n"
	}
	return head + "Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// answering is a body whose answer exports n.
func answering(n int) string { return fmt.Sprintf(`{"script":"n = %d\naddResult(n)"}`, n) }

func TestPipelining(t *testing.T) {
	c := dial(t, listen(t, avap.Options{}, worker.Options{}))
	c.send(t, execution(answering(1))+execution(`{"script":""}`)+"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"+execution(answering(4)))
	for i, want := range []string{`"n":1`, `"code":"bad_request"`, `"status":"healthy"`, `"n":4`} {
		if _, body := c.read(t); !strings.Contains(body, want) {
			t.Errorf("answer %d: %s", i, body)
		}
	}
}

func TestChunkedBody(t *testing.T) {
	c := dial(t, listen(t, avap.Options{}, worker.Options{MaxBody: 1000}))
	head := "POST /api/v1/execute HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
	c.send(t, head)
	for _, b := range []byte(answering(1)) { // one byte a chunk
		c.send(t, "1\r\n"+string(b)+"\r\n")
	}
	c.send(t, "0\r\nX-Trailer: ignored\r\n\r\n")
	if _, body := c.read(t); !strings.Contains(body, `"n":1`) {
		t.Errorf("%s", body)
	}
	c.send(t, head+"3e9\r\n"+strings.Repeat(" ", 0x3e9)+"\r\n0\r\n\r\n")
	if resp, body := c.read(t); resp.StatusCode != 413 || !strings.Contains(body, `"code":"body_too_large"`) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	c = dial(t, c.RemoteAddr().String())
	c.send(t, head+"zz\r\n")
	if resp, body := c.read(t); resp.StatusCode != 400 || !strings.Contains(body, `"code":"bad_request"`) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// TestSmuggling sends requests on whose length two servers might differ. Each is
// refused, and the connection closed; or it is read by its chunks, and what
// stands behind these is a request of its own.
func TestSmuggling(t *testing.T) {
	addr := listen(t, avap.Options{}, worker.Options{})
	const hidden = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
	body := answering(1)
	chunks := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	for _, c := range []struct {
		name, headers, body string
		refused             bool
	}{
		{"two lengths", "Content-Length: " + strconv.Itoa(len(body)) + "\r\nContent-Length: 0\r\n", body, true},
		{"two lengths in a line", "Content-Length: " + strconv.Itoa(len(body)) + ", 0\r\n", body, true},
		{"signed length", "Content-Length: +" + strconv.Itoa(len(body)) + "\r\n", body, true},
		{"negative length", "Content-Length: -1\r\n", body, true},
		{"no length", "Content-Length:\r\n", body, true},
		{"length beyond 64 bits", "Content-Length: 99999999999999999999\r\n", body, true},
		{"unknown encoding", "Transfer-Encoding: identity, chunked\r\n", chunks, true},
		{"encoding with odd white space", "Transfer-Encoding : chunked\r\n", chunks, true},
		{"encoding twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", chunks, true},
		{"folded header", "X-A: 1\r\n\tContent-Length: 5\r\nContent-Length\x00: 3\r\n", body, true},
		{"two hosts", "Host: localhost\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n", body, true},
		{"length and chunks", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", chunks, true},
		{"chunks and length", "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", chunks, true},
		{"an encoding that is none", "Transfer-Encoding: identity\r\nContent-Length: 3\r\n", chunks, true},
		{"odd case", "transfer-ENCODING: chunked\r\nCONTENT-length: 3\r\n", chunks, true},
		{"vertical tab", "Transfer-Encoding: \x0bchunked\r\n", chunks, true},
		{"length in hex", "Content-Length: 0x10\r\n", body, true},
		{"a lone carriage return", "X-A: 1\rContent-Length: 3\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n", body, true},
		{"a chunk with a sign", "Transfer-Encoding: chunked\r\n", "+1\r\n{\r\n0\r\n\r\n", true},
		{"a chunk that is too long", "Transfer-Encoding: chunked\r\n", "1\r\n{}\r\n0\r\n\r\n", true},
		{"a chunk size beyond 64 bits", "Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n", true},
		{"chunks", "Transfer-Encoding: chunked\r\n", chunks, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := dial(t, addr)
			conn.send(t, "POST /api/v1/execute HTTP/1.1\r\nHost: localhost\r\n"+c.headers+"\r\n"+c.body+hidden)
			resp, body := conn.read(t)
			if c.refused {
				if resp.StatusCode/100 != 4 && resp.StatusCode != http.StatusNotImplemented {
					t.Errorf("%d %s", resp.StatusCode, body)
				}
				if !conn.closed() {
					t.Error("the connection stays open")
				}
				return
			}
			if resp.StatusCode != 200 || !strings.Contains(body, `"n":1`) {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
			if _, body := conn.read(t); !strings.Contains(body, `"status":"healthy"`) {
				t.Errorf("second answer: %s", body)
			}
		})
	}
}

// TestHeaderSize answers 431 where line and headers are over 32 KiB.
func TestHeaderSize(t *testing.T) {
	addr := listen(t, avap.Options{}, worker.Options{})
	for _, c := range []struct {
		size   int
		status int
		want   string
	}{
		{31 << 10, 200, `"n":1`},
		{33 << 10, 431, `"code":"bad_request"`},
		{60 << 10, 431, `"code":"bad_request"`},
		{80 << 10, 431, `"code":"bad_request"`},
	} {
		for _, in := range []string{"header", "many headers", "target"} {
			t.Run(fmt.Sprint(c.size, " in ", in), func(t *testing.T) {
				conn := dial(t, addr)
				request := execution(answering(1), "X-Long: "+strings.Repeat("x", c.size))
				switch in {
				case "many headers":
					request = execution(answering(1), strings.TrimSpace(strings.Repeat("X-Short: 012345\r\n", c.size/17)))
				case "target":
					request = strings.Replace(execution(answering(1)), "execute", "execute?q="+strings.Repeat("x", c.size), 1)
				}
				go io.WriteString(conn, request)
				resp, body := conn.read(t)
				if resp.StatusCode != c.status || !strings.Contains(body, c.want) {
					t.Errorf("%d %s", resp.StatusCode, body)
				}
			})
		}
	}
}

// TestSlowRequests lets neither a header nor a body take longer than the time-out.
func TestSlowRequests(t *testing.T) {
	// Long enough for a busy machine to send what it can at once.
	addr := listen(t, avap.Options{}, worker.Options{HTTP: httpd.Options{ReadTimeout: time.Second}})
	t.Run("body", func(t *testing.T) {
		t.Parallel()
		c := dial(t, addr)
		request := execution(answering(1), "X-Request-Id: slow")
		c.send(t, request[:len(request)-1])
		resp, body := c.read(t)
		want := `{"success":false,"error":"the request did not arrive: it took too long","code":"bad_request","request_id":"slow"}`
		if resp.StatusCode != 400 || body != want {
			t.Errorf("%d %s\nwant 400 %s", resp.StatusCode, body, want)
		}
		if !c.closed() {
			t.Error("the connection stays open")
		}
	})
	t.Run("body in drops", func(t *testing.T) {
		t.Parallel()
		c := dial(t, addr)
		request := execution(`{"script":"x = 1"` + strings.Repeat(" ", 1<<10) + "}")
		head := strings.Index(request, "{")
		c.send(t, request[:head])
		go func() { // a byte at a time does not put the end off
			for i := head; i < len(request); i++ {
				if _, err := c.Write([]byte{request[i]}); err != nil {
					return
				}
				time.Sleep(5 * time.Millisecond)
			}
		}()
		if resp, body := c.read(t); resp.StatusCode != 400 || !strings.Contains(body, "it took too long") {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
		c.Close()
	})
	t.Run("header", func(t *testing.T) {
		t.Parallel()
		c := dial(t, addr)
		c.send(t, "POST /api/v1/execute HTTP/1.1\r\nHost: local")
		if resp, body := c.read(t); resp.StatusCode != 400 || !strings.Contains(body, "it took too long") {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
		if !c.closed() {
			t.Error("the connection stays open")
		}
	})
	t.Run("half a body", func(t *testing.T) {
		t.Parallel()
		c := dial(t, addr)
		request := execution(answering(1))
		c.send(t, request[:len(request)-1])
		if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if resp, body := c.read(t); resp.StatusCode != 400 || !strings.Contains(body, "the connection broke") {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
	})
}

// httpFunc is the host of scripts that ask for something.
type httpFunc func(ctx context.Context, r *host.Request) (*host.Response, error)

func (f httpFunc) Do(ctx context.Context, r *host.Request) (*host.Response, error) { return f(ctx, r) }

// TestSlowHost lets an execution take longer than a request may take to arrive.
func TestSlowHost(t *testing.T) {
	slow := httpFunc(func(context.Context, *host.Request) (*host.Response, error) {
		time.Sleep(1500 * time.Millisecond)
		return &host.Response{Status: 200}, nil
	})
	addr := listen(t, avap.Options{Host: avap.Host{HTTP: slow}}, worker.Options{HTTP: httpd.Options{ReadTimeout: time.Second}})
	c := dial(t, addr)
	c.send(t, execution(`{"script":"RequestGet('http://h/', None, None, x)\naddResult(x)"}`))
	if resp, body := c.read(t); resp.StatusCode != 200 || !strings.Contains(body, `"x":""`) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// TestDisconnect ends an execution soon after its caller has gone away, in a
// loop of its own and in a host call.
func TestDisconnect(t *testing.T) {
	for name, script := range map[string]string{
		"loop":      `RequestGet('http://h/begin', None, None, x)\nwhile(true)\nend()`,
		"host call": `RequestGet('http://h/hang', None, None, x)`,
	} {
		t.Run(name, func(t *testing.T) {
			begun := make(chan struct{})
			asked := httpFunc(func(ctx context.Context, r *host.Request) (*host.Response, error) {
				close(begun)
				if strings.HasSuffix(r.URL, "hang") {
					<-ctx.Done()
				}
				return &host.Response{Status: 200}, nil
			})
			limits := avap.Limits{Instructions: -1, Time: time.Hour, HostTime: time.Hour}
			s := start(t, avap.Options{Host: avap.Host{HTTP: asked}, Limits: limits}, worker.Options{})
			c := dial(t, strings.TrimPrefix(s.URL, "http://"))
			c.send(t, execution(`{"script":"`+script+`"}`))
			<-begun
			c.Close()
			// The end of the test drains the worker, which waits for the execution.
		})
	}
}

// TestMethods answers every method; HEAD has the head of GET and no body.
func TestMethods(t *testing.T) {
	addr := listen(t, avap.Options{}, worker.Options{})
	for _, c := range []struct {
		request string
		status  int
		allow   string
	}{
		{"HEAD /health", 200, ""},
		{"HEAD /readyz", 200, ""},
		{"HEAD /", 302, ""},
		{"HEAD /api/v1/execute", 405, "POST"},
		{"OPTIONS /api/v1/execute", 405, "POST"},
		{"OPTIONS /health", 405, "GET, HEAD"},
		{"OPTIONS *", 404, ""},
		{"PUT /api/v1/execute", 405, "POST"},
		{"DELETE /nowhere", 404, ""},
		{"CONNECT localhost:80", 404, ""},
		{"FROB /", 405, "GET, HEAD"},
		{"GET //api/v1/execute", 404, ""},
		{"POST /api/v1/execute/", 404, ""},
		{"GET /%61pi/v1/execute", 405, "POST"},
		{"GET /../../etc/passwd", 404, ""},
	} {
		t.Run(c.request, func(t *testing.T) {
			conn := dial(t, addr)
			conn.send(t, c.request+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
			method, _, _ := strings.Cut(c.request, " ")
			resp, err := http.ReadResponse(conn.in, &http.Request{Method: method})
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != c.status || resp.Header.Get("Allow") != c.allow {
				t.Errorf("%d %s, allows %q: %v", resp.StatusCode, body, resp.Header.Get("Allow"), err)
			}
			if method == "HEAD" && len(body) > 0 {
				t.Errorf("a body: %s", body)
			}
		})
	}
}

// TestExpectContinue asks for the body only where it will be read.
func TestExpectContinue(t *testing.T) {
	addr := listen(t, avap.Options{}, worker.Options{MaxBody: 1000, HTTP: httpd.Options{ReadTimeout: time.Second}})
	c := dial(t, addr)
	request := execution(answering(1), "Expect: 100-continue")
	head := strings.Index(request, "{")
	c.send(t, request[:head])
	if resp, _ := c.read(t); resp.StatusCode != http.StatusContinue {
		t.Errorf("%d", resp.StatusCode)
	}
	c.send(t, request[head:])
	if resp, body := c.read(t); resp.StatusCode != 200 || !strings.Contains(body, `"n":1`) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}

	c.send(t, "POST /api/v1/execute HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n")
	if resp, body := c.read(t); resp.StatusCode != 413 || !resp.Close || !strings.Contains(body, `"code":"body_too_large"`) {
		t.Errorf("%d, closes: %t, %s", resp.StatusCode, resp.Close, body)
	}
	if !c.closed() {
		t.Error("the connection waits for a body that nobody reads")
	}
}

// TestBodiless sends no body with the statuses that have none, and the
// connection stays in step.
func TestBodiless(t *testing.T) {
	c := dial(t, listen(t, avap.Options{}, worker.Options{}))
	for _, status := range []int{204, 205, 304, 200} {
		c.send(t, execution(fmt.Sprintf(`{"script":"addVar(_status, %d)"}`, status)))
		resp, body := c.read(t)
		if resp.StatusCode != status || (body == "") != (status != 200) {
			t.Errorf("%d %q, want %d", resp.StatusCode, body, status)
		}
	}
}

// TestManyVariables takes as many variables and parameters as the body holds, and
// refuses more than the memory quota holds with its code.
func TestManyVariables(t *testing.T) {
	addr := listen(t, avap.Options{Limits: avap.Limits{Memory: 8 << 20}}, worker.Options{MaxBody: 16 << 20})
	body := func(n int) string {
		var variables, parameters strings.Builder
		for i := range n {
			fmt.Fprintf(&variables, `,"v%d":%d`, i, i)
			fmt.Fprintf(&parameters, `,"p%d":%d`, i, i)
		}
		return `{"script":"addParam(p9, p)\naddResult(v9)\naddResult(p)"` + parameters.String() + `,"variables":{` + variables.String()[1:] + `},"return":["result"]}`
	}
	c := dial(t, addr)
	c.send(t, execution(body(10_000)))
	if resp, got := c.read(t); got != `{"success":true,"result":{"v9":9,"p":9}}` {
		t.Errorf("%d %.300s", resp.StatusCode, got)
	}
	c.send(t, execution(body(300_000)))
	if resp, got := c.read(t); resp.StatusCode != 400 || !strings.Contains(got, `"code":"quota_memory"`) {
		t.Errorf("%d %.300s", resp.StatusCode, got)
	}
}

// TestConcurrentRequests answers many callers at a time, each with its own values,
// through one cache of programs.
func TestConcurrentRequests(t *testing.T) {
	addr := listen(t, avap.Options{}, worker.Options{})
	var wg sync.WaitGroup
	for caller := range 16 {
		wg.Go(func() {
			c := dial(t, addr)
			for i := range 50 {
				n := caller*1000 + i
				body := fmt.Sprintf(`{"script":"addParam(own, own)\nkind = %d\naddResult(own)\naddResult(kind)\naddResult(v)","own":%d,"variables":{"v":[%d]},"return":["result"]}`, n%7, n, n)
				want := fmt.Sprintf(`{"success":true,"result":{"own":%d,"kind":%d,"v":[%d]}}`, n, n%7, n)
				if _, err := io.WriteString(c, execution(body)); err != nil {
					t.Error(err)
					return
				}
				resp, err := http.ReadResponse(c.in, nil)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(resp.Body)
				if err != nil || string(got) != want {
					t.Errorf("%s, want %s: %v", got, want, err)
				}
			}
		})
	}
	wg.Wait()
}

// TestDefect answers a panic with nothing of its inside, and logs it with its stack.
func TestDefect(t *testing.T) {
	var log bytes.Buffer
	broken := httpFunc(func(context.Context, *host.Request) (*host.Response, error) { panic("secret /etc/path") })
	addr := listen(t, avap.Options{Host: avap.Host{HTTP: broken}}, worker.Options{Log: slog.New(slog.NewJSONHandler(&log, nil))})
	c := dial(t, addr)
	c.send(t, execution(`{"script":"RequestGet('http://h/', None, None, x)"}`, "X-Request-Id: d1"))
	resp, body := c.read(t)
	if want := `{"success":false,"error":"internal error","code":"internal","request_id":"d1"}`; resp.StatusCode != 500 || body != want {
		t.Errorf("%d %s, want %s", resp.StatusCode, body, want)
	}
	var entry struct {
		RequestID string `json:"request_id"`
		Cause     string
	}
	if err := json.Unmarshal(log.Bytes(), &entry); err != nil {
		t.Fatalf("%v: %s", err, log.String())
	}
	if entry.RequestID != "d1" || !strings.Contains(entry.Cause, "secret /etc/path") || !strings.Contains(entry.Cause, "protocol_test.go") {
		t.Errorf("logged %s", log.String())
	}
	c.send(t, execution(answering(1)))
	if _, body := c.read(t); !strings.Contains(body, `"n":1`) {
		t.Errorf("after it: %s", body)
	}
}

// TestDrain cuts a request off that outlives the drain, and says so.
func TestDrain(t *testing.T) {
	begun := make(chan struct{})
	hang := httpFunc(func(ctx context.Context, _ *host.Request) (*host.Response, error) {
		close(begun)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	s := start(t, avap.Options{Host: avap.Host{HTTP: hang}, Limits: avap.Limits{HostTime: time.Hour}}, worker.Options{})
	c := dial(t, strings.TrimPrefix(s.URL, "http://"))
	c.send(t, execution(`{"script":"RequestGet('http://h/', None, None, x)"}`))
	<-begun
	err := s.Drain(t.Context(), 0, 20*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "did not finish within 20ms") {
		t.Errorf("%v", err)
	}
	if !c.closed() {
		t.Error("the request was answered")
	}
}
