package claude

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// Client calls the Messages API. It is safe for use by many goroutines at once;
// one for the whole program is enough.
type Client struct {
	// Messages creates messages and counts tokens.
	Messages *MessageService
	// Models lists the models.
	Models *ModelService

	config    callConfig
	transport *Transport
	base      *url.URL    // scheme, host and what stands before /v1
	create    *url.URL    // where messages are created
	header    http.Header // of a call without options of its own
	source    CredentialInfo
	cred      Credential
	account   uint64 // whose gate its calls wait at
	observer  Observer
	logging   *traffic
}

// New returns a Client. What no option sets comes from the environment:
// ANTHROPIC_API_KEY or else ANTHROPIC_AUTH_TOKEN, ANTHROPIC_BASE_URL, and
// ANTHROPIC_CUSTOM_HEADERS with a "Name: value" in each line; empty variables
// count as unset. Every wrong configuration is a [*ConfigError] here, not at the
// first call.
func New(options ...Option) (*Client, error) {
	cfg := config{callConfig: callConfig{version: Version20261021}}
	for i, o := range options {
		if o == nil {
			return nil, &ConfigError{Field: index("options", i), Problem: "is nil"}
		}
		if err := o.apply(&cfg); err != nil {
			return nil, err
		}
	}
	given := cfg.baseURL != ""
	warning, err := cfg.fromEnvironment(environment{
		apiKey: os.Getenv("ANTHROPIC_API_KEY"), authToken: os.Getenv("ANTHROPIC_AUTH_TOKEN"),
		baseURL: os.Getenv("ANTHROPIC_BASE_URL"), headers: os.Getenv("ANTHROPIC_CUSTOM_HEADERS"),
	})
	if err != nil {
		return nil, err
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	field := "ANTHROPIC_BASE_URL"
	if given {
		field = "WithBaseURL"
	}
	if cfg.baseURL == "" {
		cfg.baseURL = defaultBaseURL
	}
	base, err := parseBaseURL(field, cfg.baseURL, cfg.plainHTTP)
	if err != nil {
		return nil, err
	}
	c := &Client{config: cfg.callConfig, base: base}
	c.create, c.header = c.url("/messages"), c.config.headers(http.MethodPost)
	if err := c.connect(&cfg); err != nil {
		return nil, err
	}
	c.Messages, c.Models = &MessageService{c}, &ModelService{c}
	if warning != "" && c.observer.Warning != nil {
		c.observer.Warning(context.Background(), Warning{Op: "new", Message: warning})
	}
	return c, nil
}

// connect sets up transport, credential and observers.
func (c *Client) connect(cfg *config) error {
	c.transport = cfg.transport
	if c.transport == nil {
		c.transport = &Transport{Base: cfg.rt, Retry: c.config.retry, Breaker: cfg.breaker, network: cfg.net}
	}
	if err := c.transport.init(); err != nil {
		return err
	}
	if !c.config.retrySet {
		c.config.retry = c.transport.Retry
		if n := c.config.attempts; n > 0 {
			c.config.retry.MaxAttempts = n
		}
	}
	if !c.config.limitSet {
		c.config.timeouts = c.transport.Timeouts
	}
	c.config.settle()
	c.cred = cfg.credential
	if c.cred == nil {
		c.cred, cfg.source = c.transport.Credential, &CredentialInfo{Source: "WithTransport"}
	}
	c.source = *cfg.source
	if static, ok := c.cred.(*staticCredential); ok {
		c.account = c.transport.accountOf(static.token.Secret.Reveal())
	} else if cfg.credential != nil {
		c.account = c.transport.accounts.Add(1) << 2 // whoever it is, nobody else's
	}
	if cfg.scheme != "" {
		c.cred, c.source.Scheme = &schemeCredential{c.cred, cfg.scheme}, cfg.scheme
	}
	own := cfg.observers
	if cfg.logger != nil {
		own = append(own, slogObserver(cfg.logger))
	}
	for _, o := range own {
		c.transport.watch(o.StateChange)
	}
	c.observer = joinObservers(append([]Observer{c.transport.observer}, own...))
	if cfg.logging != nil {
		c.logging = &traffic{log: cfg.logger, policy: *cfg.logging}
	}
	return nil
}

// schemeCredential sends another credential's tokens by a scheme of its own.
type schemeCredential struct {
	Credential

	scheme AuthScheme
}

func (c *schemeCredential) Token(ctx context.Context) (Token, error) {
	token, err := c.Credential.Token(ctx)
	token.Scheme = c.scheme
	return token, err
}

// Endpoint returns the URL that messages are created at.
func (c *Client) Endpoint() string { return c.create.String() }

// Credential says which credential the client sends and where it comes from,
// never the secret. Scheme is empty if a [Credential] of yours decides it.
func (c *Client) Credential() CredentialInfo { return c.source }

// Health returns how the targets called so far are: breaker, gate, budget and
// last failure of each. It makes no call. Clients that share a [Transport] share
// its targets.
func (c *Client) Health() Health { return c.transport.Health() }

// Close closes the connections that are idle. A client may be used after it.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

func (c *Client) url(path string) *url.URL {
	u := *c.base
	u.Path += "/v1" + path
	return &u
}

// prepare fills in a call by the client's configuration and the call's options.
func (c *Client) prepare(made *call, op, method string, u *url.URL, model string, options []CallOption) (*callConfig, error) {
	cfg, header := &c.config, c.header
	if len(options) > 0 {
		own := c.config
		for i, o := range options {
			if o == nil {
				return nil, &ConfigError{Field: index("options", i), Problem: "is nil"}
			}
			if err := o.applyCall(&own); err != nil {
				return nil, err
			}
		}
		own.settle()
		cfg = &own
	}
	if len(options) > 0 || method != http.MethodPost {
		header = cfg.headers(method)
	}
	made.info = CallInfo{Op: op, Target: Target{Host: c.base.Host, Model: model}}
	made.method, made.url, made.header = method, u, header
	made.credential, made.gate = c.cred, c.account^uint64(laneOf(op))
	made.retry, made.timeouts = &cfg.ready.retry, &cfg.ready.timeouts
	made.observer, made.logging = &c.observer, c.logging
	return cfg, nil
}

func laneOf(op string) lane {
	switch op {
	case opCreate, "messages.stream":
		return laneMessages
	case "messages.count_tokens":
		return laneCount
	}
	return laneOther
}

// headers returns the headers of a call, without the credential.
func (c *callConfig) headers(method string) http.Header {
	header := make(http.Header, 8+len(c.header))
	header["Accept"] = []string{"application/json"}
	header["Anthropic-Version"] = []string{c.version}
	header["User-Agent"] = []string{userAgent}
	if len(c.betas) > 0 {
		header["Anthropic-Beta"] = []string{strings.Join(slices.Compact(slices.Clone(c.betas)), ",")}
	}
	if method == http.MethodPost {
		header["Content-Type"] = []string{"application/json"}
	}
	for name, values := range c.header {
		if values[0] == "" {
			values = nil // net/http adds its own User-Agent where there is no entry at all
		}
		header[name] = values
	}
	return header
}

// refuse is the error of a call that never got as far as an attempt.
func refuse(op string, target Target, err error) *CallError {
	return &CallError{Op: op, Target: target, Class: ClassOf(err), Reason: ReasonFinal, Processed: NotSent, Err: err}
}

// MessageService creates messages. See [Client.Messages].
type MessageService struct{ client *Client }

// Messenger is what [Client.Messages] does, for fakes in your tests.
type Messenger interface {
	Create(ctx context.Context, request Request, options ...CallOption) (*Response, error)
	Stream(ctx context.Context, request Request, options ...CallOption) (*Stream, error)
	CountTokens(ctx context.Context, request Request, options ...CallOption) (int, error)
}

var _ Messenger = (*MessageService)(nil)

const opCreate = "messages.create"

// Create sends a request and returns the answer. The request is validated first;
// what the API would refuse is a [*ValidationError] and nothing is sent. Every
// failure is a [*CallError].
//
// https://platform.claude.com/docs/en/api/messages
func (s *MessageService) Create(ctx context.Context, request Request, options ...CallOption) (*Response, error) {
	// The answer, and what is told of the call with it.
	var made struct {
		Response
		record
	}
	c := &call{record: &made.record, result: &made.Response}
	if _, err := s.client.prepareBody(ctx, c, opCreate, s.client.create, &request, &request, options); err != nil {
		return nil, err
	}
	if request.stream {
		c.streamed, c.request = streamedWhole, &request
	}
	c.decode = decodeMessage
	defer c.release()
	out, attempts, failure := s.client.transport.run(ctx, c)
	if failure != nil {
		return nil, failure
	}
	resp := c.result.(*Response)
	resp.RequestID = out.record.RequestID
	resp.RateLimit = parseRateLimit(out.header)
	resp.Attempts, resp.Trail = attempts, c.trail
	return resp, nil
}

func decodeMessage(c *call, body, typ string) error {
	r, ok := c.result.(*Response)
	if !ok {
		r = new(Response)
	}
	err := decodeResponse(body, typ, r)
	if err == nil {
		c.result = r
	}
	return err
}

// streamedTokens is how many tokens a model writes in about a minute.
const streamedTokens = 4096

// streams reports whether Create streams a request.
func (r *Request) streams(mode CreateMode) bool {
	switch mode {
	case CreateUnary:
		return false
	case CreateStream:
		return true
	case CreateAuto:
	}
	thinks := r.Thinking != nil && (r.Thinking.Type == ThinkingEnabled || r.Thinking.Type == ThinkingAdaptive)
	return !r.WarmCache && (thinks || r.MaxTokens > streamedTokens)
}

// Stream sends a request and returns its answer as events. The request is validated
// first. What goes wrong before the first content of the answer has come is tried
// again as for Create, and is this method's error, a [*CallError]; what goes wrong
// after that is the last thing the stream yields.
//
// https://platform.claude.com/docs/en/build-with-claude/streaming
func (s *MessageService) Stream(ctx context.Context, request Request, options ...CallOption) (*Stream, error) {
	return s.stream(ctx, request, options, true)
}

func (s *MessageService) stream(ctx context.Context, request Request, options []CallOption, first bool) (*Stream, error) {
	const op = "messages.stream"
	request.stream = true
	start := time.Now()
	c := &call{record: new(record)} // which the answer keeps, and not the call with the request
	cfg, err := s.client.prepareBody(ctx, c, op, s.client.create, &request, &request, options)
	if err != nil {
		return nil, err
	}
	c.streamed, c.request, c.decode = streamedHeld, &request, decodeMessage
	if cfg.eager {
		c.streamed = streamedEagerly
	}
	out, attempts, failure := s.client.transport.run(ctx, c)
	if failure != nil {
		return nil, failure
	}
	stream := &Stream{ctx: c.ctx, call: c, info: streamInfo{
		start: start, header: out.header, attempts: attempts, elapsed: time.Since(start), requestID: out.record.RequestID,
	}}
	if cfg.resume > 0 && first {
		stream.resumes = cfg.resume
		stream.again = func(ctx context.Context, r Request) (*Stream, error) { return s.stream(ctx, r, options, false) }
	}
	if whole, ok := c.result.(*Response); ok { // it came as one, all the same
		stream.body, stream.events.queue = http.NoBody, eventsOf(whole)
		return stream, nil
	}
	stream.open(out.resp, c.timeouts.StreamProgress)
	if leaked := c.observer.StreamLeaked; leaked != nil {
		stream.watch(leaked)
	}
	return stream, nil
}

// CountTokens returns how many input tokens a request comes to, as the API
// estimates it. It is free. Fields the count does not depend on are left out.
//
// https://platform.claude.com/docs/en/api/messages-count-tokens
func (s *MessageService) CountTokens(ctx context.Context, request Request, options ...CallOption) (int, error) {
	const op = "messages.count_tokens"
	request.counting = true
	c := newCall()
	_, err := s.client.prepareBody(ctx, c, op, s.client.url("/messages/count_tokens"), &request, countRequest{&request}, options)
	if err != nil {
		return 0, err
	}
	var count tokenCount
	c.decode = func(_ *call, body, _ string) error {
		return decodeText(body, func(f *fields) {
			f.decode(&count)
			if f.dec.Err() == nil && !count.seen {
				f.dec.Fail(errors.New("no input_tokens in it"))
			}
		})
	}
	if _, _, failure := s.client.transport.run(ctx, c); failure != nil {
		return 0, failure
	}
	return count.tokens, nil
}

type tokenCount struct {
	tokens int
	seen   bool
}

func (t *tokenCount) fields(f *fields) {
	t.seen = t.seen || f.key == "input_tokens"
	number(f, "input_tokens", &t.tokens, required)
}

// prepareBody validates and encodes a request and fills in the call that sends it.
func (c *Client) prepareBody(ctx context.Context, made *call, op string, u *url.URL, request *Request, body object, options []CallOption) (*callConfig, error) {
	target := Target{Host: c.base.Host, Model: request.Model}
	cfg, err := c.prepare(made, op, http.MethodPost, u, request.Model, options)
	if err != nil {
		return nil, refuse(op, target, err)
	}
	if op == opCreate {
		request.stream = request.streams(cfg.createMode)
	}
	if err := c.validate(ctx, op, request, cfg); err != nil {
		return nil, refuse(op, target, err)
	}
	encoded, err := encodeRequest(body, sizeHint(request))
	if err != nil {
		if _, ok := errors.AsType[*ConfigError](err); !ok {
			err = &ConfigError{Field: "Request", Problem: "cannot be encoded", Err: err}
		}
		return nil, refuse(op, target, err)
	}
	if encoded.Len() > maxRequest {
		return nil, refuse(op, target, &ValidationError{Problems: []Problem{{
			Rule: "R003", Severity: SeverityError, Path: "",
			Message: fmt.Sprintf("the body is %d bytes, the API takes %d", encoded.Len(), maxRequest),
			Fix:     "send less: upload large files and refer to them by file id, or drop old turns",
		}}})
	}
	made.body, made.length = encoded, int64(encoded.Len())
	made.tokens = promptTokens(request, encoded.Len())
	return cfg, nil
}

// maxRequest is the largest body the API takes.
//
// https://platform.claude.com/docs/en/api/errors
const maxRequest = 32 << 20

// sizeHint estimates the body from its messages, so that it is allocated once.
func sizeHint(r *Request) int {
	size := 128 + len(r.Model)
	add := func(blocks Content) {
		for _, b := range blocks {
			size += 48
			if t, ok := b.(*TextBlock); ok && t != nil && len(t.Text) < 4<<10 {
				size += len(t.Text) + len(t.Text)/16
			}
		}
	}
	add(r.System)
	for i := range r.Messages {
		size += 32
		add(r.Messages[i].Content)
	}
	return size + 256*len(r.Tools)
}

// promptTokens estimates the input tokens of a request from the size of its body.
// The base64 of media says little of their tokens, so it counts at a tenth.
func promptTokens(r *Request, size int) int {
	if size > 64<<10 { // below, media make no difference that matters
		for i := range r.Messages {
			size -= mediaSize(r.Messages[i].Content) * 9 / 10
		}
	}
	return size / bytesPerToken
}

// mediaSize is the length of the base64 data in blocks.
func mediaSize(blocks Content) (size int) {
	for _, b := range blocks {
		switch b := b.(type) {
		case *ImageBlock:
			if b != nil {
				size += b.Source.base64Size()
			}
		case *DocumentBlock:
			if b != nil {
				size += b.Source.base64Size()
			}
		case *ToolResultBlock:
			if b != nil {
				size += mediaSize(b.Content)
			}
		}
	}
	return size
}

func (s *Source) base64Size() int {
	if s == nil || s.Type != SourceBase64 {
		return 0
	}
	return len(s.Data)
}

// validate refuses a request by the rules in force and warns of the rest.
func (c *Client) validate(ctx context.Context, op string, request *Request, cfg *callConfig) error {
	if cfg.validation == ValidationOff {
		return nil
	}
	betas := cfg.betas
	if betas == nil {
		betas = []string{}
	}
	return c.observer.sift(ctx, op, check(request, cfg.version, betas), func(p Problem) bool {
		return refuses(p, cfg.validation)
	})
}
