package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/cmd/steadfast/internal/explain"
	"github.com/steadfast-go/claude/cmd/steadfast/internal/term"
)

// explainCommand says what an error text means.
type explainCommand struct {
	JSON bool     `help:"Print JSON." name:"json"`
	Text []string `arg:"" help:"The text of the error, a status or JSON; - reads it from standard input." optional:""`
}

// Help is shown below the flags.
func (c *explainCommand) Help() string {
	return `Paste what you have, as it is: the text of an SDK, of curl, of Claude Code, a
status, the JSON of an answer, or a log with all of it. Keys in it are not
repeated. Nothing is sent anywhere.

Examples:
  steadfast explain "Failed to connect to api.anthropic.com: ERR_BAD_REQUEST"
  steadfast explain 529
  program 2>&1 | steadfast explain -

Exit codes: 0 the text is known, 1 it is not, 2 wrong use.`
}

// Run explains.
func (c *explainCommand) Run(to streams, in input) error {
	text := strings.Join(c.Text, " ")
	if text == "" && in.isTerminal() {
		return wrongUse("there is no text to explain: paste one, in quotes, or pipe it in")
	}
	if text == "-" || text == "" {
		data, err := io.ReadAll(io.LimitReader(in, 1<<20))
		if err != nil {
			return wrongUse("cannot read the text: %v", err)
		}
		text = string(data)
	}
	if strings.TrimSpace(text) == "" {
		return wrongUse("there is no text to explain: paste one, in quotes")
	}
	a := explain.Text(text)
	if c.JSON {
		c.json(to.out, a)
	} else {
		c.show(to.out, a)
	}
	if !a.Known {
		return failed(exitFailure)
	}
	return nil
}

func (c *explainCommand) show(w io.Writer, a explain.Answer) {
	p := term.For(w)
	if !a.Known {
		_, _ = fmt.Fprintf(w, "%s: %s\n%s\n", p.Doubtful("unknown"), p.Strong("This text is not one that steadfast knows."), strings.Join([]string{
			"What to do:",
			"  1. Paste more of it: the lines around it, the HTTP status, the body of the answer, the innermost cause.",
			"  2. Find out whether the API can be reached from here: steadfast doctor",
		}, "\n"))
		return
	}
	_, _ = fmt.Fprintf(w, "%s %s\n", p.Faint("Recognised:"), a.As)
	if len(a.Also) > 0 {
		_, _ = fmt.Fprintf(w, "%s %s\n", p.Faint("The text leaves it open; it may also be:"), join(a.Also))
	}
	p.Advice(w, a.Advice)
}

func join(classes []claude.Class) string {
	names := make([]string, len(classes))
	for i, class := range classes {
		names[i] = string(class)
	}
	return strings.Join(names, ", ")
}

func (c *explainCommand) json(w io.Writer, a explain.Answer) {
	out := struct {
		Known      bool             `json:"known"`
		Class      claude.Class     `json:"class"`
		Recognised string           `json:"recognised,omitempty"`
		Also       []claude.Class   `json:"also,omitempty"`
		Status     int              `json:"status,omitempty"`
		Advice     *term.AdviceJSON `json:"advice,omitempty"`
	}{Known: a.Known, Class: a.Class, Recognised: a.As, Also: a.Also, Status: a.Status}
	if a.Known {
		out.Advice = term.ForJSON(a.Advice)
	}
	term.JSON(w, out)
}
