package diagnose

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/internal/netstage"
)

// answer is what one look-up came to.
type answer struct {
	addrs []netip.Addr
	err   error
	took  time.Duration
}

func (a answer) String() string {
	switch {
	case a.err != nil && notFound(a.err):
		return "none, in " + short(a.took)
	case a.err != nil:
		return happened(a.err) + ", after " + short(a.took)
	}
	var texts []string
	for _, addr := range a.addrs {
		texts = append(texts, addr.String())
	}
	return strings.Join(texts, ", ") + ", in " + short(a.took)
}

// slowLookUp is how long a look-up may take before it is worth a word.
const slowLookUp = 2 * time.Second

// dns looks the host's name up.
func (r *run) dns(ctx context.Context, s *Step) {
	if ip, err := netip.ParseAddr(r.host); err == nil {
		r.addrs = []netip.Addr{ip.Unmap()}
		r.skip(s, "the base URL holds an address, so there is no name to look up")
		return
	}
	if r.choice.url != nil {
		r.skip(s, "the proxy looks the name up")
		return
	}
	if entry := r.hostsEntry(r.host); entry != "" {
		s.saw("/etc/hosts", entry)
	}
	ctx, cancel := context.WithTimeout(ctx, min(maxLookUp, r.cfg.Timeout))
	defer cancel()
	v4, v6, none := r.lookUp(ctx)
	if r.cfg.Network != "tcp6" {
		s.saw("A", v4.String())
	}
	if r.cfg.Network != "tcp4" {
		s.saw("AAAA", v6.String())
	}
	r.addrs = append(slices.Clone(v4.addrs), v6.addrs...)
	if len(r.addrs) == 0 {
		r.notResolved(s, v4, v6)
		return
	}
	s.Finding = "resolved to " + plural(len(r.addrs), "address")
	slow := v4
	if v6.took > v4.took {
		slow = v6
	}
	switch {
	case v4.err != nil && !notFound(v4.err), v6.err != nil && !notFound(v6.err):
		r.halfAnswered(s, v4, v6)
	case slow.took > slowLookUp:
		s.warn("resolved, but it took " + short(slow.took))
		s.because("A name server of the list does not answer, so each look-up waits for it first.")
		s.only("Look at the order of the name servers in /etc/resolv.conf.")
		r.addHints(s, whenDNS)
	}
	r.judgeAddresses(s, none)
}

// lookUp asks for both kinds of addresses, and for a name that cannot exist.
func (r *run) lookUp(ctx context.Context) (v4, v6, none answer) {
	var wg sync.WaitGroup
	ask := func(a *answer, network, name string) {
		wg.Go(func() {
			start := time.Now()
			a.addrs, a.err = r.resolver().LookupNetIP(ctx, network, name)
			a.took = time.Since(start)
			if _, other := errors.AsType[*net.AddrError](a.err); other { // the hosts file has the other kind only
				a.err = &net.DNSError{Err: "no address of this kind", Name: name, IsNotFound: true}
			}
			for i := range a.addrs {
				a.addrs[i] = a.addrs[i].Unmap()
			}
		})
	}
	notAsked := answer{err: &net.DNSError{Err: "not asked", Name: r.host, IsNotFound: true}}
	v4, v6, none = notAsked, notAsked, notAsked
	if r.cfg.Network != "tcp6" {
		ask(&v4, "ip4", r.host)
	}
	if r.cfg.Network != "tcp4" {
		ask(&v6, "ip6", r.host)
	}
	if r.providers() {
		ask(&none, "ip4", "no-such-name.invalid.") // RFC 6761: nobody may have it
	}
	wg.Wait()
	return v4, v6, none
}

func notFound(err error) bool { return netstage.Of(err) == netstage.NotFound }

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	if strings.HasSuffix(word, "s") {
		word += "e"
	}
	return itoa(n) + " " + word + "s"
}

// notResolved says why there is no address.
func (r *run) notResolved(s *Step, v4, v6 answer) {
	err := v4.err
	if r.cfg.Network == "tcp6" || notFound(err) && !notFound(v6.err) {
		err = v6.err
	}
	s.fail(r.networkError(claude.ErrDNS, claude.StageDNS, r.hostPort(), err), r.host+": "+happened(err))
	r.blocked = "the name is not resolved"
	dns, _ := errors.AsType[*net.DNSError](err)
	switch {
	case notFound(err) && r.providers():
		s.because("The name server says that " + r.host + " does not exist. It does: the server filters it, or knows the names of this network only.")
	case notFound(err):
		s.because("The name server says that " + r.host + " does not exist, or that it has no address: a typing error in the base URL, or a name that only another network knows (is the VPN on?).")
	case dns != nil && dns.IsTimeout:
		s.because("The name server does not answer: it is down, or UDP and TCP port 53 to it are blocked.")
	default:
		s.because("The name server answered that it failed: it does not reach the servers it asks itself, or refuses us.")
	}
	if conf := r.resolvConf(); len(conf.servers) > 0 && r.cfg.Resolver == nil {
		s.first("Ask the name server itself: nslookup " + r.host + " " + conf.servers[0])
	}
	r.addHints(s, whenDNS)
}

