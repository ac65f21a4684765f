package claude

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/steadfast-go/claude/internal/redact"
)

// A Party is who can do something about a failure.
type Party string

// The parties.
const (
	PartyYou      Party = "you"          // the program and its configuration
	PartyNetwork  Party = "your network" // anything between this machine and the API: firewall, proxy, resolver, address
	PartyAccount  Party = "your account" // the organisation: its limits, credit and rights
	PartyProvider Party = "the provider" // the API itself
	PartyUnknown  Party = "unknown"      // the error alone does not tell
)

// Advice says what a failure means and what to do about it. Its text is for
// people, and may change; programs go by Class and RetryAt.
type Advice struct {
	Class   Class     // what went wrong
	Summary string    // what that means, in a sentence
	Who     Party     // whose it is to mend
	Causes  []string  // what may have led to it, the likeliest first
	Actions []string  // what to do, in order; each is one line
	Retry   string    // whether to try again, and when
	RetryAt time.Time // not before this time again; zero if it is not known
	DocURL  string    // where to read on
}

// String returns the advice on several lines, for a terminal. That of the zero
// Advice is empty.
func (a Advice) String() string {
	if a.Class == "" && a.Summary == "" {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", a.Class, a.Summary)
	fmt.Fprintf(&b, "Who can mend it: %s\n", a.Who)
	if len(a.Causes) > 0 {
		b.WriteString("Likely causes:\n")
	}
	for _, cause := range a.Causes {
		fmt.Fprintf(&b, "  - %s\n", cause)
	}
	if len(a.Actions) > 0 {
		b.WriteString("What to do:\n")
	}
	for i, action := range a.Actions {
		fmt.Fprintf(&b, "  %d. %s\n", i+1, action)
	}
	fmt.Fprintf(&b, "Try again: %s\n", a.Retry)
	if !a.RetryAt.IsZero() {
		fmt.Fprintf(&b, "Not before: %s\n", moment(a.RetryAt))
	}
	fmt.Fprintf(&b, "Read on: %s", a.DocURL)
	return b.String()
}

// Explain returns what err means, whose it is to mend and what to do. It works
// for every error: one that is not this package's gets the advice of
// [ErrUnknown]. The texts hold no secret, whatever the error holds. Explain(nil)
// is the zero Advice.
func Explain(err error) Advice {
	if err == nil {
		return Advice{}
	}
	class, host := ClassOf(err), ""
	call, _ := errors.AsType[*CallError](err)
	if call != nil {
		host = call.Target.Host
	}
	if class == "" {
		class = ErrUnknown
	}
	a := adviceFor(class, host)
	a.refine(err)
	if call != nil {
		a.refineCall(call)
	}
	return a
}

// shown is how a value that came with an error is shown.
func shown(s string) string { return redact.Line(s, maxShownMessage) }

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// splitHost returns name and port of a host; the port is 443 if it has none.
func splitHost(host string) (name, port string) {
	if name, port, err := net.SplitHostPort(host); err == nil && port != "" {
		return name, port
	}
	return strings.Trim(host, "[]"), "443"
}
