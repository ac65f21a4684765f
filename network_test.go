package claude_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
	"github.com/steadfast-go/claude/internal/dnstest"
	"github.com/steadfast-go/claude/internal/nettest"
)

// No test leaves this machine, whatever proxy its environment names.
var _ = os.Setenv("NO_PROXY", "*")

func TestNobodyListens(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			addr := nettest.NobodyAt(t, host)
			network, call := failAt(t, "http://"+addr)
			assert.Equal(t, outcome{claude.ErrConnect, claude.StageConnect, claude.NotSent, 3, true, false}, outcomeOf(network, call))
			assert.Equal(t, addr, network.Addr)
			require.ErrorIs(t, call, claude.ErrNetwork)
		})
	}
}

func TestTheWayIsBlockedInSilence(t *testing.T) {
	addr := nettest.Full(t)
	start := time.Now()
	network, call := failAt(t, "http://"+addr, claude.WithTimeouts(claude.Timeouts{Dial: 50 * time.Millisecond}))
	assert.Equal(t, outcome{claude.ErrConnect, claude.StageConnect, claude.NotSent, 3, true, true}, outcomeOf(network, call))
	assert.Equal(t, addr, network.Addr)
	assert.Contains(t, network.Error(), "Timeouts.Dial")
	assert.GreaterOrEqual(t, time.Since(start), 3*50*time.Millisecond)
}

func TestLookUpsThatFail(t *testing.T) {
	for name, tc := range map[string]struct {
		answer dnstest.Answer
		want   outcome
		says   string
	}{
		"the name does not exist":        {dnstest.Answer{Code: dnstest.NoSuchName}, outcome{claude.ErrDNS, claude.StageDNS, claude.NotSent, 1, false, false}, "no such host"},
		"it has no address":              {dnstest.Answer{}, outcome{claude.ErrDNS, claude.StageDNS, claude.NotSent, 1, false, false}, "no such host"},
		"the name server is in trouble":  {dnstest.Answer{Code: dnstest.ServerFailed}, outcome{claude.ErrDNS, claude.StageDNS, claude.NotSent, 3, true, false}, "misbehaving"},
		"the name server does not speak": {dnstest.Answer{Silent: true}, outcome{claude.ErrDNS, claude.StageDNS, claude.NotSent, 3, true, true}, "Timeouts.Dial"},
	} {
		t.Run(name, func(t *testing.T) {
			resolver := dnstest.NewResolver(t, func(dnstest.Question) dnstest.Answer { return tc.answer })
			options := []claude.Option{claude.WithResolver(resolver)}
			if tc.answer.Silent {
				options = append(options, claude.WithTimeouts(claude.Timeouts{Dial: 50 * time.Millisecond}))
			}
			network, call := failAt(t, "https://api.claude.test", options...)
			assert.Equal(t, tc.want, outcomeOf(network, call))
			assert.Equal(t, "api.claude.test:443", network.Addr)
			assert.Contains(t, network.Error(), tc.says)
		})
	}
}

func TestALookUpThatSucceeds(t *testing.T) {
	server := claudetest.NewServer(t, hi.Times(2))
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
	for name, addrs := range map[string][]string{
		"with one address":             {"127.0.0.1"},
		"with one of two that answers": {"127.0.0.2", "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := claude.New(claude.WithAPIKey(testKey), claude.WithBaseURL("http://api.claude.test:"+port), claude.WithPlainHTTP(), claude.WithMaxAttempts(1),
				claude.WithResolver(dnstest.NewResolver(t, func(dnstest.Question) dnstest.Answer { return dnstest.Addrs(addrs...) })))
			require.NoError(t, err)
			defer client.Close()
			_, err = client.Messages.Create(t.Context(), hello)
			require.NoError(t, err)
		})
	}
	t.Run("with nobody there", func(t *testing.T) {
		_, port, _ := net.SplitHostPort(nettest.Nobody(t))
		network, call := failAt(t, "https://api.claude.test:"+port, claude.WithResolver(dnstest.NewResolver(t, func(dnstest.Question) dnstest.Answer { return dnstest.Addrs("127.0.0.1") })))
		assert.Equal(t, outcome{claude.ErrConnect, claude.StageConnect, claude.NotSent, 3, true, false}, outcomeOf(network, call))
		assert.Equal(t, "127.0.0.1:"+port, network.Addr, "the address that the name stands for")
	})
}

