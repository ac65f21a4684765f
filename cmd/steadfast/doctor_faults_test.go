package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
	"github.com/steadfast-go/claude/diagnose"
	"github.com/steadfast-go/claude/internal/dnstest"
	"github.com/steadfast-go/claude/internal/nettest"
)

// Secrets of these tests. None of them is real.
var (
	goodKey      = "sk-ant-api03-" + strings.Repeat("Ab3_", 23) + "zAA"
	foreignKey   = "sk-proj-" + "0123456789abcdefghij"
	loginToken   = "sk-ant-oat01-" + "0123456789abcdefghij"
	gatewayToken = "gateway-token-0123456789"
	password     = "p@ss/word"
)

// doctorSecrets are those of these tests, in every form in which they travel.
func doctorSecrets() []string {
	return []string{
		goodKey, goodKey[len(goodKey)-20:], foreignKey, loginToken, "0123456789abcdefghij", gatewayToken,
		password, url.QueryEscape(password), url.PathEscape(password), base64.StdEncoding.EncodeToString([]byte("me:" + password)),
	}
}

// A way is what lies between the doctor and the API: the command line, the
// environment, and what the machine has besides.
type way struct {
	args    []string
	environ []string
	config  diagnose.Config
}

// with adds variables to the environment; the last of a name counts.
func (w way) with(environ ...string) way {
	w.environ = append(w.environ, environ...)
	return w
}

// status puts a status page there.
func (w way) status(page string) way {
	w.config.StatusURL = page
	return w
}

// A machine is where a way begins. It knows a key, and no name; its servers end with
// the test.
type machine struct{ t *testing.T }

// to is a way to a base URL.
func (m machine) to(baseURL string) way {
	m.t.Helper()
	return way{args: []string{"--base-url", baseURL}, environ: []string{"ANTHROPIC_API_KEY=" + goodKey}, config: diagnose.Config{
		FS:       fstest.MapFS{"etc/ssl/cert.pem": {Data: []byte("x")}}, // so it is no machine without authorities
		Resolver: m.says(dnstest.Answer{Code: dnstest.NoSuchName}),
	}}
}

// toServer is one to a test server.
func (m machine) toServer(steps ...claudetest.Step) way {
	m.t.Helper()
	return m.to(claudetest.NewServer(m.t, steps...).URL)
}

// byTLS is one to a test server with a name and a certificate.
func (m machine) byTLS(steps ...claudetest.Step) way {
	m.t.Helper()
	server := claudetest.NewTLSServer(m.t, steps...)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(server.URL, "https://"))
	require.NoError(m.t, err)
	w := m.to("https://api.claude.test:" + port)
	w.config.RootCAs, w.config.Resolver = server.CertPEM, m.says(dnstest.Addrs("127.0.0.1"))
	return w
}

// toProvider is one to the provider's own name, which a proxy here takes to a
// test server.
func (m machine) toProvider(steps ...claudetest.Step) way {
	m.t.Helper()
	server := claudetest.NewTLSServer(m.t, steps...)
	proxy, err := server.ProxyURL()
	require.NoError(m.t, err)
	w := m.to("").with("HTTPS_PROXY=" + proxy)
	w.args, w.config.RootCAs, w.config.StatusURL = nil, server.CertPEM, m.page("application/json", allOperational)
	return w
}

// keyed is the way to the provider with another key.
func (m machine) keyed(key string) way {
	m.t.Helper()
	return m.toProvider(claudetest.Unauthorized().On("GET /v1/models")).with("ANTHROPIC_API_KEY=" + key)
}

// byProxy is one by a proxy that answers the same to everything.
func (m machine) byProxy(login string, status int, header, body string) way {
	m.t.Helper()
	proxy := m.serve(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(m.t, http.MethodConnect, r.Method)
		assert.Empty(m.t, r.Header.Get("X-Api-Key"))
		if header != "" {
			w.Header().Set("Proxy-Authenticate", header)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
	return m.to("https://api.claude.test").with("HTTPS_PROXY=http://" + login + strings.TrimPrefix(proxy, "http://"))
}

// byName is one to a host of which the name server says the same as of every other.
func (m machine) byName(host string, answer dnstest.Answer) way {
	m.t.Helper()
	w := m.to("https://" + host)
	w.config.Resolver, w.config.StatusURL = m.says(answer), m.page("application/json", allOperational)
	return w
}

// says answers the same to every question, but for names that cannot exist.
func (m machine) says(answer dnstest.Answer) *net.Resolver {
	m.t.Helper()
	return dnstest.NewResolver(m.t, func(q dnstest.Question) dnstest.Answer {
		if strings.HasSuffix(q.Name, ".invalid") {
			return dnstest.Answer{Code: dnstest.NoSuchName}
		}
		return answer
	})
}

func (m machine) serve(handler http.HandlerFunc) string {
	m.t.Helper()
	server := httptest.NewServer(handler)
	m.t.Cleanup(server.Close)
	return server.URL
}

const (
	allOperational = `{"status":{"indicator":"none","description":"All Systems Operational"},"components":[],"incidents":[]}`
	outage         = `{"status":{"indicator":"major","description":"Partial System Outage"},
		"components":[{"name":"Claude API","status":"partial_outage"}],
		"incidents":[{"name":"Elevated errors on many models","status":"investigating","impact":"major","shortlink":"https://stspg.io/abc"}]}`
)

func (m machine) page(contentType, body string) string {
	m.t.Helper()
	return m.serve(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, body)
	})
}

