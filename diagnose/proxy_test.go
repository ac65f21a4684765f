package diagnose_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
	"github.com/steadfast-go/claude/diagnose"
	"github.com/steadfast-go/claude/internal/nettest"
)

// withLogin is a proxy's URL with user and password.
func withLogin(address, password string) string {
	return "http://me:" + url.QueryEscape(password) + "@" + strings.TrimPrefix(address, "http://")
}

// behind is a way to the API through the proxy of a test server.
func behind(t *testing.T, steps ...claudetest.Step) (diagnose.Config, string) {
	t.Helper()
	server := claudetest.NewTLSServer(t, steps...)
	proxy, err := server.ProxyURL()
	require.NoError(t, err)
	return diagnose.Config{BaseURL: "https://api.claude.test", APIKey: testKey, RootCAs: server.CertPEM, Timeout: 2 * time.Second}, proxy
}

func TestAProxyThatLetsUsThrough(t *testing.T) {
	cfg, proxy := behind(t, claudetest.Unauthorized().On("GET /v1/models"))
	cfg.Environ = []string{"HTTPS_PROXY=" + withLogin(proxy, proxyPassword), "NO_PROXY=localhost,.example.com"}
	report := diagnosed(t, cfg)
	assert.True(t, report.Healthy)
	assert.Contains(t, step(t, report, "proxy").Finding, "connects us to api.claude.test:443")
	for _, id := range []string{"dns", "connect", "path"} {
		assert.Equal(t, diagnose.StatusSkipped, step(t, report, id).Status, id)
	}
	golden(t, "proxy", report)
}

func TestAProxyThatWillNotConnectUs(t *testing.T) {
	for name, tc := range map[string]struct {
		status   int
		header   string
		page     string
		login    bool
		name     string
		cause    string
		first    string
		provider bool
	}{
		"proxy_407":           {status: 407, header: `Basic realm="proxy"`, name: diagnose.ProxyAuth, cause: "wants a user and a password, and HTTPS_PROXY has none", first: "Put them into HTTPS_PROXY"},
		"proxy_407_wrong":     {status: 407, header: `Basic realm="proxy"`, login: true, name: diagnose.ProxyAuth, cause: "does not accept the user and password in HTTPS_PROXY", first: "Correct user and password"},
		"proxy_407_negotiate": {status: 407, header: "Negotiate", name: diagnose.ProxyAuth, cause: "by Negotiate, which Go does not speak", first: "Run a helper on this machine"},
		"proxy_403":           {status: 403, page: "<html><head><title>Blocked by policy</title></head></html>", name: diagnose.ProxyDenied, cause: "The proxy's rules do not allow api.claude.test:443"},
		"proxy_502":           {status: 502, name: "proxy", cause: "The proxy itself cannot reach"},
		"proxy_404":           {status: 404, name: "proxy", cause: "it may be a web server"},
	} {
		t.Run(name, func(t *testing.T) {
			address := serve(t, func(w http.ResponseWriter, r *http.Request) {
				assert.Equal(t, http.MethodConnect, r.Method)
				assert.Equal(t, "api.claude.test:443", r.Host)
				assert.Empty(t, r.Header.Get("X-Api-Key"))
				if tc.header != "" {
					w.Header().Set("Proxy-Authenticate", tc.header)
				}
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.page)
			})
			cfg := diagnose.Config{BaseURL: "https://api.claude.test", APIKey: testKey, Environ: []string{"HTTPS_PROXY=" + address}, Resolver: noNames(t)}
			if tc.login {
				cfg.Environ[0] = "HTTPS_PROXY=" + withLogin(address, shortPassword)
			}
			report := diagnosed(t, cfg)
			s := step(t, report, "proxy")
			assert.Equal(t, claude.ErrProxy, s.Class)
			assert.Equal(t, tc.name, report.Verdict.Name)
			assert.Equal(t, claude.PartyNetwork, report.Verdict.Who)
			assert.Contains(t, s.Cause, tc.cause)
			assert.Contains(t, s.Actions[0], tc.first)
			golden(t, name, report)
		})
	}
}

func TestAProxyThatEchoesTheLoginLeaksNothing(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Proxy-Authenticate", "Basic-"+shortPassword)
		w.WriteHeader(http.StatusProxyAuthRequired)
		_, _ = io.WriteString(w, "<title>no "+shortPassword+" "+r.Header.Get("Proxy-Authorization")+"</title>")
	})
	report := diagnosed(t, diagnose.Config{BaseURL: "https://api.claude.test", APIKey: testKey, Proxy: withLogin(address, shortPassword), Resolver: noNames(t)})
	assert.Contains(t, seen(step(t, report, "proxy"), "its page"), "[redacted]")
}

