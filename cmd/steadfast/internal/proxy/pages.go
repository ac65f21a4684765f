package proxy

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/steadfast-go/claude"
)

// pageRoot is what the proxy's own paths begin with. None of the API's does.
const pageRoot = "/-/"

// The proxy's own pages.
const (
	pageHealth = pageRoot + "healthz" // 200 while it runs
	pageReady  = pageRoot + "readyz"  // 200 while it takes requests, 503 while it drains
	pageStatus = pageRoot + "status"
	pageJSON   = pageRoot + "status.json"
	pageStyle  = pageRoot + "status.css"
	pageScript = pageRoot + "status.js"
	pageIcon   = pageRoot + "status.svg" // else a browser asks the upstream for one
	pageEvents = pageRoot + "events"     // the status as server-sent events, once a second
)

const (
	eventsEvery = time.Second
	maxWatchers = 32 // of events
)

//go:embed web
var web embed.FS

var statusPage = template.Must(template.New("status.html").Funcs(template.FuncMap{
	"counts": counts, "about": about, "millis": showMillis, "clock": showClock, "ago": showAgo, "bytes": showBytes, "number": showNumber,
}).ParseFS(web, "web/status.html"))

// pages answers what is below pageRoot.
type pages struct {
	proxy    *Proxy
	watchers chan struct{} // a place for each
}

func newPages(p *Proxy) *pages { return &pages{p, make(chan struct{}, maxWatchers)} }

// policy lets a page load what comes from the proxy itself and nothing else.
const policy = "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// ServeHTTP answers a page.
func (s *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		answer(w, http.StatusMethodNotAllowed, typeInvalid, "This page can only be read.", "")
		return
	}
	switch r.URL.Path { // what may be asked without a token: it tells nothing
	case pageHealth:
		text(w, http.StatusOK, "ok\n")
		return
	case pageReady:
		if _, closed := s.proxy.admission.now(); closed {
			text(w, http.StatusServiceUnavailable, "draining\n")
		} else {
			text(w, http.StatusOK, "ready\n")
		}
		return
	}
	if why := s.proxy.guardCaller(r); why != nil {
		if why.status == http.StatusUnauthorized {
			h.Set("WWW-Authenticate", `Basic realm="steadfast proxy: the token is the password", charset="UTF-8"`)
		}
		refuse(w, why)
		return
	}
	switch r.URL.Path {
	case pageRoot:
		http.Redirect(w, r, pageStatus, http.StatusFound)
	case pageStatus:
		s.render(w)
	case pageJSON:
		h.Set("Content-Type", "application/json")
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(s.proxy.Status()) //nolint:errchkjson // times of this century
	case pageStyle, pageScript, pageIcon:
		http.ServeFileFS(w, r, web, "web/"+strings.TrimPrefix(r.URL.Path, pageRoot))
	case pageEvents:
		s.events(w, r)
	default:
		answer(w, http.StatusNotFound, typeNotFound, "The proxy has no such page. Its status is at "+pageStatus+".", "")
	}
}

func text(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// render writes the status page.
func (s *pages) render(w http.ResponseWriter) {
	var page bytes.Buffer
	if err := statusPage.Execute(&page, s.proxy.Status()); err != nil {
		answer(w, http.StatusInternalServerError, typeAPI, "The status page could not be made.", "")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = page.WriteTo(w)
}

// events sends the status now and every second, until the caller leaves or the
// proxy ends: as JSON, or with ?view=page as the parts of the status page.
func (s *pages) events(w http.ResponseWriter, r *http.Request) {
	select {
	case s.watchers <- struct{}{}:
		defer func() { <-s.watchers }()
	default:
		setRetryAfter(w.Header(), time.Second)
		answer(w, http.StatusServiceUnavailable, typeOverloaded, "Too many watch the status.", "")
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w).Flush
	ticker := time.NewTicker(eventsEvery)
	defer ticker.Stop()
	for {
		event, err := s.event(r.URL.Query().Get("view") == "page")
		if err != nil {
			return
		}
		if _, err := w.Write(event); err != nil || flush() != nil {
			return
		}
		select {
		case <-ticker.C:
		case <-r.Context().Done():
			return
		}
	}
}

func (s *pages) event(page bool) ([]byte, error) {
	var event, data bytes.Buffer
	if page {
		event.WriteString("event: page\n")
		if err := statusPage.ExecuteTemplate(&data, "live", s.proxy.Status()); err != nil {
			return nil, err
		}
	} else {
		event.WriteString("event: status\n")
		if err := json.NewEncoder(&data).Encode(s.proxy.Status()); err != nil {
			return nil, err
		}
	}
	for line := range strings.Lines(data.String()) {
		if line = strings.TrimSpace(line); line != "" {
			event.WriteString("data: " + line + "\n")
		}
	}
	event.WriteString("\n")
	return event.Bytes(), nil
}

// about says what a class means.
func about(class string) string { return claude.Explain(claude.Class(class)).Summary }

func showMillis(ms float64) string {
	switch {
	case ms < 10:
		return strconv.FormatFloat(ms, 'f', 2, 64) + " ms"
	case ms < 1000:
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	}
	return strconv.FormatFloat(ms/1000, 'f', 2, 64) + " s"
}

// showClock shows a time for people and for programs.
func showClock(at time.Time) template.HTML {
	return template.HTML(`<time datetime="` + at.UTC().Format(time.RFC3339) + `">` + at.Local().Format(time.TimeOnly) + `</time>`) //nolint:gosec // digits only
}

func showAgo(now, then time.Time) string {
	return now.Sub(then).Truncate(time.Second).String()
}

func showBytes(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + " MiB"
	case n >= 1<<10 && n%(1<<10) == 0:
		return strconv.FormatInt(n>>10, 10) + " KiB"
	}
	return strconv.FormatInt(n, 10) + " B"
}

func showNumber(f float64) string { return fmt.Sprintf("%.0f", f) }
