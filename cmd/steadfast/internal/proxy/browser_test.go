package proxy

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude/claudetest"
)

// browser is a headless Chromium that is driven over a pipe, by the DevTools
// protocol: JSON messages, each ended by a zero byte.
type browser struct {
	t        *testing.T
	to       *os.File
	from     *bufio.Reader
	id       int
	session  string
	problems []string // what the page's console had
}

type devtoolsMessage struct {
	ID        int             `json:"id,omitempty"`
	Method    string          `json:"method,omitempty"`
	Params    any             `json:"params,omitempty"`
	SessionID string          `json:"sessionId,omitempty"`
	Result    json.RawMessage `json:"result,omitempty"`
	Error     json.RawMessage `json:"error,omitempty"`
}

// openBrowser starts a browser, which ends with the test, and opens a page in it.
func openBrowser(t *testing.T, path, url string) *browser {
	t.Helper()
	in, to, err := os.Pipe()
	require.NoError(t, err)
	from, out, err := os.Pipe()
	require.NoError(t, err)
	profile, err := os.MkdirTemp("", "browser") // its helpers may write there when it has ended
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(profile) })
	command := exec.CommandContext(t.Context(), path,
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--remote-debugging-pipe", "--user-data-dir="+profile)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + profile}
	command.ExtraFiles = []*os.File{in, out} // 3 and 4
	require.NoError(t, command.Start())
	_ = in.Close()
	_ = out.Close()
	b := &browser{t: t, to: to, from: bufio.NewReader(from)}
	t.Cleanup(func() {
		b.call("Browser.close", nil)
		_ = command.Wait()
		_ = to.Close()
		_ = from.Close()
	})
	var target struct{ TargetID string }
	require.NoError(t, json.Unmarshal(b.call("Target.createTarget", map[string]any{"url": "about:blank"}), &target))
	var session struct{ SessionID string }
	require.NoError(t, json.Unmarshal(b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}), &session))
	b.session = session.SessionID
	b.call("Log.enable", nil)
	b.call("Runtime.enable", nil)
	b.call("Page.navigate", map[string]any{"url": url})
	return b
}

// call calls a method and waits for its result.
func (b *browser) call(method string, params any) json.RawMessage {
	b.t.Helper()
	b.id++
	data, err := json.Marshal(devtoolsMessage{ID: b.id, Method: method, Params: params, SessionID: b.session})
	require.NoError(b.t, err)
	_, err = b.to.Write(append(data, 0))
	require.NoError(b.t, err)
	for {
		data, err := b.from.ReadBytes(0)
		if err != nil && method == "Browser.close" {
			return nil
		}
		require.NoError(b.t, err)
		var m devtoolsMessage
		require.NoError(b.t, json.Unmarshal(data[:len(data)-1], &m))
		switch {
		case m.ID == b.id:
			require.Empty(b.t, m.Error, method)
			return m.Result
		case m.Method == "Log.entryAdded", m.Method == "Runtime.exceptionThrown":
			b.problems = append(b.problems, string(data))
		}
	}
}

// wait waits until an expression of the page is true, and returns the value of
// another then.
func (b *browser) wait(until, value string) string {
	b.t.Helper()
	script := `new Promise((done) => {
		const look = () => { try { if (` + until + `) { done(String(` + value + `)); return; } } catch {} setTimeout(look, 10); };
		look();
	})`
	var result struct{ Result struct{ Value string } }
	data := b.call("Runtime.evaluate", map[string]any{"expression": script, "awaitPromise": true, "returnByValue": true, "timeout": tooLong.Milliseconds()})
	require.NoError(b.t, json.Unmarshal(data, &result))
	return result.Result.Value
}

// number reads a number of the page.
func (b *browser) number(id string) int {
	b.t.Helper()
	n, err := strconv.Atoi(b.wait("true", `document.getElementById("`+id+`").textContent`))
	require.NoError(b.t, err, id)
	return n
}

func TestABrowserShowsTheNumbersAsTheyChange(t *testing.T) {
	path := counterpart(t, "STEADFAST_CHROMIUM", "chromium", "chromium-browser", "google-chrome")
	answer := claudetest.Text("Good morning to you.")
	s := try(t, func(c *Config) { c.MaxBody = 4 << 10 }, answer, answer, claudetest.Overloaded(), answer, claudetest.Unauthorized(), answer.EndAfter(claudetest.Events(4)))
	s.post(unary)
	s.settled()
	b := openBrowser(t, path, s.url+pageStatus)
	b.wait(`document.documentElement.dataset.live === "yes"`, "1")
	assert.Equal(t, 1, b.number("total"))
	assert.Equal(t, 1, b.number("succeeded"))

	for _, body := range []string{streamed, streamed, unary, streamed, string(make([]byte, 5<<10))} {
		s.post(body)
	}
	status := s.settled()
	b.wait(`document.getElementById("total").textContent === "6"`, "1")
	assert.Equal(t, Requests{Total: 6, Succeeded: 3, Failed: 2, Refused: 1, Attempts: 6, Recovered: 1}, status.Requests)
	shown := Requests{
		Total: b.number("total"), InFlight: b.number("in-flight"), Succeeded: b.number("succeeded"), Failed: b.number("failed"),
		Canceled: b.number("canceled"), Refused: b.number("refused"), Attempts: b.number("attempts"), Recovered: b.number("recovered"),
	}
	assert.Equal(t, status.Requests, shown)
	assert.Equal(t, 5, b.number("latency-count"))
	for class, n := range status.Classes {
		assert.Equal(t, n, b.number("class-"+class))
	}
	assert.Equal(t, 1, b.number("refused-"+refusedBody))
	page := b.wait("true", "document.body.innerText")
	assert.Contains(t, page, "claude-haiku-5-5")
	assert.Contains(t, page, "401 authentication_error")
	assert.Contains(t, page, "Live: ")
	assert.Empty(t, b.problems, "nothing that the page's own policy forbids")
	assert.Equal(t, "rgb(247, 247, 245)", b.wait("true", "getComputedStyle(document.body).backgroundColor"))
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": "dark"}}})
	assert.Equal(t, "rgb(22, 22, 20)", b.wait("true", "getComputedStyle(document.body).backgroundColor"))

	s.client.CloseIdleConnections()
	s.end(t.Context())
	b.wait(`document.documentElement.dataset.live === "no"`, "1")
	assert.Len(t, s.api.Requests(), 6, "the browser asked the upstream for nothing")
}
