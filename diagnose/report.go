package diagnose

import (
	"fmt"
	"strings"
	"time"

	"github.com/steadfast-go/claude"
)

// Status is how a step went.
type Status string

// The statuses.
const (
	StatusRunning Status = "running" // only seen by Config.OnStep
	StatusOK      Status = "ok"
	StatusWarning Status = "warning" // it works, and something should be looked at
	StatusFailed  Status = "failed"
	StatusSkipped Status = "skipped" // Finding says why
)

// A Report is what a diagnosis found. It holds no secret.
type Report struct {
	Endpoint string        `json:"endpoint"` // where messages are created; empty if the base URL is no use
	Model    string        `json:"model"`    // the model that was asked for
	Started  time.Time     `json:"started"`
	Elapsed  time.Duration `json:"elapsed_ns"`
	Healthy  bool          `json:"healthy"` // no step failed
	Verdict  Verdict       `json:"verdict"`
	Steps    []Step        `json:"steps"` // all of them, in order, also those that were skipped

	// Curl makes the same request without this module. The credential is a
	// variable of the shell in it.
	Curl string `json:"curl,omitempty"`
	// CurlDiffers says where curl, on this machine and with this environment,
	// takes another way than this program; empty if nothing is known of.
	CurlDiffers []string `json:"curl_differs,omitempty"`
}

// A Step is one step of a diagnosis.
type Step struct { //nolint:recvcheck // it is made by pointer, and printed by value
	ID       string        `json:"id"` // such as "dns"; stays the same
	Title    string        `json:"title"`
	Status   Status        `json:"status"`
	Elapsed  time.Duration `json:"elapsed_ns"`
	Finding  string        `json:"finding"`            // what was found, in a line
	Evidence []Evidence    `json:"evidence,omitempty"` // what was seen

	// Of a step that failed, and partly of one with a warning:
	Class   claude.Class `json:"class,omitempty"`   // as an error of a call would have it
	Who     claude.Party `json:"who,omitempty"`     // whose it is to mend
	Cause   string       `json:"cause,omitempty"`   // the likeliest cause
	Actions []string     `json:"actions,omitempty"` // what to do, in order
	DocURL  string       `json:"doc_url,omitempty"` // where to read on

	name string // of the verdict, if this step decides it; empty means its ID
}

// Evidence is something a step saw.
type Evidence struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// A Verdict is what a diagnosis comes to.
type Verdict struct {
	// Name tells verdicts apart, for programs: one of the constants below, or
	// the ID of the step that failed.
	Name    string       `json:"name"`
	Summary string       `json:"summary"`         // one sentence
	Step    string       `json:"step,omitempty"`  // the ID of the step that decided
	Class   claude.Class `json:"class,omitempty"` // of that step
	Who     claude.Party `json:"who,omitempty"`   // whose it is to mend
	First   string       `json:"first,omitempty"` // what to do first
	Besides []string     `json:"besides,omitempty"`
}

// Names of verdicts that say more than which step failed. Where curl works and the
// program does not, it is one of NotExported, PooledConnection, BrokenFamily and,
// for all else, CurlWorks.
const (
	Healthy            = "healthy"
	HealthyWithWarning = "healthy_with_warning"
	Unfinished         = "unfinished"           // the context ended first
	NoKey              = "no_key"               // nothing to authenticate with
	NotExported        = "not_exported"         // the key is set where this process does not see it
	WrongKey           = "wrong_key"            // a placeholder, or a key of another vendor
	CurlWorks          = "curl_works"           // curl may work where this program does not; Report.CurlDiffers says why
	ProxyAuth          = "proxy_auth"           // 407
	ProxyDenied        = "proxy_denied"         // the proxy's rules
	HijackedDNS        = "hijacked_dns"         // the name leads somewhere else
	SilentDrop         = "silent_drop"          // packets disappear
	BrokenFamily       = "broken_family"        // IPv4 works and IPv6 does not, or the other way round
	Intercepted        = "intercepted"          // somebody looks into TLS, with an authority that is not trusted here
	NoRoots            = "no_roots"             // this system knows no authorities
	NameFiltered       = "name_filtered"        // TCP connects, and TLS dies over the host's name
	HelloTooLarge      = "hello_too_large"      // something on the way cannot take the ClientHello of Go
	Portal             = "portal"               // a login page, a filter's page
	EdgeRefused        = "edge_refused"         // the provider's edge, mostly over the country
	PooledConnection   = "pooled_connection"    // a kept connection died, a fresh one works
	ModelRetired       = "model_retired"        // no longer served
	ProviderIncident   = "provider_incident"    // it fails, and the status page says so too
	CertificateOrClock = "certificate_or_clock" // a certificate that is not valid now, or a clock that is wrong
)

