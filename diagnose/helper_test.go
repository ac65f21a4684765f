package diagnose_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude/claudetest"
	"github.com/steadfast-go/claude/diagnose"
	"github.com/steadfast-go/claude/internal/dnstest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Secrets of these tests. None of them is real.
var (
	testKey       = "sk-ant-api03-" + strings.Repeat("Ab3_", 23) + "zAA"
	testToken     = "gateway-token-0123456789"
	proxyPassword = "p@ss/word"
	shortPassword = "hunter2"
)

// filler is what follows the beginning of a key that is made up.
const filler = "0123456789abcdefghij"

// stepIDs are the steps of every diagnosis, in order.
var stepIDs = []string{"configuration", "environment", "proxy", "dns", "connect", "path", "tls", "http", "clock", "auth", "model", "count", "message", "status"}

// nothing is a machine without any files.
var nothing = fstest.MapFS{}

// diagnosed makes a diagnosis on a machine where nothing is set but what cfg says,
// and checks what holds for every report.
func diagnosed(t *testing.T, cfg diagnose.Config) *diagnose.Report {
	t.Helper()
	if cfg.Environ == nil {
		cfg.Environ = []string{}
	}
	if cfg.FS == nil {
		cfg.FS = nothing
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	var told []diagnose.Step
	if onStep := cfg.OnStep; onStep == nil {
		cfg.OnStep = func(s diagnose.Step) { told = append(told, s) }
	} else {
		cfg.OnStep = func(s diagnose.Step) { told = append(told, s); onStep(s) }
	}
	report := diagnose.Run(t.Context(), cfg)
	require.NotNil(t, report)
	holds(t, report)
	leavesNoSecret(t, report, told)
	return report
}

// holds checks what holds for every report.
func holds(t *testing.T, report *diagnose.Report) {
	t.Helper()
	ids := make([]string, 0, len(report.Steps))
	for _, s := range report.Steps {
		ids = append(ids, s.ID)
		assert.NotEqual(t, diagnose.StatusRunning, s.Status, s.ID)
		assert.NotEmpty(t, s.Finding, s.ID)
		if s.Status == diagnose.StatusFailed {
			assert.NotEmpty(t, s.Cause, s.ID)
			assert.NotEmpty(t, s.Actions, s.ID)
			assert.NotEmpty(t, s.Class, s.ID)
			assert.NotEmpty(t, s.Who, s.ID)
			assert.False(t, report.Healthy)
		}
	}
	assert.Equal(t, stepIDs, ids)
	assert.NotEmpty(t, report.Verdict.Name)
	assert.NotEmpty(t, report.Verdict.Summary)
	if !report.Healthy && report.Verdict.Name != diagnose.Unfinished {
		assert.NotEmpty(t, report.Verdict.Who)
		assert.NotEmpty(t, report.Verdict.First)
		assert.NotEmpty(t, report.Verdict.Class)
	}
}

// leavesNoSecret looks for secrets in everything that a diagnosis gives away.
func leavesNoSecret(t *testing.T, report *diagnose.Report, told []diagnose.Step) {
	t.Helper()
	asJSON, err := json.Marshal(report)
	require.NoError(t, err)
	live, err := json.Marshal(told)
	require.NoError(t, err)
	for _, text := range []string{string(asJSON), string(live), report.String()} {
		for _, secret := range secrets() {
			assert.NotContains(t, text, secret)
		}
	}
}

// secrets are those of these tests, in every form in which they travel.
func secrets() []string {
	return []string{
		testKey, testKey[len(testKey)-20:], testToken, proxyPassword, url.QueryEscape(proxyPassword), url.PathEscape(proxyPassword), shortPassword,
		base64.StdEncoding.EncodeToString([]byte("me:" + proxyPassword)), base64.StdEncoding.EncodeToString([]byte("me:" + shortPassword)),
	}
}

// step returns a step of a report.
func step(t *testing.T, report *diagnose.Report, id string) diagnose.Step {
	t.Helper()
	for _, s := range report.Steps {
		if s.ID == id {
			return s
		}
	}
	require.Fail(t, "no step", id)
	return diagnose.Step{}
}

// seen returns the evidence of a step under a name; several are joined.
func seen(s diagnose.Step, name string) string {
	var all []string
	for _, e := range s.Evidence {
		if e.Name == name {
			all = append(all, e.Value)
		}
	}
	return strings.Join(all, "; ")
}

// volatile are the parts of a report that differ from run to run.
var volatile = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\bgo1\.\d+(\.\d+)?\S*, \w+/\w+`), "GOVERSION, SYSTEM"},
	{regexp.MustCompile(`steadfast([ -](?:go/)?)\d+\.\d+\.\d+`), "steadfast${1}VERSION"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)? UTC`), "MOMENT"},
	{regexp.MustCompile(`(until|good from) \d{4}-\d\d-\d\d`), "$1 DATE"},
	{regexp.MustCompile(`:\d{5}\b`), ":PORT"},
	{regexp.MustCompile(`port \d{5}\b`), "port PORT"},
	{regexp.MustCompile(`\b(\d+(\.\d+)?(µs|ms|s|m|h))+\b`), "TIME"},
	{regexp.MustCompile(`a proxy\.\d+`), "a proxy.N"},
}

