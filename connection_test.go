package claude_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/internal/nettest"
)

// clientOf returns a client of a base URL that retries without waiting.
func clientOf(t *testing.T, baseURL string, options ...claude.Option) *claude.Client {
	t.Helper()
	client, err := claude.New(append([]claude.Option{
		claude.WithAPIKey(testKey), claude.WithBaseURL(baseURL), claude.WithRetry(claude.RetryPolicy{BaseDelay: 1}),
	}, options...)...)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// create makes a call that has to succeed.
func create(t *testing.T, client *claude.Client) *claude.Response {
	t.Helper()
	resp, err := client.Messages.Create(t.Context(), hello)
	require.NoError(t, err)
	return resp
}

// plays is a server of HTTP/1.1 that is told the number of the connection and of
// the request on it, once it has read it whole. It answers if told so, and goes on
// if told so.
func plays(t *testing.T, play func(c net.Conn, connection, request int) (answer, goOn bool)) (baseURL string, answered, connections *atomic.Int32) {
	t.Helper()
	answered, connections = new(atomic.Int32), new(atomic.Int32)
	addr := nettest.Listen(t, func(c net.Conn) {
		connection := int(connections.Add(1))
		r := bufio.NewReader(c)
		for request := 1; readRequest(r); request++ {
			answer, goOn := play(c, connection, request)
			if answer {
				answered.Add(1)
				fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(hiBody), hiBody)
			}
			if !goOn {
				return
			}
		}
	})
	return "http://" + addr, answered, connections
}

// deaf is a connection that does not hear of its end before it is written to: the
// news has not come yet, or got lost.
type deaf struct {
	net.Conn

	once  sync.Once
	awake chan struct{}
}

func newDeaf(c net.Conn) net.Conn { return &deaf{Conn: c, awake: make(chan struct{})} }

func (d *deaf) Read(p []byte) (int, error) {
	n, err := d.Conn.Read(p)
	if n == 0 && err != nil {
		<-d.awake
	}
	return n, err
}

func (d *deaf) Write(p []byte) (int, error) {
	n, err := d.Conn.Write(p)
	if err != nil {
		d.wake()
	}
	return n, err
}

func (d *deaf) Close() error {
	d.wake()
	return d.Conn.Close()
}

func (d *deaf) wake() { d.once.Do(func() { close(d.awake) }) }

func TestAKeptConnectionThatDiedUnnoticedCostsNothing(t *testing.T) {
	gone := make(chan struct{}, 2)
	var served atomic.Int32
	addr := nettest.Listen(t, func(c net.Conn) {
		if !readRequest(bufio.NewReader(c)) {
			return
		}
		served.Add(1)
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(hiBody), hiBody)
		reset(c)
		c.Close()
		gone <- struct{}{}
	})
	client := clientOf(t, "http://"+addr)
	claude.WrapConns(client, newDeaf)
	create(t, client)
	<-gone

	resp := create(t, client)
	require.Len(t, resp.Attempts, 2)
	first, second := resp.Attempts[0], resp.Attempts[1]
	assert.Equal(t, claude.ErrStaleConnection, first.Class)
	assert.Equal(t, claude.StageWrite, first.Stage)
	assert.Equal(t, claude.NotSent, first.Processed)
	assert.True(t, first.Reused)
	assert.Equal(t, 1, first.Number)
	require.Error(t, first.Err)
	assert.Empty(t, second.Class)
	assert.Equal(t, claude.Ran, second.Processed)
	assert.False(t, second.Reused)
	assert.Equal(t, 2, second.Number)
	assert.Equal(t, []string{"breaker admit closed", "attempt replay stale_connection", "attempt success"}, trail(resp.Trail))
	assert.EqualValues(t, 2, served.Load(), "two calls, two requests that anybody saw")
	health := client.Health().Targets[0]
	assert.InDelta(t, 100, health.Budget, 0.01, "the budget pays nothing")
	assert.Zero(t, health.Failures, "and the breaker hears nothing")
}

func TestAServerThatClosesEveryConnectionAfterOneAnswer(t *testing.T) {
	for name, end := range map[string]func(net.Conn){"with a FIN": func(net.Conn) {}, "with a RST": reset} {
		t.Run(name, func(t *testing.T) {
			const calls = 200
			base, answered, _ := plays(t, func(c net.Conn, _, _ int) (answer, goOn bool) {
				end(c)
				return true, false
			})
			client := clientOf(t, base)
			for range calls { // each may or may not meet the connection before it goes
				resp := create(t, client)
				assert.LessOrEqual(t, len(resp.Attempts), 2)
				for _, a := range resp.Attempts[:len(resp.Attempts)-1] {
					assert.True(t, a.Reused, "%v", a.Err)
					assert.Contains(t, []claude.Class{claude.ErrStaleConnection, claude.ErrConnectionLost}, a.Class, "%v", a.Err)
				}
			}
			assert.EqualValues(t, calls, answered.Load())
		})
	}
}