func TestAProxyThatWillNotConnectUs(t *testing.T) {
	for status, want := range map[int]outcome{
		407: {claude.ErrProxy, claude.StageProxy, claude.NotSent, 1, false, false},
		403: {claude.ErrProxy, claude.StageProxy, claude.NotSent, 1, false, false},
		502: {claude.ErrProxy, claude.StageProxy, claude.NotSent, 3, true, false},
	} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			var mu sync.Mutex
			var given []string
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				assert.Equal(t, http.MethodConnect, r.Method)
				assert.Equal(t, "api.example.com:443", r.Host)
				assert.Empty(t, r.Header.Get("X-Api-Key"), "that is not for the proxy")
				mu.Lock()
				given = append(given, r.Header.Get("Proxy-Authorization"))
				mu.Unlock()
				http.Error(w, "no, "+r.Header.Get("Proxy-Authorization"), status)
			}))
			defer proxy.Close()
			network, call := failAt(t, "https://api.example.com", claude.WithProxy("http://me:"+proxyPassword+"@"+proxy.Listener.Addr().String()))
			assert.Equal(t, want, outcomeOf(network, call))
			assert.Equal(t, "http://"+proxy.Listener.Addr().String(), network.Proxy, "without its password")
			assert.Contains(t, network.Error(), strconv.Itoa(status))
			require.Len(t, given, want.attempts)
			assert.Equal(t, "Basic "+base64.StdEncoding.EncodeToString([]byte("me:"+proxyPassword)), given[0])
		})
	}
}

func TestAProxyThatIsNotThere(t *testing.T) {
	addr := nettest.Nobody(t)
	for _, scheme := range []string{"http", "https", "socks5"} {
		network, call := failAt(t, "https://api.example.com", claude.WithProxy(scheme+"://me:"+proxyPassword+"@"+addr))
		assert.Equal(t, outcome{claude.ErrProxy, claude.StageProxy, claude.NotSent, 3, true, false}, outcomeOf(network, call), scheme)
		assert.Equal(t, scheme+"://"+addr, network.Proxy)
	}
}

func TestAProxyThatSaysNothing(t *testing.T) {
	addr := nettest.Listen(t, ignore)
	for _, scheme := range []string{"http", "socks5"} {
		network, call := failAt(t, "https://api.example.com", claude.WithProxy(scheme+"://me:"+proxyPassword+"@"+addr),
			claude.WithTimeouts(claude.Timeouts{Dial: 50 * time.Millisecond, TLS: 50 * time.Millisecond}))
		assert.Equal(t, outcome{claude.ErrProxy, claude.StageProxy, claude.NotSent, 3, true, true}, outcomeOf(network, call), scheme)
		assert.Contains(t, network.Error(), "Timeouts.Dial", scheme)
		// The proxy's connections end too: else the test would not.
	}
}

func TestAProxyThatHangsUp(t *testing.T) {
	for name, end := range map[string]func(net.Conn){
		"with a FIN": func(net.Conn) {},
		"with a RST": func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) },
	} {
		addr := nettest.Listen(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1024))
			end(c)
		})
		for _, scheme := range []string{"http", "socks5"} {
			network, call := failAt(t, "https://api.example.com", claude.WithProxy(scheme+"://"+addr))
			assert.Equal(t, outcome{claude.ErrProxy, claude.StageProxy, claude.NotSent, 3, true, false}, outcomeOf(network, call), scheme+" "+name)
		}
	}
}

func TestASocksProxyThatRefuses(t *testing.T) {
	const (
		greets  = "\x05\x02" // user name and password, please
		welcome = "\x01\x00"
	)
	for name, tc := range map[string]struct {
		answers  []string
		attempts int
		says     string
	}{
		"no way to log in":   {[]string{"\x05\xff"}, 1, "no acceptable authentication methods"},
		"the wrong password": {[]string{greets, "\x01\x01"}, 1, "authentication failed"},
		"its rules":          {[]string{greets, welcome, "\x05\x02\x00\x01"}, 1, "not allowed by ruleset"},
		"the host is down":   {[]string{greets, welcome, "\x05\x04\x00\x01"}, 3, "host unreachable"},
	} {
		t.Run(name, func(t *testing.T) {
			addr := nettest.Listen(t, func(c net.Conn) {
				for _, answer := range tc.answers {
					if _, err := c.Read(make([]byte, 512)); err != nil {
						return
					}
					_, _ = io.WriteString(c, answer)
				}
				_, _ = c.Read(make([]byte, 1))
			})
			network, call := failAt(t, "https://api.example.com", claude.WithProxy("socks5://me:"+proxyPassword+"@"+addr))
			assert.Equal(t, outcome{claude.ErrProxy, claude.StageProxy, claude.NotSent, tc.attempts, tc.attempts > 1, false}, outcomeOf(network, call))
			assert.Contains(t, network.Error(), tc.says)
		})
	}
}

