package diagnose

import (
	"context"
	"errors"
	"net"
	"net/url"
	"runtime"
	"slices"
	"strings"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/internal/netstage"
)

// fail marks a step as failed for an error, with what claude.Explain says of it.
func (s *Step) fail(err error, finding string) {
	s.Status, s.Finding = StatusFailed, finding
	s.explain(err)
}

// warn marks a step that works and should be looked at.
func (s *Step) warn(finding string) {
	if s.Status != StatusFailed {
		s.Status = StatusWarning
	}
	s.Finding = finding
}

// explain takes over the advice on an error.
func (s *Step) explain(err error) {
	a := claude.Explain(err)
	s.Class, s.Who, s.DocURL = a.Class, a.Who, a.DocURL
	for _, cause := range a.Causes {
		if !strings.HasPrefix(cause, "The answer is this:") { // the finding says that
			s.Cause = cause
			break
		}
	}
	s.Actions = s.Actions[:0]
	for _, action := range a.Actions {
		switch {
		case strings.Contains(action, "curl -v https://"): // the report has one that fits better
		case strings.Contains(action, "://user:password@"): // another one names the very proxy
		case elsewhere(action):
		default:
			s.Actions = append(s.Actions, action)
		}
	}
}

// elsewhere reports whether an action is for another system than this.
func elsewhere(action string) bool {
	for system, mark := range map[string]string{"linux": "Linux:", "darwin": "macOS:", "windows": "Windows, as administrator:"} {
		if strings.HasPrefix(action, mark) {
			return system != runtime.GOOS
		}
	}
	return false
}

// without takes out the actions that contain a text: those that cannot help here.
func (s *Step) without(text string) {
	s.Actions = slices.DeleteFunc(s.Actions, func(a string) bool { return strings.Contains(a, text) })
}

// because puts a cause in place of the one there is.
func (s *Step) because(cause string) { s.Cause = cause }

// first puts actions before the others.
func (s *Step) first(actions ...string) {
	s.Actions = append(append([]string(nil), actions...), s.Actions...)
}

// only puts actions in place of the others.
func (s *Step) only(actions ...string) { s.Actions = actions }

// action is the first action, empty if there is none.
func (s *Step) action() string {
	if len(s.Actions) == 0 {
		return ""
	}
	return s.Actions[0]
}

func (s *Step) saw(name, value string) { s.Evidence = append(s.Evidence, Evidence{name, value}) }

// networkError is the error that a call would have failed with, had it broken at
// the same place.
func (r *run) networkError(class claude.Class, stage claude.Stage, addr string, err error) error {
	kind := netstage.Of(err)
	e := &claude.NetworkError{Stage: stage, Addr: addr, Timeout: kind == netstage.TimedOut, Err: plain(err)}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsTimeout {
		e.Timeout = true
	}
	if r.choice.url != nil && class == claude.ErrProxy { // else it has done its part
		e.Proxy = r.choice.shown()
	}
	if class == claude.ErrTLS || class == claude.ErrProxy {
		e.TLS = tlsFailure(err, kind)
	}
	return r.callError(class, e)
}

func (r *run) callError(class claude.Class, err error) error {
	target := claude.Target{}
	if r.base != nil {
		target.Host = r.base.Host
	}
	return &claude.CallError{Op: "diagnose", Class: class, Reason: claude.ReasonFinal, Target: target, Processed: claude.NotSent, Err: err}
}

func plain(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// tlsFailure describes what a handshake stumbled over, nil if it was cut.
func tlsFailure(err error, kind netstage.Kind) *claude.TLSFailure {
	fault := netstage.Cert(err)
	switch {
	case fault == nil && kind == netstage.NotTLS:
		return &claude.TLSFailure{Problem: "the server does not speak TLS"}
	case fault == nil && kind == netstage.Alert:
		return &claude.TLSFailure{Problem: "the server refused the handshake"}
	case fault == nil:
		return nil
	}
	f := &claude.TLSFailure{Problem: fault.Problem, Interceptor: netstage.Interceptor(fault.Chain...)}
	if c := fault.Cert; c != nil {
		f.Issuer, f.Subject, f.NotBefore, f.NotAfter = c.Issuer.String(), c.Subject.String(), c.NotBefore, c.NotAfter
		f.Names = c.DNSNames[:min(len(c.DNSNames), 8)]
	}
	return f
}

// happened says in a few words what became of a connection.
func happened(err error) string {
	switch netstage.Of(err) {
	case netstage.Refused:
		return "refused"
	case netstage.Unreachable:
		return "unreachable"
	case netstage.Reset:
		return "reset"
	case netstage.Closed:
		return "closed without a word"
	case netstage.TimedOut:
		return "no answer"
	case netstage.Denied:
		return "forbidden by this system"
	case netstage.NotFound:
		return "no such host"
	case netstage.DNSFailure:
		if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsTimeout {
			return "no answer from the name server"
		}
		return "the name server failed"
	case netstage.Certificate:
		return "certificate refused: " + netstage.Cert(err).Problem
	case netstage.NotTLS:
		return "no TLS"
	case netstage.Alert:
		return "the handshake was refused"
	case netstage.Unknown, netstage.NotLooked, netstage.Broken:
	}
	if errors.Is(err, context.Canceled) {
		return "cancelled"
	}
	return err.Error()
}
