package claude_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/internal/nettest"
)

func TestTheConnectionBreaksBeforeTheRequestWasRead(t *testing.T) {
	addr := nettest.Listen(t, reset)
	network, call := failAt(t, "http://"+addr)
	// The reset may arrive while we still connect, while we write, or later.
	switch call.Class {
	case claude.ErrConnect:
		assert.Equal(t, outcome{claude.ErrConnect, claude.StageConnect, claude.NotSent, len(call.Attempts), true, false}, outcomeOf(network, call))
	case claude.ErrConnectionLost:
		assert.Contains(t, []claude.Processed{claude.Rejected, claude.Ambiguous}, call.Processed)
	default:
		assert.Fail(t, "another class", "%v", call)
	}
	assert.Contains(t, []int{2, 3}, len(call.Attempts), "one more if it may have run, else two")
}

func TestTheConnectionBreaksWhileALongRequestIsSent(t *testing.T) {
	addr := nettest.Listen(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1024))
		reset(c)
	})
	long := hello
	long.Messages = []claude.Message{claude.UserText(strings.Repeat("long ", 4<<20))} // more than sockets buffer
	client, err := claude.New(claude.WithAPIKey(testKey), claude.WithBaseURL("http://"+addr), claude.WithRetry(claude.RetryPolicy{BaseDelay: 1}))
	require.NoError(t, err)
	defer client.Close()
	_, err = client.Messages.Create(t.Context(), long)
	call := asCall(t, err)
	network, ok := errors.AsType[*claude.NetworkError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, outcome{claude.ErrConnectionLost, claude.StageWrite, claude.Rejected, 3, true, false}, outcomeOf(network, call), "half a request cannot have run")
	leavesNoSecret(t, err.Error())
}

func TestTheConnectionEndsInPlaceOfAnAnswer(t *testing.T) {
	for name, end := range map[string]func(net.Conn){
		"by a reset": reset,
		"closed":     func(net.Conn) {},
		"half closed": func(c net.Conn) {
			_ = c.(*net.TCPConn).CloseWrite()
			ignore(c)
		},
		"within the header": func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Le") },
	} {
		t.Run(name, func(t *testing.T) {
			network, call := failAt(t, asked(t, end))
			assert.Equal(t, outcome{claude.ErrConnectionLost, claude.StageWait, claude.Ambiguous, 2, false, false}, outcomeOf(network, call), "it may have run: one more at most (P42)")
		})
	}
}

func TestAnAnswerThatNeverComes(t *testing.T) {
	for name, answer := range map[string]func(net.Conn){
		"nothing at all":   ignore,
		"half of a header": func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"); ignore(c) },
	} {
		t.Run(name, func(t *testing.T) {
			network, call := failAt(t, asked(t, answer), claude.WithTimeouts(claude.Timeouts{FirstByte: 50 * time.Millisecond}))
			assert.Equal(t, outcome{claude.ErrTimeout, claude.StageWait, claude.Ambiguous, 2, false, true}, outcomeOf(network, call))
			assert.Contains(t, network.Error(), "Timeouts.FirstByte")
		})
	}
}

func TestAnAnswerThatStallsInTheMiddle(t *testing.T) {
	for name, start := range map[string]string{
		"of a length":   "Content-Length: 100\r\n\r\n{\"type\":",
		"in chunks":     "Transfer-Encoding: chunked\r\n\r\n8\r\n{\"type\":\r\n",
		"without a sum": "\r\n{\"type\":",
	} {
		t.Run(name, func(t *testing.T) {
			network, call := failAt(t, asked(t, func(c net.Conn) {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"+start)
				ignore(c)
			}), claude.WithTimeouts(claude.Timeouts{StreamIdle: 50 * time.Millisecond}))
			assert.Equal(t, outcome{claude.ErrTimeout, claude.StageBody, claude.Ran, 2, false, true}, outcomeOf(network, call))
			assert.Contains(t, network.Error(), "Timeouts.StreamIdle")
		})
	}
}

func TestAnAnswerThatBreaksOff(t *testing.T) {
	body := hiBody
	for name, tc := range map[string]struct {
		start string
		end   func(net.Conn)
	}{
		"before its length":             {fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body[:50]), func(net.Conn) {}},
		"before its length, by a reset": {fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body[:50]), reset},
		"within a chunk":                {fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s", len(body), body[:50]), func(net.Conn) {}},
		"before the last chunk":         {fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(body), body), func(net.Conn) {}},
	} {
		t.Run(name, func(t *testing.T) {
			call := fails(t, asked(t, func(c net.Conn) {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nRequest-Id: req_cut\r\n"+tc.start)
				tc.end(c)
			}))
			brokeOff(t, call)
			assert.Equal(t, "req_cut", call.RequestID)
		})
	}
}

func TestAnAnswerThatIsNotHTTP(t *testing.T) {
	for name, answer := range map[string]string{
		"noise":              "\x00\x01\x02 what\r\n\r\n",
		"another protocol":   "SSH-2.0-OpenSSH_9.2\r\n",
		"our own words back": "X-Api-Key: " + testKey + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			network, call := failAt(t, asked(t, func(c net.Conn) { _, _ = io.WriteString(c, answer) }))
			assert.Equal(t, outcome{claude.ErrConnectionLost, claude.StageWait, claude.Ambiguous, 2, false, false}, outcomeOf(network, call))
		})
	}
	t.Run("a page without a header", func(t *testing.T) {
		page := "<html><head><title>Login</title></head><body><h1>Login</h1></body></html>"
		call := fails(t, asked(t, func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\n"+page) }))
		assert.Equal(t, claude.ErrUnexpectedResponse, call.Class)
		assert.Equal(t, claude.Ambiguous, call.Processed)
		assert.Len(t, call.Attempts, 1)
	})
}
