package ask

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/cmd/steadfast/internal/term"
)

// Config says what is asked, and how it is shown.
type Config struct {
	Request  claude.Request
	NoStream bool            // wait for the whole answer
	JSON     bool            // write one JSON object in place of the text
	Options  []claude.Option // of the client

	Out, Err io.Writer    // the answer; the notes about it
	Progress bool         // Err is a terminal: show that something is going on
	Painter  term.Painter // of Err
}

// Result is what came of it, in JSON.
type Result struct {
	OK             bool             `json:"ok"`
	Class          claude.Class     `json:"class,omitempty"`
	Text           string           `json:"text"`
	Response       *claude.Response `json:"response,omitempty"` // what has come, also of an answer that broke off
	RequestID      string           `json:"request_id,omitempty"`
	Attempts       int              `json:"attempts"`
	ElapsedMS      int64            `json:"elapsed_ms"`
	FirstContentMS int64            `json:"first_content_ms,omitempty"`
	Error          string           `json:"error,omitempty"`
	Advice         *term.AdviceJSON `json:"advice,omitempty"`
}

// Run asks. The error is that of the call; it has been shown already.
func Run(ctx context.Context, c Config) error {
	n := &notes{w: c.Err, paint: c.Painter, live: c.Progress}
	client, err := claude.New(append(c.Options[:len(c.Options):len(c.Options)], claude.WithObserver(n.observer()))...)
	if err != nil {
		c.end(n, &claude.Response{}, err)
		return err
	}
	defer client.Close()
	n.begin()
	response, err := c.call(ctx, client, n)
	n.clear()
	c.end(n, response, err)
	return err
}

// call makes the call and shows the text as it comes. The response is never nil.
func (c *Config) call(ctx context.Context, client *claude.Client, n *notes) (*claude.Response, error) {
	if c.NoStream {
		response, err := client.Messages.Create(ctx, c.Request)
		if err != nil {
			response = partial(err)
		}
		c.text(response.Text())
		return response, err
	}
	stream, err := client.Messages.Stream(ctx, c.Request)
	if err != nil {
		return &claude.Response{}, err
	}
	defer func() { _ = stream.Close() }()
	last := ""
	for text, err := range stream.Text() {
		if err != nil {
			c.lineEnd(last)
			return stream.Partial(), err
		}
		n.clear()
		if text != "" && !c.JSON {
			last = text
			if _, err := io.WriteString(c.Out, text); err != nil {
				return stream.Partial(), fmt.Errorf("cannot write the answer: %w", err)
			}
		}
	}
	c.lineEnd(last)
	response, err := stream.Response()
	if response == nil {
		response = &claude.Response{}
	}
	return response, err
}

// text writes a whole answer.
func (c *Config) text(text string) {
	if text != "" && !c.JSON {
		_, _ = io.WriteString(c.Out, text)
		c.lineEnd(text)
	}
}

// lineEnd ends the line that a text has left open.
func (c *Config) lineEnd(text string) {
	if text != "" && !c.JSON && !strings.HasSuffix(text, "\n") {
		_, _ = io.WriteString(c.Out, "\n")
	}
}

// partial returns what had come of an answer before it failed.
func partial(err error) *claude.Response {
	if e, ok := errors.AsType[*claude.StreamError](err); ok && e.Partial != nil {
		return e.Partial
	}
	return &claude.Response{}
}

// end says how it went.
func (c *Config) end(n *notes, r *claude.Response, err error) {
	n.mu.Lock()
	done := n.done
	n.mu.Unlock()
	if c.JSON {
		c.json(done, r, err)
		return
	}
	if err == nil {
		if r.StopReason == claude.StopMaxTokens {
			n.print(c.Painter.Doubtful(fmt.Sprintf("the answer is cut: it reached --max-tokens %d", c.Request.MaxTokens)))
		}
		if r.StopReason == claude.StopRefusal {
			n.print(c.Painter.Doubtful("the model refused to answer"))
		}
		n.print(c.Painter.Faint(summary(done, r)))
		return
	}
	usage := r.Usage.TotalInputTokens() + r.Usage.OutputTokens
	if claude.ClassOf(err) == claude.ErrCanceled {
		text := "interrupted"
		if usage > 0 {
			text += ": " + summary(done, r)
		}
		n.print(c.Painter.Doubtful(text))
		return
	}
	if len(r.Content) > 0 {
		n.print(c.Painter.Doubtful("the answer broke off: " + summary(done, r)))
	}
	n.print(c.Painter.Bad(err.Error()))
	if class := claude.ClassOf(err); class != claude.ErrUnknown {
		_, _ = io.WriteString(c.Err, "\n")
		c.Painter.Advice(c.Err, claude.Explain(err))
	}
}

// summary is the last line: usage and time.
func summary(done claude.CallResult, r *claude.Response) string {
	var parts []string
	if r.Model != "" {
		parts = append(parts, r.Model)
	}
	in := fmt.Sprintf("%d tokens in", r.Usage.TotalInputTokens())
	if cached := r.Usage.CacheReadInputTokens; cached > 0 {
		in += fmt.Sprintf(" (%d from the cache)", cached)
	}
	parts = append(parts, in, fmt.Sprintf("%d out", r.Usage.OutputTokens))
	if r.StopReason != "" {
		parts = append(parts, string(r.StopReason))
	}
	if n := len(done.Attempts); n > 1 {
		parts = append(parts, fmt.Sprintf("%d attempts", n))
	}
	if done.FirstContent > 0 {
		parts = append(parts, "first words after "+short(done.FirstContent))
	}
	if done.Elapsed > 0 {
		parts = append(parts, short(done.Elapsed)+" in all")
	}
	if id := r.RequestID; id != "" {
		parts = append(parts, id)
	}
	return strings.Join(parts, ", ")
}

func (c *Config) json(done claude.CallResult, r *claude.Response, err error) {
	result := Result{
		OK: err == nil, Class: claude.ClassOf(err), Text: r.Text(), RequestID: done.RequestID,
		Attempts: len(done.Attempts), ElapsedMS: done.Elapsed.Milliseconds(), FirstContentMS: done.FirstContent.Milliseconds(),
	}
	if r.ID != "" || len(r.Content) > 0 {
		result.Response = r
	}
	if result.RequestID == "" {
		result.RequestID = r.RequestID
	}
	if err != nil {
		result.Error, result.Advice = err.Error(), term.ForJSON(claude.Explain(err))
	}
	term.JSON(c.Out, result)
}

// short is a time for people.
func short(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}
