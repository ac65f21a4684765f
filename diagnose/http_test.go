package diagnose_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
	"github.com/steadfast-go/claude/diagnose"
	"github.com/steadfast-go/claude/internal/nettest"
)

const models = "GET /v1/models"

func TestWhatAnswersInPlaceOfTheAPI(t *testing.T) {
	for name, tc := range map[string]struct {
		steps []claudetest.Step
		cfg   diagnose.Config
		class claude.Class
		name  string
		who   claude.Party
		says  string
		cause string
		first string
	}{
		"http_region": {
			steps: []claudetest.Step{claudetest.Region().On(models).Times(2)},
			class: claude.ErrRegion, name: diagnose.EdgeRefused, who: claude.PartyNetwork, says: "the provider's edge refuses the call", cause: "public (egress) IP address", first: "Find the country",
		},
		"http_region_moves": {
			steps: []claudetest.Step{claudetest.Region().On(models), claudetest.Region().On(models).Header("Cf-Ray", "8a1b2c3d4e5f6790-SIN")},
			class: claude.ErrRegion, name: diagnose.EdgeRefused, who: claude.PartyNetwork, says: "the provider's edge refuses the call", cause: "answered in two places, HKG and SIN", first: "Make all calls leave by the same way",
		},
		"http_region_sometimes": {
			steps: []claudetest.Step{claudetest.Region().On(models), claudetest.Unauthorized().On(models)},
			class: claude.ErrRegion, name: diagnose.EdgeRefused, who: claude.PartyNetwork, says: "the provider's edge refuses the call", cause: "Refused once and let through once", first: "Make all calls leave by the same way",
		},
		"http_region_serverless": {
			steps: []claudetest.Step{claudetest.Region().On(models).Times(2)},
			cfg:   diagnose.Config{Environ: []string{"VERCEL=1", "VERCEL_REGION=hkg1"}},
			class: claude.ErrRegion, name: diagnose.EdgeRefused, who: claude.PartyNetwork, says: "the provider's edge refuses the call", cause: "public (egress) IP address", first: "Vercel: the call leaves from the region",
		},
		"http_portal": {
			steps: []claudetest.Step{claudetest.Portal().On(models)},
			class: claude.ErrUnexpectedResponse, name: diagnose.Portal, who: claude.PartyNetwork, says: `a web page answers in place of the API: "Welcome to Hotel Wi-Fi"`, cause: "A portal (hotel, airport, guest network)", first: "Check ANTHROPIC_BASE_URL",
		},
		"http_redirect": {
			steps: []claudetest.Step{claudetest.Redirect("https://login.hotel.example/?key=" + testToken).On(models)},
			class: claude.ErrRedirect, name: diagnose.Portal, who: claude.PartyNetwork, says: "it leads elsewhere, as a login page does", cause: "https://login.hotel.example/", first: "Check ANTHROPIC_BASE_URL",
		},
		"http_blocked": {
			steps: []claudetest.Step{claudetest.GatewayPage(403).On(models)},
			class: claude.ErrBlocked, name: diagnose.Portal, who: claude.PartyNetwork, says: `a web page answers in place of the API: "403 Forbidden"`, cause: "web filter or firewall", first: "Open https://",
		},
		"http_wrong_server": {
			steps: []claudetest.Step{claudetest.GatewayPage(404).On(models)},
			class: claude.ErrBlocked, name: "http", who: claude.PartyYou, says: "404 Not Found", cause: "does not know the path /v1/models", first: "Check ANTHROPIC_BASE_URL",
		},
		"http_wrong_path": {
			steps: []claudetest.Step{claudetest.NotFound("not here").On(models)},
			class: claude.ErrNotFound, name: "http", who: claude.PartyYou, says: "the API answers, but does not know the path", cause: "a path that does not belong there", first: "Make the base URL",
		},
		"http_overloaded": {
			steps: []claudetest.Step{claudetest.Overloaded().On(models)},
			class: claude.ErrOverloaded, name: "http", who: claude.PartyProvider, says: "it answers 529", cause: "Many users at once", first: "Wait a minute",
		},
		"http_gateway": {
			steps: []claudetest.Step{claudetest.GatewayText(503, "upstream connect error or disconnect/reset before headers").On(models).Header("Server", "envoy")},
			class: claude.ErrGateway, name: "http", who: claude.PartyNetwork, says: "envoy on the way answers 503", cause: "It cannot reach what is behind it", first: "Look at the log of envoy",
		},
		"http_garbage": {
			steps: []claudetest.Step{claudetest.Garbage().On(models)},
			class: claude.ErrUnexpectedResponse, name: diagnose.Portal, who: claude.PartyNetwork, says: "200, and it is not the API's answer", cause: "A portal", first: "Check ANTHROPIC_BASE_URL",
		},
		"http_reset": {
			steps: []claudetest.Step{claudetest.Reset().On(models)},
			class: claude.ErrConnectionLost, name: "http", who: claude.PartyNetwork, says: "no answer to the request", cause: "closes connections", first: "Call again",
		},
		"http_silence": {
			steps: []claudetest.Step{claudetest.NoAnswer().On(models)}, cfg: diagnose.Config{Timeout: 300 * time.Millisecond},
			class: claude.ErrTimeout, name: "http", who: claude.PartyUnknown, says: "the request is sent, and no answer comes within", cause: "swallows the answer", first: "Run the diagnosis again",
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := claudetest.NewServer(t, tc.steps...)
			cfg := tc.cfg
			cfg.BaseURL, cfg.APIKey = server.URL, testKey
			report := diagnosed(t, cfg)
			s := step(t, report, "http")
			assert.Equal(t, diagnose.StatusFailed, s.Status)
			assert.Equal(t, tc.class, s.Class)
			assert.Contains(t, s.Finding, tc.says)
			assert.Contains(t, s.Cause, tc.cause)
			assert.Contains(t, s.Actions[0], tc.first)
			assert.Equal(t, tc.name, report.Verdict.Name)
			assert.Equal(t, tc.who, report.Verdict.Who)
			for _, r := range server.Requests() {
				assert.Empty(t, r.Key, "the key stays here")
			}
			assert.Equal(t, diagnose.StatusSkipped, step(t, report, "auth").Status)
			golden(t, name, report)
		})
	}
}

