package diagnose

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/internal/netstage"
)

// viaProxy finds out whether a proxy is on the way, and whether it lets us through.
func (r *run) viaProxy(ctx context.Context, s *Step) {
	r.choice = r.choose(s)
	switch c := r.choice; {
	case c.bad != "":
		r.badProxy(s)
		return
	case c.url == nil:
		s.Finding = "none is used: " + c.why
		if name, _ := r.env.first("HTTP_PROXY", "http_proxy"); name != "" && r.secure && r.choice.source == "" {
			s.saw("", name+" is for http:// URLs only; for this one it would have to be HTTPS_PROXY")
		}
		if name, _ := r.env.first("ALL_PROXY", "all_proxy"); name != "" && r.choice.source == "" {
			s.saw("", name+" is set, which curl uses and Go does not")
		}
		return
	}
	s.saw("proxy", shownProxy(r.choice.url.String())+", "+r.choice.why)
	start := time.Now()
	limited, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	conn, err := r.dialProxy(limited)
	if err != nil {
		s.saw("connecting", happened(err))
		r.proxyUnreachable(ctx, s, err)
		return
	}
	defer conn.Close() //nolint:errcheck // it was a test
	s.saw("connecting", "done in "+short(time.Since(start)))
	if !r.secure && strings.HasPrefix(r.choice.url.Scheme, "http") {
		s.Finding = r.choice.shown() + " is there; plain http goes through it request by request"
		return
	}
	if err := r.tunnel(limited, conn, r.choice.url, r.hostPort()); err != nil {
		r.proxyRefuses(s, err)
		r.withoutProxy(ctx, s)
		return
	}
	s.Finding = r.choice.shown() + " connects us to " + r.hostPort()
}

// badProxy is about a proxy's URL that Go reads as something else.
func (r *run) badProxy(s *Step) {
	c := r.choice
	if c.url == nil {
		s.warn(c.bad)
	} else {
		s.fail(r.callError(claude.ErrProxy, &claude.ConfigError{Field: c.source, Problem: "is not a URL"}), c.bad)
		r.blocked = "the proxy's URL cannot be read"
	}
	s.Class, s.Who = claude.ErrProxy, claude.PartyYou
	s.because("The URL holds a character that has a meaning of its own there, mostly in the password.")
	s.only("Correct " + orElse(c.source, "the variable") + ": percent-encode every character of user and password but letters and digits, so that # becomes %23 and @ becomes %40.")
	if strings.Contains(c.bad, "CGI") {
		s.because("REQUEST_METHOD is set, as a web server does for its CGI programs, whose clients can set HTTP_PROXY by a header.")
		s.only("Unset REQUEST_METHOD, if this is no CGI program.")
	}
}

// dialProxy connects to the proxy.
func (r *run) dialProxy(ctx context.Context) (net.Conn, error) {
	u := r.choice.url
	if !knownProxy(u.Scheme) {
		return nil, errors.New("not tried")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if port == "" {
		port = "1080"
	}
	conn, err := r.dialer().DialContext(ctx, r.tcp(), net.JoinHostPort(u.Hostname(), port))
	if err != nil || u.Scheme != "https" {
		return conn, err
	}
	secure := tls.Client(conn, &tls.Config{ServerName: u.Hostname(), RootCAs: r.roots, MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secure, nil
}

// refusal is a proxy that will not connect us.
type refusal struct {
	status     int      // of an HTTP proxy's answer; 0 if it is another
	schemes    []string // by which it wants us to log in
	page       string
	text       string
	credential bool // we gave one
}

func (e *refusal) Error() string {
	if e.status == 0 {
		return e.text
	}
	return "the proxy answered " + e.answer() + " to CONNECT"
}

// answer is the status of an HTTP proxy's answer.
func (e *refusal) answer() string {
	return strings.TrimSpace(itoa(e.status) + " " + http.StatusText(e.status))
}

// tunnel asks a proxy for a connection to an address.
func (r *run) tunnel(ctx context.Context, conn net.Conn, proxy *url.URL, addr string) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if strings.HasPrefix(proxy.Scheme, "socks") {
		return socks(conn, proxy, addr)
	}
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: http.Header{}}
	if u := proxy.User; u != nil {
		password, _ := u.Password()
		req.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)))
	}
	if err := req.Write(conn); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReader(&onlyHeader{r: conn}), req) //nolint:bodyclose // the connection is closed, or goes on as a tunnel
	if err != nil {
		if netstage.Of(err) == netstage.Unknown {
			return &refusal{text: "the proxy does not speak HTTP", credential: proxy.User != nil}
		}
		return err
	}
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	e := &refusal{status: resp.StatusCode, credential: proxy.User != nil}
	for _, challenge := range resp.Header.Values("Proxy-Authenticate") {
		scheme, _, _ := strings.Cut(challenge, " ")
		e.schemes = append(e.schemes, r.foreign(scheme))
	}
	if length := resp.ContentLength; length > 0 {
		page, _ := io.ReadAll(io.LimitReader(resp.Body, min(length, 16<<10)))
		e.page = r.foreign(title(string(page)))
	}
	return e
}

