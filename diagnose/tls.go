package diagnose

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/internal/netstage"
)

const (
	soon        = 14 * 24 * time.Hour // before a certificate's end that is worth a word
	variantTime = 3 * time.Second     // for a handshake that is only to find out why another failed
)

// tls makes a handshake with the API's host, through whatever is on the way.
func (r *run) tls(ctx context.Context, s *Step) {
	if !r.secure {
		r.skip(s, "the base URL is plain http")
		return
	}
	addr := netip.AddrPort{}
	if len(r.reach) > 0 {
		addr = r.reach[0]
	}
	state, err := r.handshake(ctx, addr, r.cfg.Timeout, nil)
	if err != nil {
		r.noTLS(ctx, s, addr, err)
		return
	}
	leaf := state.PeerCertificates[0]
	s.saw("version", tls.VersionName(state.Version)+", "+orElse(state.NegotiatedProtocol, "http/1.1"))
	r.showChain(s, state.PeerCertificates)
	s.Finding = "the certificate is good, issued by " + shortName(leaf.Issuer.String())
	if who := netstage.Interceptor(state.PeerCertificates...); who != "" {
		s.Finding = who + " looks into TLS; its authority is trusted here"
		s.saw("interception", who+" on the way reads all that is sent; it may also hold streams back")
	}
	if left := time.Until(leaf.NotAfter); left < soon && !r.local() {
		s.warn("the certificate ends in " + left.Round(time.Hour).String())
		s.only("Have it renewed.")
	}
}

// local reports whether the base URL leads to this machine.
func (r *run) local() bool {
	return isLocalName(r.host) || len(r.reach) > 0 && r.reach[0].Addr().IsLoopback()
}

func (r *run) showChain(s *Step, chain []*x509.Certificate) {
	for i, c := range chain[:min(len(chain), 4)] {
		name := "certificate"
		if i > 0 {
			name = "signed by"
		}
		if i > 0 && c.Equal(chain[i-1]) {
			continue
		}
		s.saw(name, r.foreign(c.Subject.String())+", until "+c.NotAfter.UTC().Format(time.DateOnly))
	}
	if last := chain[min(len(chain), 4)-1]; last.Issuer.String() != last.Subject.String() {
		s.saw("signed by", r.foreign(last.Issuer.String()))
	}
}

// shortName is the most telling part of a certificate's name.
func shortName(name string) string {
	for part := range strings.SplitSeq(name, ",") {
		if cn, ok := strings.CutPrefix(part, "CN="); ok {
			return cn
		}
	}
	return name
}