func TestAChallengeOfTheEdgeIsNamed(t *testing.T) {
	server := claudetest.NewServer(t, claudetest.GatewayPage(403).On(models).Header("Server", "cloudflare").Header("Cf-Ray", "8a1b-FRA").Header("Cf-Mitigated", "challenge"))
	report := diagnosed(t, diagnose.Config{BaseURL: server.URL, APIKey: testKey})
	assert.Contains(t, step(t, report, "http").Cause, "wants to see a browser")
}

func TestAProxyThatRefusesPlainHTTP(t *testing.T) {
	proxy := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Proxy-Authenticate", "Basic")
		w.WriteHeader(http.StatusProxyAuthRequired)
	})
	report := diagnosed(t, diagnose.Config{BaseURL: "http://gateway.example", PlainHTTP: true, APIKey: testKey, Proxy: proxy})
	assert.Equal(t, diagnose.StatusOK, step(t, report, "proxy").Status)
	assert.Equal(t, claude.ErrProxy, step(t, report, "http").Class)
}

func TestAGatewayIsToldFromTheAPI(t *testing.T) {
	unauthorized := claudetest.Error(401, "authentication_error", "no key").On(models).Header("Request-Id", "")
	for name, tc := range map[string]struct {
		step   claudetest.Step
		status diagnose.Status
		says   string
	}{
		"with a request id":             {claudetest.Unauthorized().On(models), diagnose.StatusOK, "the API answers, and wants a key"},
		"without one":                   {unauthorized, diagnose.StatusOK, "a gateway answers, and wants a key"},
		"that does not list models":     {claudetest.GatewayText(404, `{"detail":"Not Found"}`).On(models).Header("Content-Type", "application/json"), diagnose.StatusWarning, "a gateway answers that does not list models (404)"},
		"that limits calls without key": {claudetest.RateLimited(time.Second).On(models), diagnose.StatusWarning, "it answers 429 to a request without a key"},
	} {
		t.Run(name, func(t *testing.T) {
			server := claudetest.NewServer(t, tc.step)
			report := diagnosed(t, diagnose.Config{BaseURL: server.URL, APIKey: testKey})
			s := step(t, report, "http")
			assert.Equal(t, tc.status, s.Status, s.Finding)
			assert.Contains(t, s.Finding, tc.says)
			assert.Equal(t, diagnose.StatusOK, step(t, report, "count").Status, "then the credential is tried")
		})
	}
	t.Run("in the provider's name", func(t *testing.T) {
		server := claudetest.NewTLSServer(t, unauthorized)
		cfg := theProviders(t, diagnose.Config{BaseURL: server.URL, APIKey: testKey, RootCAs: server.CertPEM, StatusURL: page(t, 200, "application/json", operational)})
		report := diagnosed(t, cfg)
		assert.Contains(t, step(t, report, "http").Finding, "something answers in the name of the API, but without its request-id")
	})
}