func TestAServerThatKillsEveryConnectionThatIsUsedAgain(t *testing.T) {
	base, answered, connections := plays(t, func(c net.Conn, _, request int) (answer, goOn bool) {
		if request > 1 {
			reset(c)
		}
		return request == 1, request == 1
	})
	client := clientOf(t, base)
	create(t, client)
	for range 5 {
		resp := create(t, client)
		// The request was read before the connection broke: it may have run.
		require.Len(t, resp.Attempts, 2)
		assert.Equal(t, claude.ErrConnectionLost, resp.Attempts[0].Class)
		assert.Equal(t, claude.Ambiguous, resp.Attempts[0].Processed)
		assert.Equal(t, claude.StageWait, resp.Attempts[0].Stage)
		assert.True(t, resp.Attempts[0].Reused)
		assert.False(t, resp.Attempts[1].Reused)
		create(t, client) // fresh connections are not kept: this one is new again
	}
	assert.EqualValues(t, 11, answered.Load())
	assert.EqualValues(t, 11, connections.Load())
}

func TestTheNextAttemptMeetsNoOtherConnectionOfTheSameAge(t *testing.T) {
	const kept = 5
	full := make(chan struct{})
	var waiting atomic.Int32
	base, answered, connections := plays(t, func(c net.Conn, connection, request int) (answer, goOn bool) {
		if connection <= kept && request == 1 {
			if waiting.Add(1) == kept {
				close(full)
			}
			<-full // all of them at once, so that each has a connection
			return true, true
		}
		if connection <= kept { // the server has restarted
			reset(c)
			return false, false
		}
		return true, true
	})
	client := clientOf(t, base)
	var wg sync.WaitGroup
	for range kept {
		wg.Go(func() {
			_, err := client.Messages.Create(t.Context(), hello)
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	resp := create(t, client)
	require.Len(t, resp.Attempts, 2, "not one for each of the dead")
	assert.True(t, resp.Attempts[0].Reused)
	assert.False(t, resp.Attempts[1].Reused)
	assert.Len(t, create(t, client).Attempts, 1, "and the others are gone")
	assert.EqualValues(t, kept+2, answered.Load())
	assert.EqualValues(t, kept+2, connections.Load())
}

func TestARequestThatMayHaveRunIsNotSentAgainBehindOurBack(t *testing.T) {
	// twice sends two requests to a server that reads the second on a connection
	// and hangs up, and returns the second's error and how many it got.
	twice := func(t *testing.T, rt http.RoundTripper) (requests int32, err error) {
		t.Helper()
		var read atomic.Int32
		base, _, _ := plays(t, func(_ net.Conn, _, request int) (answer, goOn bool) {
			read.Add(1)
			return request == 1, request == 1
		})
		for range 2 {
			require.NoError(t, err)
			var req *http.Request
			req, err = http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/messages", strings.NewReader(`{"model":"m"}`))
			require.NoError(t, err)
			req.Header.Set("Idempotency-Key", "the API knows no such thing")
			var resp *http.Response
			if resp, err = rt.RoundTrip(req); err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		}
		return read.Load(), err
	}
	bare := &http.Transport{}
	defer bare.CloseIdleConnections()
	requests, err := twice(t, bare)
	require.NoError(t, err)
	assert.EqualValues(t, 3, requests, "what net/http does by itself: the header is a licence to it")
	for name, base := range map[string]http.RoundTripper{"our own base": nil, "another": &http.Transport{}} {
		t.Run(name, func(t *testing.T) {
			transport := &claude.Transport{Base: base, Retry: claude.RetryPolicy{Off: true}}
			defer transport.CloseIdleConnections()
			requests, err := twice(t, transport)
			assert.EqualValues(t, 2, requests)
			require.ErrorIs(t, err, claude.ErrConnectionLost)
			assert.Equal(t, claude.Ambiguous, asCall(t, err).Processed)
			assert.Len(t, asCall(t, err).Attempts, 1)
		})
	}
}

func TestAConnectionThatComesTooLateDisturbsNobody(t *testing.T) {
	// Two calls at once dial a connection each. The first to come carries both, by
	// HTTP/2; the other still shakes hands while the requests wait for an answer.
	cert, pem := nettest.Trusted(t, "localhost")
	var requests, dialed atomic.Int32
	dialing, both, shaking := make(chan struct{}), make(chan struct{}), make(chan struct{})
	base := tlsServer(t, cert, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if requests.Add(1) == 2 {
			close(both)
		}
		<-shaking
		panic(http.ErrAbortHandler)
	}))
	client := clientOf(t, base, claude.WithRootCAs(pem), claude.WithMaxAttempts(1))
	claude.WrapConns(client, func(c net.Conn) net.Conn {
		if dialed.Add(1) == 1 {
			<-dialing
			return c
		}
		close(dialing)
		<-both
		return &announced{Conn: c, written: shaking}
	})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			_, err := client.Messages.Create(t.Context(), hello)
			call, ok := errors.AsType[*claude.CallError](err)
			if assert.True(t, ok, "%v", err) {
				assert.Equal(t, claude.ErrConnectionLost, call.Class, "%v", err)
				assert.Equal(t, claude.StageWait, call.Attempts[0].Stage)
				assert.Equal(t, claude.Ambiguous, call.Processed)
			}
		})
	}
	wg.Wait()
}

