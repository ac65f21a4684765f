package claude

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The defaults of connections are promises too.
func TestConnectionsAreMadeAsTheDocumentsSay(t *testing.T) {
	base, fresh := newBase(network{}), newFresh(network{})
	for _, rt := range []*http.Transport{base, fresh} {
		assert.Equal(t, &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second}, rt.HTTP2)
		assert.True(t, rt.ForceAttemptHTTP2)
		assert.Equal(t, time.Minute, rt.IdleConnTimeout)
		assert.Equal(t, 64, rt.MaxIdleConnsPerHost)
		assert.Zero(t, rt.MaxIdleConns, "of all hosts: no limit")
		assert.Zero(t, rt.MaxConnsPerHost, "no queue before a connection")
		assert.Equal(t, uint16(tls.VersionTLS12), rt.TLSClientConfig.MinVersion)
		assert.False(t, rt.TLSClientConfig.InsecureSkipVerify)
		assert.NotNil(t, rt.Proxy, "the environment's")
		// Each attempt has limits of its own.
		assert.Zero(t, rt.TLSHandshakeTimeout)
		assert.Zero(t, rt.ResponseHeaderTimeout)
		assert.Zero(t, rt.ExpectContinueTimeout)
	}
	assert.False(t, base.DisableKeepAlives)
	assert.True(t, fresh.DisableKeepAlives)
	assert.Equal(t, net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 15 * time.Second, Count: 9},
		net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveCount})
}

// sender is a base RoundTripper that acts as net/http does.
type sender func(*http.Request) (*http.Response, error)

func (s sender) RoundTrip(r *http.Request) (*http.Response, error) { return s(r) }

func TestNetHTTPMaySendARequestAgainOnce(t *testing.T) {
	connect := func(r *http.Request) {
		trace := httptrace.ContextClientTrace(r.Context())
		trace.GetConn("api.example.com:443")
		here, there := net.Pipe()
		_, _ = here.Close(), there.Close()
		trace.GotConn(httptrace.GotConnInfo{Conn: here, Reused: true})
	}
	again := func(t *testing.T, r *http.Request) {
		t.Helper()
		body, err := r.GetBody()
		require.NoError(t, err)
		data, err := io.ReadAll(body)
		require.NoError(t, err)
		assert.Contains(t, string(data), `"model"`, "the whole of it")
	}
	for name, fail := range map[string]func(t *testing.T, r *http.Request){
		"on a connection each": func(t *testing.T, r *http.Request) {
			t.Helper()
			connect(r)
			again(t, r)
			connect(r)
		},
		"asking twice, where HTTP/2 has no connection left": func(t *testing.T, r *http.Request) {
			t.Helper()
			connect(r)
			again(t, r)
			again(t, r)
			connect(r)
		},
		"telling nobody": again,
	} {
		t.Run(name, func(t *testing.T) {
			const answer = `{"id":"msg_01","type":"message","role":"assistant","model":"m","content":[],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}`
			requests := 0
			client, err := New(WithAPIKey("sk-ant-not-a-real-key"), WithRoundTripper(sender(func(r *http.Request) (*http.Response, error) {
				requests++
				if requests == 2 {
					fail(t, r)
					_, err := r.GetBody()
					require.Error(t, err)
					return nil, err
				}
				assert.Nil(t, r.GetBody, "not before something speaks HTTP/1.1, and not on a fresh connection")
				return &http.Response{StatusCode: http.StatusOK, ProtoMajor: 1, Body: bodyOf(answer), ContentLength: int64(len(answer))}, nil
			})))
			require.NoError(t, err)
			for _, want := range [][]Class{{""}, {ErrStaleConnection, ErrStaleConnection, ""}} {
				resp, err := client.Messages.Create(t.Context(), Request{Model: ModelSonnet5_5, MaxTokens: 64, Messages: []Message{UserText("Hello")}})
				require.NoError(t, err)
				var got []Class
				for i, a := range resp.Attempts {
					got = append(got, a.Class)
					assert.Equal(t, i+1, a.Number)
					assert.Equal(t, a.Class == "", a.Processed == Ran)
					assert.Equal(t, a.Class != "", a.Processed == NotSent)
				}
				assert.Equal(t, want, got)
			}
			assert.Equal(t, 3, requests)
		})
	}
}

func TestWhatMayHaveRunIsNotOfferedToNetHTTPToSendAgain(t *testing.T) {
	for name, header := range map[string]http.Header{
		"Idempotency-Key":   {"Idempotency-Key": {"x"}},
		"X-Idempotency-Key": {"X-Idempotency-Key": {"x"}},
	} {
		transport := &Transport{Base: sender(func(r *http.Request) (*http.Response, error) {
			assert.Nil(t, r.GetBody, name)
			return nil, io.ErrUnexpectedEOF
		}), Retry: RetryPolicy{Off: true}}
		transport.network.spokeOne = 1
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.example.com/v1/messages", strings.NewReader(`{"model":"m"}`))
		require.NoError(t, err)
		req.Header = header
		_, err = transport.RoundTrip(req) //nolint:bodyclose // there is none
		require.ErrorIs(t, err, ErrConnectionLost)
	}
}

