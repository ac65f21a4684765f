package claude

import (
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/steadfast-go/claude/internal/redact"
)

// The versions of the API, for [WithVersion] and [Validate].
//
// https://platform.claude.com/docs/en/api/versioning
const (
	Version20230601 = "2023-06-01"
	Version20261021 = "2026-10-21" // the default
)

// An Option configures a [Client].
type Option interface {
	apply(c *config) error
}

// A CallOption configures a [Client] or, given to one of its methods, a single
// call.
type CallOption interface {
	Option
	applyCall(c *callConfig) error
}

// config is what New makes a Client of.
type config struct {
	callConfig
	baseURL    string
	credential Credential
	source     *CredentialInfo // of a credential given by an option
	scheme     AuthScheme
	transport  *Transport
	rt         http.RoundTripper
	net        network
	breaker    BreakerPolicy
	breakerSet bool
	netOption  string // the last option that concerns a base of ours
	plainHTTP  bool
	logger     *slog.Logger
	logging    *LogPolicy
	observers  []Observer
}

// callConfig is what may differ from call to call.
type callConfig struct {
	version    string
	betas      []string
	header     http.Header // extra headers; copied before it is changed
	retry      RetryPolicy
	timeouts   Timeouts
	validation Validation
	createMode CreateMode
	eager      bool
	resume     int
	attempts   int // of WithMaxAttempts, where there is no WithRetry
	retrySet   bool
	limitSet   bool

	// ready is retry and timeouts with their defaults, as calls have them.
	ready struct {
		retry    RetryPolicy
		timeouts Timeouts
	}
}

// settle is called once the configuration is whole.
func (c *callConfig) settle() {
	c.ready.retry, c.ready.timeouts = c.retry.withDefaults(), c.timeouts.withDefaults()
}

type option func(c *config) error

func (o option) apply(c *config) error { return o(c) }

type callOption func(c *callConfig) error

func (o callOption) apply(c *config) error         { return o(&c.callConfig) }
func (o callOption) applyCall(c *callConfig) error { return o(c) }

// WithAPIKey sets the API key. It switches the environment's credential off.
// Default: ANTHROPIC_API_KEY. https://platform.claude.com/settings/keys
func WithAPIKey(key string) Option { return withSecret("WithAPIKey", key, AuthAPIKey) }

// WithAuthToken sets a bearer token, such as an OAuth token or a gateway's key.
// It switches the environment's credential off. Default: ANTHROPIC_AUTH_TOKEN,
// unless there is an API key. The API's own OAuth tokens also need
// WithBeta("oauth-2025-04-20").
func WithAuthToken(token string) Option { return withSecret("WithAuthToken", token, AuthBearer) }

func withSecret(name, value string, scheme AuthScheme) Option {
	return option(func(c *config) error {
		if problem := checkSecret(value); problem != "" {
			return &ConfigError{Field: name, Problem: "the credential " + problem}
		}
		return c.setCredential(name, newStaticCredential(value, name, scheme), scheme)
	})
}

// WithCredential sets where each attempt gets its credential from. It switches
// the environment's off. After a 401 a call is tried once more if the credential
// has changed meanwhile.
func WithCredential(credential Credential) Option {
	return option(func(c *config) error {
		if isNil(credential) {
			return &ConfigError{Field: "WithCredential", Problem: "is nil"}
		}
		return c.setCredential("WithCredential", credential, "")
	})
}

func (c *config) setCredential(name string, credential Credential, scheme AuthScheme) error {
	if c.credential != nil {
		return &ConfigError{Field: name, Problem: "is a second credential beside " + c.source.Source + ": give one"}
	}
	c.credential, c.source = credential, &CredentialInfo{Scheme: scheme, Source: name}
	return nil
}

// WithAuthScheme sets how the credential is sent, for gateways that want it
// differently. Default: API keys in X-Api-Key, tokens as Authorization: Bearer.
func WithAuthScheme(scheme AuthScheme) Option {
	return option(func(c *config) error {
		if scheme != AuthAPIKey && scheme != AuthBearer {
			return &ConfigError{Field: "WithAuthScheme", Problem: "is neither AuthAPIKey nor AuthBearer"}
		}
		c.scheme = scheme
		return nil
	})
}

// WithBaseURL sets where the API is: https://host, with or without "/", "/v1" or
// "/v1/messages" behind it; any other path is kept in front of "/v1". Default:
// ANTHROPIC_BASE_URL, else https://api.anthropic.com.
func WithBaseURL(baseURL string) Option {
	return option(func(c *config) error {
		if baseURL == "" {
			return &ConfigError{Field: "WithBaseURL", Problem: "is empty: leave the option out for the default"}
		}
		c.baseURL = baseURL
		return nil
	})
}

