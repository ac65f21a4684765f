package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/steadfast-go/claude/cmd/steadfast/internal/term"
	"github.com/steadfast-go/claude/diagnose"
)

// doctorCommand finds out why the API cannot be reached.
type doctorCommand struct {
	BaseURL string `help:"Base URL of the API. Default: ANTHROPIC_BASE_URL, else the provider's." name:"base-url" placeholder:"URL"`
	Model   string `help:"The model to ask for. Default: the cheapest." placeholder:"ID" short:"m"`
	Paid    bool   `help:"Create a message of one token too, which is billed: only this shows whether the account has credit."`
	JSON    bool   `help:"Print JSON." name:"json"`
}

// Help is shown below the flags.
func (c *doctorCommand) Help() string {
	return `Goes the way of a connection, step by step: configuration, proxy, DNS, TCP, TLS,
HTTP, credential, model. Says where it breaks, whose that is to mend and what to
do first. Run it where the program runs: the same machine, container and user.
Nothing is billed, and the output holds no secret, so it can be shared.

Examples:
  steadfast doctor
  steadfast doctor --base-url https://gateway.example.com --model claude-sonnet-5-5
  steadfast doctor --json | jq .verdict

Exit codes: 0 healthy, 1 a problem was found, 2 wrong use.`
}

// Run makes a diagnosis.
func (c *doctorCommand) Run(to streams) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	defer context.AfterFunc(ctx, stop)() // a second interrupt ends the program at once
	return c.run(ctx, to, diagnose.Config{})
}

func (c *doctorCommand) run(ctx context.Context, to streams, config diagnose.Config) error {
	config.BaseURL, config.Model, config.Paid = c.BaseURL, c.Model, c.Paid
	p := term.For(to.out)
	if !c.JSON {
		config.OnStep = func(s diagnose.Step) { showStep(to.out, p, s, term.Is(to.out)) }
	}
	report := diagnose.Run(ctx, config)
	if c.JSON {
		term.JSON(to.out, report)
	} else {
		showVerdict(to.out, p, report)
	}
	if !report.Healthy || report.Verdict.Name == diagnose.Unfinished {
		return failed(exitFailure)
	}
	return nil
}

// showStep shows a step when it has ended, and on a terminal also while it is made.
func showStep(w io.Writer, p term.Painter, s diagnose.Step, live bool) {
	const wipe = "\r\x1b[K"
	switch {
	case s.Status == diagnose.StatusRunning && live:
		_, _ = io.WriteString(w, p.Faint(s.String()))
		return
	case s.Status == diagnose.StatusRunning:
		return
	case live:
		_, _ = io.WriteString(w, wipe)
	}
	text := s.String()
	paint := map[diagnose.Status]func(string) string{
		diagnose.StatusOK: p.Good, diagnose.StatusWarning: p.Doubtful, diagnose.StatusFailed: p.Bad, diagnose.StatusSkipped: p.Faint,
	}[s.Status]
	if end := strings.Index(text, s.Title); end > 0 && paint != nil {
		text = paint(text[:end]) + p.Strong(s.Title) + text[end+len(s.Title):]
	}
	_, _ = fmt.Fprintln(w, text)
}

// showVerdict shows what it all comes to.
func showVerdict(w io.Writer, p term.Painter, report *diagnose.Report) {
	const mark = "Verdict: "
	rest := *report
	rest.Steps = nil // they have been shown
	text := rest.String()
	if start := strings.Index(text, mark); start >= 0 {
		text = text[start+len(mark):]
	}
	verdict := p.Good(mark)
	if !report.Healthy {
		verdict = p.Bad(mark)
	}
	_, _ = fmt.Fprintf(w, "\n%s%s\n", verdict, text)
}
