package diagnose

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/internal/redact"
)

// recorder is a RoundTripper that keeps what is sent and what comes back.
type recorder struct {
	base http.RoundTripper

	mu     sync.Mutex
	sent   []header    // of the last request, secrets by name only
	header http.Header // of the last answer
}

func (w *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.sent, w.header = nil, nil
	w.mu.Unlock()
	trace := &httptrace.ClientTrace{WroteHeaderField: func(name string, values []string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if strings.HasPrefix(name, ":") {
			return // HTTP/2 writes the request line so
		}
		w.sent = append(w.sent, header{strings.ToLower(name), shownHeader(name, strings.Join(values, ", "))})
	}}
	resp, err := w.base.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if err == nil {
		w.mu.Lock()
		w.header = resp.Header
		w.mu.Unlock()
	}
	return resp, err
}

// shownHeader is a header's value as it is shown. Of a credential it says how it
// is sent, and of what kind it is.
func shownHeader(name, value string) string {
	switch strings.ToLower(name) {
	case "authorization":
		if scheme, key, ok := strings.Cut(value, " "); ok {
			return scheme + " [" + describeKey(key) + "]"
		}
		return redact.Mask
	case "x-api-key":
		return "[" + describeKey(value) + "]"
	}
	if soundsSecret(name, "") {
		return redact.Mask
	}
	return redact.Header(name, value)
}

func (w *recorder) last() ([]header, http.Header) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]header(nil), w.sent...), w.header
}

// connectClient makes the client that the rest goes through.
func (r *run) connectClient() error {
	r.transport = r.newTransport(r.choice.url)
	r.wire = &recorder{base: r.transport}
	options := append([]claude.Option{
		claude.WithBaseURL(r.base.String()), claude.WithVersion(r.cfg.Version), claude.WithRoundTripper(r.wire),
		// What fails is to be seen, not mended.
		claude.WithRetry(claude.RetryPolicy{Off: true}), claude.WithBreaker(claude.BreakerPolicy{Off: true}),
		claude.WithTimeouts(r.timeouts()),
		claude.WithValidation(claude.ValidationOff),
	}, r.options...)
	if r.cfg.PlainHTTP {
		options = append(options, claude.WithPlainHTTP())
	}
	client, err := claude.New(options...)
	r.client = client
	return err
}

// auth shows the credential to the API.
func (r *run) auth(ctx context.Context, s *Step) {
	if r.withhold != "" {
		r.skip(s, r.withhold)
		r.blocked = "there is no credential to go on with"
		return
	}
	if err := r.connectClient(); err != nil { //nolint:contextcheck // New takes no context
		s.fail(err, "the client cannot be made: "+err.Error())
		r.blocked = "there is no client"
		return
	}
	_, err := r.client.Models.List(ctx, claude.ModelListParams{Limit: 1})
	sent, got := r.wire.last()
	r.showHeaders(s, sent)
	for _, name := range []string{"request-id", "anthropic-organization-id", "anthropic-workspace-id"} {
		if value := got.Get(name); value != "" {
			s.saw("< "+name, r.foreign(value))
		}
	}
	class := claude.ClassOf(err)
	switch {
	case err == nil:
		s.Finding = "accepted"
	case class == claude.ErrNotFound || class == claude.ErrInvalidRequest || class == claude.ErrBlocked && isStatus(err, http.StatusNotFound):
		r.skip(s, "this gateway does not list models; the next steps show whether it takes the credential")
	default:
		r.callFailed(s, err)
		r.blocked = "the credential did not get through"
	}
}

func isStatus(err error, status int) bool {
	e, ok := errors.AsType[*claude.APIError](err)
	return ok && e.Status == status
}