// goes runs the doctor on a way, by the command line, on a machine of which nothing
// is known but what the way says.
func (w way) goes(ctx context.Context, t *testing.T) seen {
	t.Helper()
	at(t, "")
	t.Setenv("ANTHROPIC_API_KEY", "")
	c, err := parse(t, append([]string{"doctor"}, w.args...)...)
	require.NoError(t, err)
	w.config.Environ = w.environ
	if w.config.Timeout == 0 {
		w.config.Timeout = 5 * time.Second
	}
	var out, failure bytes.Buffer
	to := streams{&out, &failure}
	code := finish(c.Doctor.run(ctx, to, w.config), to)
	s := seen{out.String(), failure.String(), code}
	for _, secret := range doctorSecrets() {
		assert.NotContains(t, s.stdout+s.stderr, secret)
	}
	return s
}

var (
	port       = regexp.MustCompile(`:\d{5}\b`)
	timed      = regexp.MustCompile(`\(\d[\d.]*(?:µs|ms|s)\)$`)
	stepsHead  = regexp.MustCompile(`^(?:  ok|warn|FAIL)  `)
	unsettling = []struct {
		pattern *regexp.Regexp
		to      string
	}{
		{port, ":PORT"},
		{regexp.MustCompile(`port \d{5}\b`), "port PORT"},
		{regexp.MustCompile(`\b(until|good from) \d{4}-\d\d-\d\d\b`), "$1 DAY"},
		{regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "DATE"},
		{regexp.MustCompile(`\b\d+h\d+m\d+s\b`), "TIME"},
		{regexp.MustCompile(`steadfast(-go/| )` + regexp.QuoteMeta(claude.Version)), "steadfast${1}VERSION"},
	}
)

// settled takes out of an output what differs from run to run, besides what golden
// does: where lines with a time in them are wrapped, ports, days and the version.
func settled(s seen) seen {
	var lines []string
	open := false // the head of a step goes on: its end is the time
	for line := range strings.SplitSeq(unwrapped(s).stdout, "\n") {
		if open {
			lines[len(lines)-1] += " " + strings.TrimSpace(line)
		} else {
			lines = append(lines, line)
		}
		last := lines[len(lines)-1]
		open = stepsHead.MatchString(last) && !timed.MatchString(last)
	}
	s.stdout = strings.Join(lines, "\n")
	for _, u := range unsettling {
		s.stdout = u.pattern.ReplaceAllString(s.stdout, u.to)
	}
	return s
}

