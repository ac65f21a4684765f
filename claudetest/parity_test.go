package claudetest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

// steps are all that answer a request or break it, by name.
func steps() map[string]claudetest.Step {
	text := claudetest.Text("the quick brown fox jumps over the lazy dog")
	at := claudetest.Events(4)
	all := map[string]claudetest.Step{
		"error": claudetest.Error(418, "teapot_error", "short & stout"), "overloaded": claudetest.Overloaded(), "rate limited": claudetest.RateLimited(time.Second),
		"spend limit": claudetest.SpendLimit(), "no credit": claudetest.NoCredit(), "invalid": claudetest.InvalidRequest("no"), "too long": claudetest.ContextTooLong(),
		"unauthorized": claudetest.Unauthorized(), "forbidden": claudetest.Forbidden(), "not found": claudetest.NotFound("model: x"), "too large": claudetest.TooLarge(),
		"internal": claudetest.Internal(), "region": claudetest.Region(), "page": claudetest.GatewayPage(502), "gateway text": claudetest.GatewayText(503, "upstream connect error"),
		"empty": claudetest.Empty(500), "empty 200": claudetest.Empty(200), "no content": claudetest.Empty(204), "raw": claudetest.Raw(200, "[]"), "raw failure": claudetest.Raw(400, ""), "portal": claudetest.Portal(), "garbage": claudetest.Garbage(),
		"content type": claudetest.WrongContentType("text/plain"), "error in 200": claudetest.ErrorIn200("overloaded_error", "Overloaded"), "redirect": claudetest.Redirect("https://elsewhere.example/"),
		"cut at event": text.CutAfter(at), "cut at byte": text.CutAfter(claudetest.Bytes(100)), "cut at once": text.CutAfter(claudetest.Bytes(0)), "cut behind it all": text.CutAfter(claudetest.Events(99)),
		"reset at event": text.ResetAfter(at), "reset at byte": text.ResetAfter(claudetest.Bytes(100)), "reset of an error": claudetest.Overloaded().ResetAfter(claudetest.Bytes(10)),
		"end at event": text.EndAfter(at), "end at byte": text.EndAfter(claudetest.Bytes(100)), "fail": text.FailAfter(at, "api_error", "Internal server error"),
		"garbage event": text.GarbageAfter(at), "ping": text.PingAfter(claudetest.Events(0)), "huge event": text.HugeEventAfter(at, 1<<18), "insert": text.InsertAfter(claudetest.Bytes(17), "\r\n"),
		"stall": text.StallAfter(at, time.Millisecond), "reset": claudetest.Reset(), "hang-up": claudetest.Hangup(),
	}
	for name, r := range replies {
		all["reply "+name] = r.step
	}
	return all
}

// ended says how an answer ended, as far as socket and memory must agree.
func ended(err error) string {
	switch {
	case err == nil:
		return "complete"
	case errors.Is(err, syscall.ECONNRESET):
		return "reset"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "cut"
	}
	return err.Error()
}

func TestSocketMemoryAndAHandlerAgree(t *testing.T) {
	for name, step := range steps() {
		t.Run(name, func(t *testing.T) {
			for _, body := range []string{plainBody, askStream} {
				server := claudetest.NewServer(t, step)
				one := ask(t, realTransport(t), http.MethodPost, server.URL+"/v1/messages", body)
				two := post(t, memory(t, step), body)
				three := ask(t, realTransport(t), http.MethodPost, within(t, step)+"/v1/messages", body)
				for _, other := range []answer{two, three} {
					assert.Equal(t, ended(one.Err), ended(other.Err))
					assert.Equal(t, one.Status, other.Status)
					assert.Equal(t, one.Body, other.Body)
				}
				for _, h := range []http.Header{one.Header, two.Header, three.Header} {
					for key := range h {
						if key == "Date" || strings.HasSuffix(key, "-Reset") {
							h[key] = nil
						}
					}
					delete(h, "Date") // net/http adds it to every answer
					if one.Status == http.StatusNoContent {
						delete(h, "Content-Length")
					}
				}
				assert.Equal(t, one.Header, two.Header)
				assert.Equal(t, one.Header, three.Header)
			}
		})
	}
}