// normalised is a report without what differs from run to run.
func normalised(report diagnose.Report) string {
	fix(reflect.ValueOf(&report).Elem())
	return report.String() + "\n"
}

// fix goes through all texts and durations of a value.
func fix(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		text := v.String()
		for _, r := range volatile {
			text = r.pattern.ReplaceAllString(text, r.with)
		}
		if v.CanSet() {
			v.SetString(text)
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			if field.CanSet() {
				fix(field)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			fix(v.Index(i))
		}
	case reflect.Int64:
		v.SetInt(0)
	default:
	}
}

// golden compares what the user sees with a file. Systems word some things
// differently, so it does so on Linux alone.
func golden(t *testing.T, name string, report *diagnose.Report) {
	t.Helper()
	data, err := json.Marshal(report)
	require.NoError(t, err)
	var copied diagnose.Report
	require.NoError(t, json.Unmarshal(data, &copied), "a report survives JSON")
	got := normalised(copied)
	file := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	if runtime.GOOS != "linux" {
		return
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n"))), got)
}

// api is a way to the API that works: by name, with TLS, an API that wants a key,
// and a status page.
func api(t *testing.T, steps ...claudetest.Step) diagnose.Config {
	t.Helper()
	server := claudetest.NewTLSServer(t, append([]claudetest.Step{claudetest.Unauthorized().On("GET /v1/models")}, steps...)...)
	return diagnose.Config{
		BaseURL: "https://api.claude.test:" + portOf(t, server.URL), APIKey: testKey, RootCAs: server.CertPEM,
		Resolver:  names(t, dnstest.Addrs("127.0.0.1")),
		StatusURL: page(t, http.StatusOK, "application/json", operational),
	}
}

// notAsked is api for a way on which the API itself is not reached.
func notAsked(t *testing.T) diagnose.Config {
	t.Helper()
	server := claudetest.NewTLSServer(t)
	return diagnose.Config{
		BaseURL: "https://api.claude.test:" + portOf(t, server.URL), APIKey: testKey, RootCAs: server.CertPEM,
		Resolver:  names(t, dnstest.Addrs("127.0.0.1")),
		StatusURL: page(t, http.StatusOK, "application/json", operational),
	}
}

// theProviders makes a Config go to the provider's own host, which a name server of
// ours says to be here.
func theProviders(t *testing.T, cfg diagnose.Config) diagnose.Config {
	t.Helper()
	cfg.BaseURL = "https://api.anthropic.com:" + portOf(t, cfg.BaseURL)
	cfg.Resolver = names(t, dnstest.Addrs("127.0.0.1"))
	return cfg
}

// names resolves every name to the same, but one that cannot exist.
func names(t *testing.T, answer dnstest.Answer) *net.Resolver {
	t.Helper()
	return dnstest.NewResolver(t, func(q dnstest.Question) dnstest.Answer {
		if strings.HasSuffix(q.Name, ".invalid") {
			return dnstest.Answer{Code: dnstest.NoSuchName}
		}
		return answer
	})
}

const operational = `{"page":{"name":"Claude"},"status":{"indicator":"none","description":"All Systems Operational"},"components":[{"name":"Claude API","status":"operational"}],"incidents":[],"scheduled_maintenances":[]}`

// page serves the same page to everybody.
func page(t *testing.T, status int, contentType, body string) string {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u.Port()
}

var answerNoName = dnstest.Answer{Code: dnstest.NoSuchName}
