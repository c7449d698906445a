// What error messages tell the author of a script: what went wrong, in the words
// of the protocol, and nothing of addresses, ports or names behind the host's.

package httpclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/avap-framework/avap/host"
	"github.com/avap-framework/avap/host/netpolicy"
)

// requestError is an error of the request itself, worded for its author.
type requestError struct{ message string }

func (e *requestError) Error() string { return e.message }

func invalid(format string, args ...any) error {
	return &requestError{fmt.Sprintf(format, args...)}
}

// failed makes the error of Do from what went wrong with the request at where.
func failed(where string, err error) error {
	if refused, ok := errors.AsType[*hookError](err); ok {
		return refused.err
	}
	if errors.Is(err, netpolicy.ErrDenied) {
		return &host.Error{Code: host.CodeAddressDenied, Message: where + ": the address is not allowed by --allow-net", Err: err}
	}
	message, unavailable := describe(err)
	return &host.Error{Code: host.CodeHTTP, Message: where + ": " + message, Err: err, Unavailable: unavailable}
}

// describe words an error, and says whether it is the network's or the server's.
// What it does not know it does not quote: the text of an error may hold an
// address, or bytes of an answer that was no HTTP.
func describe(err error) (message string, unavailable bool) {
	if request, ok := errors.AsType[*requestError](err); ok {
		return request.message, false
	}
	if text, ok := describeTLS(err); ok {
		return text, false
	}
	if errors.Is(err, context.Canceled) {
		return "cancelled", false
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return "no such host", false
	}
	if text, ok := describeConnection(err); ok {
		return text, true
	}
	return describeText(err.Error()), false
}

// describeConnection knows the errors of a server that is away, slow or breaks
// off.
func describeConnection(err error) (string, bool) {
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "timed out", true
	case errors.As(err, &dns):
		return "the host's name cannot be looked up", true
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused", true
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset", true
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL):
		return "host unreachable", true
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection broke off in the middle of the answer", true
	case errors.Is(err, io.EOF), strings.Contains(err.Error(), "server closed"):
		return "the connection was closed without an answer", true
	case isTimeout(err):
		return "timed out", true
	}
	return "", false
}

func describeTLS(err error) (string, bool) {
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var certificate x509.CertificateInvalidError
	var verification *tls.CertificateVerificationError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &authority):
		return "the certificate is signed by an unknown authority", true
	case errors.As(err, &name):
		return "the certificate is not for this host", true
	case errors.As(err, &certificate) && certificate.Reason == x509.Expired:
		return "the certificate has expired or is not yet valid", true
	case errors.As(err, &certificate), errors.As(err, &verification):
		return "the certificate is not valid", true
	case errors.As(err, &alert):
		return alert.Error(), true
	case errors.As(err, &record):
		return "the server does not speak TLS", true
	}
	return "", false
}

// describeText knows the errors of net/http that have no type of their own.
func describeText(text string) string {
	for _, known := range []struct{ part, message string }{
		{"headers exceeded", "the answer's headers are too large"},
		{"HTTP response to HTTPS client", "the server does not speak TLS"},
		{"gzip:", "the answer is not valid gzip"},
		{"flate:", "the answer is not valid gzip"},
		{"malformed", "the answer is not valid HTTP"},
		{"Location header", "the redirect's target is malformed"},
		{"tls:", "the TLS handshake failed"},
		{"invalid URL", "the URL is malformed"},
	} {
		if strings.Contains(text, known.part) {
			return known.message
		}
	}
	return "the request failed"
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
