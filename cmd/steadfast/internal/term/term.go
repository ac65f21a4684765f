// Package term writes for people at a terminal, and plainly for everything else.
package term

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/fatih/color"
	"github.com/mattn/go-isatty"

	"github.com/steadfast-go/claude"
)

// A Painter writes with or without colour. The zero Painter has none.
type Painter struct{ colour bool }

// For returns the Painter for an output: with colour on a terminal, unless NO_COLOR
// is set (https://no-color.org) or the terminal says that it is dumb.
func For(w io.Writer) Painter {
	return Painter{Is(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

// Is reports whether an output is a terminal.
func Is(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && (isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()))
}

func (p Painter) paint(s string, attributes ...color.Attribute) string {
	c := color.New(attributes...)
	if !p.colour { // the library would decide by standard output alone
		return s
	}
	c.EnableColor()
	return c.Sprint(s)
}

// Strong returns what must not be missed.
func (p Painter) Strong(s string) string { return p.paint(s, color.Bold) }

// Faint returns what is there for who looks for it.
func (p Painter) Faint(s string) string { return p.paint(s, color.Faint) }

// Good returns what is as it should be.
func (p Painter) Good(s string) string { return p.paint(s, color.FgGreen) }

// Bad returns what is wrong.
func (p Painter) Bad(s string) string { return p.paint(s, color.FgRed, color.Bold) }

// Doubtful returns what may be wrong.
func (p Painter) Doubtful(s string) string { return p.paint(s, color.FgYellow) }

// Advice writes what a failure means and what to do. Nothing is wrapped, so that
// commands can be copied.
func (p Painter) Advice(w io.Writer, a claude.Advice) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", p.Bad(string(a.Class)), p.Strong(a.Summary))
	fmt.Fprintf(&b, "%s %s\n", p.Faint("Who can mend it:"), a.Who)
	if len(a.Causes) > 0 {
		b.WriteString(p.Faint("Likely causes:") + "\n")
	}
	for _, cause := range a.Causes {
		b.WriteString("  - " + cause + "\n")
	}
	p.Actions(&b, a.Actions)
	fmt.Fprintf(&b, "%s %s\n", p.Faint("Try again:"), a.Retry)
	if !a.RetryAt.IsZero() {
		fmt.Fprintf(&b, "%s %s\n", p.Faint("Not before:"), a.RetryAt.UTC().Format(time.RFC3339))
	}
	if a.DocURL != "" {
		fmt.Fprintf(&b, "%s %s\n", p.Faint("Read on:"), a.DocURL)
	}
	_, _ = io.WriteString(w, b.String())
}

// Actions writes what to do, in order; nothing for nothing.
func (p Painter) Actions(w io.Writer, actions []string) {
	if len(actions) > 0 {
		_, _ = io.WriteString(w, p.Faint("What to do:")+"\n")
	}
	for i, action := range actions {
		_, _ = fmt.Fprintf(w, "  %s %s\n", p.Good(fmt.Sprintf("%d.", i+1)), action)
	}
}

// AdviceJSON is an Advice in JSON.
type AdviceJSON struct {
	Class   claude.Class `json:"class"`
	Summary string       `json:"summary"`
	Who     claude.Party `json:"who"`
	Causes  []string     `json:"causes,omitempty"`
	Actions []string     `json:"actions,omitempty"`
	Retry   string       `json:"retry"`
	RetryAt *time.Time   `json:"retry_at,omitempty"`
	DocURL  string       `json:"doc_url,omitempty"`
}

// ForJSON returns an Advice as JSON has it.
func ForJSON(a claude.Advice) *AdviceJSON {
	j := &AdviceJSON{Class: a.Class, Summary: a.Summary, Who: a.Who, Causes: a.Causes, Actions: a.Actions, Retry: a.Retry, DocURL: a.DocURL}
	if !a.RetryAt.IsZero() {
		at := a.RetryAt.UTC()
		j.RetryAt = &at
	}
	return j
}

// JSON writes a value, indented, without escaping what is no HTML here.
func JSON(w io.Writer, v any) {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(v) //nolint:errchkjson // what is written here can be encoded, and nobody can be told
}
