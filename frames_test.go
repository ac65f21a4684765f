package claude_test

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude/internal/nettest"
)

// HTTP/2 frames (RFC 9113, section 6) and error codes (section 7) used here.
const (
	frameData     = 0
	frameHeaders  = 1
	frameReset    = 3
	frameSettings = 4
	framePing     = 6
	frameGoAway   = 7

	flagAck       = 1 // of SETTINGS and PING
	flagEndStream = 1
	flagEndHeader = 4

	noError       = 0
	protocolError = 1
	internalError = 2
	refusedStream = 7
	calmDown      = 11 // ENHANCE_YOUR_CALM
)

// frames is a connection that a test speaks HTTP/2 on frame by frame, to be as
// rude as no server library is.
type frames struct {
	t      *testing.T
	conn   net.Conn
	number int // of the connection, from 1
}

// rude serves https://localhost. answer is called for each request that was read
// whole; it returns whether the connection goes on. Requests are counted.
func rude(t *testing.T, cert tls.Certificate, answer func(f *frames, stream uint32) bool) (baseURL string, requests *atomic.Int32) {
	t.Helper()
	requests = new(atomic.Int32)
	var connections atomic.Int32
	addr := nettest.Listen(t, func(c net.Conn) {
		secure := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"}})
		if _, err := io.ReadFull(secure, make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
			return
		}
		f := &frames{t, secure, int(connections.Add(1))}
		f.write(frameSettings, 0, 0, nil)
		for {
			kind, flags, stream, payload, err := f.read()
			if err != nil {
				return
			}
			switch {
			case kind == frameSettings && flags&flagAck == 0:
				f.write(frameSettings, flagAck, 0, nil)
			case kind == framePing && flags&flagAck == 0:
				f.write(framePing, flagAck, 0, payload)
			case (kind == frameData || kind == frameHeaders) && flags&flagEndStream != 0:
				requests.Add(1)
				if !answer(f, stream) {
					return
				}
			}
		}
	})
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	return "https://localhost:" + port, requests
}

func (f *frames) read() (kind, flags byte, stream uint32, payload []byte, err error) {
	head := make([]byte, 9)
	if _, err = io.ReadFull(f.conn, head); err != nil {
		return 0, 0, 0, nil, err
	}
	payload = make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	_, err = io.ReadFull(f.conn, payload)
	return head[3], head[4], binary.BigEndian.Uint32(head[5:]), payload, err
}

// write ignores errors: the client may have gone.
func (f *frames) write(kind, flags byte, stream uint32, payload []byte) {
	n := len(payload)
	b := append([]byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags}, binary.BigEndian.AppendUint32(nil, stream)...)
	_, _ = f.conn.Write(append(b, payload...))
}

// reset ends a stream with RST_STREAM.
func (f *frames) reset(stream, code uint32) {
	f.write(frameReset, 0, stream, binary.BigEndian.AppendUint32(nil, code))
}

// goAway says which stream was the last one looked at.
func (f *frames) goAway(last, code uint32) {
	f.write(frameGoAway, 0, 0, binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, last), code))
}

// answers sends a message of the API.
func (f *frames) answers(stream uint32) {
	// RFC 7541: ":status: 200" is index 8 of the static table, content-type is
	// the name of index 31 and content-length that of 28, with a literal value.
	length := strconv.Itoa(len(hiBody))
	head := append([]byte{0x88, 0x0f, 31 - 15, byte(len("application/json"))}, "application/json"...)
	head = append(append(head, 0x0f, 28-15, byte(len(length))), length...)
	f.write(frameHeaders, flagEndHeader, stream, head)
	f.write(frameData, flagEndStream, stream, []byte(hiBody))
}

// away waits until the client has closed the connection.
func (f *frames) away() {
	_ = f.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.Copy(io.Discard, f.conn)
}