// announced is a connection that tells when it is first written to.
type announced struct {
	net.Conn

	once    sync.Once
	written chan struct{}
}

func (a *announced) Write(p []byte) (int, error) {
	a.once.Do(func() { close(a.written) })
	return a.Conn.Write(p)
}

func TestAHandshakeThatNobodyWaitsForEnds(t *testing.T) {
	// A caller that gives up leaves a handshake behind, for the next call to use.
	// With a server that says nothing it must not last for ever: listen waits for
	// its connections to end, and nobody closes them.
	hears := make(chan struct{}, 1)
	addr := nettest.Listen(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1024))
		hears <- struct{}{}
		ignore(c)
	})
	client, err := claude.New(claude.WithAPIKey(testKey), claude.WithBaseURL("https://"+addr), claude.WithTimeouts(claude.Timeouts{TLS: 50 * time.Millisecond}))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-hears; cancel() }()
	_, err = client.Messages.Create(ctx, hello)
	require.ErrorIs(t, err, claude.ErrCanceled)
	assert.Equal(t, claude.NotSent, asCall(t, err).Processed)
}

// overTwo serves HTTP/2 and counts connections and requests by it.
type overTwo struct {
	mu       sync.Mutex
	remotes  map[string]int // requests by connection
	requests int
}

func (o *overTwo) note(r *http.Request) (request int) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.remotes == nil {
		o.remotes = make(map[string]int)
	}
	o.remotes[r.RemoteAddr]++
	o.requests++
	return o.requests
}

func TestOverHTTP2TheNextAttemptLeavesAConnectionThatAnotherCallHolds(t *testing.T) {
	cert, pem := nettest.Trusted(t, "localhost")
	var seen overTwo
	script := within(t, hi.Times(3))
	held, release := make(chan struct{}), make(chan struct{})
	base := tlsServer(t, cert, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, 2, r.ProtoMajor)
		switch seen.note(r) {
		case 1:
			close(held)
			<-release
		case 2:
			panic(http.ErrAbortHandler) // RST_STREAM
		}
		script.ServeHTTP(w, r)
	}))
	client := clientOf(t, base, claude.WithRootCAs(pem))
	var wg sync.WaitGroup
	wg.Go(func() {
		resp, err := client.Messages.Create(t.Context(), hello)
		if assert.NoError(t, err) {
			assert.Len(t, resp.Attempts, 1, "the call that held it goes on")
		}
	})
	<-held
	resp := create(t, client)
	require.Len(t, resp.Attempts, 2)
	assert.Equal(t, claude.ErrConnectionLost, resp.Attempts[0].Class)
	assert.Equal(t, claude.StageWait, resp.Attempts[0].Stage)
	assert.Equal(t, claude.Ambiguous, resp.Attempts[0].Processed)
	assert.True(t, resp.Attempts[0].Reused)
	assert.False(t, resp.Attempts[1].Reused)
	assert.Len(t, seen.remotes, 2)
	close(release)
	wg.Wait()
	assert.True(t, create(t, client).Attempts[0].Reused, "it is good for others")
}

func TestAnHTTP2StreamThatBreaksOffInTheAnswer(t *testing.T) {
	cert, pem := nettest.Trusted(t, "localhost")
	var seen overTwo
	base := tlsServer(t, cert, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.note(r)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, hiBody[:50])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	brokeOff(t, fails(t, base, claude.WithRootCAs(pem)))
	assert.Len(t, seen.remotes, 2)
	assert.Equal(t, 2, seen.requests)
}

