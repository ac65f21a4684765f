package diagnose

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/steadfast-go/claude"
)

const (
	statusURL     = "https://status.anthropic.com/api/v2/summary.json"
	maxStatus     = 1 << 20
	maxStatusTime = 5 * time.Second
)

// summary is what a page of Statuspage says, as far as it matters here:
// https://status.anthropic.com/api.
type summary struct {
	Status struct {
		Indicator   string `json:"indicator"` // none, minor, major, critical, maintenance
		Description string `json:"description"`
	} `json:"status"`
	Components []struct {
		Name   string `json:"name"`
		Status string `json:"status"`
		Group  bool   `json:"group"`
	} `json:"components"`
	Incidents   []incident `json:"incidents"`
	Maintenance []incident `json:"scheduled_maintenances"`
}

type incident struct {
	Name   string `json:"name"`
	Status string `json:"status"`
	Impact string `json:"impact"`
	Link   string `json:"shortlink"`
}

// status looks at the provider's status page. It is not on the way to the API, so
// it is looked at whatever came before.
func (r *run) status(ctx context.Context) {
	s := Step{ID: "status", Title: "Status page", Status: StatusRunning}
	page := r.cfg.StatusURL
	switch {
	case ctx.Err() != nil:
		r.skip(&s, "not tried: the context has ended")
	case page == "" && r.base == nil:
		r.skip(&s, "not tried: "+r.blocked)
	case page == "" && !r.providers():
		r.skip(&s, "the base URL is not the provider's own")
	default:
		r.perform(ctx, &s, r.readStatus)
	}
	r.finish(s)
}

func (r *run) readStatus(ctx context.Context, s *Step) {
	page := orElse(r.cfg.StatusURL, statusURL)
	u, err := url.Parse(page)
	if err != nil || u.Host == "" {
		r.skip(s, "its URL is not one")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, min(maxStatusTime, r.cfg.Timeout))
	defer cancel()
	proxy := goProxy(r.env, u).url
	if r.cfg.Proxy != "" {
		proxy = r.choice.url
	}
	transport := r.newTransport(proxy)
	transport.DisableKeepAlives = true
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		r.skip(s, "its URL is not one")
		return
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		r.skip(s, u.Host+" is not reached: "+happened(err))
		return
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxStatus))
	var sum summary
	switch {
	case err != nil:
		r.skip(s, u.Host+" broke off: "+happened(err))
	case resp.StatusCode != http.StatusOK:
		r.skip(s, u.Host+" answered "+itoa(resp.StatusCode)+", not its summary")
	case json.Unmarshal(data, &sum) != nil, sum.Status.Indicator == "":
		r.skip(s, u.Host+" answered with something else than its summary")
		if what := title(string(data)); what != "" {
			s.saw("page", r.foreign(what))
		}
	default:
		r.judgeStatus(s, &sum)
	}
}

// judgeStatus says what the page says.
func (r *run) judgeStatus(s *Step, sum *summary) {
	s.Finding = r.foreign(sum.Status.Description)
	for _, c := range sum.Components {
		if c.Status != "operational" && c.Status != "" && !c.Group {
			s.saw(r.foreign(c.Name), r.foreign(strings.ReplaceAll(c.Status, "_", " ")))
		}
	}
	for _, i := range sum.Incidents {
		s.saw("incident", r.foreign(i.Name)+" ("+r.foreign(i.Impact)+", "+r.foreign(i.Status)+") "+r.foreign(i.Link))
		if r.incident == "" {
			r.incident = r.foreign(i.Name)
		}
	}
	for _, m := range sum.Maintenance {
		if m.Status == "in_progress" || m.Status == "verifying" {
			s.saw("maintenance", r.foreign(m.Name)+" "+r.foreign(m.Link))
		}
	}
	if sum.Status.Indicator == "none" && len(sum.Incidents) == 0 {
		return
	}
	if r.incident == "" {
		r.incident = s.Finding
	}
	s.warn("the provider reports trouble: " + r.incident)
	s.Who = claude.PartyProvider
	s.only("Wait, and follow it at https://status.anthropic.com. The client tries again where that helps.")
}