func TestAProxyWithACertificateNobodyKnows(t *testing.T) {
	cert, _ := nettest.Trusted(t, "localhost")
	proxy, _ := strings.CutPrefix(tlsServer(t, cert, within(t)), "https://")
	network, call := failAt(t, "https://api.example.com", claude.WithProxy("https://me:"+proxyPassword+"@"+proxy))
	assert.Equal(t, outcome{claude.ErrProxy, claude.StageProxy, claude.NotSent, 1, false, false}, outcomeOf(network, call))
	require.NotNil(t, network.TLS)
	assert.Equal(t, "unknown authority", network.TLS.Problem)
}

func TestAProxyGetsAPlainCallWhole(t *testing.T) {
	script := within(t, claudetest.GatewayPage(502), hi)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "http://api.example.com/v1/messages", r.RequestURI)
		script.ServeHTTP(w, r)
	}))
	defer proxy.Close()
	client, err := claude.New(claude.WithAPIKey(testKey), claude.WithBaseURL("http://api.example.com"), claude.WithPlainHTTP(),
		claude.WithProxy("http://me:"+proxyPassword+"@"+proxy.Listener.Addr().String()), claude.WithRetry(claude.RetryPolicy{BaseDelay: 1}))
	require.NoError(t, err)
	defer client.Close()
	resp, err := client.Messages.Create(t.Context(), hello)
	require.NoError(t, err)
	require.Len(t, resp.Attempts, 2)
	assert.Equal(t, claude.ErrGateway, resp.Attempts[0].Class)
	require.Len(t, script.Requests(), 2)
	asked := script.Requests()[1]
	assert.Equal(t, "api.example.com", asked.Host)
	assert.Equal(t, "Basic "+base64.StdEncoding.EncodeToString([]byte("me:"+proxyPassword)), asked.Header.Get("Proxy-Authorization"))
}

func TestACallGoesThroughAProxy(t *testing.T) {
	cert, pem := nettest.Trusted(t, "api.example.com")
	_, port, _ := strings.Cut(strings.TrimPrefix(tlsServer(t, cert, within(t, hi.Times(4))), "https://"), ":")
	origin := net.JoinHostPort("127.0.0.1", port)
	tunnel := func(c net.Conn) {
		to, err := net.Dial("tcp", origin)
		if err != nil {
			return
		}
		defer to.Close()
		go func() { _, _ = io.Copy(to, c); _ = to.(*net.TCPConn).CloseWrite() }()
		_, _ = io.Copy(c, to)
	}
	for scheme, greet := range map[string]func(c net.Conn){
		"http": func(c net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_, _ = io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
		},
		"socks5": func(c net.Conn) {
			_, _ = c.Read(make([]byte, 512))
			_, _ = io.WriteString(c, "\x05\x00")
			_, _ = c.Read(make([]byte, 512))
			_, _ = io.WriteString(c, "\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50")
		},
	} {
		t.Run(scheme, func(t *testing.T) {
			addr := nettest.Listen(t, func(c net.Conn) { greet(c); tunnel(c) })
			client, err := claude.New(claude.WithAPIKey(testKey), claude.WithBaseURL("https://api.example.com"), claude.WithProxy(scheme+"://"+addr),
				claude.WithRootCAs(pem), claude.WithMaxAttempts(1))
			require.NoError(t, err)
			defer client.Close()
			for _, reused := range []bool{false, true} {
				resp, err := client.Messages.Create(t.Context(), hello)
				require.NoError(t, err)
				assert.Equal(t, reused, resp.Attempts[0].Reused)
			}
		})
	}
}

