package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/steadfast-go/claude"
)

// What everybody asks.
const (
	key       = "sk-ant-api03-bench"
	model     = "claude-sonnet-5-5"
	maxTokens = 1024
	question  = "Why is the sky blue?"
)

// answer is what is compared of an answer.
type answer struct{ text, stop string }

// client is one way to call the Messages API.
type client interface {
	// ask asks for an answer at once.
	ask(ctx context.Context) (answer, error)
	// stream asks for an answer as events and accumulates them.
	stream(ctx context.Context) (answer, error)
	close()
}

// contender is a kind of client.
type contender struct {
	name string
	make func(e endpoint) (client, error)
	// own is what a program can know by the error types of the client itself.
	own func(err error) []string
}

const steadfast = "Steadfast"

var contenders = []contender{
	{steadfast, newSteadfast, ownSteadfast},
	{"raw", newRaw, ownRaw},
	{"official v1", newOfficial1, ownOfficial1},
	{"official v2", newOfficial2, ownOfficial2},
	{"failsafe-go", newFailsafe, ownRaw},
	{"go-retryablehttp", newRetryable, ownRaw},
}

// us is Steadfast's place among them.
func us() int {
	return slices.IndexFunc(contenders, func(c contender) bool { return c.name == steadfast })
}

// endpoint is where calls go, and how.
type endpoint struct {
	url    string
	proxy  string        // empty for none
	roots  []byte        // PEM of the authority to trust; nil for the system's
	dial   time.Duration // limit to resolve the name and to connect; 0 for patience
	header time.Duration // limit of the wait for an answer; likewise
}

// patience is a limit that does not run out here.
const patience = 10 * time.Second

func (e endpoint) limits() (dial, header time.Duration) {
	dial, header = e.dial, e.header
	if dial == 0 {
		dial = patience
	}
	if header == 0 {
		header = patience
	}
	return dial, header
}

// transport is what everybody but Steadfast, which has its own, reaches the network
// with: that of net/http with each limit set that it has.
func (e endpoint) transport() *http.Transport {
	dial, header := e.limits()
	t := &http.Transport{
		ForceAttemptHTTP2:     true,
		DialContext:           (&net.Dialer{Timeout: dial}).DialContext,
		TLSHandshakeTimeout:   patience,
		ResponseHeaderTimeout: header,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if e.roots != nil {
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		t.TLSClientConfig.RootCAs.AppendCertsFromPEM(e.roots)
	}
	if e.proxy != "" {
		t.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(e.proxy) }
	}
	return t
}

// steadfastClient is Steadfast with one attempt a call.
type steadfastClient struct{ *claude.Client }

func newSteadfast(e endpoint) (client, error) {
	dial, header := e.limits()
	options := []claude.Option{
		claude.WithAPIKey(key), claude.WithBaseURL(e.url), claude.WithMaxAttempts(1),
		claude.WithTimeouts(claude.Timeouts{Dial: dial, TLS: patience, FirstByte: header}),
	}
	if e.roots != nil {
		options = append(options, claude.WithRootCAs(e.roots))
	}
	if e.proxy != "" {
		options = append(options, claude.WithProxy(e.proxy))
	}
	c, err := claude.New(options...)
	return steadfastClient{c}, err
}

var steadfastRequest = claude.Request{Model: model, MaxTokens: maxTokens, Messages: []claude.Message{claude.UserText(question)}}

func (s steadfastClient) ask(ctx context.Context) (answer, error) {
	resp, err := s.Messages.Create(ctx, steadfastRequest)
	if err != nil {
		return answer{}, err
	}
	return answer{resp.Text(), string(resp.StopReason)}, nil
}

func (s steadfastClient) stream(ctx context.Context) (answer, error) {
	stream, err := s.Messages.Stream(ctx, steadfastRequest)
	if err != nil {
		return answer{}, err
	}
	resp, err := stream.Response() //nolint:contextcheck // the stream has it
	if err != nil {
		return answer{}, err
	}
	return answer{resp.Text(), string(resp.StopReason)}, nil
}

func (s steadfastClient) close() { s.Close() }

// ownSteadfast leaves out TLSFailure.Problem, which is a text.
func ownSteadfast(err error) (known []string) {
	if call, ok := errors.AsType[*claude.CallError](err); ok {
		known = append(known, "class "+string(call.Class), "processed "+string(call.Processed))
	}
	if network, ok := errors.AsType[*claude.NetworkError](err); ok {
		known = append(known, "stage "+string(network.Stage))
		if network.Temporary {
			known = append(known, "temporary")
		}
		if network.Timeout {
			known = append(known, "timeout")
		}
	}
	return known
}

// start makes a client for a test.
func (c *contender) start(t *testing.T, e endpoint) client {
	t.Helper()
	made, err := c.make(e)
	if err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	t.Cleanup(made.close)
	return made
}