func TestAnHTTP2ServerThatWantsNewConnectionsLosesNoCall(t *testing.T) {
	cert, pem := nettest.Trusted(t, "localhost")
	var seen overTwo
	const calls = 30
	script := within(t, hi.Times(calls))
	base := tlsServer(t, cert, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if seen.note(r)%3 == 0 {
			w.Header().Set("Connection", "close") // net/http makes a GOAWAY of it
		}
		script.ServeHTTP(w, r)
	}))
	client := clientOf(t, base, claude.WithRootCAs(pem))
	for range calls {
		resp := create(t, client)
		for _, a := range resp.Attempts[:len(resp.Attempts)-1] {
			assert.Equal(t, claude.ErrStaleConnection, a.Class)
		}
	}
	assert.Equal(t, calls, seen.requests, "each ran once")
	assert.Len(t, seen.remotes, calls/3)
}

func TestHTTP2RequestsThatTheServerDidNotLookAt(t *testing.T) {
	cert, pem := nettest.Trusted(t, "localhost")
	for name, refuse := range map[string]func(f *frames, stream uint32) (goOn bool){
		"refused stream": func(f *frames, stream uint32) bool {
			f.reset(stream, refusedStream)
			return true
		},
		"GOAWAY": func(f *frames, stream uint32) bool {
			f.goAway(stream-2, noError)
			f.away()
			return false
		},
	} {
		t.Run(name, func(t *testing.T) {
			base, requests := rude(t, cert, func(f *frames, stream uint32) bool {
				if f.number == 1 && stream == 3 {
					return refuse(f, stream)
				}
				f.answers(stream)
				return true
			})
			client := clientOf(t, base, claude.WithRootCAs(pem))
			create(t, client)
			resp := create(t, client)
			require.Len(t, resp.Attempts, 2)
			assert.Equal(t, claude.ErrStaleConnection, resp.Attempts[0].Class)
			assert.Equal(t, claude.NotSent, resp.Attempts[0].Processed)
			assert.True(t, resp.Attempts[0].Reused)
			assert.EqualValues(t, 3, requests.Load())
			assert.InDelta(t, 100, client.Health().Targets[0].Budget, 0.01)
		})
	}
	t.Run("GOAWAY for bad behaviour", func(t *testing.T) {
		base, requests := rude(t, cert, func(f *frames, stream uint32) bool {
			if f.number == 1 {
				f.goAway(0, calmDown)
				f.away()
				return false
			}
			f.answers(stream)
			return true
		})
		resp := create(t, clientOf(t, base, claude.WithRootCAs(pem)))
		require.Len(t, resp.Attempts, 2)
		assert.Equal(t, claude.ErrStaleConnection, resp.Attempts[0].Class)
		assert.Equal(t, claude.NotSent, resp.Attempts[0].Processed)
		assert.False(t, resp.Attempts[0].Reused)
		assert.EqualValues(t, 2, requests.Load())
	})
	t.Run("whatever we do", func(t *testing.T) {
		base, requests := rude(t, cert, func(f *frames, stream uint32) bool {
			f.reset(stream, refusedStream)
			return true
		})
		network, call := failAt(t, base, claude.WithRootCAs(pem))
		assert.Equal(t, outcome{claude.ErrStaleConnection, claude.StageWait, claude.NotSent, 2, true, false}, outcomeOf(network, call))
		assert.EqualValues(t, 2, requests.Load(), "each request is on the record")
	})
}

func TestHTTP2RequestsThatMayHaveRun(t *testing.T) {
	cert, pem := nettest.Trusted(t, "localhost")
	for name, end := range map[string]func(f *frames, stream uint32) (goOn bool){
		"GOAWAY that counts it in, and the end": func(f *frames, stream uint32) bool {
			f.goAway(stream, noError)
			return false
		},
		"an internal error":               func(f *frames, stream uint32) bool { f.reset(stream, internalError); return true },
		"no error, and no answer neither": func(f *frames, stream uint32) bool { f.reset(stream, noError); return true },
		"a protocol error":                func(f *frames, stream uint32) bool { f.reset(stream, protocolError); return true },
		"the end of the connection":       func(*frames, uint32) bool { return false },
	} {
		t.Run(name, func(t *testing.T) {
			base, requests := rude(t, cert, end)
			network, call := failAt(t, base, claude.WithRootCAs(pem))
			assert.Equal(t, outcome{claude.ErrConnectionLost, claude.StageWait, claude.Ambiguous, 2, false, false}, outcomeOf(network, call))
			assert.EqualValues(t, 2, requests.Load(), "one more at most, and none that is not on the record")
		})
	}
}