func TestFaultsOfAKeptConnectionAgreeToo(t *testing.T) {
	for name, tc := range map[string]struct {
		steps []claudetest.Step
		want  []string
	}{
		"stale":                        {[]claudetest.Step{claudetest.Text("a"), claudetest.StaleKeepAlive(), claudetest.Text("b")}, []string{"a", "broken", "b"}},
		"stale twice":                  {[]claudetest.Step{claudetest.Text("a"), claudetest.StaleKeepAlive().Times(2), claudetest.Text("b"), claudetest.Text("c")}, []string{"a", "broken", "b", "broken", "c"}},
		"no connection to be stale":    {[]claudetest.Step{claudetest.StaleKeepAlive(), claudetest.Text("a"), claudetest.Text("b")}, []string{"a", "broken", "b"}},
		"a reset leaves none":          {[]claudetest.Step{claudetest.Text("a"), claudetest.Reset(), claudetest.StaleKeepAlive(), claudetest.Text("b"), claudetest.Text("c")}, []string{"a", "broken", "b", "broken", "c"}},
		"another kind of request":      {[]claudetest.Step{claudetest.Text("a"), claudetest.StaleKeepAlive(), claudetest.Internal().On("GET /v1/files").Always(), claudetest.Text("b")}, []string{"a", "broken", "b"}},
		"in the shadow of one for all": {[]claudetest.Step{claudetest.Text("x").ForModel("x").Always(), claudetest.Text("a"), claudetest.StaleKeepAlive(), claudetest.Text("b")}, []string{"a", "broken", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			server := claudetest.NewServer(t, tc.steps...)
			sockets := realTransport(t)
			for where, rt := range map[string]http.RoundTripper{"memory": memory(t, tc.steps...), "socket": roundTrip(func(r *http.Request) (*http.Response, error) {
				r.URL.Scheme, r.URL.Host, r.GetBody = "http", strings.TrimPrefix(server.URL, "http://"), nil
				return sockets.RoundTrip(r)
			})} {
				var got []string
				for range tc.want {
					if a := post(t, rt, plainBody); a.Err != nil {
						got = append(got, "broken")
					} else {
						got = append(got, a.json(t)["content"].([]any)[0].(object)["text"].(string))
					}
				}
				assert.Equal(t, tc.want, got, where)
			}
		})
	}
}

func TestATLSServerSpeaksHTTP2(t *testing.T) {
	text := claudetest.Text("the quick brown fox jumps over the lazy dog")
	server := claudetest.NewTLSServer(t, text, text.CutAfter(claudetest.Events(4)), text.ResetAfter(claudetest.Bytes(400)), claudetest.Reset(), claudetest.Text("after"))
	client, err := claude.New(claude.WithAPIKey(key), claude.WithBaseURL(server.URL), claude.WithRootCAs(server.CertPEM), claude.WithRetry(claude.RetryPolicy{Off: true}))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	for _, want := range []claude.Class{"", claude.ErrBodyCut, claude.ErrBodyCut, claude.ErrConnectionLost, ""} {
		_, err := client.Messages.Create(t.Context(), hello)
		assert.Equal(t, want, claude.ClassOf(err), "%v", err)
	}
	sockets := realTransport(t)
	sockets.ForceAttemptHTTP2 = true
	sockets.TLSClientConfig = clientTLS(t, server)
	server.Add(text)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v1/messages", strings.NewReader(plainBody))
	require.NoError(t, err)
	resp, err := sockets.RoundTrip(req)
	require.NoError(t, err)
	assert.Equal(t, 2, resp.ProtoMajor)
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
}

func TestAFaultThatCannotBePlayedFailsTheTest(t *testing.T) {
	for name, tc := range map[string]struct {
		step  claudetest.Step
		start func(claudetest.TB, ...claudetest.Step) *claudetest.Server
	}{
		"GOAWAY without TLS":        {claudetest.GoAway(), claudetest.NewServer},
		"a certificate without TLS": {claudetest.UnknownCA(), claudetest.NewServer},
		"a choice of a GOAWAY":      {claudetest.Cycle(claudetest.GoAway()).Times(1), claudetest.NewServer},
		"a proxy that is not used":  {claudetest.ProxyRefuses(407), claudetest.NewServer},
	} {
		t.Run(name, func(t *testing.T) {
			tb := new(fakeTB)
			server := tc.start(tb, tc.step)
			require.Error(t, ask(t, realTransport(t), http.MethodPost, server.URL+"/v1/messages", plainBody).Err)
			said := tb.end()
			require.Len(t, said, 1)
			assert.Contains(t, said[0], "cannot be played here, see its documentation")
		})
	}
	tb := new(fakeTB)
	transport := claudetest.NewTransport(claudetest.ProxyRefuses(407))
	require.Error(t, post(t, transport, plainBody).Err)
	transport.Verify(tb)
	assert.Len(t, tb.said(), 1)
}

