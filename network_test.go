package claude_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/internal/fakeapi"
)

// failAt makes one call to a base URL on loopback and returns its network error.
func failAt(t *testing.T, baseURL string, options ...claude.Option) (*claude.NetworkError, *claude.CallError) {
	t.Helper()
	client, err := claude.New(append([]claude.Option{
		claude.WithAPIKey(testKey), claude.WithBaseURL(baseURL), claude.WithRetry(claude.RetryPolicy{BaseDelay: 1, OverloadBase: 1}),
	}, options...)...)
	require.NoError(t, err)
	defer client.Close()
	_, err = client.Messages.Create(t.Context(), hello)
	require.Error(t, err)
	call := asCall(t, err)
	network, _ := errors.AsType[*claude.NetworkError](err)
	require.NotNil(t, network, "%v", err)
	assert.NotContains(t, err.Error(), testKey)
	assert.NotContains(t, err.Error(), "pass-word")
	return network, call
}

// listen accepts connections on loopback and hands them to serve.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	network, call := failAt(t, "http://"+addr)
	assert.Equal(t, claude.ErrConnect, call.Class)
	assert.Equal(t, claude.StageConnect, network.Stage)
	assert.Equal(t, addr, network.Addr)
	assert.Equal(t, claude.NotSent, call.Processed)
	assert.Len(t, call.Attempts, 3)
}

func TestTheHostDoesNotExist(t *testing.T) {
	network, call := failAt(t, "https://api.invalid")
	assert.Equal(t, claude.ErrDNS, call.Class)
	assert.Equal(t, claude.StageDNS, network.Stage)
	if !network.Temporary { // a machine without a resolver gets no "not found" from it
		assert.Len(t, call.Attempts, 1, "a name that is not there is not asked for again")
	}
	assert.Equal(t, claude.NotSent, call.Processed)
}

func TestTheConnectionBreaks(t *testing.T) {
	t.Run("before the request was read", func(t *testing.T) {
		addr := listen(t, func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) })
		_, call := failAt(t, "http://"+addr)
		// The reset may arrive while we still connect.
		assert.Contains(t, []claude.Class{claude.ErrConnectionLost, claude.ErrStaleConnection, claude.ErrConnect}, call.Class)
		assert.Contains(t, []claude.Processed{claude.NotSent, claude.Rejected, claude.Ambiguous}, call.Processed)
	})
	t.Run("after the request was read", func(t *testing.T) {
		addr := listen(t, func(c net.Conn) {
			r, err := http.ReadRequest(bufio.NewReader(c))
			if err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
			}
			_ = c.(*net.TCPConn).SetLinger(0)
		})
		network, call := failAt(t, "http://"+addr)
		assert.Equal(t, claude.ErrConnectionLost, call.Class)
		assert.Equal(t, claude.StageWait, network.Stage)
		assert.Equal(t, claude.Ambiguous, call.Processed)
		assert.Len(t, call.Attempts, 2, "it may have run: one more at most (P42)")
	})
	t.Run("in the middle of the answer", func(t *testing.T) {
		step := fakeapi.Says("half")
		step.CutAt = 50
		server := fakeapi.Serve(fakeapi.NewScript(step))
		defer server.Close()
		client, err := claude.New(claude.WithAPIKey(testKey), claude.WithBaseURL(server.URL), claude.WithRetry(claude.RetryPolicy{BaseDelay: 1}))
		require.NoError(t, err)
		defer client.Close()
		_, err = client.Messages.Create(t.Context(), hello)
		require.ErrorIs(t, err, claude.ErrBodyCut)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		assert.Equal(t, claude.Ran, asCall(t, err).Processed)
		assert.Len(t, asCall(t, err).Attempts, 2)
	})
}

func TestAProxyThatWillNotConnectUs(t *testing.T) {
	for status, attempts := range map[int]int{407: 1, 403: 1, 502: 3} {
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, http.MethodConnect, r.Method)
			http.Error(w, "no", status)
		}))
		network, call := failAt(t, "https://api.example.com", claude.WithProxy("http://me:pass-word@"+proxy.Listener.Addr().String()))
		proxy.Close()
		assert.Equal(t, claude.ErrProxy, call.Class)
		assert.Equal(t, claude.StageProxy, network.Stage)
		assert.Equal(t, "http://"+proxy.Listener.Addr().String(), network.Proxy, "without its password")
		assert.Len(t, call.Attempts, attempts, "%d", status)
	}
}

func TestAProxyThatIsNotThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	for _, scheme := range []string{"http", "socks5"} {
		network, call := failAt(t, "https://api.example.com", claude.WithProxy(scheme+"://me:pass-word@"+l.Addr().String()))
		assert.Equal(t, claude.ErrProxy, call.Class, scheme)
		assert.Equal(t, claude.StageProxy, network.Stage, scheme)
		assert.Len(t, call.Attempts, 3, scheme)
	}
}

// certificate makes a self-signed server certificate.
func certificate(t *testing.T, name string, from, to time.Time) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Zscaler Test CA", Organization: []string{"Company"}},
		NotBefore: from, NotAfter: to, DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func tlsServer(t *testing.T, cert tls.Certificate, script *fakeapi.Script) string {
	t.Helper()
	server := httptest.NewUnstartedServer(script)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	server.Config.ErrorLog = nil
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return "https://localhost:" + portOf(server.Listener.Addr())
}

func portOf(a net.Addr) string {
	_, port, _ := net.SplitHostPort(a.String())
	return port
}

