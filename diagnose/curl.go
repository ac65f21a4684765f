package diagnose

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/steadfast-go/claude"
)

// curl is the same request as a line for the shell. It counts tokens, which is
// free; or creates a message, where that was asked for.
func (r *run) curl() string {
	if r.report.Endpoint == "" {
		return ""
	}
	address := r.report.Endpoint
	type message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	body := struct {
		Model     string    `json:"model"`
		MaxTokens int       `json:"max_tokens,omitempty"`
		Messages  []message `json:"messages"`
	}{Model: r.cfg.Model, Messages: []message{{"user", "Hi"}}}
	if r.cfg.Paid {
		body.MaxTokens = 1
	} else {
		address += "/count_tokens"
	}
	data, err := json.Marshal(body)
	if err != nil {
		return ""
	}
	variable := "ANTHROPIC_API_KEY"
	if strings.HasPrefix(r.source, "ANTHROPIC_") {
		variable = r.source
	} else if r.scheme == claude.AuthBearer {
		variable = "ANTHROPIC_AUTH_TOKEN"
	}
	credential := `"x-api-key: $` + variable + `"`
	if r.scheme == claude.AuthBearer {
		credential = `"authorization: Bearer $` + variable + `"`
	}
	parts := []string{"curl -v"}
	if r.cfg.Network != "" {
		parts = append(parts, "-"+strings.TrimPrefix(r.cfg.Network, "tcp"))
	}
	if r.cfg.Proxy != "" && r.choice.url != nil {
		parts = append(parts, "--proxy "+quote(r.choice.shown()))
		if r.choice.url.User != nil {
			parts = append(parts, `--proxy-user "$PROXY_USER:$PROXY_PASSWORD"`)
		}
	}
	if r.cfg.RootCAs != nil {
		parts = append(parts, "--cacert corp.pem")
	}
	parts = append(parts, quote(address), "-H "+credential, `-H "anthropic-version: `+r.cfg.Version+`"`, `-H "content-type: application/json"`)
	for _, h := range r.custom {
		value := h.value
		if soundsSecret(h.name, h.value) {
			value = "[redacted]"
		}
		parts = append(parts, "-H "+quote(h.name+": "+value))
	}
	parts = append(parts, "-d "+quote(string(data)))
	return r.clean(strings.Join(parts, " "))
}

