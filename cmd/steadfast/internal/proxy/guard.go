package proxy

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// TokenHeader carries the token of the proxy, where there is one. A caller that can
// set no header of its own may send the token in place of its credential, as a
// bearer token or an API key; no credential is forwarded then.
const TokenHeader = "X-Steadfast-Token"

// refusal is why the proxy itself does not forward a request.
type refusal struct {
	reason  string // for the status page
	status  int
	typ     string // of the API's error
	message string
	after   time.Duration // to wait before trying again; 0: it would not help
}

// The reasons.
const (
	refusedToken    = "token"
	refusedHost     = "host"
	refusedOrigin   = "origin"
	refusedForm     = "form"
	refusedBody     = "body"
	refusedBusy     = "busy"
	refusedDraining = "draining"
)

// secret is compared without telling how much of it was right, nor its length.
type secret struct {
	sum [sha256.Size]byte
	set bool
}

func newSecret(s string) secret { return secret{sha256.Sum256([]byte(s)), s != ""} }

func (s secret) is(text string) bool {
	sum := sha256.Sum256([]byte(text))
	return s.set && subtle.ConstantTimeCompare(s.sum[:], sum[:]) == 1
}

// bearer returns the token of an Authorization header.
func bearer(h http.Header) string {
	scheme, token, ok := strings.Cut(h.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// knows reports whether a request carries the token.
func (s secret) knows(h http.Header) bool {
	return s.is(h.Get(TokenHeader)) || s.is(bearer(h)) || s.is(h.Get("X-Api-Key"))
}

// strip takes the token out of what is forwarded, wherever it stands.
func (s secret) strip(h http.Header) {
	if s.is(bearer(h)) {
		h.Del("Authorization")
	}
	if s.is(h.Get("X-Api-Key")) {
		h.Del("X-Api-Key")
	}
}

// guard says why a request is not forwarded, or nil.
func (p *Proxy) guard(r *http.Request) *refusal {
	if r.Method == http.MethodConnect || r.URL.Host != "" || !strings.HasPrefix(r.URL.Path, "/") {
		return &refusal{refusedForm, http.StatusBadRequest, typeInvalid, "This is a reverse proxy of the Messages API, not a proxy for any host. Set ANTHROPIC_BASE_URL to it, not HTTPS_PROXY.", 0}
	}
	if refused := p.guardCaller(r); refused != nil {
		return refused
	}
	if r.ContentLength > p.config.MaxBody {
		return p.tooLarge()
	}
	return nil
}

// guardCaller says why a caller may not use the proxy at all, or nil. A page in a
// browser on this machine is a caller too: it must neither reach the proxy by a name
// that it made resolve to loopback, nor spend a key that is not its own.
func (p *Proxy) guardCaller(r *http.Request) *refusal {
	if p.token.set {
		if p.token.knows(r.Header) || p.token.is(basicPassword(r)) && isPage(r) {
			return nil
		}
		return &refusal{refusedToken, http.StatusUnauthorized, typeAuthentication, "This proxy requires its token: in the header " + TokenHeader + ", or in place of the API key.", 0}
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if !isLoopback(strings.Trim(host, "[]")) {
		return &refusal{refusedHost, http.StatusForbidden, typePermission, "The request's Host is not this machine. Use http://127.0.0.1, or start the proxy with a token.", 0}
	}
	if p.config.Key.Reveal() != "" && p.origin.Check(r) != nil {
		return &refusal{refusedOrigin, http.StatusForbidden, typePermission, "A page of another origin may not use this proxy's key.", 0}
	}
	return nil
}

// basicPassword returns the password of a browser's own form.
func basicPassword(r *http.Request) string {
	_, password, _ := r.BasicAuth()
	return password
}

func (p *Proxy) tooLarge() *refusal {
	return &refusal{refusedBody, http.StatusRequestEntityTooLarge, typeTooLarge, "The request's body is over the proxy's limit of " + strconv.FormatInt(p.config.MaxBody, 10) + " bytes; --max-body raises it.", 0}
}

// limitBody limits what is read of a body whose length is not known before.
func (p *Proxy) limitBody(w http.ResponseWriter, r *http.Request) {
	if r.Body != nil && r.Body != http.NoBody && r.ContentLength < 0 {
		r.Body = http.MaxBytesReader(w, r.Body, p.config.MaxBody)
	}
}

// isOverLimit reports whether reading a body ended at its limit.
func isOverLimit(err error) bool {
	_, ok := errors.AsType[*http.MaxBytesError](err)
	return ok
}

const drainTime = 5 * time.Second // for a body that is refused

// discardBody reads what a caller is still sending of a body that is refused. Many
// clients read no answer before they have written all, and break off when they can
// not.
func (p *Proxy) discardBody(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Expect") != "" {
		return // it waits for our answer
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(drainTime))
	_, _ = io.CopyN(io.Discard, r.Body, max(p.config.MaxBody, r.ContentLength))
}

// admission counts the requests under way, up to a limit, until it is closed.
type admission struct {
	limit int

	mu     sync.Mutex
	n      int
	closed bool
	idle   chan struct{} // closed once it is closed and nothing is under way
}

func newAdmission(limit int) *admission {
	return &admission{limit: limit, idle: make(chan struct{})}
}

// enter admits a request, which must leave, or says why not.
func (a *admission) enter() *refusal {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.closed:
		return &refusal{refusedDraining, http.StatusServiceUnavailable, typeOverloaded, "The proxy is stopping and takes no new requests.", time.Second}
	case a.n >= a.limit:
		return &refusal{refusedBusy, statusOverloaded, typeOverloaded, "The proxy has " + strconv.Itoa(a.limit) + " requests under way, which is its limit; --max-concurrent raises it.", time.Second}
	}
	a.n++
	return nil
}

func (a *admission) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.n--
	a.check()
}

// close lets nobody in any more.
func (a *admission) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.closed = true
		a.check()
	}
}

func (a *admission) check() {
	if a.closed && a.n == 0 {
		close(a.idle)
	}
}

// now returns how many requests are under way, and whether no more are let in.
func (a *admission) now() (n int, closed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.n, a.closed
}
