package diagnose

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/internal/redact"
)

// Config says what to look at. The zero value is the environment, as
// [claude.New] reads it: what you give the client by an option belongs here too.
type Config struct {
	BaseURL    string            // as of claude.WithBaseURL; default ANTHROPIC_BASE_URL, else https://api.anthropic.com
	PlainHTTP  bool              // as claude.WithPlainHTTP
	APIKey     string            // as of claude.WithAPIKey; default ANTHROPIC_API_KEY
	AuthToken  string            // as of claude.WithAuthToken; default ANTHROPIC_AUTH_TOKEN, where there is no key
	Credential claude.Credential // as of claude.WithCredential
	AuthScheme claude.AuthScheme // as of claude.WithAuthScheme
	Model      string            // the model to ask for; default claude.ModelHaiku5_5
	Version    string            // of the API; default claude.Version20261021
	Proxy      string            // as of claude.WithProxy; default HTTPS_PROXY and its kin
	RootCAs    []byte            // PEM, as of claude.WithRootCAs
	Network    string            // "tcp4" or "tcp6", as of claude.WithNetwork

	// Paid also creates a message of one token. Without it nothing is billed, and
	// it is not seen whether the account has credit.
	Paid bool

	// StatusURL is the summary of a status page in the format of Statuspage.
	// Default: the provider's, if the base URL is the provider's own.
	StatusURL string

	// Timeout limits each step that waits for the network. Default 10 s. A look-up
	// in DNS is given up after 5 s at most.
	Timeout time.Duration

	// Resolver looks names up. Default: the system's.
	Resolver *net.Resolver

	// Environ is the environment, in the form of os.Environ. Default: this
	// process's. It is for tests, and for looking at the environment of another
	// process; ANTHROPIC_CUSTOM_HEADERS of this process is sent all the same.
	Environ []string

	// FS is the file system, from its root. Default: this machine's. It is for
	// tests: only what says where the program runs is read from it.
	FS fs.FS

	// OnStep is called when a step begins, with StatusRunning, and when it has
	// ended, on the goroutine of Run. A step that is skipped does not begin.
	OnStep func(Step)
}

const (
	defaultHost    = "api.anthropic.com"
	defaultBaseURL = "https://" + defaultHost
	defaultTimeout = 10 * time.Second
	maxLookUp      = 5 * time.Second
	maxShown       = 1024 // bytes of a text in a report
	maxForeign     = 160  // bytes of a text that somebody else wrote
)

// Run makes a diagnosis. It takes well under two seconds if all is well, and ends
// early with the context. The Report is never nil.
func Run(ctx context.Context, cfg Config) *Report {
	r := &run{cfg: cfg, env: environ(cfg.Environ), fsys: cfg.FS, report: &Report{Started: time.Now()}}
	if cfg.Environ == nil {
		r.env = environ(os.Environ())
	}
	if cfg.FS == nil {
		r.fsys, r.realMachine = os.DirFS("/"), true
	}
	if cfg.Timeout <= 0 {
		r.cfg.Timeout = defaultTimeout
	}
	if cfg.Model == "" {
		r.cfg.Model = claude.ModelHaiku5_5
	}
	if cfg.Version == "" {
		r.cfg.Version = claude.Version20261021
	}
	r.report.Model = r.cfg.Model
	r.collectSecrets()
	defer r.close()

	r.do(ctx, "configuration", "Configuration", r.configuration)
	r.do(ctx, "environment", "Where it runs", r.environment)
	r.do(ctx, "proxy", "Proxy", r.viaProxy)
	r.do(ctx, "dns", "DNS", r.dns)
	r.do(ctx, "connect", "TCP", r.connect)
	r.path(ctx)
	r.do(ctx, "tls", "TLS", r.tls)
	r.do(ctx, "http", "HTTP", r.http)
	r.do(ctx, "clock", "Clock", r.clock)
	r.do(ctx, "auth", "Credential", r.auth)
	r.do(ctx, "model", "Model", r.model)
	r.do(ctx, "count", "Counting tokens", r.count)
	r.do(ctx, "message", "Creating a message", r.message)
	r.status(ctx)
	r.conclude(ctx)
	return r.report
}