func TestTheDoctorFindsEachFault(t *testing.T) {
	const (
		models   = "GET /v1/models"
		messages = "POST /v1/messages/count_tokens"
	)
	wantsKey := claudetest.Unauthorized().On(models)
	basic := `Basic realm="proxy"`
	login := "me:" + url.QueryEscape(password) + "@"
	for name, tc := range map[string]struct {
		way  func(m machine) way
		code int
		says []string // somewhere in the output
	}{
		"dns-nxdomain": {func(m machine) way {
			return m.byName("api.claude.test", dnstest.Answer{Code: dnstest.NoSuchName})
		}, 1, []string{"FAIL  DNS", "no such host"}},
		"dns-servfail": {func(m machine) way {
			return m.byName("api.claude.test", dnstest.Answer{Code: dnstest.ServerFailed})
		}, 1, []string{"FAIL  DNS", "the name server failed"}},
		"dns-silent": {func(m machine) way {
			w := m.byName("api.claude.test", dnstest.Answer{Silent: true})
			w.config.Timeout = 50 * time.Millisecond
			return w
		}, 1, []string{"FAIL  DNS", "no answer from the name server"}},
		"dns-hijacked": {func(m machine) way {
			_, port, _ := strings.Cut(nettest.Nobody(m.t), ":")
			return m.byName("api.anthropic.com:"+port, dnstest.Addrs("127.0.0.1"))
		}, 1, []string{"warn  DNS", "127.0.0.1 is this machine itself", "FAIL  TCP"}},

		"tcp-refused": {func(m machine) way { return m.to("https://" + nettest.Nobody(m.t)) }, 1, []string{"FAIL  TCP", "refused"}},
		"tcp-dropped": {func(m machine) way {
			w := m.to("https://" + nettest.Full(m.t))
			w.config.Timeout = 200 * time.Millisecond
			return w
		}, 1, []string{"FAIL  TCP", "the packets disappear without an answer"}},

		"proxy-407":       {func(m machine) way { return m.byProxy("", http.StatusProxyAuthRequired, basic, "") }, 1, []string{"FAIL  Proxy", "407", "HTTPS_PROXY has none"}},
		"proxy-407-wrong": {func(m machine) way { return m.byProxy(login, http.StatusProxyAuthRequired, basic, "") }, 1, []string{"FAIL  Proxy", "with user and password", "Correct user and password"}},
		"proxy-403": {func(m machine) way {
			return m.byProxy("", http.StatusForbidden, "", "<html><head><title>Blocked by policy</title></head></html>")
		}, 1, []string{"FAIL  Proxy", "403", "Blocked by policy"}},
		"proxy-refused": {func(m machine) way {
			return m.to("https://api.claude.test").with("HTTPS_PROXY=http://" + login + nettest.Nobody(m.t))
		}, 1, []string{"FAIL  Proxy", "Nothing listens at 127.0.0.1:"}},
		"proxy-intercepts": {func(m machine) way { return m.toProvider(claudetest.UnknownCA().Always()) }, 1, []string{"  ok  Proxy", "FAIL  TLS", "Zscaler looks into TLS"}},

		"tls-expired":    {func(m machine) way { return m.byTLS(claudetest.Expired().Always()) }, 1, []string{"FAIL  TLS", "the certificate is expired"}},
		"tls-wrong-name": {func(m machine) way { return m.byTLS(claudetest.WrongName().Always()) }, 1, []string{"FAIL  TLS", "for another host: elsewhere.example"}},
		"tls-unknown-ca": {func(m machine) way { return m.byTLS(claudetest.UnknownCA().Always()) }, 1, []string{"FAIL  TLS", "is not trusted here"}},
		"tls-self-signed": {func(m machine) way {
			server := httptest.NewUnstartedServer(nil)
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.StartTLS()
			m.t.Cleanup(server.Close)
			return m.to(server.URL)
		}, 1, []string{"FAIL  TLS", "the certificate is signed by itself"}},

		"http-region": {func(m machine) way { return m.toProvider(claudetest.Region().On(models).Times(2)) }, 1, []string{"FAIL  HTTP", "the provider's edge refuses the call"}},
		"http-portal": {func(m machine) way { return m.toServer(claudetest.Portal().On(models)) }, 1, []string{"FAIL  HTTP", "Welcome to Hotel Wi-Fi"}},

		"auth-401": {func(m machine) way { return m.toProvider(wantsKey.Times(2)) }, 1, []string{"FAIL  Credential", "401 authentication_error"}},
		"auth-401-token": {func(m machine) way {
			return m.toServer(wantsKey.Times(2)).with("ANTHROPIC_API_KEY=", "ANTHROPIC_AUTH_TOKEN="+gatewayToken)
		}, 1, []string{"FAIL  Credential", "401 authentication_error"}},
		"model-unknown": {func(m machine) way {
			w := m.toProvider(wantsKey)
			w.args = append(w.args, "--model", "claude-haiku-55")
			return w
		}, 1, []string{"FAIL  Model", "Did you mean claude-haiku-5-5?"}},
		"model-retired": {func(m machine) way {
			w := m.toProvider(wantsKey)
			w.args = append(w.args, "-m", "claude-3-opus-20240229")
			return w
		}, 1, []string{"FAIL  Model", "was retired on 2026-01-05"}},
		"count-limited": {func(m machine) way { return m.toProvider(wantsKey, claudetest.SpendLimit().On(messages)) }, 1, []string{"FAIL  Counting tokens", "Add credit"}},
		"paid-no-credit": {func(m machine) way {
			w := m.toProvider(wantsKey, claudetest.NoCredit())
			w.args = append(w.args, "--paid")
			return w
		}, 1, []string{"FAIL  Creating a message", "credit balance is too low"}},

		"key-missing":      {func(m machine) way { return m.keyed("") }, 1, []string{"FAIL  Configuration", "ANTHROPIC_API_KEY is not set"}},
		"key-quoted":       {func(m machine) way { return m.keyed(`"` + goodKey + `"`) }, 1, []string{"FAIL  Configuration", "contains a quotation mark"}},
		"key-line-break":   {func(m machine) way { return m.keyed(goodKey + "\n") }, 1, []string{"FAIL  Configuration", "contains a line break"}},
		"key-bearer":       {func(m machine) way { return m.keyed("Bearer " + goodKey) }, 1, []string{"FAIL  Configuration", `starts with "Bearer "`}},
		"key-other-vendor": {func(m machine) way { return m.keyed(foreignKey) }, 1, []string{"FAIL  Configuration", "a key of OpenAI"}},
		"key-placeholder":  {func(m machine) way { return m.keyed("your-api-key") }, 1, []string{"FAIL  Configuration", "a placeholder"}},
		"key-oauth-token":  {func(m machine) way { return m.keyed(loginToken) }, 1, []string{"FAIL  Configuration", "ANTHROPIC_AUTH_TOKEN"}},
		"key-cut":          {func(m machine) way { return m.keyed(goodKey[:60]) }, 0, []string{"warn  Configuration", "the key has 60 characters"}},
		"key-and-token":    {func(m machine) way { return m.toServer(wantsKey).with("ANTHROPIC_AUTH_TOKEN=" + gatewayToken) }, 0, []string{"warn  Configuration", "both ANTHROPIC_API_KEY and ANTHROPIC_AUTH_TOKEN are set"}},
		"base-url-http":    {func(m machine) way { return m.to("http://gateway.example") }, 1, []string{"FAIL  Configuration", "is plain http to another machine"}},
		"base-url-http-env": {func(m machine) way {
			w := m.to("").with("ANTHROPIC_BASE_URL=http://gateway.example")
			w.args = nil
			return w
		}, 1, []string{"FAIL  Configuration", "ANTHROPIC_BASE_URL is plain http to another machine"}},

		"status-operational": {func(m machine) way { return m.toServer(wantsKey).status(m.page("application/json", allOperational)) }, 0, []string{"  ok  Status page: All Systems Operational"}},
		"status-incident":    {func(m machine) way { return m.toServer(wantsKey).status(m.page("application/json", outage)) }, 0, []string{"warn  Status page", "Elevated errors on many models"}},
		"status-html": {func(m machine) way {
			return m.toServer(wantsKey).status(m.page("text/html", "<html><title>Log in</title></html>"))
		}, 0, []string{"skip  Status page", "something else than its summary"}},
		"status-unreachable": {func(m machine) way { return m.toServer(wantsKey).status("http://" + nettest.Nobody(m.t)) }, 0, []string{"skip  Status page", "is not reached: refused"}},
		"status-explains": {func(m machine) way {
			return m.toServer(claudetest.Overloaded().On(models)).status(m.page("application/json", outage))
		}, 1, []string{"FAIL  HTTP", "Elevated errors on many models", "Who can mend it: the provider"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := tc.way(machine{t})
			s := w.goes(t.Context(), t)
			assert.Equal(t, tc.code, s.code, s.stdout)
			assert.Empty(t, s.stderr)
			flat := strings.Join(strings.Fields(s.stdout), " ")
			for _, text := range tc.says {
				assert.Contains(t, flat, strings.Join(strings.Fields(text), " "))
			}
			if runtime.GOOS == "linux" { // systems word some things differently
				args := append([]string{"doctor"}, w.args...)
				for i, arg := range args {
					args[i] = port.ReplaceAllString(arg, ":PORT")
				}
				golden(t, "doctor-"+name, args, settled(s))
			}
		})
	}
}