// onlyHeader hands out a byte at a time, so that a bufio.Reader takes nothing of
// what follows an answer's header.
type onlyHeader struct{ r io.Reader }

func (o *onlyHeader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return o.r.Read(p[:1])
}

// title returns the title of a page, empty if it has none.
func title(page string) string {
	lower := strings.ToLower(page)
	start := strings.Index(lower, "<title")
	if start < 0 || len(lower) != len(page) {
		return ""
	}
	open := strings.IndexByte(page[start:], '>')
	if open < 0 {
		return ""
	}
	text, _, ok := strings.Cut(page[start+open+1:], "<")
	if !ok {
		return ""
	}
	return strings.TrimSpace(text)
}

// proxyUnreachable says why the proxy itself is not reached.
func (r *run) proxyUnreachable(ctx context.Context, s *Step, err error) {
	s.fail(r.networkError(claude.ErrProxy, claude.StageProxy, r.choice.url.Host, err), r.choice.shown()+" is not reached: "+happened(err))
	s.without("allow CONNECT")
	r.blocked = "the proxy is not reached"
	if !knownProxy(r.choice.url.Scheme) {
		s.Finding = "Go does not speak " + r.choice.url.Scheme + " with a proxy"
		s.because(r.choice.source + " names a proxy of a kind that other programs know, and Go does not.")
		s.first("Give it as socks5:// or http://, whichever it speaks too; most proxies of that kind also do one of them.")
		return
	}
	switch netstage.Of(err) {
	case netstage.NotFound, netstage.DNSFailure:
		s.because("The proxy's own name, " + r.choice.url.Hostname() + ", is not resolved.")
	case netstage.Refused:
		s.because("Nothing listens at " + r.choice.url.Host + ": the proxy program is not running, or its port is another.")
		if host := r.choice.url.Hostname(); host == "localhost" || strings.HasPrefix(host, "127.") {
			if name, is := r.in(inContainer); is {
				s.first("In " + name + ", " + host + " is the container itself: name the proxy as host.docker.internal, or by the host's address.")
			} else if _, is := r.in(inWSL); is {
				s.first("In WSL, " + host + " is Linux itself: for a proxy in Windows use its address, or networkingMode=mirrored.")
			}
		}
	case netstage.TimedOut:
		s.because("Nobody answers at " + r.choice.url.Host + ": a proxy of another network (a VPN that is off?), or a firewall in between.")
	case netstage.NotTLS:
		s.because("The proxy's URL says https://, but the proxy speaks plain http.")
		s.first("Write http:// in front of the proxy in " + r.choice.source + ": that is the language spoken with the proxy, not with the API.")
	default:
	}
	r.withoutProxy(ctx, s)
}

