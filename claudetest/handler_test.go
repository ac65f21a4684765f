package claudetest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

// within plays steps within a server of net/http and returns its URL.
func within(t *testing.T, steps ...claudetest.Step) string {
	t.Helper()
	handler := claudetest.NewHandler(steps...)
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.Close()
		handler.Verify(t)
	})
	return server.URL
}

func TestAHandlerStandsBehindAMiddleware(t *testing.T) {
	handler := claudetest.NewHandler(claudetest.Overloaded(), claudetest.Reset(), claudetest.Text("Hello!"))
	var asked int
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	client := newClient(t, claude.WithBaseURL(server.URL+"/gateway"), claude.WithRoundTripper(server.Client().Transport))
	resp, err := client.Messages.Create(t.Context(), hello)
	require.NoError(t, err)
	assert.Equal(t, "Hello!", resp.Text())
	assert.Equal(t, 3, asked)
	handler.ExpectMessage(t, 3, hello)
	handler.Verify(t)
}

func TestAHandlerKnowsWhereItIsReached(t *testing.T) {
	handler := claudetest.NewHandler()
	for scheme, start := range map[string]func(http.Handler) *httptest.Server{"http": httptest.NewServer, "https": httptest.NewTLSServer} {
		server := start(handler)
		t.Cleanup(server.Close)
		batch := ask(t, server.Client().Transport, http.MethodPost, server.URL+"/v1/messages/batches", `{"requests":[{"custom_id":"a","params":`+plainBody+`}]}`).json(t)
		id := batch["id"].(string)
		for batch["processing_status"] != "ended" {
			batch = ask(t, server.Client().Transport, http.MethodGet, server.URL+"/v1/messages/batches/"+id, "").json(t)
		}
		assert.Equal(t, server.URL+"/v1/messages/batches/"+id+"/results", batch["results_url"], scheme)
	}
}

func TestAHandlerSaysWhichFaultsItCannotPlay(t *testing.T) {
	for _, step := range []claudetest.Step{claudetest.GoAway(), claudetest.UnknownCA(), claudetest.ProxyRefuses(407)} {
		handler := claudetest.NewHandler(step)
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		require.Error(t, ask(t, realTransport(t), http.MethodPost, server.URL+"/v1/messages", plainBody).Err)
		tb := new(fakeTB)
		handler.Verify(tb)
		require.NotEmpty(t, tb.said())
	}
}
