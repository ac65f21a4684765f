package diagnose

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"
)

// Of linux/errqueue.h and RFC 792, 4443.
const (
	originICMP       = 2
	originICMP6      = 3
	timeExceeded     = 11
	timeExceeded6    = 3
	unreachable      = 3
	unreachable6     = 1
	sizeOfError      = 16 // struct sock_extended_err
	addrOffset4      = 4  // of the address within sockaddr_in
	addrOffset6      = 8  // and within sockaddr_in6
	ipv6RecvErr      = 25 // IPV6_RECVERR
	pollStep         = 50 * time.Millisecond
	maxControl       = 512
	adminProhibited  = 13
	hostProhibited   = 10
	netProhibited    = 9
	adminProhibited6 = 1
)

// probePath sends TCP's first packet with a small number of hops to live, again and
// again with one more, and listens to the routers that complain. A socket that
// connects hears them by its error queue, without special rights; Linux before 5.8
// does not tell who it was
// (https://git.kernel.org/torvalds/c/45af29ca761c275e350cca659856bc56f1035ef9).
func probePath(ctx context.Context, target netip.AddrPort) ([]hop, error) {
	var hops []hop
	for first := 1; first <= maxHops && ctx.Err() == nil; first += hopBatch {
		batch, err := probeHops(ctx, target, first, min(first+hopBatch, maxHops+1))
		if err != nil {
			return hops, err
		}
		hops = append(hops, batch...)
		if !slices.ContainsFunc(batch, func(h hop) bool { return h.addr.IsValid() }) ||
			slices.ContainsFunc(batch, func(h hop) bool { return h.reached || h.problem != "" }) {
			break
		}
	}
	return hops, nil
}

// probe is a packet under way.
type probe struct {
	fd     int
	target netip.Addr
	start  time.Time
	done   bool
	hop    hop
}

// probeHops probes the hops from first up to end.
func probeHops(ctx context.Context, target netip.AddrPort, first, end int) ([]hop, error) {
	poll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	defer syscall.Close(poll) //nolint:errcheck // nothing can be done about it
	probes := map[int32]*probe{}
	defer func() {
		for _, p := range probes {
			_ = syscall.Close(p.fd)
		}
	}()
	for ttl := first; ttl < end; ttl++ {
		p, err := launch(target, ttl)
		if err != nil {
			return nil, err
		}
		fd := int32(p.fd) //nolint:gosec // a descriptor fits
		probes[fd] = p
		if !p.done {
			event := syscall.EpollEvent{Events: syscall.EPOLLOUT | syscall.EPOLLERR, Fd: fd}
			if err := syscall.EpollCtl(poll, syscall.EPOLL_CTL_ADD, p.fd, &event); err != nil {
				return nil, os.NewSyscallError("epoll_ctl", err)
			}
		}
	}
	await(ctx, poll, probes)
	hops := make([]hop, 0, len(probes))
	for _, p := range probes {
		hops = append(hops, p.hop)
	}
	slices.SortFunc(hops, func(a, b hop) int { return a.ttl - b.ttl })
	return untilReached(hops), nil
}

// untilReached cuts off what lies behind the host itself.
func untilReached(hops []hop) []hop {
	for i, h := range hops {
		if h.reached {
			return hops[:i+1]
		}
	}
	return hops
}

// await collects answers until all have come or the time is up.
func await(ctx context.Context, poll int, probes map[int32]*probe) {
	events := make([]syscall.EpollEvent, len(probes))
	for end := time.Now().Add(hopWait); time.Now().Before(end) && ctx.Err() == nil; {
		if !slices.ContainsFunc(slices.Collect(maps.Values(probes)), func(p *probe) bool { return !p.done }) {
			return
		}
		n, err := syscall.EpollWait(poll, events, int(pollStep/time.Millisecond))
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return
		}
		for _, e := range events[:max(n, 0)] {
			if p := probes[e.Fd]; p != nil && !p.done {
				p.read()
				_ = syscall.EpollCtl(poll, syscall.EPOLL_CTL_DEL, p.fd, nil)
			}
		}
	}
}