func TestTheDoctorIsDoneWithinTwoSecondsWhereAllIsWell(t *testing.T) {
	ctx, end := context.WithTimeout(t.Context(), 2*time.Second) // a run that it cuts off fails
	defer end()
	s := machine{t}.toServer(claudetest.Unauthorized().On("GET /v1/models")).goes(ctx, t)
	assert.Zero(t, s.code, s.stdout)
	assert.Contains(t, s.stdout, "Verdict: All is well")
}

func TestTheDoctorThatIsCutOffDoesNotSayThatAllIsWell(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	end()
	s := machine{t}.to("https://"+nettest.Nobody(t)).goes(ctx, t)
	assert.Equal(t, 1, s.code, s.stdout)
	assert.NotContains(t, s.stdout, "All is well")
}

func TestTheDoctorEndsWithTwoWhenItIsUsedWrongly(t *testing.T) {
	for name, args := range map[string][]string{
		"doctor-wrong-flag":     {"doctor", "--models", "claude-haiku-5-5"},
		"doctor-wrong-argument": {"doctor", goodKey},
	} {
		s := call("", args...)
		assert.Equal(t, 2, s.code, name)
		assert.Empty(t, s.stdout, name)
		assert.NotContains(t, s.stderr, goodKey, name)
		golden(t, name, args, s, goodKey, "KEY")
	}
}
