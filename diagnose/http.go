package diagnose

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/steadfast-go/claude"
)

const maxPage = 64 << 10 // bytes of an answer that are looked at

// newTransport is what carries the requests, by the way that was found.
func (r *run) newTransport(proxy *url.URL) *http.Transport {
	t := &http.Transport{
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			return r.dialer().DialContext(ctx, r.tcp(), addr)
		},
		TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: r.roots},
		ForceAttemptHTTP2: true,
	}
	if proxy != nil {
		t.Proxy = http.ProxyURL(proxy)
	}
	return t
}

// reply is an answer to a request without a credential.
type reply struct {
	status int
	proto  string
	header http.Header
	body   []byte
	err    error // typed, as of a call; nil if the answer is a success
}

// ask makes a request without a credential, on a connection of its own.
func (r *run) ask(ctx context.Context) reply {
	base := r.newTransport(r.choice.url)
	base.DisableKeepAlives = true
	defer base.CloseIdleConnections()
	// The Transport judges the answer: the same judge as of every call.
	judge := &claude.Transport{Base: base, Retry: claude.RetryPolicy{Off: true}, Breaker: claude.BreakerPolicy{Off: true}, Timeouts: r.timeouts()}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base.String()+"/v1/models?limit=1", nil)
	if err != nil {
		return reply{err: err}
	}
	req.Header.Set("Anthropic-Version", r.cfg.Version)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "steadfast-go/"+claude.Version)
	resp, err := judge.RoundTrip(req)
	if err != nil {
		p := reply{err: err}
		if e, ok := errors.AsType[*claude.ResponseError](err); ok {
			p.status, p.header, p.body = e.Status, e.Header, e.Body
		}
		return p
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	p := reply{status: resp.StatusCode, proto: resp.Proto, header: resp.Header}
	p.err = claude.CheckResponse(resp)
	p.body, err = io.ReadAll(io.LimitReader(resp.Body, maxPage))
	if p.err == nil && err != nil {
		p.err = r.callError(claude.ErrBodyCut, err)
	} else if p.err == nil && !json.Valid(p.body) {
		p.err = r.callError(claude.ErrUnexpectedResponse, &claude.ResponseError{Status: p.status, ContentType: p.header.Get("Content-Type"), Problem: "not JSON", Header: p.header})
	}
	return p
}

// timeouts limit each phase of a request.
func (r *run) timeouts() claude.Timeouts {
	return claude.Timeouts{Dial: r.cfg.Timeout, TLS: r.cfg.Timeout, FirstByte: r.cfg.Timeout, StreamIdle: r.cfg.Timeout}
}

// airport is the place of the edge that answered, by the end of cf-ray.
func airport(h http.Header) string {
	_, place, _ := strings.Cut(h.Get("Cf-Ray"), "-")
	return place
}

// between is the proxy that answered in the API's place, by the headers in which
// it names itself; empty if none did.
func between(h http.Header) string {
	if via := strings.Fields(h.Get("Via")); len(via) > 1 && !strings.Contains(h.Get("Via"), "google") {
		return via[1]
	}
	if server := h.Get("Server"); server != "" && !strings.EqualFold(server, "cloudflare") {
		return server
	}
	return ""
}

// fromAPI reports whether an answer comes from the API itself.
func (p *reply) fromAPI() bool { return p.header.Get("Request-Id") != "" }

// http asks for the models without a key, and finds out who answers.
func (r *run) http(ctx context.Context, s *Step) {
	start := time.Now()
	p := r.ask(ctx)
	r.noteDate(p.header, start, time.Now())
	r.showReply(s, p)
	class := claude.ClassOf(p.err)
	switch {
	case p.err == nil && p.fromAPI():
		s.Finding = "it answers like the API, also without a key"
	case p.err == nil:
		s.Finding = "a gateway answers that speaks the API's language, also without a key"
	case class == claude.ErrAuthentication && p.fromAPI():
		s.Finding = "the API answers, and wants a key"
	case class == claude.ErrAuthentication:
		s.Finding = "a gateway answers, and wants a key; it is not the API itself, which sends a request-id"
		if r.host == defaultHost {
			s.warn("something answers in the name of the API, but without its request-id")
		}
	case class == claude.ErrNotFound && !p.fromAPI(), class == claude.ErrInvalidRequest && !r.providers():
		s.warn("a gateway answers that does not list models (" + itoa(p.status) + "); whether it takes messages is seen below")
	case class == claude.ErrPermission && !r.providers(), class == claude.ErrRateLimit:
		s.warn("it answers " + itoa(p.status) + " to a request without a key")
	default:
		r.noAPI(ctx, s, p)
	}
}

// showReply shows what gives away who answered.
func (r *run) showReply(s *Step, p reply) {
	if p.status != 0 {
		s.saw("GET /v1/models", strings.TrimSpace(itoa(p.status)+" "+http.StatusText(p.status)+" "+p.proto))
	}
	for _, name := range []string{"request-id", "content-type", "server", "via", "cf-ray", "cf-mitigated", "x-cache", "location", "www-authenticate"} {
		if value := p.header.Get(name); value != "" {
			if name == "location" {
				value, _, _ = strings.Cut(value, "?")
			}
			s.saw(name, r.foreign(value))
		}
	}
}