func TestTLSFailuresSayWhatIsWrongWithTheCertificate(t *testing.T) {
	now := time.Now()
	company := nettest.NewAuthority(t, "Zscaler Test Root")
	selfSigned := nettest.SelfSigned(t, "localhost")
	const issuer = "CN=Zscaler Test Root,O=Company"
	for name, tc := range map[string]struct {
		cert    tls.Certificate
		trust   bool
		problem string
		issuer  string
		subject string
	}{
		"an authority nobody knows (P4)": {company.Server(t, "localhost", now.Add(-time.Hour), now.Add(time.Hour)), false, "unknown authority", issuer, "CN=localhost"},
		"self-signed":                    {selfSigned, false, "unknown authority", "CN=localhost", "CN=localhost"},
		"the wrong name":                 {company.Server(t, "elsewhere.example", now.Add(-time.Hour), now.Add(time.Hour)), true, "wrong name", issuer, "CN=elsewhere.example"},
		"expired":                        {company.Server(t, "localhost", now.Add(-48*time.Hour), now.Add(-24*time.Hour)), true, "expired", issuer, "CN=localhost"},
		"not yet valid":                  {company.Server(t, "localhost", now.Add(24*time.Hour), now.Add(48*time.Hour)), true, "not yet valid", issuer, "CN=localhost"},
	} {
		t.Run(name, func(t *testing.T) {
			script := within(t)
			var options []claude.Option
			if tc.trust {
				options = append(options, claude.WithRootCAs(company.PEM()))
			}
			network, call := failAt(t, tlsServer(t, tc.cert, script), options...)
			assert.Equal(t, outcome{claude.ErrTLS, claude.StageTLS, claude.NotSent, 1, false, false}, outcomeOf(network, call), "it will not get better")
			interceptor := ""
			if tc.issuer == issuer {
				interceptor = "Zscaler"
			}
			require.NotNil(t, network.TLS)
			assert.Equal(t, claude.TLSFailure{
				Problem: tc.problem, Issuer: tc.issuer, Subject: tc.subject, Names: tc.cert.Leaf.DNSNames,
				NotBefore: tc.cert.Leaf.NotBefore, NotAfter: tc.cert.Leaf.NotAfter, Interceptor: interceptor,
			}, *network.TLS)
			assert.Contains(t, call.Error(), tc.issuer)
			assert.Empty(t, script.Requests(), "the key was never sent")
		})
	}
}

// thoughtful is a server's connection that reads what follows the client's hello
// not before the request came too. With TLS 1.3 a client has no answer to wait for
// in between; net/http may not tell of a refusal that comes before it writes.
type thoughtful struct {
	net.Conn

	r     *bufio.Reader
	wrote bool
}

func (c *thoughtful) Write(p []byte) (int, error) {
	c.wrote = true
	return c.Conn.Write(p)
}

func (c *thoughtful) Read(p []byte) (int, error) {
	if c.wrote {
		_, _ = c.r.Peek(400)
	}
	return c.r.Read(p)
}

func TestTLSHandshakesThatFail(t *testing.T) {
	cert, pem := nettest.Trusted(t, "localhost")
	https := func(serve func(net.Conn)) string {
		_, port, _ := net.SplitHostPort(nettest.Listen(t, serve))
		return "https://localhost:" + port
	}
	// A server that will not have us; it reads on, so that its alert arrives.
	refuses := func(config *tls.Config) string {
		config.Certificates = []tls.Certificate{cert}
		return https(func(c net.Conn) {
			if config.MaxVersion == 0 {
				c = &thoughtful{Conn: c, r: bufio.NewReader(c)}
			}
			_ = tls.Server(c, config).Handshake()
			ignore(c)
		})
	}
	plain := claudetest.NewServer(t)
	final := outcome{claude.ErrTLS, claude.StageTLS, claude.NotSent, 1, false, false}
	temporary := outcome{claude.ErrTLS, claude.StageTLS, claude.NotSent, 3, true, false}
	for name, tc := range map[string]struct {
		url     string
		want    outcome
		problem string
		says    string
	}{
		"the server speaks plain http": {strings.Replace(plain.URL, "http://", "https://", 1), final, "the server does not speak TLS", ""},
		"the server speaks something else": {https(func(c net.Conn) {
			_, _ = io.WriteString(c, "220 mail.example ESMTP\r\n")
			ignore(c)
		}), final, "the server does not speak TLS", ""},
		"the server wants a certificate of ours": {refuses(&tls.Config{ClientAuth: tls.RequireAnyClientCert}), final, "the server refused the handshake", "certificate required"},
		"so does one of TLS 1.2":                 {refuses(&tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}), final, "the server refused the handshake", ""},
		"the server is older than TLS 1.2":       {refuses(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}), final, "the server refused the handshake", "protocol version"},
		"the connection is reset in it": {https(func(c net.Conn) {
			_, _ = c.Read(make([]byte, 64))
			_ = c.(*net.TCPConn).SetLinger(0)
		}), temporary, "", "reset"},
		"the connection is closed in it": {https(func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
		}), temporary, "", "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			network, call := failAt(t, tc.url, claude.WithRootCAs(pem))
			assert.Equal(t, tc.want, outcomeOf(network, call), "%v", call.Attempts)
			assert.Contains(t, network.Error(), tc.says)
			if tc.problem != "" {
				require.NotNil(t, network.TLS)
				assert.Equal(t, claude.TLSFailure{Problem: tc.problem}, *network.TLS)
			} else {
				assert.Nil(t, network.TLS)
			}
		})
	}
	t.Run("the server says nothing", func(t *testing.T) {
		network, call := failAt(t, https(ignore), claude.WithTimeouts(claude.Timeouts{TLS: 50 * time.Millisecond}))
		assert.Equal(t, outcome{claude.ErrTLS, claude.StageTLS, claude.NotSent, 3, true, true}, outcomeOf(network, call))
		assert.Contains(t, network.Error(), "Timeouts.TLS")
		// Its connections end too, though nobody closes them: else the test would not.
	})
	t.Run("with the authority trusted the call goes through, over HTTP/2", func(t *testing.T) {
		var protocol atomic.Int32
		script := within(t, hi.Times(2))
		client, err := claude.New(claude.WithAPIKey(testKey), claude.WithRootCAs(pem), claude.WithBaseURL(tlsServer(t, cert, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			protocol.Store(int32(r.ProtoMajor))
			script.ServeHTTP(w, r)
		}))))
		require.NoError(t, err)
		defer client.Close()
		for _, reused := range []bool{false, true} {
			resp, err := client.Messages.Create(t.Context(), hello)
			require.NoError(t, err)
			assert.Equal(t, reused, resp.Attempts[0].Reused, "bodies are read to their end, so connections are used again")
		}
		assert.EqualValues(t, 2, protocol.Load())
	})
}

