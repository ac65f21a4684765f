package diagnose_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
	"github.com/steadfast-go/claude/diagnose"
	"github.com/steadfast-go/claude/internal/nettest"
)

const (
	outage = `{"status":{"indicator":"major","description":"Partial System Outage"},
		"components":[{"name":"Claude API (api.anthropic.com)","status":"partial_outage"},{"name":"claude.ai","status":"operational"}],
		"incidents":[{"name":"Elevated errors on many models","status":"investigating","impact":"major","shortlink":"https://stspg.io/abc"}],
		"scheduled_maintenances":[{"name":"Database work","status":"in_progress","impact":"maintenance"},{"name":"Later","status":"scheduled","impact":"maintenance"}]}`
	minor = `{"status":{"indicator":"minor","description":"Minor Service Outage"},"components":[],"incidents":[]}`
)

func TestTheStatusPage(t *testing.T) {
	for name, tc := range map[string]struct {
		url    string
		status diagnose.Status
		says   string
	}{
		"status_operational": {page(t, 200, "application/json", operational), diagnose.StatusOK, "All Systems Operational"},
		"status_incident":    {page(t, 200, "application/json", outage), diagnose.StatusWarning, "the provider reports trouble: Elevated errors on many models"},
		"status_minor":       {page(t, 200, "application/json", minor), diagnose.StatusWarning, "the provider reports trouble: Minor Service Outage"},
		"status_unreachable": {"http://" + nettest.Nobody(t), diagnose.StatusSkipped, "is not reached: refused"},
		"status_html":        {page(t, 200, "text/html", "<html><title>Log in</title></html>"), diagnose.StatusSkipped, "answered with something else than its summary"},
		"status_other_json":  {page(t, 200, "application/json", `{"hello":"world"}`), diagnose.StatusSkipped, "answered with something else than its summary"},
		"status_503":         {page(t, 503, "text/html", "<html></html>"), diagnose.StatusSkipped, "answered 503, not its summary"},
		"status_no_url":      {"::", diagnose.StatusSkipped, "its URL is not one"},
	} {
		t.Run(name, func(t *testing.T) {
			server := claudetest.NewServer(t)
			report := diagnosed(t, diagnose.Config{BaseURL: server.URL, APIKey: testKey, StatusURL: tc.url})
			s := step(t, report, "status")
			assert.Equal(t, tc.status, s.Status)
			assert.Contains(t, s.Finding, tc.says)
			assert.True(t, report.Healthy, "what the page says alone is no failure")
			golden(t, name, report)
		})
	}
}

func TestASilentStatusPageDoesNotHoldUp(t *testing.T) {
	server := claudetest.NewServer(t, claudetest.NoAnswer().On("GET /"))
	start := time.Now()
	report := diagnosed(t, diagnose.Config{BaseURL: claudetest.NewServer(t).URL, APIKey: testKey, StatusURL: server.URL, Timeout: 200 * time.Millisecond})
	assert.Less(t, time.Since(start), 2*time.Second)
	assert.Equal(t, diagnose.StatusSkipped, step(t, report, "status").Status)
}

func TestAnIncidentExplainsAFailureOfTheProvider(t *testing.T) {
	server := claudetest.NewServer(t, claudetest.Overloaded().On(models))
	report := diagnosed(t, diagnose.Config{BaseURL: server.URL, APIKey: testKey, StatusURL: page(t, 200, "application/json", outage)})
	assert.Equal(t, diagnose.ProviderIncident, report.Verdict.Name)
	assert.Equal(t, claude.PartyProvider, report.Verdict.Who)
	assert.Contains(t, report.Verdict.Summary, "Elevated errors on many models")
	golden(t, "incident", report)
}

func TestTheStatusPageOfTheProviderIsNotAskedAboutAGateway(t *testing.T) {
	report := diagnosed(t, diagnose.Config{BaseURL: claudetest.NewServer(t).URL, APIKey: testKey})
	assert.Equal(t, "the base URL is not the provider's own", step(t, report, "status").Finding)
}
