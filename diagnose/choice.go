package diagnose

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// proxyChoice is which proxy a URL goes through, and why.
type proxyChoice struct {
	url    *url.URL // nil means none
	why    string
	source string // the variable or option it comes from
	bad    string // what is wrong with a value that is therefore not used
}

// shown is the proxy without its credentials.
func (c proxyChoice) shown() string { return c.url.Scheme + "://" + c.url.Host }

// shownProxy is a proxy's URL without its credentials, also of one that is broken.
func shownProxy(value string) string {
	u, mangled, err := parseProxy(value)
	if err != nil || mangled {
		return "set, but not a URL"
	}
	text := u.Scheme + "://" + u.Host
	if u.User != nil {
		text += ", with user"
		if _, has := u.User.Password(); has {
			text += " and password"
		}
	}
	return text
}

// parseProxy reads a proxy's URL as net/http does: where that fails, it puts
// http:// in front. If there was a scheme already, the URL is mangled: its host is
// "http" then.
func parseProxy(value string) (u *url.URL, mangled bool, err error) {
	u, err = url.Parse(value)
	if err != nil || u.Scheme == "" || u.Host == "" {
		if again, err := url.Parse("http://" + value); err == nil {
			return again, strings.Contains(value, "://"), nil
		}
	}
	return u, false, err
}

// goProxy is which proxy Go's net/http chooses for a URL by an environment, as
// http.ProxyFromEnvironment does:
// https://pkg.go.dev/golang.org/x/net/http/httpproxy.
func goProxy(env environ, target *url.URL) proxyChoice {
	names := []string{"HTTPS_PROXY", "https_proxy"}
	if target.Scheme == "http" {
		names = []string{"HTTP_PROXY", "http_proxy"}
	}
	name, value := env.first(names...)
	if value == "" {
		return proxyChoice{why: "neither " + names[0] + " nor " + names[1] + " is set"}
	}
	if target.Scheme == "http" && env.get("REQUEST_METHOD") != "" {
		return proxyChoice{why: name + " is refused, since REQUEST_METHOD is set as for a CGI program", bad: "the program looks like a CGI program, for which Go refuses " + name}
	}
	u, mangled, err := parseProxy(value)
	if err != nil {
		return proxyChoice{why: name + " is not a URL, so Go goes without a proxy", source: name, bad: name + " is not a URL: Go ignores it without a word"}
	}
	host := strings.ToLower(target.Hostname())
	ip, notIP := netip.ParseAddr(host)
	switch {
	case host == "localhost", notIP == nil && ip.Unmap().IsLoopback():
		return proxyChoice{why: "Go never uses the environment's proxy for " + host, source: name}
	}
	noName, list := env.first("NO_PROXY", "no_proxy")
	if entry := matchNoProxy(list, host, portOf(target)); entry != "" {
		return proxyChoice{why: fmt.Sprintf("the entry %q of %s is for %s", entry, noName, host), source: name}
	}
	choice := proxyChoice{url: u, why: "from " + name, source: name}
	if mangled {
		choice.bad = name + " is not a URL: Go takes " + u.Hostname() + " for the proxy's name"
	}
	return choice
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}

// matchNoProxy returns the entry of a NO_PROXY list that Go finds to be for a host,
// empty if there is none.
func matchNoProxy(list, host, port string) string {
	ip, notIP := netip.ParseAddr(host)
	isIP := notIP == nil
	for entry := range strings.SplitSeq(list, ",") {
		entry = strings.ToLower(strings.TrimSpace(entry))
		if entry == "*" {
			return entry
		}
	}
	for entry := range strings.SplitSeq(list, ",") {
		entry = strings.ToLower(strings.TrimSpace(entry))
		if entry == "" {
			continue
		}
		if prefix, err := netip.ParsePrefix(entry); err == nil {
			if isIP && prefix.Masked().Contains(ip.Unmap()) {
				return entry
			}
			continue
		}
		name, only := entry, ""
		if h, p, err := net.SplitHostPort(entry); err == nil {
			name, only = h, p
		}
		if name == "" || only != "" && only != port {
			continue
		}
		if other, err := netip.ParseAddr(name); err == nil {
			if isIP && other.Unmap() == ip.Unmap() {
				return entry
			}
			continue
		}
		name = strings.TrimPrefix(name, "*")
		suffix := "." + strings.TrimPrefix(name, ".")
		if !isIP && (strings.HasSuffix(host, suffix) || name[:min(1, len(name))] != "." && host == name) {
			return entry
		}
	}
	return ""
}

// choose returns the proxy for the base URL.
func (r *run) choose(s *Step) proxyChoice {
	if r.cfg.Proxy != "" {
		if u, err := url.Parse(r.cfg.Proxy); err == nil && u.Host != "" {
			return proxyChoice{url: u, why: "from Config.Proxy, which goes for every host", source: "Config.Proxy"}
		}
	}
	c := goProxy(r.env, r.base)
	if r.cfg.Environ != nil {
		return c
	}
	// net/http has read the variables once and for all: what it says counts.
	actual, err := http.ProxyFromEnvironment(&http.Request{URL: r.base})
	switch {
	case err != nil, (actual == nil) == (c.url == nil) && (actual == nil || actual.String() == c.url.String()):
	case actual == nil:
		s.saw("", "the variables changed after the first request of this process: without effect")
		return proxyChoice{why: "none was set when this process made its first request"}
	default:
		s.saw("", "the variables changed after the first request of this process: without effect")
		return proxyChoice{url: actual, why: "as set when this process made its first request", source: c.source}
	}
	return c
}

// knownProxy reports whether Go speaks a proxy's language.
func knownProxy(scheme string) bool {
	switch scheme {
	case "http", "https", "socks5", "socks5h":
		return true
	}
	return false
}
