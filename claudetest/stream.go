package claudetest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/steadfast-go/claude"
)

// Stream returns the stream that a step makes of an answer, with whatever goes wrong
// in it: what a fake [claude.Messenger] returns from its Stream method.
//
//	func (f fake) Stream(ctx context.Context, r claude.Request, _ ...claude.CallOption) (*claude.Stream, error) {
//		return claudetest.Stream(ctx, r, claudetest.Text("Hello").CutAfter(claudetest.Events(4))), nil
//	}
//
// A step that answers with a status other than 200, or breaks the connection before
// there is an answer, has no stream: then Stream returns one that ends at once.
func Stream(ctx context.Context, request claude.Request, step Step) *claude.Stream {
	body := &memoryBody{end: cutClose}
	body.ctx, body.cancel = context.WithCancel(ctx)
	r := &Request{Method: http.MethodPost, Path: "/v1/messages", Header: http.Header{}, At: time.Now()}
	if data, err := json.Marshal(request); err == nil {
		r.Body = append(bytes.TrimSuffix(data, []byte("}")), `,"stream":true}`...)
	}
	if p := newScript([]Step{step}).handle(r); p.status == http.StatusOK && p.link == linkFine {
		body.parts, body.end = p.parts, p.end
	}
	return claude.NewStream(ctx, body)
}
