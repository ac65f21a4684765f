package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"

	"github.com/steadfast-go/claude/bench/internal/adapters"
)

// A contender is one way to call the Messages API.
type contender interface {
	// ask asks for an answer at once, with an image in base64 if there is one.
	ask(ctx context.Context, image string) (answer, error)
	// stream asks for an answer as events and reads it. Accumulated, it returns what
	// the first block came to; else it shows the sink every piece.
	stream(ctx context.Context, how reading, s *sink) (whole string, err error)
}

// answer is what is compared of an answer.
type answer struct {
	text  string
	tools int
}

// reading is how a stream is read.
type reading int

const (
	borrowed    reading = iota // events, their bytes borrowed where that is possible
	asStrings                  // events, each with a string of its own
	accumulated                // the whole answer at the end
)

// The contenders.
const (
	steadfast = "Steadfast"
	byHand    = "raw"
	official1 = "official v1"
	official2 = "official v2"
	failsafe  = "failsafe-go"
	retryable = "go-retryablehttp"
)

var (
	everybody = []string{steadfast, byHand, official1, official2, failsafe, retryable}
	// decoders are those who read answers in ways of their own: the adapters leave
	// that to the hand-written code.
	decoders = []string{steadfast, byHand, official1, official2}
)

func newContender(name string, e endpoint) (contender, error) {
	switch name {
	case steadfast:
		return newSteadfast(e)
	case byHand:
		return newRaw(e, e.transport()), nil
	case official1:
		return newOfficial1(e), nil
	case official2:
		return newOfficial2(e), nil
	case failsafe:
		return newRaw(e, adapters.Failsafe(e.transport())), nil
	case retryable:
		return newRaw(e, adapters.Retryable(e.transport())), nil
	}
	return nil, errors.New("no contender is called " + name)
}

// endpoint is where calls go.
type endpoint struct {
	url    string
	memory http.RoundTripper // answers in place of the network; may be nil
	roots  []byte            // PEM of the authority to trust
}

// inMemory is an endpoint that a round tripper plays.
func inMemory(rt http.RoundTripper) endpoint {
	return endpoint{url: "https://api.anthropic.com", memory: rt}
}

// transport is what everybody but Steadfast, which has its own, reaches the network
// with.
func (e endpoint) transport() http.RoundTripper {
	if e.memory != nil {
		return e.memory
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(e.roots)
	return &http.Transport{
		ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 64,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool},
	}
}

// What everybody asks.
const (
	key       = "sk-ant-api03-bench"
	model     = "claude-sonnet-5-5"
	maxTokens = 1024
	question  = "Why is the sky blue?"
	mediaType = "image/png"
)

// sink compares what comes with what was sent, piece by piece, so that nobody has
// to keep the pieces and nobody is fast by being wrong.
type sink struct {
	rest   string // what is still to come
	pieces int
	last   string // keeps strings from being made where nobody sees them
	begun  func() // called with the first piece; may be nil
	wrong  bool
}

var errWrong = errors.New("the answer is not what was sent")

func (s *sink) bytes(piece []byte) {
	if len(piece) > len(s.rest) || s.rest[:len(piece)] != string(piece) {
		s.wrong = true
		return
	}
	s.took(len(piece))
}

func (s *sink) string(piece string) {
	if !strings.HasPrefix(s.rest, piece) {
		s.wrong = true
		return
	}
	s.last = piece
	s.took(len(piece))
}

func (s *sink) took(n int) {
	s.rest = s.rest[n:]
	if s.pieces++; s.pieces == 1 && s.begun != nil {
		s.begun()
	}
}

// ask asks for an answer that should be want.
func ask(ctx context.Context, c contender, image string, want answer) error {
	got, err := c.ask(ctx, image)
	if err == nil && got != want {
		err = errWrong
	}
	return err
}

// read reads a stream that should bring want in so many pieces.
func read(ctx context.Context, c contender, how reading, want string, pieces int, begun func()) error {
	s := sink{rest: want, begun: begun}
	whole, err := c.stream(ctx, how, &s)
	switch {
	case err != nil:
		return err
	case how == accumulated && whole != want,
		how != accumulated && (s.wrong || s.rest != "" || s.pieces != pieces):
		return errWrong
	}
	return nil
}
