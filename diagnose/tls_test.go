package diagnose_test

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
	"github.com/steadfast-go/claude/diagnose"
	"github.com/steadfast-go/claude/internal/dnstest"
	"github.com/steadfast-go/claude/internal/nettest"
)

// tlsServer serves HTTP with a certificate, and returns its port.
func tlsServer(t *testing.T, cert tls.Certificate, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return portOf(t, server.URL)
}

func TestCertificatesThatAreRefused(t *testing.T) {
	now := time.Now()
	company := nettest.NewAuthority(t, "Zscaler Test Root")
	unknown := nettest.NewAuthority(t, "Private Root")
	roots := files("etc/ssl/cert.pem", "x")
	good := func(a nettest.Authority, name string) tls.Certificate {
		return a.Server(t, name, now.Add(-time.Hour), now.Add(time.Hour))
	}
	for name, tc := range map[string]struct {
		cert     tls.Certificate
		trust    bool
		date     time.Time
		cfg      diagnose.Config
		provider bool
		name     string
		says     string
		cause    string
		first    string
	}{
		"tls_intercepted": {
			cert: good(company, "api.claude.test"), cfg: diagnose.Config{FS: roots},
			name: diagnose.Intercepted, says: "Zscaler looks into TLS, and its authority is not trusted here", cause: "Zscaler looks into TLS on the way to the API", first: "Ask your network's administrators for the company's CA",
		},
		"tls_unknown": {
			cert: good(unknown, "api.claude.test"), cfg: diagnose.Config{FS: roots},
			name: diagnose.Intercepted, says: "the certificate comes from Private Root, which this system does not trust", cause: "mostly a company's proxy or antivirus", first: "Ask your network's administrators",
		},
		"tls_curl_trusts": {
			cert: good(company, "api.claude.test"), cfg: diagnose.Config{FS: roots, Environ: []string{"CURL_CA_BUNDLE=/etc/corp.pem"}},
			name: diagnose.CurlWorks, says: "Zscaler looks into TLS", cause: "CURL_CA_BUNDLE (/etc/corp.pem) tells other programs of it, and Go does not read that", first: "WithRootCAs",
		},
		"tls_no_roots": {
			cert: good(unknown, "api.claude.test"),
			name: diagnose.NoRoots, says: "this system has no certificates of authorities", cause: "A minimal container", first: "ca-certificates",
		},
		"tls_self_signed": {
			cert: nettest.SelfSigned(t, "api.claude.test"), cfg: diagnose.Config{FS: roots},
			name: "tls", says: "the certificate is signed by itself", cause: "a home-made certificate", first: "WithRootCAs",
		},
		"tls_self_signed_provider": {
			cert: nettest.SelfSigned(t, "api.anthropic.com"), cfg: diagnose.Config{FS: roots}, provider: true,
			name: diagnose.HijackedDNS, says: "the certificate is signed by itself", cause: "It is not the API's",
		},
		"tls_wrong_name": {
			cert: good(company, "elsewhere.example"), trust: true,
			name: "tls", says: "the certificate is for another host: elsewhere.example", cause: "leads to another server", first: "Check the host name in ANTHROPIC_BASE_URL",
		},
		"tls_expired": {
			cert: company.Server(t, "api.claude.test", now.Add(-72*time.Hour), now.Add(-48*time.Hour)), trust: true, date: now,
			name: diagnose.CertificateOrClock, says: "the certificate is expired", cause: "this machine's clock agrees with the server's", first: "Have the certificate renewed",
		},
		"tls_clock_ahead": {
			cert: company.Server(t, "api.claude.test", now.Add(-72*time.Hour), now.Add(-48*time.Hour)), trust: true, date: now.Add(-60 * time.Hour),
			name: diagnose.CertificateOrClock, says: "the certificate is expired", cause: "This machine's clock is wrong by 2 days", first: "Set the clock",
		},
		"tls_not_yet_valid": {
			cert: company.Server(t, "api.claude.test", now.Add(48*time.Hour), now.Add(72*time.Hour)), trust: true, date: now.Add(60 * time.Hour),
			name: diagnose.CertificateOrClock, says: "the certificate is not yet valid", cause: "This machine's clock is wrong by 2 days", first: "Set the clock",
		},
	} {
		t.Run(name, func(t *testing.T) {
			port := tlsServer(t, tc.cert, func(w http.ResponseWriter, r *http.Request) {
				assert.Empty(t, r.Header.Get("X-Api-Key"))
				if !tc.date.IsZero() {
					w.Header().Set("Date", tc.date.UTC().Format(http.TimeFormat))
				}
			})
			cfg := tc.cfg
			cfg.BaseURL, cfg.APIKey, cfg.Resolver = "https://api.claude.test:"+port, testKey, names(t, dnstest.Addrs("127.0.0.1"))
			cfg.StatusURL = page(t, 200, "application/json", operational)
			if tc.provider {
				cfg.BaseURL = "https://api.anthropic.com:" + port
			}
			if tc.trust {
				cfg.RootCAs = company.PEM()
			}
			report := diagnosed(t, cfg)
			s := step(t, report, "tls")
			assert.Equal(t, diagnose.StatusFailed, s.Status)
			assert.Equal(t, claude.ErrTLS, s.Class)
			assert.Contains(t, s.Finding, tc.says)
			assert.Contains(t, s.Cause, tc.cause)
			assert.Contains(t, s.Actions[0], tc.first)
			assert.Equal(t, tc.name, report.Verdict.Name)
			assert.Equal(t, diagnose.StatusSkipped, step(t, report, "http").Status)
			golden(t, name, report)
		})
	}
}