// launch sends one packet.
func launch(target netip.AddrPort, ttl int) (*probe, error) {
	is4 := target.Addr().Is4()
	domain := syscall.AF_INET6
	if is4 {
		domain = syscall.AF_INET
	}
	fd, err := syscall.Socket(domain, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	p := &probe{fd: fd, target: target.Addr(), start: time.Now(), hop: hop{ttl: ttl}}
	if is4 {
		err = errors.Join(syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, syscall.IP_TTL, ttl), syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, syscall.IP_RECVERR, 1))
	} else {
		err = errors.Join(syscall.SetsockoptInt(fd, syscall.IPPROTO_IPV6, syscall.IPV6_UNICAST_HOPS, ttl), syscall.SetsockoptInt(fd, syscall.IPPROTO_IPV6, ipv6RecvErr, 1))
	}
	if err != nil {
		_ = syscall.Close(fd)
		return nil, os.NewSyscallError("setsockopt", err)
	}
	var to syscall.Sockaddr = &syscall.SockaddrInet6{Port: int(target.Port()), Addr: target.Addr().As16()}
	if is4 {
		to = &syscall.SockaddrInet4{Port: int(target.Port()), Addr: target.Addr().As4()}
	}
	switch err := syscall.Connect(fd, to); {
	case err == nil:
		p.done, p.hop.reached, p.hop.addr = true, true, target.Addr()
	case errors.Is(err, syscall.EINPROGRESS):
	default:
		p.done = true
		if errors.Is(err, syscall.ECONNREFUSED) {
			p.hop.reached, p.hop.addr = true, target.Addr()
		}
	}
	return p, nil
}

// read takes what has come for a probe.
func (p *probe) read() {
	p.done, p.hop.took = true, time.Since(p.start)
	control := make([]byte, maxControl)
	_, n, _, _, err := syscall.Recvmsg(p.fd, make([]byte, 1), control, syscall.MSG_ERRQUEUE|syscall.MSG_DONTWAIT) //nolint:dogsled // the rest does not matter
	if err == nil {
		if messages, err := syscall.ParseSocketControlMessage(control[:n]); err == nil {
			for _, m := range messages {
				p.complaint(m.Data)
			}
		}
		return
	}
	status, err := syscall.GetsockoptInt(p.fd, syscall.SOL_SOCKET, syscall.SO_ERROR)
	if err == nil && (status == 0 || syscall.Errno(status) == syscall.ECONNREFUSED) {
		p.hop.reached, p.hop.addr = true, p.target
	}
}

// complaint reads a struct sock_extended_err and the address behind it.
func (p *probe) complaint(data []byte) {
	if len(data) < sizeOfError {
		return
	}
	origin, kind, code := data[4], data[5], data[6]
	from := data[sizeOfError:]
	switch {
	case origin == originICMP && len(from) >= addrOffset4+4:
		p.hop.addr = netip.AddrFrom4([4]byte(from[addrOffset4:]))
	case origin == originICMP6 && len(from) >= addrOffset6+16:
		p.hop.addr = netip.AddrFrom16([16]byte(from[addrOffset6:]))
	default:
		return
	}
	prohibited := origin == originICMP && (code == adminProhibited || code == hostProhibited || code == netProhibited) || origin == originICMP6 && code == adminProhibited6
	switch {
	case origin == originICMP && kind == timeExceeded, origin == originICMP6 && kind == timeExceeded6:
	case prohibited:
		p.hop.problem = "forbidden by a rule"
	case origin == originICMP && kind == unreachable, origin == originICMP6 && kind == unreachable6:
		p.hop.problem = "cannot be reached from here, " + syscall.Errno(binary.NativeEndian.Uint32(data)).Error()
	default:
		p.hop.problem = "an ICMP message of another kind"
	}
}