// proxyRefuses says why the proxy will not connect us.
func (r *run) proxyRefuses(s *Step, err error) {
	r.blocked = "the proxy does not connect us"
	e, ok := errors.AsType[*refusal](err)
	if !ok {
		s.saw("CONNECT", happened(err))
		s.fail(r.networkError(claude.ErrProxy, claude.StageProxy, r.choice.url.Host, err), r.choice.shown()+" gives no answer to CONNECT: "+happened(err))
		if netstage.Of(err) == netstage.TimedOut {
			s.because("The proxy accepts connections but says nothing: it cannot reach the API itself, or it speaks another protocol (a SOCKS proxy given as http://, or the other way round).")
		}
		return
	}
	finding := r.choice.shown() + " does not connect us: " + e.Error()
	if e.status != 0 {
		finding = r.choice.shown() + " does not connect us: it answered " + e.answer()
		s.saw("CONNECT "+r.hostPort(), e.answer())
	}
	if e.schemes != nil {
		s.saw("it asks for", strings.Join(e.schemes, ", "))
	}
	if e.page != "" {
		s.saw("its page", e.page)
	}
	s.fail(r.networkError(claude.ErrProxy, claude.StageProxy, r.choice.url.Host, e), finding)
	s.without("allow CONNECT")
	switch {
	case e.status == http.StatusProxyAuthRequired:
		s.name = ProxyAuth
		r.explainLogin(s, e)
	case e.status == http.StatusForbidden, e.status == http.StatusMethodNotAllowed, e.status == http.StatusUnavailableForLegalReasons:
		s.name = ProxyDenied
		s.because("The proxy's rules do not allow " + r.hostPort() + ".")
		s.only("Ask whoever runs the proxy to allow CONNECT to "+r.hostPort()+".", "If the API can be reached without the proxy: NO_PROXY="+r.host)
	case e.status >= http.StatusInternalServerError:
		s.because("The proxy itself cannot reach " + r.hostPort() + ": its own DNS or its own way out.")
	case e.status != 0:
		s.because("The proxy does not do CONNECT, or not for this host: it may be a web server.")
	case strings.Contains(e.text, "speak HTTP"):
		s.because("What listens there does not speak HTTP: a SOCKS proxy, or no proxy at all.")
		s.first("If it is a SOCKS proxy, write socks5:// in front of it in " + r.choice.source + ".")
	case strings.Contains(e.text, "log in"), strings.Contains(e.text, "password"):
		s.name = ProxyAuth
		s.because("The proxy wants a user and a password, or those it got are wrong.")
	case strings.Contains(e.text, "rules"):
		s.name = ProxyDenied
		s.because("The proxy's rules do not allow " + r.hostPort() + ".")
	}
}

// explainLogin says what a 407 is about.
func (r *run) explainLogin(s *Step, e *refusal) {
	basic := e.schemes == nil
	for _, scheme := range e.schemes {
		basic = basic || strings.EqualFold(scheme, "basic")
	}
	switch {
	case !basic:
		s.because("The proxy wants to be logged in to by " + strings.Join(e.schemes, " or ") + ", which Go does not speak.")
		s.first("Run a helper on this machine that does (cntlm, px), and make it the proxy: HTTPS_PROXY=http://127.0.0.1:3128.")
	case e.credential:
		s.because("The proxy does not accept the user and password in " + r.choice.source + ".")
		s.first("Correct user and password in " + r.choice.source + "; percent-encode every character but letters and digits.")
	default:
		s.because("The proxy wants a user and a password, and " + r.choice.source + " has none.")
		s.first("Put them into " + r.choice.source + ": USER:PASSWORD@" + r.choice.url.Host + " behind the scheme, percent-encoded.")
	}
}

// withoutProxy sees whether the API can be reached directly.
func (r *run) withoutProxy(ctx context.Context, s *Step) {
	ctx, cancel := context.WithTimeout(ctx, min(2*time.Second, r.cfg.Timeout))
	defer cancel()
	conn, err := r.dialer().DialContext(ctx, r.tcp(), r.hostPort())
	if err != nil {
		s.saw("without the proxy", happened(err))
		return
	}
	_ = conn.Close()
	s.saw("without the proxy", r.hostPort()+" is reached directly")
	if s.name == "" || s.name == ProxyDenied {
		hint := "The API is reached without the proxy: NO_PROXY=" + r.host
		if r.cfg.Proxy != "" {
			hint = "The API is reached without the proxy: leave it out."
		}
		s.without("NO_PROXY=")
		s.first(hint)
	}
}

// dialTarget makes a connection to the API's host: to one of its addresses, or
// through the proxy if there is one.
func (r *run) dialTarget(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	if r.choice.url == nil {
		return r.dialer().DialContext(ctx, "tcp", addr.String())
	}
	conn, err := r.dialProxy(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.tunnel(ctx, conn, r.choice.url, r.hostPort()); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}