func TestTheFaultsOfTheTestKitAreFound(t *testing.T) {
	for name, tc := range map[string]struct {
		step claudetest.Step
		says string
	}{
		"unknown": {claudetest.UnknownCA(), "Zscaler looks into TLS"},
		"name":    {claudetest.WrongName(), "for another host: elsewhere.example"},
		"expired": {claudetest.Expired(), "the certificate is expired"},
	} {
		server := claudetest.NewTLSServer(t, tc.step.Always()) // the step that connects takes one too
		report := diagnosed(t, diagnose.Config{
			BaseURL: "https://api.claude.test:" + portOf(t, server.URL), APIKey: testKey, RootCAs: server.CertPEM,
			Resolver: names(t, dnstest.Addrs("127.0.0.1")), FS: files("etc/ssl/cert.pem", "x"),
		})
		assert.Contains(t, step(t, report, "tls").Finding, tc.says, name)
	}
}

// hello reads a ClientHello, and returns its size and the name of the host in it.
func hello(c net.Conn) (size int, name string) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(c, head); err != nil {
		return 0, ""
	}
	size = int(binary.BigEndian.Uint16(head[3:]))
	body := make([]byte, size)
	if _, err := io.ReadFull(c, body); err != nil {
		return 0, ""
	}
	if strings.Contains(string(body), "api.claude.test") {
		name = "api.claude.test"
	}
	return size, name
}

// large is a size that only a ClientHello with a post-quantum key has.
const large = 1000

func TestHandshakesThatAreCut(t *testing.T) {
	reset := func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }
	silence := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	refuse := func(c net.Conn) { _, _ = c.Write([]byte("\x15\x03\x03\x00\x02\x02\x70")) } // an alert: unrecognized name
	for name, tc := range map[string]struct {
		serve func(net.Conn)
		name  string
		says  string
		cause string
		first string
	}{
		"tls_name_reset": {
			func(c net.Conn) {
				if _, name := hello(c); name != "" {
					reset(c)
					return
				}
				refuse(c)
			}, diagnose.NameFiltered, "the handshake is reset", "reads api.claude.test in the handshake and cuts it", "Try another way out",
		},
		"tls_name_silence": {
			func(c net.Conn) {
				if _, name := hello(c); name != "" {
					silence(c)
					return
				}
				refuse(c)
			}, diagnose.NameFiltered, "the handshake is never answered", "reads api.claude.test in the handshake", "Try another way out",
		},
		"tls_hello_too_large": {
			func(c net.Conn) {
				if size, _ := hello(c); size > large {
					silence(c)
					return
				}
				refuse(c)
			}, diagnose.CurlWorks, "the handshake is never answered", "which fills two packets since it carries a post-quantum key", "GODEBUG=tlsmlkem=0",
		},
		"tls_all_reset":   {func(c net.Conn) { hello(c); reset(c) }, diagnose.NameFiltered, "the handshake is reset", "TCP is accepted and then nothing goes through", "Try another way out"},
		"tls_all_silence": {silence, diagnose.NameFiltered, "the handshake is never answered", "TCP is accepted and then nothing goes through", "Try another way out"},
		"tls_closed":      {func(c net.Conn) { hello(c) }, diagnose.NameFiltered, "the handshake is closed", "TCP is accepted", "Try another way out"},
		"tls_plain_http":  {func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n"); silence(c) }, "tls", "no TLS", "plain http or something else", ""},
		"tls_alert":       {func(c net.Conn) { hello(c); refuse(c) }, "tls", "the handshake was refused", "do not agree on how to speak", "Check host and port"},
	} {
		t.Run(name, func(t *testing.T) {
			_, port, _ := strings.Cut(nettest.Listen(t, tc.serve), ":")
			report := diagnosed(t, diagnose.Config{
				BaseURL: "https://api.claude.test:" + port, APIKey: testKey, Resolver: names(t, dnstest.Addrs("127.0.0.1")), Timeout: 300 * time.Millisecond,
			})
			s := step(t, report, "tls")
			assert.Equal(t, claude.ErrTLS, s.Class)
			assert.Contains(t, s.Finding, tc.says)
			assert.Contains(t, s.Cause, tc.cause)
			assert.Contains(t, s.Actions[0], tc.first)
			assert.Equal(t, tc.name, report.Verdict.Name)
			assert.Equal(t, claude.PartyNetwork, report.Verdict.Who)
			golden(t, name, report)
		})
	}
}