// noAPI says what answered in place of the API, or why nothing did.
func (r *run) noAPI(ctx context.Context, s *Step, p reply) {
	s.fail(p.err, itoa(p.status)+" "+http.StatusText(p.status))
	r.blocked = "it is not the API that answers"
	what := title(string(p.body))
	if what != "" {
		s.saw("page", r.foreign(what))
	}
	switch s.Class {
	case claude.ErrRegion:
		r.edgeRefused(ctx, s, p)
	case claude.ErrUnexpectedResponse, claude.ErrRedirect, claude.ErrBlocked:
		s.name = Portal
		switch {
		case s.Class == claude.ErrRedirect:
			s.Finding = "it leads elsewhere, as a login page does"
		case what != "":
			s.Finding = "a web page answers in place of the API: " + strconv.Quote(r.foreign(what))
		default:
			s.Finding = itoa(p.status) + ", and it is not the API's answer"
		}
		if p.status == http.StatusNotFound || p.status == http.StatusMethodNotAllowed {
			s.name = ""
			s.because("The server is there and does not know the path " + r.base.Path + "/v1/models: the base URL points to a web server, or has a wrong path.")
			s.Who = claude.PartyYou
			s.without("in a browser")
			s.without("network's administrators")
		}
		if p.header.Get("Cf-Mitigated") != "" {
			s.because("The edge wants to see a browser (a challenge): the address that the call leaves from has a bad name there.")
		}
	case claude.ErrNotFound:
		s.Finding = "the API answers, but does not know the path " + r.base.Path + "/v1/models"
		s.because("The base URL has a path that does not belong there.")
		s.first("Make the base URL " + r.base.Scheme + "://" + r.base.Host + ".")
		r.blocked = "the base URL's path is wrong"
	case claude.ErrInternal, claude.ErrOverloaded, claude.ErrGateway:
		s.Finding = "it answers " + itoa(p.status) + ": the trouble is on the other side"
		r.blocked = "the other side fails"
		if by := between(p.header); s.Class == claude.ErrGateway && by != "" {
			s.Who = claude.PartyNetwork
			s.Finding = r.foreign(by) + " on the way answers " + itoa(p.status)
			s.because("It cannot reach what is behind it: its own DNS, its own way out, or a certificate that it does not trust.")
			s.first("Look at the log of " + r.foreign(by) + ", or show this to whoever runs it.")
		}
	default:
		if p.status == 0 {
			s.Finding = "no answer to the request"
			if e, ok := errors.AsType[*claude.NetworkError](p.err); ok {
				s.Finding += ": " + happened(e.Err)
			}
			if s.Class == claude.ErrTimeout {
				s.Finding = "the request is sent, and no answer comes within " + r.cfg.Timeout.String()
				s.because("Something on the way swallows the answer, or the other side hangs.")
				s.without("MaxTokens")
				s.without("FirstByte")
				s.first("Run the diagnosis again; if it hangs each time, compare with curl, below.")
			}
			r.blocked = "there is no answer"
		}
	}
}

// edgeRefused asks again, to see whether the way out is the same each time.
func (r *run) edgeRefused(ctx context.Context, s *Step, first reply) {
	s.name = EdgeRefused
	s.Finding = "the provider's edge refuses the call, mostly over the country or network it comes from"
	again := r.ask(ctx)
	here, there := airport(first.header), airport(again.header)
	s.saw("asked again", strings.TrimSpace(itoa(again.status)+" "+again.header.Get("Cf-Ray")))
	switch {
	case claude.ClassOf(again.err) != claude.ErrRegion && again.status != 0:
		s.because("Refused once and let through once: the calls leave by different ways, one of them in a place that is not supported.")
		s.first("Make all calls leave by the same way: one region of the platform, one exit of the VPN or proxy.")
	case here != there && there != "":
		s.because("Two requests were answered in two places, " + here + " and " + there + ": the calls leave by different ways, as on serverless platforms and with VPNs.")
		s.first("Make all calls leave by the same way, in a supported country.")
	case here != "":
		s.saw("edge", here+", the airport near the way out")
	}
	r.addHints(s, whenRefused)
}

// noteDate compares the server's clock with ours, at the middle of a request.
func (r *run) noteDate(h http.Header, start, end time.Time) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return
	}
	r.date = date
	r.skew = start.Add(end.Sub(start) / 2).Sub(date.Add(500 * time.Millisecond)) // Date has no fractions
}

const setTheClock = "Set the clock and switch time synchronisation on: timedatectl set-ntp true (Windows: w32tm /resync; macOS: sudo sntp -sS time.apple.com)."

// maxSkew is how wrong the clock may be without a word.
const maxSkew = 2 * time.Minute

// clock compares this machine's clock with the server's.
func (r *run) clock(_ context.Context, s *Step) {
	if r.date.IsZero() {
		r.skip(s, "the server does not say what time it is")
		return
	}
	s.saw("at the server", clockTime(r.date))
	if r.skew.Abs() <= maxSkew {
		s.Finding = "agrees with the server's"
		return
	}
	direction := "ahead"
	if r.skew < 0 {
		direction = "behind"
	}
	s.warn("this machine's clock is " + roughly(r.skew) + " " + direction)
	s.Who = claude.PartyYou
	s.because("Its time is not synchronised. Certificates and tokens are judged by it.")
	s.only(setTheClock)
}

// showHeaders shows a request's headers as they were sent, secrets by name only.
func (r *run) showHeaders(s *Step, sent []header) {
	slices.SortStableFunc(sent, func(a, b header) int { return strings.Compare(a.name, b.name) })
	for _, h := range sent {
		s.saw("> "+h.name, h.value)
	}
}