// quote makes one word of the shell of a text.
func quote(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:/.-_[]"
	if s != "" && strings.Trim(s, plain) == "" && !strings.ContainsAny(s, "[]") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// curlProxy is which proxy curl chooses for a URL by an environment, by its manual
// (https://curl.se/docs/manpage.html#ENVIRONMENT): names in small letters first, no
// HTTP_PROXY in capitals, ALL_PROXY for what has none of its own, and no exception
// for the machine itself.
func curlProxy(env environ, target *url.URL) (name, value string) {
	names := []string{"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}
	if target.Scheme == "http" {
		names = []string{"http_proxy", "all_proxy", "ALL_PROXY"}
	}
	if name, value = env.first(names...); value == "" {
		return "", ""
	}
	if _, list := env.first("no_proxy", "NO_PROXY"); curlExempts(list, target.Hostname()) {
		return "", ""
	}
	return name, value
}

// curlExempts reports whether curl finds a host on a NO_PROXY list. It knows no
// ports and no *. there, and .example.com stands for example.com too.
func curlExempts(list, host string) bool {
	if strings.TrimSpace(list) == "*" {
		return true
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	ip, notIP := netip.ParseAddr(host)
	for entry := range strings.FieldsFuncSeq(strings.ToLower(list), func(c rune) bool { return c == ',' || c == ' ' }) {
		if notIP == nil {
			if prefix, err := netip.ParsePrefix(entry); err == nil && prefix.Masked().Contains(ip) || entry == host {
				return true
			}
			continue
		}
		entry = strings.TrimPrefix(strings.TrimSuffix(entry, "."), ".")
		if entry != "" && (host == entry || strings.HasSuffix(host, "."+entry)) {
			return true
		}
	}
	return false
}

// curlDiffers lists where curl, here and now, would not go the way of this program.
func (r *run) curlDiffers() (all []string) {
	if r.base == nil {
		return nil
	}
	add := func(format string, args ...any) { all = append(all, r.clean(fmt.Sprintf(format, args...))) }
	if r.cfg.Proxy == "" {
		r.proxyDiffers(add)
	}
	if name, file := r.env.first("CURL_CA_BUNDLE"); name != "" && r.secure {
		add("curl trusts the authorities in CURL_CA_BUNDLE (%s), Go does not read it.", file)
	}
	if name, _ := r.env.first("SSL_CERT_FILE"); name != "" && !readsCertVariables() {
		add("curl may read SSL_CERT_FILE; Go does not on %s.", runtime.GOOS)
	}
	r.curlrc(add)
	if r.helloSize {
		add("Go's first message of the TLS handshake is larger than most curls', and something on the way does not take it: GODEBUG=tlsmlkem=0 makes it smaller.")
	}
	if s := r.step("connect"); s != nil && s.name == BrokenFamily {
		add("One of IPv4 and IPv6 does not work here, and the two may choose differently: compare curl -4 and curl -6.")
	}
	if s := r.step("configuration"); s != nil && s.name == NotExported {
		add("curl in a shell uses the shell's own variables, also those that are not exported; a program sees only exported ones.")
	}
	for _, id := range []string{"auth", "model", "count"} {
		if s := r.step(id); s != nil && s.name == PooledConnection {
			add("curl makes a new connection each time; a program keeps them, and here they die.")
			break
		}
	}
	return all
}

// proxyDiffers compares the choice of a proxy.
func (r *run) proxyDiffers(add func(string, ...any)) {
	name, value := curlProxy(r.env, r.base)
	ours := goProxy(r.env, r.base)
	theirs, _, err := parseProxy(value)
	if err != nil {
		return
	}
	switch {
	case value == "" && ours.url == nil:
		return
	case value == "" && r.base.Scheme == "http" && ours.source == "HTTP_PROXY":
		add("Go takes the proxy in HTTP_PROXY for http:// URLs, curl reads only http_proxy, in small letters, and goes without.")
	case value == "":
		add("Go takes the proxy in %s, curl goes without one: it reads NO_PROXY differently (it knows no ports there and no *.).", ours.source)
	case ours.url == nil && strings.EqualFold(name, "ALL_PROXY"):
		add("curl takes the proxy in %s, which Go does not read: Go goes without one. Set HTTPS_PROXY too.", name)
	case ours.url == nil:
		add("curl takes the proxy in %s, Go goes without one: %s.", name, ours.why)
	case ours.url.String() != theirs.String():
		add("%s and %s name different proxies: curl takes the one in small letters, Go the one in capitals.", ours.source, name)
	case ours.url.Port() == "" && strings.HasPrefix(ours.url.Scheme, "http"):
		add("The proxy's URL has no port: Go takes that of its scheme, curl 1080 (443 for an https proxy).")
	}
	if theirs != nil && value != "" && !knownProxy(theirs.Scheme) {
		add("curl can speak %s with a proxy, Go cannot.", theirs.Scheme)
	}
}

// curlrc looks for settings that only curl has.
func (r *run) curlrc(add func(string, ...any)) {
	_, home := r.env.first("CURL_HOME", "HOME", "USERPROFILE")
	if home == "" {
		return
	}
	for line := range strings.Lines(r.read(rooted(path.Join(filepath.ToSlash(home), ".curlrc")))) {
		line = strings.TrimLeft(strings.TrimSpace(line), "-")
		option, _, _ := strings.Cut(strings.NewReplacer("=", " ", ":", " ", "\t", " ").Replace(line), " ")
		switch option {
		case "proxy", "x", "socks5", "socks5-hostname", "preproxy", "noproxy", "cacert", "insecure", "k", "resolve", "connect-to", "ipv4", "4", "ipv6", "6", "interface", "doh-url", "dns-servers":
			add("~/.curlrc sets %q for curl alone.", option)
		}
	}
}
