package diagnose_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/steadfast-go/claude/diagnose"
)

// FuzzWhatIsShownHoldsNoSecret: however mangled a proxy's URL or a key is, what is
// shown of it does not hold the password or the key.
func FuzzWhatIsShownHoldsNoSecret(f *testing.F) {
	for _, seed := range []string{"http://", "socks5://me:", "://", "me:", "http://me:a#b", "http://[::1]:", "sk-ant-api03-", "\"", "Bearer ", "\xff"} {
		f.Add(seed, "@proxy:3128")
		f.Add("", seed)
	}
	const secret = "0123456789abcdefSECRET"
	f.Fuzz(func(t *testing.T, before, after string) {
		for _, value := range []string{before + ":" + secret + "@" + after, before + "://me:" + secret + "@" + after} {
			if shown := diagnose.ShownProxy(value); strings.Contains(shown, secret) {
				t.Errorf("%q is shown as %q", value, shown)
			}
		}
		if shown := diagnose.DescribeKey(before + secret + after); strings.Contains(shown, secret) {
			t.Errorf("%q is shown as %q", before+secret+after, shown)
		}
	})
}

// FuzzProxyLists: whoever is on a list of exceptions by Go's rules is found again
// when the list gets longer, and curl's rules never panic.
func FuzzProxyLists(f *testing.F) {
	for _, seed := range []string{"*", ".claude.test", "*.claude.test", "10.0.0.0/8", "[::1]:443", ":", ",,", "claude.test:443", "\xff", "."} {
		f.Add(seed, "api.claude.test")
		f.Add(seed, "10.1.2.3")
	}
	f.Fuzz(func(t *testing.T, list, host string) {
		u := &url.URL{Scheme: "https", Host: host}
		environ := func(list string) []string { return []string{"HTTPS_PROXY=http://proxy:1", "NO_PROXY=" + list} }
		_ = diagnose.CurlProxy(environ(list), u)
		if diagnose.GoProxy(environ(list), u) == "none" && diagnose.GoProxy(environ("other.test,"+list), u) != "none" {
			t.Errorf("%q: %q is forgotten", list, host)
		}
	})
}
