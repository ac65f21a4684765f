package diagnose

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"time"
)

// hop is what came back from a router on the way.
type hop struct {
	ttl     int
	addr    netip.Addr // of who answered; invalid if nobody did
	took    time.Duration
	problem string // other than that the packet had gone far enough
	reached bool   // the host itself answered
}

const (
	maxHops  = 32
	hopBatch = 8               // that are probed at once
	hopWait  = 2 * time.Second // for the answers of a batch
)

// path looks for where packets disappear, if they do.
func (r *run) path(ctx context.Context) {
	s := Step{ID: "path", Title: "Path", Status: StatusRunning}
	switch {
	case len(r.silent) > 0 && ctx.Err() == nil && len(r.reach) == 0:
		r.perform(ctx, &s, r.trace)
	case r.failed("connect"), len(r.reach) > 0:
		r.skip(&s, "only looked at when TCP gets no answer")
	case r.blocked != "":
		r.skip(&s, "not tried: "+r.blocked)
	default:
		r.skip(&s, "the proxy makes the connection")
	}
	r.finish(s)
}

// trace names the last hop that answers.
func (r *run) trace(ctx context.Context, s *Step) {
	target := r.silent[0]
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	hops, err := probePath(ctx, target)
	if err != nil {
		by := map[string]string{"windows": "tracert " + r.host, "darwin": "sudo traceroute -P tcp -p " + r.port + " " + r.host}[runtime.GOOS]
		if errors.Is(err, errors.ErrUnsupported) {
			r.skip(s, "only Linux can look for it without special rights; here: "+orElse(by, "traceroute -T -p "+r.port+" "+r.host))
		} else {
			r.skip(s, "could not be looked at: "+err.Error())
		}
		return
	}
	r.showHops(ctx, s, hops)
}

// showHops says what the hops mean.
func (r *run) showHops(ctx context.Context, s *Step, hops []hop) {
	var last hop
	for _, h := range hops {
		switch {
		case !h.addr.IsValid():
			continue
		case h.problem != "":
			s.saw(fmt.Sprintf("hop %d", h.ttl), h.addr.String()+": "+h.problem)
		default:
			s.saw(fmt.Sprintf("hop %d", h.ttl), h.addr.String()+", in "+short(h.took))
		}
		last = h
	}
	s.Status = StatusWarning
	s.Who = r.step("connect").Who
	switch {
	case last.reached:
		s.Finding = "the host itself answers now: the loss comes and goes"
		s.because("Packets get through sometimes: a line or a device that is overloaded.")
		s.only("Run the diagnosis again; if it differs each time, show both to whoever runs the network.")
		return
	case !last.addr.IsValid():
		s.Finding = "not even the first hop answers"
		s.because("The packets do not leave this machine or its first router, or every router here hides.")
		s.only("Look at the firewall of this machine and of its host, and at the security group or policy it is in.")
		if gateway := r.gatewayOf(); gateway != "" {
			s.saw("gateway", gateway)
		}
		return
	}
	name := r.nameOf(ctx, last.addr)
	s.Finding = fmt.Sprintf("the last that answers is %s%s, hop %d", last.addr, name, last.ttl)
	whose := "whoever runs that network"
	if last.addr.IsPrivate() || last.addr.IsLinkLocalUnicast() {
		whose = "your own network's administrators: it is a private address"
	}
	if last.problem != "" {
		s.because(last.addr.String() + " says: " + last.problem + ".")
	} else {
		s.because("What drops the connection is " + last.addr.String() + " or the next device behind it.")
	}
	s.only("Show this to " + whose + ", and ask for TCP port " + r.port + " to " + r.host + ".")
}

// nameOf is the name of an address in brackets, empty if it has none.
func (r *run) nameOf(ctx context.Context, addr netip.Addr) string {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	names, err := r.resolver().LookupAddr(ctx, addr.String())
	if err != nil || len(names) == 0 {
		return ""
	}
	return " (" + strings.TrimSuffix(r.foreign(names[0]), ".") + ")"
}