// callFailed records a call that failed.
func (r *run) callFailed(s *Step, err error) {
	finding := string(claude.ClassOf(err))
	if e, ok := errors.AsType[*claude.APIError](err); ok {
		finding = r.foreign(e.Error())
		if e.RequestID != "" && s.ID != "auth" {
			s.saw("request-id", r.foreign(e.RequestID))
		}
	} else if e, ok := errors.AsType[*claude.NetworkError](err); ok {
		finding = "no answer: " + happened(e.Err)
	} else if e, ok := errors.AsType[*claude.ResponseError](err); ok {
		finding = r.foreign(e.Error())
	}
	s.fail(err, finding)
	switch s.Class {
	case claude.ErrAuthentication:
		s.because("The " + headerOf(r.scheme) + " header carries a credential that is not accepted; it is from " + r.source + ".")
		if !r.providers() {
			other := "claude.WithAuthScheme(claude.AuthBearer)"
			if r.scheme == claude.AuthBearer {
				other = "claude.WithAuthScheme(claude.AuthAPIKey)"
			}
			s.first("This is a gateway: see whether it wants a key of its own, and whether it wants it sent differently: " + other + ".")
		}
	case claude.ErrRegion:
		s.name = EdgeRefused
		r.addHints(s, whenRefused)
	case claude.ErrStaleConnection, claude.ErrConnectionLost:
		s.name = PooledConnection
	default:
	}
}

// again makes a call that follows another on the same connection. If that one has
// died, it is made again on a fresh one, which tells a bad pool from a bad server.
func (r *run) again(s *Step, call func() error) error {
	err := call()
	network, ok := errors.AsType[*claude.NetworkError](err)
	if !ok || !network.Reused {
		return err
	}
	s.saw("kept connection", happened(network.Err))
	r.transport.CloseIdleConnections()
	if again := call(); again != nil {
		s.saw("fresh connection", string(claude.ClassOf(again)))
		return again
	}
	s.saw("fresh connection", "it works")
	s.explain(err)
	s.name = PooledConnection
	s.warn("the connection was dead when it was used again; a fresh one works")
	s.because("Something on the way (a NAT, a load balancer, a proxy) ends connections without a word. curl makes a new one each time, so it does not notice.")
	s.only("The client makes a fresh connection by itself; have the idle limit of what is on the way raised.", "A program with a pool of its own should let connections idle for less time than that limit.")
	return nil
}

// model asks for the model, and looks at what is known of it.
func (r *run) model(ctx context.Context, s *Step) {
	id := r.cfg.Model
	s.saw("model", id)
	gone := r.knownOf(s)
	var info *claude.ModelInfo
	err := r.again(s, func() (err error) {
		info, err = r.client.Models.Get(ctx, id)
		return err
	})
	class := claude.ClassOf(err)
	switch {
	case err == nil:
		r.lifecycle(s, info)
	case class == claude.ErrNotFound && r.step("auth").Status == StatusOK:
		r.callFailed(s, err)
		s.Finding = "the API does not know the model " + id
		if gone != nil {
			s.name = ModelRetired
			s.Finding = gone.Message
			s.because("Models are retired some time after newer ones have come.")
			s.first("Change the model: " + gone.Fix + ".")
		} else {
			s.because("The id is misspelt, or that of another provider's platform, or newer than this account may use.")
		}
		r.suggestModels(ctx, s)
	case class == claude.ErrNotFound, class == claude.ErrBlocked, class == claude.ErrInvalidRequest:
		r.skip(s, "this gateway does not describe models")
	default:
		r.callFailed(s, err)
	}
}

// knownOf says what this version knows of a model's end.
func (r *run) knownOf(s *Step) *claude.Problem {
	for _, p := range claude.Check(r.request(), r.cfg.Version) {
		if p.Path == "model" {
			s.warn(p.Message)
			s.Class, s.Who = claude.ErrNotFound, claude.PartyYou
			s.only("Change the model: "+p.Fix+".", "See what replaces it: https://platform.claude.com/docs/en/about-claude/model-deprecations")
			return &p
		}
	}
	return nil
}