func TestAProxyThatIsNotThere(t *testing.T) {
	for name, tc := range map[string]struct {
		proxy string
		cfg   diagnose.Config
		cause string
		first string
	}{
		"proxy_refused":      {proxy: "http://me:" + shortPassword + "@" + nettest.Nobody(t), cause: "Nothing listens at 127.0.0.1:"},
		"proxy_in_container": {proxy: "http://" + nettest.Nobody(t), cfg: diagnose.Config{FS: files(".dockerenv", "")}, cause: "Nothing listens", first: "In Docker, 127.0.0.1 is the container itself"},
		"proxy_silent":       {proxy: "http://" + nettest.Full(t), cause: "Nobody answers at 127.0.0.1:"},
		"proxy_no_name":      {proxy: "http://proxy.claude.test:3128", cause: "The proxy's own name, proxy.claude.test, is not resolved"},
		"proxy_not_tls":      {proxy: "https://" + strings.TrimPrefix(serve(t, nil), "http://"), cause: "says https://, but the proxy speaks plain http", first: "Write http:// in front"},
		"proxy_socks4":       {proxy: "socks4://127.0.0.1:1", cause: "a kind that other programs know, and Go does not", first: "Give it as socks5://"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := tc.cfg
			cfg.BaseURL, cfg.APIKey, cfg.Timeout, cfg.Resolver = "https://api.claude.test", testKey, 200*time.Millisecond, noNames(t)
			cfg.Environ = []string{"HTTPS_PROXY=" + tc.proxy}
			report := diagnosed(t, cfg)
			s := step(t, report, "proxy")
			assert.Equal(t, diagnose.StatusFailed, s.Status)
			assert.Contains(t, s.Cause, tc.cause)
			assert.Contains(t, s.Actions[0], tc.first)
			assert.Equal(t, diagnose.StatusSkipped, step(t, report, "tls").Status)
			golden(t, name, report)
		})
	}
}

func TestAProxyThatIsNotNeededIsSaidToBe(t *testing.T) {
	cfg := notAsked(t)
	cfg.Environ = []string{"HTTPS_PROXY=" + serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })}
	report := diagnosed(t, cfg)
	s := step(t, report, "proxy")
	assert.Contains(t, seen(s, "without the proxy"), "is reached directly")
	assert.Equal(t, "The API is reached without the proxy: NO_PROXY=api.claude.test", s.Actions[0])
}

func TestAProxyThatSaysNothing(t *testing.T) {
	for _, scheme := range []string{"http", "socks5"} {
		report := diagnosed(t, diagnose.Config{
			BaseURL: "https://api.claude.test", APIKey: testKey, Resolver: noNames(t), Timeout: 100 * time.Millisecond,
			Proxy: scheme + "://" + nettest.Listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }),
		})
		s := step(t, report, "proxy")
		assert.Contains(t, s.Finding, "gives no answer to CONNECT", scheme)
		assert.Contains(t, s.Cause, "accepts connections but says nothing", scheme)
	}
}