const wrap = 96 // columns of the text form

// String returns the report as plain text for a terminal, without colour.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Diagnosis of %s, %s\n\n", orElse(r.Endpoint, "a base URL that is no use"), r.Elapsed.Round(time.Millisecond))
	for i := 0; i < len(r.Steps); i++ {
		s := r.Steps[i]
		for i+1 < len(r.Steps) && s.Status == StatusSkipped && r.Steps[i+1].Status == StatusSkipped && s.Finding == r.Steps[i+1].Finding {
			i++
			s.Title += ", " + r.Steps[i].Title
		}
		s.write(&b)
	}
	b.WriteString("\n")
	r.Verdict.write(&b)
	if r.Curl != "" {
		b.WriteString("\nThe same with curl, free of charge (-v shows the key: cut it out before you share the output):\n\n" + r.Curl + "\n")
	}
	if len(r.CurlDiffers) > 0 {
		b.WriteString("\nWhere curl takes another way than this program:\n")
		for _, d := range r.CurlDiffers {
			item(&b, "  - ", d)
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

var marks = map[Status]string{StatusRunning: "  ..", StatusOK: "  ok", StatusWarning: "warn", StatusFailed: "FAIL", StatusSkipped: "skip"}

// String returns the step as plain text.
func (s Step) String() string {
	var b strings.Builder
	s.write(&b)
	return strings.TrimRight(b.String(), "\n")
}

const (
	margin     = "      "
	nameColumn = 22
)

func (s Step) write(b *strings.Builder) {
	head := s.Title
	if s.Finding != "" {
		head += ": " + s.Finding
	}
	if s.Status != StatusSkipped && s.Status != StatusRunning {
		head += " (" + short(s.Elapsed) + ")"
	}
	item(b, marks[s.Status]+"  ", head)
	for _, e := range s.Evidence {
		item(b, fmt.Sprintf("%s%-*s ", margin, nameColumn, e.Name), e.Value)
	}
	if s.Cause != "" {
		item(b, margin+"why: ", s.Cause)
	}
	for i, action := range s.Actions {
		item(b, fmt.Sprintf("%s  %d. ", margin, i+1), action)
	}
	if s.Status == StatusFailed && s.DocURL != "" {
		item(b, margin+"read on: ", s.DocURL)
	}
}

func (v Verdict) write(b *strings.Builder) {
	item(b, "Verdict: ", v.Summary)
	if v.Who != "" {
		item(b, "Who can mend it: ", string(v.Who))
	}
	if v.First != "" {
		item(b, "First: ", v.First)
	}
	for _, other := range v.Besides {
		item(b, "Besides: ", other)
	}
}

// item writes a text behind a prefix, its further lines set in below the first.
func item(b *strings.Builder, prefix, text string) {
	indent := len([]rune(prefix))
	column := indent
	b.WriteString(prefix)
	for i, word := range strings.Fields(text) {
		size := len([]rune(word))
		if i > 0 && column+1+size > wrap {
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		} else if i > 0 {
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += size
	}
	b.WriteByte('\n')
}

// short is a duration for people.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