func TestTLSFailuresSayWhatIsWrongWithTheCertificate(t *testing.T) {
	now := time.Now()
	good, goodPEM := certificate(t, "localhost", now.Add(-time.Hour), now.Add(time.Hour))
	other, otherPEM := certificate(t, "elsewhere.example", now.Add(-time.Hour), now.Add(time.Hour))
	old, oldPEM := certificate(t, "localhost", now.Add(-48*time.Hour), now.Add(-24*time.Hour))
	for name, tc := range map[string]struct {
		cert    tls.Certificate
		options []claude.Option
		problem string
	}{
		"unknown authority (P4)": {good, nil, "unknown authority"},
		"wrong name":             {other, []claude.Option{claude.WithRootCAs(otherPEM)}, "wrong name"},
		"expired":                {old, []claude.Option{claude.WithRootCAs(oldPEM)}, "expired or not yet valid"},
	} {
		t.Run(name, func(t *testing.T) {
			network, call := failAt(t, tlsServer(t, tc.cert, fakeapi.NewScript(fakeapi.Says("hi"))), tc.options...)
			assert.Equal(t, claude.ErrTLS, call.Class)
			assert.Equal(t, claude.StageTLS, network.Stage)
			assert.Len(t, call.Attempts, 1, "it will not get better")
			require.NotNil(t, network.TLS)
			assert.Equal(t, tc.problem, network.TLS.Problem)
			assert.Contains(t, network.TLS.Issuer, "Zscaler Test CA")
			assert.Contains(t, call.Error(), "Zscaler Test CA")
		})
	}
	t.Run("the server speaks plain http", func(t *testing.T) {
		server := fakeapi.Serve(fakeapi.NewScript(fakeapi.Says("hi")))
		defer server.Close()
		network, call := failAt(t, "https://"+server.Listener.Addr().String())
		assert.Equal(t, claude.ErrTLS, call.Class)
		require.NotNil(t, network.TLS)
		assert.Contains(t, network.TLS.Problem, "TLS")
	})
	t.Run("the connection is cut during the handshake", func(t *testing.T) {
		addr := listen(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 64))
			_ = c.(*net.TCPConn).SetLinger(0)
		})
		network, call := failAt(t, "https://"+addr)
		assert.Equal(t, claude.ErrTLS, call.Class)
		assert.True(t, network.Temporary)
		assert.Len(t, call.Attempts, 3)
	})
	t.Run("the handshake is never answered", func(t *testing.T) {
		addr := listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
		network, call := failAt(t, "https://"+addr, claude.WithTimeouts(claude.Timeouts{TLS: 50 * time.Millisecond}), claude.WithMaxAttempts(1))
		assert.Equal(t, claude.ErrTLS, call.Class)
		assert.True(t, network.Timeout)
		assert.Contains(t, network.Error(), "Timeouts.TLS")
	})
	t.Run("with the authority trusted the call goes through, over HTTP/2", func(t *testing.T) {
		script := fakeapi.NewScript(fakeapi.Says("hi"))
		client, err := claude.New(claude.WithAPIKey(testKey), claude.WithBaseURL(tlsServer(t, good, script)), claude.WithRootCAs(goodPEM))
		require.NoError(t, err)
		defer client.Close()
		resp, err := client.Messages.Create(t.Context(), hello)
		require.NoError(t, err)
		assert.Equal(t, "hi", resp.Text())
		assert.False(t, resp.Attempts[0].Reused)
		resp, err = client.Messages.Create(t.Context(), hello)
		require.NoError(t, err)
		assert.True(t, resp.Attempts[0].Reused, "bodies are read to their end, so connections are used again")
	})
}

func TestAnAnswerThatNeverComes(t *testing.T) {
	server := fakeapi.Serve(fakeapi.NewScript(fakeapi.Step{After: time.Minute}))
	defer server.Close()
	network, call := failAt(t, server.URL, claude.WithTimeouts(claude.Timeouts{FirstByte: 50 * time.Millisecond}))
	assert.Equal(t, claude.ErrTimeout, call.Class)
	assert.Equal(t, claude.StageWait, network.Stage)
	assert.True(t, network.Timeout)
	assert.Len(t, call.Attempts, 2)
	server.CloseClientConnections()
}

func TestAnAnswerThatStallsInTheMiddle(t *testing.T) {
	addr := listen(t, func(c net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"type\":")
		_, _ = io.Copy(io.Discard, c)
	})
	network, call := failAt(t, "http://"+addr, claude.WithTimeouts(claude.Timeouts{StreamIdle: 50 * time.Millisecond}))
	assert.Equal(t, claude.ErrTimeout, call.Class)
	assert.Equal(t, claude.StageBody, network.Stage)
	assert.Equal(t, claude.Ran, call.Processed)
}

func TestGzipIsUnpackedWhereverItComesFrom(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		_, _ = io.WriteString(zip, fakeapi.Says("packed").Body)
		_ = zip.Close()
	}))
	defer server.Close()
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
	script := fakeapi.NewScript(fakeapi.Fails(503, "api_error", "x"), fakeapi.Says("hi"), fakeapi.Fails(400, "invalid_request_error", "broken"), fakeapi.Page(200, "Login"))
	server := fakeapi.Serve(script)
	defer server.Close()
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
	assert.Equal(t, fakeapi.Says("hi").Body, string(body))
	require.Len(t, script.Requests(), 2)
	assert.Equal(t, script.Requests()[0].Body, script.Requests()[1].Body, "the body is sent again whole")
	assert.Equal(t, testKey, script.Requests()[1].Header.Get("X-Api-Key"))

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
	server := fakeapi.Serve(fakeapi.NewScript(fakeapi.Overloaded(), fakeapi.Resets(), fakeapi.Page(502, "x"), fakeapi.Says("hi")))
	defer server.Close()
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
