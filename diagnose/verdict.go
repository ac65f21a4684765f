package diagnose

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/steadfast-go/claude"
)

// conclude comes to the verdict.
func (r *run) conclude(ctx context.Context) {
	rep := r.report
	rep.Curl = r.curl()
	rep.CurlDiffers = r.curlDiffers()
	rep.Endpoint = r.clean(rep.Endpoint)
	rep.Model = r.clean(rep.Model)
	rep.Elapsed = time.Since(rep.Started)
	var failed, warned []*Step
	for i := range rep.Steps {
		switch s := &rep.Steps[i]; s.Status {
		case StatusFailed:
			failed = append(failed, s)
		case StatusWarning:
			warned = append(warned, s)
		default:
		}
	}
	switch {
	case len(failed) > 0:
		rep.Verdict = r.broken(failed[0])
	case ctx.Err() != nil:
		rep.Verdict = Verdict{Name: Unfinished, Summary: "The diagnosis was not finished: " + context.Cause(ctx).Error() + ".", First: "Run it again with more time."}
	default:
		rep.Healthy = true
		rep.Verdict = r.healthy(warned)
	}
	for _, s := range append(failed, warned...) {
		if s.ID != rep.Verdict.Step && s.ID != "path" && (s.ID != "status" || rep.Verdict.Name != ProviderIncident) {
			rep.Verdict.Besides = append(rep.Verdict.Besides, s.Title+": "+s.Finding)
		}
	}
	v := &rep.Verdict
	v.Summary, v.First = r.clean(v.Summary), r.clean(v.First)
}

// healthy is the verdict where no step failed.
func (r *run) healthy(warned []*Step) Verdict {
	v := Verdict{Name: Healthy, Summary: "All is well: " + r.report.Endpoint + " answers, takes the credential and knows the model."}
	if !r.took("auth") {
		v.Summary = "All is well as far as it can be seen: " + r.report.Endpoint + " answers."
	}
	if !r.cfg.Paid {
		v.First = "If a program here fails all the same, run this in its environment: the same user, container and variables. Credit is only seen by a paid call."
	}
	if len(warned) == 0 {
		return v
	}
	s := warned[0]
	v.Name, v.Step, v.Class, v.Who = HealthyWithWarning, s.ID, s.Class, s.Who
	if s.name != "" {
		v.Name = s.name
	}
	v.Summary = "It works, but look at " + s.Title + ": " + s.Finding + "."
	v.First = s.action()
	return v
}

func (r *run) took(id string) bool {
	s := r.step(id)
	return s != nil && (s.Status == StatusOK || s.Status == StatusWarning)
}

// broken is the verdict on a step that failed.
func (r *run) broken(s *Step) Verdict {
	v := Verdict{Name: orElse(s.name, s.ID), Step: s.ID, Class: s.Class, Who: s.Who, Summary: s.Title + ": " + sentence(s.Finding) + "."}
	if s.Cause != "" && s.name != WrongKey && s.name != Intercepted { // whose finding says it all
		why, _, _ := strings.Cut(s.Cause, ". ")
		v.Summary = s.Title + ": " + sentence(s.Finding) + "; " + lower(sentence(why)) + "."
	}
	v.First = s.action()
	onTheWay := slices.Contains([]string{"connect", "tls", "http"}, s.ID)
	switch {
	case r.odd != "" && onTheWay && s.Class != claude.ErrRegion:
		v.Name, v.Step, v.Who = HijackedDNS, "dns", claude.PartyNetwork
		v.Summary = "DNS sends " + r.host + " somewhere else (" + r.odd + "), where it fails: " + sentence(s.Finding) + "."
		v.First = orElse(r.step("dns").action(), v.First)
	case s.name == SilentDrop:
		if p := r.step("path"); p != nil && p.Status == StatusWarning {
			v.Summary = "TCP: the packets to " + r.hostPort() + " disappear; " + p.Finding + "."
		}
	case r.incident != "" && (s.Who == claude.PartyProvider || s.Class == claude.ErrTimeout):
		v.Name, v.Who = ProviderIncident, claude.PartyProvider
		v.Summary = s.Title + ": " + sentence(s.Finding) + ", and the provider's status page reports: " + r.incident + "."
		v.First = "Wait, and follow it at https://status.anthropic.com."
	}
	if r.curlMayWork(s) {
		v.Name = CurlWorks
		differs, _, _ := strings.Cut(r.report.CurlDiffers[0], ". ")
		v.Summary = s.Title + ": " + sentence(s.Finding) + "; curl may work where this program does not: " + lower(sentence(differs)) + "."
		v.First = orElse(r.evenOut(s), v.First)
	}
	return v
}

// curlMayWork reports whether what curl does differently may be why a step failed.
func (r *run) curlMayWork(s *Step) bool {
	if len(r.report.CurlDiffers) == 0 {
		return false
	}
	switch s.ID {
	case "proxy", "dns", "connect", "tls":
		return s.name == "" || slices.Contains([]string{SilentDrop, ProxyDenied, ProxyAuth, Intercepted, NameFiltered, HelloTooLarge, BrokenFamily}, s.name)
	case "http":
		return s.Class == claude.ErrRegion || s.Class == claude.ErrBlocked || s.Class == claude.ErrUnexpectedResponse
	}
	return false
}

// evenOut is what makes this program go curl's way; empty if a step says it better.
func (r *run) evenOut(s *Step) string {
	if s.ID == "tls" {
		return ""
	}
	name, _ := curlProxy(r.env, r.base)
	variable := map[bool]string{true: "HTTPS_PROXY", false: "HTTP_PROXY"}[r.secure]
	switch {
	case r.cfg.Proxy != "":
		return ""
	case name != "" && r.choice.url == nil:
		return "Set " + variable + " to the same proxy as " + name + " (socks5:// and http:// are spoken), or use claude.WithProxy."
	case name != "" && name != r.choice.source && r.choice.url != nil:
		return "Make " + r.choice.source + " and " + name + " say the same."
	case name == "" && r.choice.url != nil:
		return "Unset " + r.choice.source + ", or add " + r.host + " to NO_PROXY."
	}
	return ""
}

// sentence takes the full stop off.
func sentence(s string) string { return strings.TrimSuffix(s, ".") }

// lower begins a sentence with a small letter, unless it begins with a name.
func lower(s string) string {
	word, _, _ := strings.Cut(s, " ")
	switch word {
	case "A", "An", "The", "This", "It", "Its", "Something", "Nothing", "Nobody", "Two", "Refused", "Without", "What", "Packets", "Not", "One":
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}
