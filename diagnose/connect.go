package diagnose

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/internal/netstage"
)

func itoa(n int) string { return strconv.Itoa(n) }

const (
	maxAddresses = 8               // that are tried
	grace        = 2 * time.Second // for the other addresses, once one has answered
)

// attempt is what connecting to one address came to.
type attempt struct {
	addr netip.AddrPort
	err  error
	took time.Duration
}

// family is what the addresses of one kind came to.
type family struct {
	name, network            string // "IPv4", "tcp4"
	tried, connected, silent int
	err                      error // of one that failed, the most telling
}

// connect makes a TCP connection to each address.
func (r *run) connect(ctx context.Context, s *Step) {
	if r.choice.url != nil {
		r.skip(s, "the proxy makes the connection")
		return
	}
	attempts := r.dialAll(ctx)
	v4, v6 := &family{name: "IPv4", network: "tcp4"}, &family{name: "IPv6", network: "tcp6"}
	for _, a := range attempts {
		f := v6
		if a.addr.Addr().Is4() {
			f = v4
		}
		f.tried++
		switch {
		case a.err == nil:
			f.connected++
			r.reach = append(r.reach, a.addr)
			s.saw(a.addr.String(), "connected in "+short(a.took))
			continue
		case netstage.Of(a.err) == netstage.TimedOut:
			f.silent++
			r.silent = append(r.silent, a.addr)
			s.saw(a.addr.String(), "no answer within "+short(a.took.Round(time.Millisecond)))
		default:
			s.saw(a.addr.String(), happened(a.err))
		}
		if f.err == nil || netstage.Of(a.err) == netstage.Refused {
			f.err = a.err
		}
	}
	switch {
	case len(r.reach) == 0:
		r.notConnected(ctx, s, v4, v6)
	case v4.tried > 0 && v4.connected == 0:
		r.oneFamily(s, v6, v4)
	case v6.tried > 0 && v6.connected == 0:
		r.oneFamily(s, v4, v6)
	default:
		s.Finding = "connected"
		if len(attempts) > 1 {
			s.Finding = fmt.Sprintf("%d of %d addresses connect", len(r.reach), len(attempts))
		}
	}
}

// dialAll tries the addresses side by side. Those that connect come first, in the
// order they did.
func (r *run) dialAll(ctx context.Context) []attempt {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	addrs := r.addrs[:min(len(r.addrs), maxAddresses)]
	results := make(chan attempt, len(addrs))
	var wg sync.WaitGroup
	for _, addr := range addrs {
		wg.Go(func() {
			start := time.Now()
			target, err := netip.ParseAddrPort(net.JoinHostPort(addr.String(), r.port))
			if err == nil {
				var conn net.Conn
				if conn, err = r.dialer().DialContext(ctx, "tcp", target.String()); err == nil {
					_ = conn.Close()
				}
			}
			results <- attempt{target, err, time.Since(start)}
		})
	}
	go func() { wg.Wait(); close(results) }()
	var good, bad []attempt
	for a := range results {
		if a.err != nil {
			bad = append(bad, a)
			continue
		}
		if good == nil {
			time.AfterFunc(grace, cancel)
		}
		good = append(good, a)
	}
	return append(good, bad...)
}

// notConnected says why no address was reached.
func (r *run) notConnected(ctx context.Context, s *Step, v4, v6 *family) {
	err := v4.err
	if err == nil || v4.silent == 0 && v6.silent > 0 || netstage.Of(err) == netstage.Unreachable && v6.err != nil {
		err = v6.err
	}
	kind := netstage.Of(err)
	r.blocked = "TCP does not connect"
	if ctx.Err() != nil {
		r.blocked = "the context has ended"
	}
	s.fail(r.networkError(claude.ErrConnect, claude.StageConnect, r.hostPort(), err), r.hostPort()+": "+happened(err))
	switch kind {
	case netstage.TimedOut:
		s.name = SilentDrop
		s.Finding = r.hostPort() + ": the packets disappear without an answer"
		r.addHints(s, whenDropped)
	case netstage.Refused:
		if r.providers() {
			s.because("The connection was refused at once. The API's servers do not do that: a firewall or a wrong DNS entry does.")
		}
	case netstage.Unreachable:
		s.because("This machine knows no way there: the network is down, or a route is missing.")
		if r.routeMissing() {
			s.because("This machine has no default route: nothing outside its own network can be reached.")
		}
		s.first("Look at the routes: ip route (Windows: route print; macOS: netstat -rn).")
		r.addHints(s, whenDropped)
	case netstage.Denied:
		r.deny(s)
	default:
	}
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		s.Actions = append(s.Actions, "If a browser on this machine gets there, it may use the proxy of the system's settings, which Go does not read: set HTTPS_PROXY to it.")
	}
}

// oneFamily is about a host that is reached by one kind of address only.
func (r *run) oneFamily(s *Step, good, bad *family) {
	s.Finding = "connected by " + good.name
	if netstage.Of(bad.err) == netstage.Unreachable {
		s.Finding += "; this machine has no " + bad.name // nothing is lost: it says so at once
		return
	}
	s.name = BrokenFamily
	s.warn("connected by " + good.name + "; " + bad.name + ": " + happened(bad.err))
	s.Class, s.Who = claude.ErrConnect, claude.PartyNetwork
	s.because(bad.name + " is set up here and does not get through. Go tries the other kind too; a program that does not hangs, and curl may choose differently.")
	s.only("Use "+good.name+" only, until it is mended: claude.WithNetwork(\""+good.network+"\").", "Have "+bad.name+" mended, or switched off, by whoever runs this network.")
}
