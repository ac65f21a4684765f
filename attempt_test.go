package claude_test

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

func TestAnOpenStreamDoesNotKeepTheBodyOfItsRequest(t *testing.T) {
	server := claudetest.NewServer(t, claudetest.Text("Good morning to you.").StallAfter(claudetest.Events(4), claudetest.Forever))
	transport := new(claude.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	type body struct{ io.Reader }
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v1/messages", nil)
	require.NoError(t, err)
	req.ContentLength = 32<<20 + 1 // more than is copied, so that GetBody is asked
	text := `{"model":"claude-haiku-5-5","max_tokens":16,"stream":true,"messages":[{"role":"user","content":"Hello"}]}`
	text += strings.Repeat(" ", int(req.ContentLength)-len(text))
	var kept weak.Pointer[body]
	req.GetBody = func() (io.ReadCloser, error) {
		b := &body{strings.NewReader(text)}
		kept = weak.Make(b)
		return struct {
			*body
			io.Closer
		}{b, io.NopCloser(nil)}, nil
	}
	req.Body, err = req.GetBody()
	require.NoError(t, err)
	resp, err := transport.RoundTrip(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Eventually(t, func() bool {
		runtime.GC()
		return kept.Value() == nil
	}, 10*time.Second, 10*time.Millisecond)
}