func TestOneDialLimitHoldsForTheLookUpAndEveryAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &attemptState{limits: &Timeouts{Dial: 100 * time.Millisecond, FirstByte: time.Second}}
		ctx := a.start(t.Context(), &Transport{ours: true})
		defer a.end()
		start := time.Now()
		a.trace.GetConn("api.example.com:443")
		time.Sleep(40 * time.Millisecond) // in a queue
		a.dialing(StageDNS, "api.example.com:443")
		time.Sleep(40 * time.Millisecond)
		a.dialing(StageConnect, "[2001:db8::1]:443")
		time.Sleep(40 * time.Millisecond)
		a.dialing(StageConnect, "192.0.2.1:443")
		<-ctx.Done()
		assert.Equal(t, 140*time.Millisecond, time.Since(start))
		assert.Equal(t, &timeoutError{name: "Dial", limit: 100 * time.Millisecond}, context.Cause(ctx))
		var o observation
		a.observe(&o, t.Context())
		assert.Equal(t, StageConnect, o.stage)
		assert.Equal(t, "192.0.2.1:443", o.addr)
		assert.NotNil(t, o.limit)
	})
}

func TestTheJudgeReadsWhatNetHTTPSaysOfAnAttemptWithoutAnAnswer(t *testing.T) {
	write := fmt.Errorf("net/http: HTTP/1.x transport connection broken: %w", &net.OpError{Op: "write", Net: "tcp", Err: syscall.EPIPE})
	idle := errors.New("http: server closed idle connection")
	limit := &timeoutError{name: "FirstByte", limit: time.Second}
	type want struct {
		class     Class
		stage     Stage
		processed Processed
		temporary bool
		timeout   bool
	}
	for name, tc := range map[string]struct {
		o    observation
		want want
	}{
		"written to a buffer, not to the wire":       {observation{err: write, stage: StageWait, wrote: true}, want{ErrConnectionLost, StageWrite, Rejected, true, false}},
		"the same on a kept connection":              {observation{err: write, stage: StageWait, wrote: true, reused: true}, want{ErrStaleConnection, StageWrite, NotSent, true, false}},
		"closed before we wrote, whatever the hooks": {observation{err: idle, stage: StageWait, wrote: true, reused: true}, want{ErrStaleConnection, StageWait, NotSent, true, false}},
		"half written on a kept connection":          {observation{err: syscall.ECONNRESET, stage: StageWrite, reused: true}, want{ErrStaleConnection, StageWrite, NotSent, true, false}},
		"half written on a new one":                  {observation{err: syscall.ECONNRESET, stage: StageWrite}, want{ErrConnectionLost, StageWrite, Rejected, true, false}},
		"written, then reset":                        {observation{err: syscall.ECONNRESET, stage: StageWait, wrote: true, reused: true}, want{ErrConnectionLost, StageWait, Ambiguous, false, false}},
		"written, then silence":                      {observation{err: limit, limit: limit, stage: StageWait, wrote: true}, want{ErrTimeout, StageWait, Ambiguous, false, true}},
		"half written, then silence":                 {observation{err: limit, limit: limit, stage: StageWrite}, want{ErrTimeout, StageWrite, Rejected, true, true}},
		"the kernel's timeout":                       {observation{err: &net.OpError{Op: "read", Err: syscall.ETIMEDOUT}, stage: StageWait, wrote: true}, want{ErrTimeout, StageWait, Ambiguous, false, true}},
		"the resolver's timeout":                     {observation{err: &net.OpError{Op: "dial", Err: &net.DNSError{Err: "i/o timeout", IsTimeout: true}}, stage: StageDNS}, want{ErrDNS, StageDNS, NotSent, true, true}},
		"unreachable":                                {observation{err: &net.OpError{Op: "dial", Err: syscall.ENETUNREACH}, stage: StageConnect}, want{ErrConnect, StageConnect, NotSent, true, false}},
		"a firewall of this machine":                 {observation{err: &net.OpError{Op: "dial", Err: syscall.EACCES}, stage: StageConnect}, want{ErrConnect, StageConnect, NotSent, true, false}},
		"a proxy's name unknown":                     {observation{err: &net.OpError{Op: "proxyconnect", Err: &net.DNSError{IsNotFound: true}}, stage: StageProxy}, want{ErrProxy, StageProxy, NotSent, true, false}},
		"a base with no stages":                      {observation{err: io.ErrUnexpectedEOF, stage: StageWait, wrote: true}, want{ErrConnectionLost, StageWait, Ambiguous, false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			v := judge(&tc.o)
			e, ok := errors.AsType[*NetworkError](v.err)
			require.True(t, ok, "%v", v.err)
			assert.Equal(t, tc.want, want{v.class, e.Stage, v.processed, v.temporary, e.Timeout})
			assert.Equal(t, v.class, e.Class())
		})
	}
}

func TestADialIsBoundedEvenWhenNobodyWaitsForIt(t *testing.T) {
	for _, limit := range []time.Duration{time.Minute, 0} {
		var deadline time.Time
		dialer := &net.Dialer{ControlContext: func(ctx context.Context, _, _ string, _ syscall.RawConn) error {
			deadline, _ = ctx.Deadline()
			return io.ErrNoProgress
		}}
		a := &attemptState{limits: &Timeouts{Dial: limit}}
		ctx := context.WithoutCancel(a.start(t.Context(), &Transport{ours: true})) // as net/http does
		_, err := a.dial(ctx, dialer, "tcp", "127.0.0.1:9")
		a.end()
		require.ErrorIs(t, err, io.ErrNoProgress)
		if limit == 0 {
			assert.Zero(t, deadline, "switched off")
		} else {
			assert.WithinDuration(t, time.Now().Add(limit), deadline, 10*time.Second)
		}
	}
}