// WithPlainHTTP allows a base URL with http to hosts that are not loopback. The
// credential and everything else then travel readable by anyone on the way.
func WithPlainHTTP() Option {
	return option(func(c *config) error { c.plainHTTP = true; return nil })
}

// WithVersion sets the anthropic-version header. Default [Version20261021].
func WithVersion(version string) CallOption {
	return callOption(func(c *callConfig) error {
		if version == "" || !validHeaderValue(version) {
			return &ConfigError{Field: "WithVersion", Problem: `is not a version such as "2026-10-21"`}
		}
		c.version = version
		return nil
	})
}

// WithBeta switches beta features on: values of the anthropic-beta header, added
// to those given before. Their members of the body go into Request.Extra.
func WithBeta(betas ...string) CallOption {
	return callOption(func(c *callConfig) error {
		for _, b := range betas {
			if b == "" || !validHeaderValue(b) || strings.ContainsAny(b, ", ") {
				return &ConfigError{Field: "WithBeta", Problem: `is not a name such as "context-management-2025-06-27"`}
			}
		}
		c.betas = append(c.betas[:len(c.betas):len(c.betas)], betas...)
		return nil
	})
}

// WithHeader sets a header of every request, in place of a value given before.
// An empty value removes it. Headers that carry the credential or frame the body
// are refused: those have options of their own, or are net/http's.
func WithHeader(name, value string) CallOption {
	return callOption(func(c *callConfig) error {
		if err := checkHeader("WithHeader", name, value); err != nil {
			return err
		}
		c.header = c.header.Clone()
		if c.header == nil {
			c.header = make(http.Header)
		}
		c.header.Set(name, value)
		return nil
	})
}

// checkHeader refuses headers that cannot be sent or are not the user's to set.
func checkHeader(field, name, value string) error {
	shown := quoteName(redact.Line(name, maxShownMessage))
	if !validHeaderName(name) {
		return &ConfigError{Field: field, Problem: "the name " + shown + " is not that of a header"}
	}
	if !validHeaderValue(value) {
		return &ConfigError{Field: field, Problem: "the value of " + shown + " contains a character that no header may carry, such as a line break"}
	}
	switch http.CanonicalHeaderKey(name) {
	case "X-Api-Key", "Authorization", "Proxy-Authorization", "Cookie":
		return &ConfigError{Field: field, Problem: shown + " carries a credential: use WithAPIKey, WithAuthToken, WithCredential or WithProxy"}
	case "Content-Length", "Transfer-Encoding", "Connection", "Host", "Content-Type", "Content-Encoding", "Accept-Encoding", "Upgrade", "Te", "Trailer":
		return &ConfigError{Field: field, Problem: shown + " is set by the client"}
	case "Anthropic-Version":
		return &ConfigError{Field: field, Problem: shown + " has an option of its own: use WithVersion"}
	case "Anthropic-Beta":
		return &ConfigError{Field: field, Problem: shown + " has an option of its own: use WithBeta"}
	}
	return nil
}

func validHeaderName(s string) bool {
	const separators = "()<>@,;:\\\"/[]?={} \t"
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || strings.IndexByte(separators, s[i]) >= 0 {
			return false
		}
	}
	return s != ""
}