func TestAProxyMayRefuseInTheMiddle(t *testing.T) {
	server := claudetest.NewTLSServer(t, claudetest.Text("a"), claudetest.ProxyRefuses(403), claudetest.ProxyRefuses(502), claudetest.Text("b"))
	proxy, err := server.ProxyURL()
	require.NoError(t, err)
	again, err := server.ProxyURL()
	require.NoError(t, err)
	assert.Equal(t, proxy, again)
	client := newClient(t, claude.WithBaseURL("https://api.example.com"), claude.WithProxy(proxy), claude.WithRootCAs(server.CertPEM))
	resp, err := client.Messages.Create(t.Context(), hello)
	require.NoError(t, err)
	assert.Equal(t, "a", resp.Text())
	_, err = client.Messages.Create(t.Context(), hello)
	require.ErrorIs(t, err, claude.ErrProxy, "403 is final")
	resp, err = client.Messages.Create(t.Context(), hello)
	require.NoError(t, err, "502 is not")
	assert.Equal(t, "b", resp.Text())
}

func TestPlainHTTPGoesThroughTheProxyToo(t *testing.T) {
	server := claudetest.NewServer(t, claudetest.Text("through"))
	proxy, err := server.ProxyURL()
	require.NoError(t, err)
	client := newClient(t, claude.WithBaseURL("http://api.example.com"), claude.WithPlainHTTP(), claude.WithProxy(proxy))
	resp, err := client.Messages.Create(t.Context(), hello)
	require.NoError(t, err)
	assert.Equal(t, "through", resp.Text())
	assert.Equal(t, "api.example.com", server.Requests()[0].Host)
}

func TestClosingAServerEndsWhatItIsDoing(t *testing.T) {
	for name, change := range map[string]func(claudetest.Step) claudetest.Step{
		"no answer": func(s claudetest.Step) claudetest.Step { return s.After(claudetest.Forever) },
		"stall": func(s claudetest.Step) claudetest.Step {
			return s.StallAfter(claudetest.Events(1), claudetest.Forever)
		},
	} {
		t.Run(name, func(t *testing.T) {
			arrived := make(chan struct{})
			server, err := claudetest.Start(change(claudetest.Reply(func(*claudetest.Request) *claude.Response {
				close(arrived)
				return new(claude.Response)
			})))
			require.NoError(t, err)
			sockets := realTransport(t)
			ended := make(chan answer)
			go func() { ended <- ask(t, sockets, http.MethodPost, server.URL+"/v1/messages", askStream) }() //nolint:testifylint // its requirements hold
			<-arrived
			server.Close()
			server.Close()
			a := <-ended
			require.Error(t, a.Err)
			require.NotErrorIs(t, a.Err, context.DeadlineExceeded)
			_, err = server.ProxyURL()
			require.ErrorIs(t, err, http.ErrServerClosed)
		})
	}
}

func TestManyMayAskAtOnce(t *testing.T) {
	const many = 40
	server := claudetest.NewServer(t, claudetest.Chance(0.2, 1, claudetest.Reset(), claudetest.Echo()))
	transport := memory(t, claudetest.Overloaded().Times(many/2), claudetest.Text("a").Times(many/2))
	sockets := realTransport(t)
	var all sync.WaitGroup
	for range many {
		all.Go(func() {
			ask(t, sockets, http.MethodPost, server.URL+"/v1/messages", plainBody)
			post(t, transport, plainBody)
		})
	}
	all.Wait()
	transport.ExpectRequests(t, many)
	seen := map[int]bool{}
	for _, r := range server.Requests() {
		seen[r.Number] = true
	}
	assert.Len(t, seen, many)
}
