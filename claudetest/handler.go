package claudetest

import (
	"context"
	"crypto/tls"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"time"
)

// A Handler plays a script within a server of yours: with a certificate of your own,
// behind a middleware, beside other handlers. Faults that come before a request has
// been read, such as [GoAway] and [StaleKeepAlive], need a [Server].
type Handler struct {
	*Script
}

// NewHandler returns a Handler. Call [Script.Verify] when the test ends.
func NewHandler(steps ...Step) *Handler { return &Handler{newScript(steps)} }

// ServeHTTP plays the step that is for a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.play(w, r) }

// play plays the step that is for a request on a connection of net/http.
func (s *Script) play(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	ctx := req.Context()
	r := Request{Method: req.Method, Path: req.URL.Path, Query: req.URL.RawQuery, Host: req.Host, Header: req.Header.Clone(), Body: body, At: time.Now()}
	scheme := "http"
	if req.TLS != nil {
		scheme = "https"
	}
	r.base = baseOf(scheme, req.Host, r.Path)
	p := s.handle(&r)
	if p.link > linkClose {
		s.misplaced(&r)
		breakOff(w, false)
		return
	}
	if pause(ctx, p.wait) != nil {
		panic(http.ErrAbortHandler) // the caller has gone, or we are closing
	}
	if p.link != linkFine {
		breakOff(w, p.link == linkReset)
		return
	}
	header := w.Header()
	maps.Copy(header, p.header)
	if p.header.Get("Content-Type") == "" {
		header["Content-Type"] = nil // net/http would guess one
	}
	if p.length >= 0 {
		header.Set("Content-Length", strconv.Itoa(p.length))
	}
	if s.endsConnection() {
		header.Set("Connection", "close")
	}
	w.WriteHeader(p.status)
	p.write(ctx, w)
}

// write sends the body, part by part.
func (p *plan) write(ctx context.Context, w http.ResponseWriter) {
	flush := http.NewResponseController(w).Flush
	for _, q := range p.parts {
		if q.wait > 0 {
			_ = flush()
		}
		if pause(ctx, q.wait) != nil {
			panic(http.ErrAbortHandler)
		}
		if _, err := io.WriteString(w, q.data); err != nil {
			return
		}
		if p.length < 0 {
			_ = flush()
		}
	}
	switch p.end {
	case cutClose:
		_ = flush()
		breakOff(w, false)
	case cutReset:
		_ = flush()
		breakOff(w, true)
	default:
	}
}

// breakOff ends the connection in the middle; over HTTP/2, the stream.
func breakOff(w http.ResponseWriter, reset bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn() // which says no goodbye
	}
	if reset {
		endsByReset(conn)
	}
	_ = conn.Close()
}

// endsByReset makes the end of a connection a RST.
func endsByReset(conn net.Conn) {
	if c, ok := conn.(*breakingConn); ok {
		conn = c.Conn
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}