func validHeaderValue(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// WithRoundTripper sets what makes the attempts, in place of our own transport.
// The options that configure that one (WithProxy, WithRootCAs, WithNetwork) are
// then errors. It must not follow redirects or retry; an [http.Transport] does
// neither.
func WithRoundTripper(rt http.RoundTripper) Option {
	return option(func(c *config) error {
		if isNil(rt) {
			return &ConfigError{Field: "WithRoundTripper", Problem: "is nil"}
		}
		c.rt = rt
		return nil
	})
}

// WithTransport makes the client work through t, which other clients may share:
// then so do they its connections and what it has learnt. The options that
// configure a transport are then errors.
func WithTransport(t *Transport) Option {
	return option(func(c *config) error {
		if t == nil {
			return &ConfigError{Field: "WithTransport", Problem: "is nil"}
		}
		c.transport = t
		return nil
	})
}

// WithRetry sets when a failed attempt is made again. Default: the zero
// [RetryPolicy].
func WithRetry(policy RetryPolicy) CallOption {
	return callOption(func(c *callConfig) error {
		if err := policy.check(); err != nil {
			return err
		}
		c.retry, c.retrySet = policy, true
		return nil
	})
}

// WithMaxAttempts sets RetryPolicy.MaxAttempts alone: 1 means no retries.
func WithMaxAttempts(n int) CallOption {
	return callOption(func(c *callConfig) error {
		if n < 1 {
			return &ConfigError{Field: "WithMaxAttempts", Problem: "is less than 1: the first attempt counts too"}
		}
		c.retry.MaxAttempts, c.attempts = n, n
		return nil
	})
}

// WithBreaker sets when calls to a target that keeps failing are refused. Default:
// the zero [BreakerPolicy].
func WithBreaker(policy BreakerPolicy) Option {
	return option(func(c *config) error {
		if err := policy.check(); err != nil {
			return err
		}
		c.breaker, c.breakerSet = policy, true
		return nil
	})
}

// WithTimeouts sets the limits of an attempt's phases and of the call. Default:
// the zero [Timeouts].
func WithTimeouts(timeouts Timeouts) CallOption {
	return callOption(func(c *callConfig) error {
		if err := timeouts.check(); err != nil {
			return err
		}
		c.timeouts, c.limitSet = timeouts, true
		return nil
	})
}

// WithValidation sets what happens to a request the API would refuse. Default
// [ValidationDefault].
func WithValidation(v Validation) CallOption {
	return callOption(func(c *callConfig) error {
		if v < ValidationDefault || v > ValidationOff {
			return &ConfigError{Field: "WithValidation", Problem: "is none of ValidationDefault, ValidationStrict, ValidationOff"}
		}
		c.validation = v
		return nil
	})
}

// CreateMode says how [MessageService.Create] gets its answer.
type CreateMode int

// The ways to get an answer.
const (
	// CreateAuto streams where the answer may take over a minute: with MaxTokens over
	// 4096, or with thinking enabled or adaptive. Then no connection is idle so long
	// that something on the way drops it, and a stall is seen. The result is the same.
	CreateAuto CreateMode = iota
	// CreateUnary always asks for the answer at once.
	CreateUnary
	// CreateStream always streams.
	CreateStream
)

// WithCreateMode sets how Create gets its answer. Default [CreateAuto].
func WithCreateMode(mode CreateMode) CallOption {
	return callOption(func(c *callConfig) error {
		if mode < CreateAuto || mode > CreateStream {
			return &ConfigError{Field: "WithCreateMode", Problem: "is none of CreateAuto, CreateUnary, CreateStream"}
		}
		c.createMode = mode
		return nil
	})
}

// WithEagerStream hands a stream over as soon as it begins, for who wants to show
// that the model has begun to think. What goes wrong before the first content is
// then no longer tried again. Default: a stream is handed over with its first
// content.
func WithEagerStream() CallOption {
	return callOption(func(c *callConfig) error { c.eager = true; return nil })
}

// WithLogger logs one line for each attempt, each call and each warning: failed
// attempts and warnings at level Warn, failed calls at Error, successful calls at
// Info, successful attempts at Debug. Default: no log.
func WithLogger(logger *slog.Logger) Option {
	return option(func(c *config) error {
		if logger == nil {
			return &ConfigError{Field: "WithLogger", Problem: "is nil"}
		}
		c.logger = logger
		return nil
	})
}

// WithLogging adds the traffic to the log of [WithLogger], at level Info.
// Default: no traffic.
func WithLogging(policy LogPolicy) Option {
	return option(func(c *config) error {
		if policy.MaxBody < 0 {
			return &ConfigError{Field: "LogPolicy.MaxBody", Problem: "is negative"}
		}
		if policy.MaxBody == 0 {
			policy.MaxBody = 4096
		}
		c.logging = &policy
		return nil
	})
}

// WithObserver adds an observer. Several are called in the order given; contexts
// flow through all of them.
func WithObserver(observer Observer) Option {
	return option(func(c *config) error {
		c.observers = append(c.observers, observer)
		return nil
	})
}

// WithProxy sends everything through a proxy: http://, https:// or socks5://,
// with user and password in the URL where it wants them. Default: HTTPS_PROXY
// and NO_PROXY of the environment.
func WithProxy(proxyURL string) Option {
	return option(func(c *config) error {
		u, err := url.Parse(proxyURL)
		if err != nil || u.Host == "" {
			return &ConfigError{Field: "WithProxy", Problem: "is not a URL such as http://proxy.example:3128"}
		}
		switch u.Scheme {
		case "http", "https", "socks5", "socks5h":
		default:
			return &ConfigError{Field: "WithProxy", Problem: "has another scheme than http, https or socks5"}
		}
		c.net.proxy, c.netOption = u, "WithProxy"
		return nil
	})
}

// WithRootCAs trusts the authorities in a PEM file's bytes, in addition to the
// system's: such as the one of a company's proxy that inspects TLS.
func WithRootCAs(pem []byte) Option {
	return option(func(c *config) error {
		if c.net.roots == nil {
			roots, err := x509.SystemCertPool()
			if err != nil {
				roots = x509.NewCertPool()
			}
			c.net.roots = roots
		}
		if !c.net.roots.AppendCertsFromPEM(pem) {
			return &ConfigError{Field: "WithRootCAs", Problem: "holds no certificate in PEM form"}
		}
		c.netOption = "WithRootCAs"
		return nil
	})
}

// WithNetwork restricts connections to "tcp4" or "tcp6". Default: both, whichever
// connects first.
func WithNetwork(network string) Option {
	return option(func(c *config) error {
		if network != "tcp4" && network != "tcp6" {
			return &ConfigError{Field: "WithNetwork", Problem: `is neither "tcp4" nor "tcp6"`}
		}
		c.net.only, c.netOption = network, "WithNetwork"
		return nil
	})
}

// defaultBaseURL is where the API is.
const defaultBaseURL = "https://api.anthropic.com"

// parseBaseURL returns the root of the API's paths: scheme, host and whatever
// stands before "/v1".
func parseBaseURL(field, s string, plainHTTP bool) (*url.URL, error) {
	refuse := func(problem string) (*url.URL, error) {
		return nil, &ConfigError{Field: field, Problem: problem}
	}
	u, err := url.Parse(strings.TrimSpace(s))
	switch {
	case err != nil:
		return refuse("is not a URL such as " + defaultBaseURL)
	case u.Scheme == "" || u.Host == "" && u.Scheme != "http" && u.Scheme != "https":
		return refuse("has no scheme: write https:// in front of the host")
	case u.Scheme != "https" && u.Scheme != "http":
		return refuse("has another scheme than https")
	case u.Hostname() == "":
		return refuse("has no host")
	case u.User != nil:
		return refuse("contains a user or password: give the credential by an option")
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return refuse("has a query or fragment: leave it out")
	case u.Scheme == "http" && !plainHTTP && !isLoopback(u.Hostname()):
		return refuse("is plain http to another machine, which anyone on the way can read: use https, or WithPlainHTTP if you must")
	}
	path := strings.TrimRight(u.Path, "/")
	path = strings.TrimSuffix(path, "/messages")
	path = strings.TrimRight(strings.TrimSuffix(path, "/v1"), "/")
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: path}, nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// environment is what New reads from the environment.
type environment struct {
	apiKey, authToken, baseURL, headers string
}

// fromEnvironment completes the configuration from the environment. An empty
// variable counts as unset.
func (c *config) fromEnvironment(env environment) (warning string, err error) {
	if c.baseURL == "" {
		c.baseURL = env.baseURL
	}
	if c.credential == nil && (c.transport == nil || c.transport.Credential == nil) {
		name, value, scheme := "ANTHROPIC_API_KEY", env.apiKey, AuthAPIKey
		if value == "" {
			name, value, scheme = "ANTHROPIC_AUTH_TOKEN", env.authToken, AuthBearer
		} else if env.authToken != "" {
			warning = "both ANTHROPIC_API_KEY and ANTHROPIC_AUTH_TOKEN are set: the key is used, the token is not; unset one of them"
		}
		if value == "" {
			return "", &ConfigError{Field: "ANTHROPIC_API_KEY", Problem: "is not set: export it, or use WithAPIKey; keys are made at https://platform.claude.com/settings/keys"}
		}
		if problem := checkSecret(value); problem != "" {
			return "", &ConfigError{Field: name, Problem: "the credential " + problem}
		}
		c.credential = newStaticCredential(value, name, scheme)
		c.source = &CredentialInfo{Scheme: scheme, Source: name}
	}
	for line := range strings.Lines(env.headers) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		const field = "ANTHROPIC_CUSTOM_HEADERS"
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return "", &ConfigError{Field: field, Problem: `has a line that is not "Name: value"`}
		}
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch http.CanonicalHeaderKey(name) {
		case "Anthropic-Beta":
			for b := range strings.SplitSeq(value, ",") {
				if b = strings.TrimSpace(b); b != "" {
					c.betas = append(c.betas, b)
				}
			}
			continue
		}
		if err := checkHeader(field, name, value); err != nil {
			return "", err
		}
		if _, set := c.header[http.CanonicalHeaderKey(name)]; set {
			continue // an option wins
		}
		if c.header == nil {
			c.header = make(http.Header)
		}
		c.header.Set(name, value)
	}
	return warning, nil
}

// check refuses options that contradict each other.
func (c *config) check() error {
	if c.logging != nil && c.logger == nil {
		return &ConfigError{Field: "WithLogging", Problem: "needs WithLogger"}
	}
	if c.rt != nil && c.netOption != "" {
		return &ConfigError{Field: c.netOption, Problem: "has no effect beside WithRoundTripper: configure that"}
	}
	if c.transport != nil {
		for _, used := range []struct {
			name string
			is   bool
		}{
			{"WithRoundTripper", c.rt != nil},
			{"WithBreaker", c.breakerSet},
			{c.netOption, c.netOption != ""},
			{"WithCredential", c.credential != nil && c.transport.Credential != nil},
		} {
			if used.is {
				return &ConfigError{Field: used.name, Problem: "contradicts WithTransport: set it there"}
			}
		}
	}
	return nil
}