func TestGzipIsUnpackedWhereverItComesFrom(t *testing.T) {
	body := gzipped(strings.Replace(hiBody, `"hi"`, `"packed"`, 1))
	server := claudetest.NewServer(t, claudetest.Raw(200, body).Header("Content-Encoding", "gzip").Times(2))
	for name, rt := range map[string]http.RoundTripper{
		"net/http unpacks": &http.Transport{}, "we unpack": &http.Transport{DisableCompression: true},
	} {
		client, err := claude.New(claude.WithAPIKey(testKey), claude.WithBaseURL(server.URL), claude.WithRoundTripper(rt))
		require.NoError(t, err)
		resp, err := client.Messages.Create(t.Context(), hello)
		require.NoError(t, err, name)
		assert.Equal(t, "packed", resp.Text())
		client.Close()
	}
}

func TestTheDropInGivesARawCallerTheSameCalm(t *testing.T) {
	server := claudetest.NewServer(t,
		claudetest.Error(503, "api_error", "x"), hi,
		claudetest.Error(400, "invalid_request_error", "broken"), claudetest.Portal(), claudetest.Portal().On("GET /elsewhere"))
	transport := &claude.Transport{Retry: claude.RetryPolicy{BaseDelay: 1}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	post := func() (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v1/messages", io.NopCloser(io.LimitReader(spaces{}, 10)))
		require.NoError(t, err)
		req.Header.Set("X-Api-Key", testKey)
		return client.Do(req)
	}
	resp, err := post()
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, hiBody, string(body))
	require.Len(t, server.Requests(), 2)
	assert.Equal(t, server.Requests()[0].Body, server.Requests()[1].Body, "the body is sent again whole")
	assert.Equal(t, testKey, server.Requests()[1].Header.Get("X-Api-Key"))

	resp, err = post()
	require.NoError(t, err, "an answer is an answer")
	body, _ = io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	assert.Equal(t, 400, resp.StatusCode)
	assert.Contains(t, string(body), "broken", "its body is intact")

	_, err = post() //nolint:bodyclose // there is none
	require.ErrorIs(t, err, claude.ErrUnexpectedResponse)

	resp, err = client.Get(server.URL + "/elsewhere")
	require.NoError(t, err, "what is not the API's passes through")
	_ = resp.Body.Close()
}

func TestManyCallsAtOnceLeaveNothingBehind(t *testing.T) {
	server := claudetest.NewServer(t, claudetest.Overloaded(), claudetest.Reset(), claudetest.GatewayPage(502), hi.Always())
	client, err := claude.New(claude.WithAPIKey(testKey), claude.WithBaseURL(server.URL), claude.WithRetry(claude.RetryPolicy{BaseDelay: 1, OverloadBase: 1, MaxAttempts: 8}))
	require.NoError(t, err)
	defer client.Close()
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if i%10 == 0 {
				cancel()
			}
			_, err := client.Messages.Create(ctx, hello)
			if i%10 == 0 {
				assert.ErrorIs(t, err, claude.ErrCanceled)
			} else {
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
}