// halfAnswered is about a name server that answers one of the two questions only.
func (r *run) halfAnswered(s *Step, v4, v6 answer) {
	which, other := "AAAA", "tcp4"
	if v4.err != nil && !notFound(v4.err) {
		which, other = "A", "tcp6"
	}
	s.warn("resolved, but the question for " + which + " failed")
	s.because("The name server, or a device in front of it, cannot cope with questions for " + which + "; each look-up waits for that answer, " + short(max(v4.took, v6.took)) + " here.")
	s.only("Ask for one kind only: claude.WithNetwork(\""+other+"\").", "Have the name server mended, or use another one.")
	s.Who = claude.PartyNetwork
}

// published are the addresses at which the provider receives calls, by its own
// words: https://platform.claude.com/docs/en/api/ip-addresses.
var published = []netip.Prefix{
	netip.MustParsePrefix("160.79.104.0/23"), netip.MustParsePrefix("153.61.224.0/22"), netip.MustParsePrefix("2607:6bc0::/48"),
}

// judgeAddresses looks for answers that are not the host's.
func (r *run) judgeAddresses(s *Step, none answer) {
	local := isLocalName(r.host)
	for _, a := range r.addrs {
		what, harmless := special(a)
		if what == "" || local && (a.IsLoopback() || harmless) || harmless && !r.providers() {
			continue
		}
		r.odd = a.String() + " is " + what
		break
	}
	if none.err == nil && len(none.addrs) > 0 {
		s.saw("a name that no one has", none.String())
		if slices.ContainsFunc(none.addrs, func(a netip.Addr) bool { return slices.Contains(r.addrs, a) }) {
			r.odd = r.addrs[0].String() + " is what the name server also says of a name that does not exist"
		} else if r.odd == "" {
			s.saw("", "the name server invents answers, as those of portals and some providers do")
		}
	}
	switch {
	case r.odd != "":
		s.warn("the answer is odd: " + r.odd)
		s.Who = claude.PartyNetwork
		s.because("A filter, a portal, a company's resolver, a program on this machine or an entry in the hosts file answers in place of the name's owner.")
		s.only("Ask another resolver and compare: nslookup "+r.host+" 1.1.1.1", "Look for the name in the hosts file, and for a filter (Pi-hole, AdGuard, a VPN's or a company's DNS) that has it on its list.")
		if entry := r.hostsEntry(r.host); entry != "" {
			s.because("The hosts file sends the name there: " + entry + ".")
			s.first("Take the line " + entry + " out of the hosts file.")
		}
	case r.host == defaultHost:
		is := slices.ContainsFunc(published, func(p netip.Prefix) bool { return p.Contains(r.addrs[0]) })
		if is {
			s.saw("", "within the addresses that the provider publishes")
		} else {
			s.saw("", "outside the addresses that the provider published when this version was made")
		}
	}
}

// isLocalName reports whether a name belongs to this machine or network.
func isLocalName(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if !strings.Contains(host, ".") {
		return true
	}
	for _, suffix := range []string{".localhost", ".local", ".internal", ".lan", ".home", ".home.arpa", ".corp", ".intranet", ".test"} {
		if strings.HasSuffix(host, suffix) {
			return true
		}
	}
	return false
}

// unusual are addresses that no public name should have. harmless ones are normal
// for a name of a company's own.
var unusual = []struct {
	prefix   netip.Prefix
	what     string
	harmless bool
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "what block lists answer (Pi-hole, AdGuard and others)", false},
	{netip.MustParsePrefix("::/128"), "what block lists answer (Pi-hole, AdGuard and others)", false},
	{netip.MustParsePrefix("127.0.0.0/8"), "this machine itself", false},
	{netip.MustParsePrefix("::1/128"), "this machine itself", false},
	{netip.MustParsePrefix("146.112.61.104/29"), "the block page of Cisco Umbrella (OpenDNS)", false},
	{netip.MustParsePrefix("198.18.0.0/15"), "a made-up address, as proxy programs in TUN mode give (Clash, Surge, sing-box)", false},
	{netip.MustParsePrefix("10.0.0.0/8"), "a private address", true},
	{netip.MustParsePrefix("172.16.0.0/12"), "a private address", true},
	{netip.MustParsePrefix("192.168.0.0/16"), "a private address", true},
	{netip.MustParsePrefix("fc00::/7"), "a private address", true},
	{netip.MustParsePrefix("100.64.0.0/10"), "an address behind a provider's NAT or of a VPN such as Tailscale", true},
	{netip.MustParsePrefix("169.254.0.0/16"), "an address of the local link only", false},
	{netip.MustParsePrefix("fe80::/10"), "an address of the local link only", false},
}

func special(a netip.Addr) (what string, harmless bool) {
	for _, u := range unusual {
		if u.prefix.Contains(a.WithZone("")) {
			return u.what, u.harmless
		}
	}
	return "", false
}