// run is a diagnosis under way.
type run struct {
	cfg         Config
	env         environ
	fsys        fs.FS
	realMachine bool // fsys is that of this machine
	report      *Report
	secrets     []string // to be kept out of every text
	blocked     string   // why going on makes no sense; empty while it does

	base    *url.URL // scheme, host and what stands before /v1; nil if there is none
	host    string   // its name or address
	port    string
	secure  bool
	roots   *x509.CertPool // nil means the system's
	custom  []header       // of ANTHROPIC_CUSTOM_HEADERS
	options []claude.Option

	source   string // where the credential comes from; empty if there is none
	scheme   claude.AuthScheme
	withhold string // why the credential is not sent; empty if it is

	places []place
	choice proxyChoice
	addrs  []netip.Addr     // that the host's name stands for
	odd    string           // what is odd about them
	reach  []netip.AddrPort // those that TCP reaches, the fastest first
	silent []netip.AddrPort // those that never answered

	transport *http.Transport
	date      time.Time // by the server's clock
	skew      time.Duration
	client    *claude.Client
	wire      *recorder
	incident  string // on the status page
	helloSize bool   // a smaller ClientHello gets through
}

// do makes one step, unless going on makes no sense.
func (r *run) do(ctx context.Context, id, title string, step func(context.Context, *Step)) {
	s := Step{ID: id, Title: title, Status: StatusRunning}
	if r.blocked == "" && ctx.Err() != nil {
		r.blocked = "the context has ended"
	}
	if r.blocked != "" && id != "environment" {
		r.skip(&s, "not tried: "+r.blocked)
		r.finish(s)
		return
	}
	r.perform(ctx, &s, step)
	if ctx.Err() != nil && s.Status == StatusFailed {
		r.blocked = "the context has ended"
		s = Step{ID: id, Title: title, Status: StatusSkipped, Elapsed: s.Elapsed, Finding: "not finished: " + r.blocked}
	}
	r.finish(s)
}

func (r *run) skip(s *Step, why string) { s.Status, s.Finding = StatusSkipped, why }

// perform begins a step, makes it and takes its time.
func (r *run) perform(ctx context.Context, s *Step, step func(context.Context, *Step)) {
	if r.cfg.OnStep != nil {
		r.cfg.OnStep(*s)
	}
	start := time.Now()
	s.Status = StatusOK
	step(ctx, s)
	s.Elapsed = time.Since(start)
}

// finish takes secrets out of a step and adds it to the report: nothing gets there
// but through here.
func (r *run) finish(s Step) {
	for _, text := range []*string{&s.Finding, &s.Cause, &s.DocURL} {
		*text = r.clean(*text)
	}
	for i := range s.Evidence {
		e := &s.Evidence[i]
		e.Name, e.Value = r.clean(e.Name), r.clean(e.Value)
	}
	s.Actions = slices.Clone(s.Actions)
	if s.ID != "configuration" && r.base != nil && r.providers() {
		s.without("ANTHROPIC_BASE_URL") // it is right
	}
	for i := range s.Actions {
		s.Actions[i] = r.clean(s.Actions[i])
	}
	r.report.Steps = append(r.report.Steps, s)
	if r.cfg.OnStep != nil {
		s.Evidence, s.Actions = slices.Clone(s.Evidence), slices.Clone(s.Actions)
		r.cfg.OnStep(s)
	}
}

func (r *run) clean(text string) string { return redact.Line(text, maxShown, r.secrets...) }

// foreign is how a text is shown that somebody else wrote: a page's title, a
// header. It may echo what was sent, so here short secrets count too.
func (r *run) foreign(text string) string {
	for _, s := range r.secrets {
		if len(s) > 2 {
			text = strings.ReplaceAll(text, s, redact.Mask)
		}
	}
	return redact.Line(text, maxForeign, r.secrets...)
}