func TestASocksProxy(t *testing.T) {
	const (
		greets  = "\x05\x02"
		free    = "\x05\x00"
		welcome = "\x01\x00"
	)
	for name, tc := range map[string]struct {
		answers []string
		login   string
		name    string
		says    string
	}{
		"no way to log in":    {[]string{"\x05\xff"}, "", diagnose.ProxyAuth, "has no way to log in"},
		"the wrong password":  {[]string{greets, "\x01\x01"}, "me:" + shortPassword + "@", diagnose.ProxyAuth, "does not accept user and password"},
		"its rules":           {[]string{greets, welcome, "\x05\x02\x00\x01"}, "me:" + shortPassword + "@", diagnose.ProxyDenied, "the proxy's rules do not allow it"},
		"the host is down":    {[]string{free, "\x05\x04\x00\x01"}, "", "proxy", "finds the host unreachable"},
		"not SOCKS at all":    {[]string{"HTTP/1.1 400 Bad Request\r\n\r\n"}, "", "proxy", "does not speak SOCKS 5"},
		"HTTP asked of SOCKS": {[]string{"\x05\xff\x00\x00"}, "http", "proxy", "does not speak HTTP"},
	} {
		t.Run(name, func(t *testing.T) {
			address := nettest.Listen(t, func(c net.Conn) {
				for _, answer := range tc.answers {
					if _, err := c.Read(make([]byte, 512)); err != nil {
						return
					}
					_, _ = io.WriteString(c, answer)
				}
			})
			proxy := "socks5://" + tc.login + address
			if tc.login == "http" {
				proxy = "http://" + address
			}
			report := diagnosed(t, diagnose.Config{BaseURL: "https://api.claude.test", APIKey: testKey, Resolver: noNames(t), Proxy: proxy})
			assert.Equal(t, tc.name, report.Verdict.Name)
			assert.Contains(t, step(t, report, "proxy").Finding, tc.says)
		})
	}
	t.Run("lets us through", func(t *testing.T) {
		server := claudetest.NewTLSServer(t, claudetest.Unauthorized().On("GET /v1/models"))
		target := strings.TrimPrefix(server.URL, "https://")
		address := nettest.Listen(t, func(c net.Conn) {
			for _, answer := range []string{greets, welcome, "\x05\x00\x00\x01\x7f\x00\x00\x01\x01\xbb"} {
				if _, err := c.Read(make([]byte, 512)); err != nil {
					return
				}
				_, _ = io.WriteString(c, answer)
			}
			up, err := net.Dial("tcp", target)
			if err != nil {
				return
			}
			defer up.Close()
			go func() { _, _ = io.Copy(up, c); up.Close() }()
			_, _ = io.Copy(c, up)
		})
		report := diagnosed(t, diagnose.Config{BaseURL: "https://api.claude.test", APIKey: testKey, RootCAs: server.CertPEM, Proxy: "socks5://me:" + shortPassword + "@" + address})
		assert.True(t, report.Healthy, report)
	})
}

func TestAMangledProxyURLIsSeen(t *testing.T) {
	for name, tc := range map[string]struct {
		value  string
		status diagnose.Status
		says   string
	}{
		"a number sign in the password": {"http://me:hun#ter2@proxy:3128", diagnose.StatusFailed, "Go takes http for the proxy's name"},
		"a slash in the password":       {"http://me:hun/ter2@proxy:3128", diagnose.StatusFailed, "Go takes http for the proxy's name"},
		"a per cent sign":               {"http://me:hun%zz@proxy:3128", diagnose.StatusWarning, "Go ignores it without a word"},
	} {
		t.Run(name, func(t *testing.T) {
			report := diagnosed(t, diagnose.Config{BaseURL: "https://api.claude.test", APIKey: testKey, Environ: []string{"HTTPS_PROXY=" + tc.value}, Resolver: noNames(t)})
			s := step(t, report, "proxy")
			assert.Equal(t, tc.status, s.Status, s.Finding)
			assert.Contains(t, s.Finding, tc.says)
			assert.Contains(t, s.Actions[0], "percent-encode")
			assert.NotContains(t, report.String(), "hun")
		})
	}
}

// sameCase skips a test of variables that differ in case alone.
func sameCase(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the names of variables have no case here")
	}
}

// noNames resolves nothing.
func noNames(t *testing.T) *net.Resolver {
	t.Helper()
	return names(t, answerNoName)
}