// handshake makes one. change may alter how.
func (r *run) handshake(ctx context.Context, addr netip.AddrPort, limit time.Duration, change func(*tls.Config)) (tls.ConnectionState, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := r.dialTarget(ctx, addr)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close() //nolint:errcheck // it was a test
	config := &tls.Config{ServerName: r.host, RootCAs: r.roots, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	if change != nil {
		change(config)
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return tls.ConnectionState{}, err
	}
	return secure.ConnectionState(), nil
}

// noTLS says why a handshake failed.
func (r *run) noTLS(ctx context.Context, s *Step, addr netip.AddrPort, err error) {
	r.blocked = "there is no TLS connection"
	kind := netstage.Of(err)
	s.fail(r.networkError(claude.ErrTLS, claude.StageTLS, r.hostPort(), err), happened(err))
	switch kind {
	case netstage.Certificate:
		r.badCertificate(ctx, s, addr, err)
	case netstage.Reset, netstage.Closed, netstage.TimedOut:
		r.cutHandshake(ctx, s, addr, err)
	case netstage.NotTLS:
		s.because("What answers speaks plain http or something else: a wrong port, or http:// where the base URL says https://.")
	default:
		s.saw("the server said", r.foreign(err.Error()))
		s.because("The server and this program do not agree on how to speak, or the server wants a certificate of the client, or does not know the name " + r.host + ".")
		s.only("Check host and port of the base URL.", "Where the server wants a certificate of yours (mTLS), give one: claude.WithRoundTripper with a transport that has it.",
			"See what the server says: openssl s_client -connect "+r.hostPort()+" -servername "+r.host+" </dev/null")
	}
}

// badCertificate says what is wrong with a certificate, and why that may be.
func (r *run) badCertificate(ctx context.Context, s *Step, addr netip.AddrPort, err error) {
	fault := netstage.Cert(err)
	if len(fault.Chain) > 0 && fault.Chain[0] != nil {
		r.showChain(s, fault.Chain)
	}
	who := netstage.Interceptor(fault.Chain...)
	if who != "" {
		s.saw("interception", who)
	}
	leaf := fault.Cert
	if leaf == nil {
		return
	}
	selfSigned := leaf.Issuer.String() == leaf.Subject.String()
	switch {
	case fault.Problem == "unknown authority" && who == "" && !r.hasRoots():
		s.name = NoRoots
		s.Finding = "this system has no certificates of authorities, so none can be trusted"
		s.because("A minimal container or system without the package ca-certificates.")
		s.only("Install them: apt-get install ca-certificates, or apk add ca-certificates.", "In an image without a package manager: copy /etc/ssl/certs/ca-certificates.crt into it, from another image.")
	case fault.Problem == "unknown authority" && selfSigned:
		s.Finding = "the certificate is signed by itself"
		if r.providers() {
			s.name = Intercepted
			s.because("It is not the API's: an appliance, a portal or a program on this machine answers in its place.")
		} else {
			s.because("The server has a home-made certificate, which nobody vouches for.")
			s.only("Give the certificate to the client: claude.WithRootCAs(pem); on Linux also SSL_CERT_FILE.", "Or give the server a certificate of an authority that this system trusts.")
		}
	case fault.Problem == "unknown authority":
		s.name = Intercepted
		s.Finding = "the certificate comes from " + shortName(leaf.Issuer.String()) + ", which this system does not trust"
		if who != "" {
			s.Finding = who + " looks into TLS, and its authority is not trusted here"
		}
		r.otherPrograms(s)
	case fault.Problem == "wrong name":
		s.Finding = "the certificate is for another host: " + r.foreign(strings.Join(leaf.DNSNames[:min(len(leaf.DNSNames), 4)], ", "))
		if net.ParseIP(r.host) != nil {
			s.because("The base URL holds an address, and certificates are for names.")
			s.first("Put the server's name into the base URL.")
		}
	case fault.Problem == "expired", fault.Problem == "not yet valid":
		s.name = CertificateOrClock
		s.Finding = fmt.Sprintf("the certificate is %s: good from %s until %s", fault.Problem, leaf.NotBefore.UTC().Format(time.DateOnly), leaf.NotAfter.UTC().Format(time.DateOnly))
		r.whoseClock(ctx, s, addr, leaf)
	}
}

// otherPrograms notes that other programs were told of an authority, and Go was not.
func (r *run) otherPrograms(s *Step) {
	name, file := r.env.first("CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE")
	if name == "" {
		return
	}
	s.because("The authority is not trusted by Go: " + name + " (" + file + ") tells other programs of it, and Go does not read that.")
	if readsCertVariables() {
		s.first("Set SSL_CERT_FILE to a bundle that holds the authority in " + file + " and the public ones too, or use claude.WithRootCAs.")
	} else {
		s.first("Use claude.WithRootCAs with the contents of " + file + ".")
	}
}

// whoseClock finds out whether the certificate is out of date or this machine's
// clock is wrong, by asking the server what time it is. The certificate is no
// good, so nothing is sent but that.
func (r *run) whoseClock(ctx context.Context, s *Step, addr netip.AddrPort, leaf *x509.Certificate) {
	ctx, cancel := context.WithTimeout(ctx, min(variantTime, r.cfg.Timeout))
	defer cancel()
	transport := &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return r.dialTarget(ctx, addr) },
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, ServerName: r.host, MinVersion: tls.VersionTLS12}, //nolint:gosec // no secret is sent
		DisableKeepAlives: true,
	}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, r.base.Scheme+"://"+r.base.Host+"/", nil)
	if err != nil {
		return
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return
	}
	_ = resp.Body.Close()
	theirs, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return
	}
	s.saw("time", "here "+clockTime(time.Now())+", at the server "+clockTime(theirs))
	switch off := time.Since(theirs); {
	case off.Abs() > time.Hour && theirs.After(leaf.NotBefore) && theirs.Before(leaf.NotAfter):
		s.because("This machine's clock is wrong by " + roughly(off) + ": by the server's, the certificate is good.")
		s.only(setTheClock)
		s.Who = claude.PartyYou
	case off.Abs() < time.Hour:
		s.because("The certificate was not renewed: this machine's clock agrees with the server's.")
		s.only("Have the certificate renewed by whoever runs " + r.host + ".")
		if r.choice.url != nil || netstage.Interceptor(leaf) != "" {
			s.only("Have the certificate renewed by whoever runs the proxy on the way.")
		}
	}
}

func clockTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }

func roughly(d time.Duration) string {
	switch d = d.Abs(); {
	case d >= 48*time.Hour:
		return plural(int(d/(24*time.Hour)), "day")
	case d >= 2*time.Hour:
		return plural(int(d/time.Hour), "hour")
	case d >= 2*time.Minute:
		return plural(int(d/time.Minute), "minute")
	}
	return plural(int(d/time.Second), "second")
}

// cutHandshake finds out what a handshake died of that TCP had let through.
func (r *run) cutHandshake(ctx context.Context, s *Step, addr netip.AddrPort, err error) {
	s.name = NameFiltered
	s.Finding = "TCP connects, but the handshake is " + map[netstage.Kind]string{
		netstage.Reset: "reset", netstage.Closed: "closed", netstage.TimedOut: "never answered",
	}[netstage.Of(err)]
	limit := min(variantTime, r.cfg.Timeout)
	small := r.answered(ctx, s, "with a smaller hello", addr, limit, func(c *tls.Config) {
		c.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP256} // without ML-KEM it fits one packet
	})
	nameless := r.answered(ctx, s, "without the name", addr, limit, func(c *tls.Config) {
		c.ServerName, c.InsecureSkipVerify = "", true // only whether an answer comes is looked at
	})
	if i := len(r.reach); i > 1 && r.reach[i-1].Addr().Is4() != addr.Addr().Is4() {
		r.answered(ctx, s, "by "+r.reach[i-1].Addr().String(), r.reach[i-1], limit, nil)
	}
	switch {
	case small:
		s.name, r.helloSize = HelloTooLarge, true
		s.because("Something on the way cannot take Go's first message of the handshake, which fills two packets since it carries a post-quantum key (ML-KEM). curl's mostly fits one.")
		s.only("Start the program with GODEBUG=tlsmlkem=0 in its environment: if that helps, it is proven.", "Have the firewall, proxy or VPN on the way updated: https://tldr.fail names the fault.")
	case nameless:
		s.because("Without the host's name the same address answers: something on the way, a firewall, the internet provider or a VPN, reads " + r.host + " in the handshake and cuts it.")
		s.only("Try another way out, such as a phone's hotspot: if it works there, this network filters the name.", "Have whoever runs this network or VPN allow "+r.host+", or use a proxy that may go there: HTTPS_PROXY.")
	default:
		s.because("TCP is accepted and then nothing goes through: a firewall or VPN that answers for the host and drops what follows, or one that filters by name and remembers who asked.")
		s.only("Try another way out, such as a phone's hotspot: if it works there, it is this network.", "Have whoever runs this network or VPN allow "+r.host+", or use a proxy that may go there: HTTPS_PROXY.")
		if _, is := r.in(behindVPN); is {
			s.Actions = append(s.Actions, "With a VPN or tunnel, large packets may get lost: lower its MTU, to 1280 for a test.")
		}
	}
	r.addHints(s, whenDropped)
}

// answered reports whether another handshake gets an answer of any kind.
func (r *run) answered(ctx context.Context, s *Step, how string, addr netip.AddrPort, limit time.Duration, change func(*tls.Config)) bool {
	_, err := r.handshake(ctx, addr, limit, change)
	switch {
	case err == nil:
		s.saw(how, "it works")
		return true
	case netstage.Of(err) == netstage.Certificate, netstage.Of(err) == netstage.Alert, netstage.Of(err) == netstage.NotTLS:
		s.saw(how, "the server answers ("+happened(err)+")")
		return true
	}
	s.saw(how, happened(err))
	return false
}