// collectSecrets notes everything that must not be shown.
func (r *run) collectSecrets() {
	add := func(values ...string) {
		for _, v := range values {
			for _, form := range []string{v, strings.TrimSpace(v), strings.Trim(v, " \t\r\n\"'`"), url.QueryEscape(v), url.PathEscape(v)} {
				if form != "" && !slices.Contains(r.secrets, form) {
					r.secrets = append(r.secrets, form)
				}
			}
		}
	}
	keys := append([]string{"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"}, misnamedKeys...)
	for i, name := range keys {
		keys[i] = r.env.get(name)
	}
	for _, key := range append(keys, r.cfg.APIKey, r.cfg.AuthToken) {
		if word := strings.Trim(key, " \t\r\n\"'`"); isPlaceholder(word) == "" {
			add(key)
			if len(word) > 7 && strings.EqualFold(word[:7], "bearer ") {
				add(word[7:])
			}
		}
	}
	for line := range strings.Lines(r.env.get("ANTHROPIC_CUSTOM_HEADERS")) {
		if name, value, ok := strings.Cut(line, ":"); ok && soundsSecret(name, value) {
			add(strings.TrimSpace(value))
		}
	}
	urls := append([]string{"ANTHROPIC_BASE_URL"}, proxyVariables...)
	for i, name := range urls {
		urls[i] = r.env.get(name)
	}
	for _, u := range append(urls, r.cfg.Proxy, r.cfg.BaseURL) {
		user, password := userOf(u)
		add(password)
		if decoded, err := url.PathUnescape(password); err == nil {
			add(decoded)
			if name, err := url.PathUnescape(user); err == nil && decoded != "" {
				add(base64.StdEncoding.EncodeToString([]byte(name + ":" + decoded)))
			}
		}
	}
	// The longest first, so that no part of one survives the removal of another.
	slices.SortFunc(r.secrets, func(a, b string) int { return len(b) - len(a) })
}

// soundsSecret reports whether a header of a user's own may hold a secret.
func soundsSecret(name, value string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"key", "token", "auth", "secret", "password", "cookie", "session"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return len(strings.TrimSpace(value)) > 32
}

// userOf returns user and password of a URL as they stand there, also of one that
// cannot be parsed.
func userOf(s string) (user, password string) {
	if _, rest, ok := strings.Cut(s, "://"); ok {
		s = rest
	}
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return "", ""
	}
	user, password, _ = strings.Cut(s[:at], ":")
	return user, password
}

func (r *run) close() {
	if r.transport != nil {
		r.transport.CloseIdleConnections()
	}
}

func (r *run) dialer() *net.Dialer { return &net.Dialer{Resolver: r.cfg.Resolver} }

func (r *run) resolver() *net.Resolver {
	if r.cfg.Resolver != nil {
		return r.cfg.Resolver
	}
	return net.DefaultResolver
}

// tcp is the network to dial.
func (r *run) tcp() string { return orElse(r.cfg.Network, "tcp") }

// hostPort is the base URL's host with its port.
func (r *run) hostPort() string { return net.JoinHostPort(r.host, r.port) }

// providers reports whether the base URL is the provider's own.
func (r *run) providers() bool { return isProviders(r.host) }

func isProviders(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == defaultHost || strings.HasSuffix(host, ".anthropic.com") || strings.HasSuffix(host, ".claude.com")
}

// failed reports whether a step failed.
func (r *run) failed(id string) bool {
	s := r.step(id)
	return s != nil && s.Status == StatusFailed
}

func (r *run) step(id string) *Step {
	for i := range r.report.Steps {
		if r.report.Steps[i].ID == id {
			return &r.report.Steps[i]
		}
	}
	return nil
}

// environ is an environment.
type environ []string

// lookup returns a variable, and whether it is set. The last entry of a name
// counts, as it does for os.Getenv.
func (e environ) lookup(name string) (value string, set bool) {
	for _, entry := range slices.Backward(e) {
		n, v, ok := strings.Cut(entry, "=")
		if ok && (n == name || runtime.GOOS == "windows" && strings.EqualFold(n, name)) {
			return v, true
		}
	}
	return "", false
}

func (e environ) get(name string) string {
	value, _ := e.lookup(name)
	return value
}

// first returns the first variable of several that is not empty, with its name.
func (e environ) first(names ...string) (name, value string) {
	for _, n := range names {
		if v := e.get(n); v != "" {
			return n, v
		}
	}
	return "", ""
}