// lifecycle reads what the API says of a model.
func (r *run) lifecycle(s *Step, info *claude.ModelInfo) {
	if info.ID != r.cfg.Model {
		s.saw("stands for", r.foreign(info.ID))
	}
	if info.Lifecycle != "" {
		s.saw("lifecycle", r.foreign(info.Lifecycle))
	}
	if !info.DeprecatedAt.IsZero() {
		s.saw("deprecated", info.DeprecatedAt.UTC().Format("2006-01-02"))
	}
	if !info.RetiresAt.IsZero() {
		s.saw("retires", info.RetiresAt.UTC().Format("2006-01-02"))
	}
	switch {
	case info.Lifecycle == "deprecated", info.Lifecycle == "retired":
		if s.Status == StatusOK {
			s.warn("the model is " + info.Lifecycle)
			s.Class, s.Who = claude.ErrNotFound, claude.PartyYou
			s.only("See what replaces it: https://platform.claude.com/docs/en/about-claude/model-deprecations")
		}
		if !info.RetiresAt.IsZero() {
			s.Finding += ", and it retires on " + info.RetiresAt.UTC().Format("2006-01-02")
		}
	case s.Status == StatusOK:
		s.Finding = "it is there"
	}
}

// suggestModels lists what there is.
func (r *run) suggestModels(ctx context.Context, s *Step) {
	page, err := r.client.Models.List(ctx, claude.ModelListParams{Limit: 20})
	if err != nil {
		return
	}
	var ids []string
	closest, least := "", len(r.cfg.Model)/3+1
	for _, m := range page.Data {
		ids = append(ids, m.ID)
		if d := distance(r.cfg.Model, m.ID); d < least {
			closest, least = m.ID, d
		}
	}
	if len(ids) > 0 {
		s.saw("there are", r.clean(strings.Join(ids, ", ")))
	}
	if closest != "" && s.name != ModelRetired {
		s.first("Did you mean " + r.foreign(closest) + "?")
	}
}

// count counts the tokens of a small request: as near as one gets to creating a
// message without paying.
func (r *run) count(ctx context.Context, s *Step) {
	if r.failed("model") {
		r.skip(s, "not tried: there is no model to count for")
		return
	}
	tokens := 0
	err := r.again(s, func() (err error) {
		tokens, err = r.client.Messages.CountTokens(ctx, r.request())
		return err
	})
	switch class := claude.ClassOf(err); {
	case err == nil && s.Status == StatusOK:
		s.Finding = "works: " + plural(tokens, "token")
	case err == nil:
	case !r.providers() && (class == claude.ErrNotFound || class == claude.ErrBlocked && isStatus(err, http.StatusNotFound)):
		if r.step("auth").Status == StatusOK {
			s.warn("this gateway does not count tokens; whether it creates messages only a paid call tells")
			return
		}
		r.callFailed(s, err)
		s.Finding = "neither models nor tokens: what is at " + r.base.String() + " does not look like this API"
	default:
		r.callFailed(s, err)
	}
}

// request is the smallest that makes sense.
func (r *run) request() claude.Request {
	return claude.Request{Model: r.cfg.Model, MaxTokens: 1, Messages: []claude.Message{claude.UserText("Hi")}}
}

// message creates a message of one token, if the caller pays for it.
func (r *run) message(ctx context.Context, s *Step) {
	switch {
	case !r.cfg.Paid:
		r.skip(s, "it costs money, and was not asked for; so it is not known whether the account has credit")
		return
	case r.failed("model"), r.failed("count"):
		r.skip(s, "not tried: a step before it failed")
		return
	}
	resp, err := r.client.Messages.Create(ctx, r.request(), claude.WithCreateMode(claude.CreateUnary))
	if err != nil {
		r.callFailed(s, err)
		return
	}
	s.Finding = "works: " + plural(resp.Usage.TotalInputTokens(), "token") + " in, " + itoa(resp.Usage.OutputTokens) + " out"
	s.saw("request-id", r.foreign(resp.RequestID))
}