var choices = []struct {
	environ []string
	url     string
}{
	{nil, "https://api.claude.test/"},
	{[]string{"HTTPS_PROXY=http://a:1"}, "https://api.claude.test/"},
	{[]string{"https_proxy=http://a:1"}, "https://api.claude.test/"},
	{[]string{"HTTPS_PROXY=http://a:1", "https_proxy=http://b:1"}, "https://api.claude.test/"},
	{[]string{"HTTP_PROXY=http://a:1"}, "https://api.claude.test/"},
	{[]string{"HTTP_PROXY=http://a:1"}, "http://api.claude.test/"},
	{[]string{"http_proxy=http://a:1", "REQUEST_METHOD=GET"}, "http://api.claude.test/"},
	{[]string{"ALL_PROXY=http://a:1"}, "https://api.claude.test/"},
	{[]string{"all_proxy=socks5://a:1"}, "http://api.claude.test/"},
	{[]string{"HTTPS_PROXY=a:1"}, "https://api.claude.test/"},
	{[]string{"HTTPS_PROXY=a"}, "https://api.claude.test/"},
	{[]string{"HTTPS_PROXY=socks5://a:1"}, "https://api.claude.test/"},
	{[]string{"HTTPS_PROXY=http://me:a#b@a:1"}, "https://api.claude.test/"},
	{[]string{"HTTPS_PROXY=http://me:a%zz@a:1"}, "https://api.claude.test/"},
	{[]string{"HTTPS_PROXY=http://a:1"}, "https://localhost/"},
	{[]string{"HTTPS_PROXY=http://a:1"}, "https://127.0.0.9:8443/"},
	{[]string{"HTTPS_PROXY=http://a:1"}, "https://[::1]/"},
	{[]string{"HTTPS_PROXY=http://a:1", "NO_PROXY=*"}, "https://api.claude.test/"},
	{[]string{"HTTPS_PROXY=http://a:1", "NO_PROXY=x.test, claude.test"}, "https://api.claude.test/"},
	{[]string{"HTTPS_PROXY=http://a:1", "NO_PROXY=claude.test"}, "https://claude.test/"},
	{[]string{"HTTPS_PROXY=http://a:1", "NO_PROXY=.claude.test"}, "https://claude.test/"},
	{[]string{"HTTPS_PROXY=http://a:1", "NO_PROXY=.claude.test"}, "https://api.claude.test/"},
	{[]string{"HTTPS_PROXY=http://a:1", "NO_PROXY=*.claude.test"}, "https://api.claude.test/"},
	{[]string{"HTTPS_PROXY=http://a:1", "NO_PROXY=*.claude.test"}, "https://claude.test/"},
	{[]string{"HTTPS_PROXY=http://a:1", "NO_PROXY=notclaude.test"}, "https://claude.test/"},
	{[]string{"HTTPS_PROXY=http://a:1", "NO_PROXY=claude.test:8443"}, "https://claude.test/"},
	{[]string{"HTTPS_PROXY=http://a:1", "NO_PROXY=claude.test:443"}, "https://claude.test/"},
	{[]string{"HTTPS_PROXY=http://a:1", "no_proxy=CLAUDE.test"}, "https://Claude.Test/"},
	{[]string{"HTTPS_PROXY=http://a:1", "NO_PROXY=192.0.2.0/24"}, "https://192.0.2.7/"},
	{[]string{"HTTPS_PROXY=http://a:1", "NO_PROXY=192.0.2.0/24"}, "https://198.51.100.7/"},
	{[]string{"HTTPS_PROXY=http://a:1", "NO_PROXY=192.0.2.7"}, "https://192.0.2.7/"},
	{[]string{"HTTPS_PROXY=http://a:1", "NO_PROXY=192.0.2.7:8443"}, "https://192.0.2.7/"},
	{[]string{"HTTPS_PROXY=http://a:1", "NO_PROXY=[2001:db8::1]"}, "https://[2001:db8::1]/"},
	{[]string{"HTTPS_PROXY=http://a:1", "NO_PROXY=2001:db8::/32"}, "https://[2001:db8::1]/"},
	{[]string{"HTTPS_PROXY=http://a:1", "NO_PROXY=,,:443, "}, "https://api.claude.test/"},
	{[]string{"HTTPS_PROXY=http://a:1", "NO_PROXY=2.7"}, "https://192.0.2.7/"},
}

func TestTheProxyIsChosenAsNetHTTPDoes(t *testing.T) {
	sameCase(t)
	if raceDetector {
		t.Skip("each row is a process of its own, which is slow to start with the race detector and has nothing for it to find")
	}
	for _, c := range choices {
		want := strings.TrimSpace(play(t, "proxy "+c.url, c.environ...))
		u, err := url.Parse(c.url)
		require.NoError(t, err)
		assert.Equal(t, want, diagnose.GoProxy(c.environ, u), "%v %s", c.environ, c.url)
	}
}