func TestTheClockIsComparedWithTheServers(t *testing.T) {
	for _, tc := range []struct {
		off  time.Duration
		says string // empty if it is right
	}{
		{0, ""},
		{time.Minute, ""},
		{-time.Minute, ""},
		{30 * time.Minute, "this machine's clock is 30 minutes behind"},
		{-49 * time.Hour, "this machine's clock is 2 days ahead"},
	} {
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(tc.off).Add(time.Second).UTC().Format(http.TimeFormat))
			w.Header().Set("Request-Id", "req_1")
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"data":[],"has_more":false,"input_tokens":1,"id":"claude-haiku-5-5","type":"model","display_name":"x"}`)
		})
		report := diagnosed(t, diagnose.Config{BaseURL: server, APIKey: testKey})
		s := step(t, report, "clock")
		if tc.says == "" {
			assert.Equal(t, diagnose.StatusOK, s.Status, "%v %s", tc.off, s.Finding)
			continue
		}
		assert.Equal(t, diagnose.StatusWarning, s.Status)
		assert.Equal(t, tc.says, s.Finding)
		assert.Equal(t, claude.PartyYou, s.Who)
		assert.True(t, report.Healthy)
		assert.Equal(t, diagnose.HealthyWithWarning, report.Verdict.Name)
	}
}

func TestAKeptConnectionThatDiesIsToldFromABadServer(t *testing.T) {
	var conns atomic.Int32
	server := claudetest.NewServer(t, claudetest.Unauthorized().On(models))
	target := strings.TrimPrefix(server.URL, "http://")
	// Something on the way that resets a connection when a POST comes on it after
	// something else.
	address := nettest.Listen(t, func(c net.Conn) {
		conns.Add(1)
		up, err := net.Dial("tcp", target)
		if err != nil {
			return
		}
		defer up.Close()
		go func() { _, _ = io.Copy(c, up); c.Close() }()
		buf := make([]byte, 64<<10)
		for used := false; ; used = true {
			n, err := c.Read(buf)
			if err != nil || used && strings.HasPrefix(string(buf[:n]), "POST") {
				_ = c.(*net.TCPConn).SetLinger(0)
				return
			}
			_, _ = up.Write(buf[:n])
		}
	})
	report := diagnosed(t, diagnose.Config{BaseURL: "http://" + address, APIKey: testKey})
	s := step(t, report, "count")
	require.Equal(t, diagnose.StatusWarning, s.Status, report)
	assert.Equal(t, diagnose.PooledConnection, report.Verdict.Name)
	assert.True(t, report.Healthy)
	assert.Contains(t, s.Cause, "ends connections without a word")
	assert.Contains(t, strings.Join(report.CurlDiffers, " "), "curl makes a new connection each time")
	for i := range report.Steps { // how it dies is a matter of chance
		for j, e := range report.Steps[i].Evidence {
			if e.Name == "kept connection" {
				assert.Contains(t, []string{"reset", "closed without a word"}, e.Value)
				report.Steps[i].Evidence[j].Value = "reset"
			}
		}
	}
	golden(t, "pooled", report)
}