func TestTheProxyThatCurlChoosesIsKnown(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	for name, tc := range map[string]struct {
		environ []string // PROXY stands for a proxy that counts
		url     string
	}{
		"none":                             {nil, "http://api.claude.test/"},
		"its own, in small letters":        {[]string{"http_proxy=PROXY"}, "http://api.claude.test/"},
		"its own, in capitals":             {[]string{"HTTP_PROXY=PROXY"}, "http://api.claude.test/"},
		"for https, in capitals":           {[]string{"HTTPS_PROXY=PROXY"}, "https://api.claude.test/"},
		"for everything":                   {[]string{"ALL_PROXY=PROXY"}, "https://api.claude.test/"},
		"for the machine itself":           {[]string{"http_proxy=PROXY"}, "http://localhost:1/"},
		"with an exception":                {[]string{"http_proxy=PROXY", "NO_PROXY=claude.test"}, "http://api.claude.test/"},
		"with a dot before it":             {[]string{"http_proxy=PROXY", "NO_PROXY=.claude.test"}, "http://claude.test/"},
		"with an exception with port":      {[]string{"http_proxy=PROXY", "NO_PROXY=api.claude.test:80"}, "http://api.claude.test/"},
		"with an exception with asterisk":  {[]string{"http_proxy=PROXY", "NO_PROXY=*.claude.test"}, "http://api.claude.test/"},
		"small letters win over capitals":  {[]string{"https_proxy=PROXY", "HTTPS_PROXY=http://127.0.0.1:1"}, "https://api.claude.test/"},
		"the own one wins over everything": {[]string{"https_proxy=PROXY", "ALL_PROXY=http://127.0.0.1:1"}, "https://api.claude.test/"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := false
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked = true
				w.WriteHeader(http.StatusTeapot)
			}))
			environ := append([]string(nil), tc.environ...)
			for i := range environ {
				environ[i] = strings.ReplaceAll(environ[i], "PROXY=PROXY", "PROXY="+proxy.URL)
				environ[i] = strings.ReplaceAll(environ[i], "proxy=PROXY", "proxy="+proxy.URL)
			}
			u, err := url.Parse(tc.url)
			require.NoError(t, err)
			curl := exec.Command("curl", "-sS", "-m", "5", "--resolve", u.Hostname()+":80:127.0.0.1", "--resolve", u.Hostname()+":443:127.0.0.1", "-o", "/dev/null", tc.url)
			curl.Env = append([]string{"PATH=/usr/bin:/bin", "HOME=/nowhere"}, environ...)
			_ = curl.Run() // it need not succeed
			proxy.Close()
			assert.Equal(t, asked, diagnose.CurlProxy(environ, u) == proxy.URL)
		})
	}
}

func TestCurlAndTheProgramTakeDifferentWays(t *testing.T) {
	sameCase(t)
	for name, tc := range map[string]struct {
		environ []string
		says    string
		first   string
	}{
		"curl_all_proxy": {[]string{"ALL_PROXY=http://127.0.0.1:1"}, "curl takes the proxy in ALL_PROXY, which Go does not read", "Set HTTPS_PROXY to the same proxy as ALL_PROXY"},
		"curl_two_cases": {[]string{"HTTPS_PROXY=http://" + nettest.Nobody(t), "https_proxy=http://127.0.0.1:1"}, "HTTPS_PROXY and https_proxy name different proxies", "Make HTTPS_PROXY and https_proxy say the same"},
		"curl_no_proxy":  {[]string{"HTTPS_PROXY=http://127.0.0.1:1", "NO_PROXY=*.claude.test"}, "curl takes the proxy in HTTPS_PROXY, Go goes without one: the entry", "Set HTTPS_PROXY to the same proxy"},
	} {
		t.Run(name, func(t *testing.T) {
			report := diagnosed(t, diagnose.Config{BaseURL: "https://api.claude.test", APIKey: testKey, Environ: tc.environ, Resolver: noNames(t)})
			assert.Equal(t, diagnose.CurlWorks, report.Verdict.Name)
			require.NotEmpty(t, report.CurlDiffers)
			assert.Contains(t, report.CurlDiffers[0], tc.says)
			assert.Contains(t, report.Verdict.Summary, "curl may work where this program does not")
			assert.Contains(t, report.Verdict.First, tc.first)
			golden(t, name, report)
		})
	}
	t.Run("only capitals, for plain http", func(t *testing.T) {
		report := diagnosed(t, diagnose.Config{BaseURL: "http://api.claude.test", PlainHTTP: true, APIKey: testKey, Environ: []string{"HTTP_PROXY=http://" + nettest.Nobody(t)}, Resolver: noNames(t)})
		assert.Equal(t, diagnose.CurlWorks, report.Verdict.Name)
		assert.Contains(t, report.CurlDiffers[0], "curl reads only http_proxy, in small letters")
		assert.Contains(t, report.Verdict.First, "Unset HTTP_PROXY")
	})
	t.Run("settings of curl's own", func(t *testing.T) {
		report := diagnosed(t, diagnose.Config{
			BaseURL: "https://api.claude.test", APIKey: testKey, Environ: []string{"HOME=/home/me"}, Resolver: noNames(t),
			FS: files("home/me/.curlrc", "# mine\nproxy = \"http://me:"+shortPassword+"@proxy:3128\"\nsilent\n"),
		})
		assert.Equal(t, []string{`~/.curlrc sets "proxy" for curl alone.`}, report.CurlDiffers)
		assert.Equal(t, diagnose.CurlWorks, report.Verdict.Name)
	})
}
