package claude

import "github.com/steadfast-go/claude/internal/wire"

// EncodeRequest encodes a request as a call does.
func EncodeRequest(r *Request) ([]byte, error) {
	body, err := encodeRequest(r, 512)
	if err != nil {
		return nil, err
	}
	return body.Head(body.Len()), nil
}

// EncodeBody encodes a request as a call does and returns the length only.
func EncodeBody(r *Request, size int) (int, error) {
	body, err := encodeRequest(r, size)
	return body.Len(), err
}

// EncodeCount encodes a request as CountTokens does.
func EncodeCount(r *Request) ([]byte, error) {
	body, err := encodeRequest(countRequest{r}, 512)
	if err != nil {
		return nil, err
	}
	return body.Head(body.Len()), nil
}

// DecodeResponse decodes an answer as a call does.
func DecodeResponse(body string) (*Response, error) {
	r := new(Response)
	return r, decodeResponse(body, wire.NewDecoder(body).PeekString("type"), r)
}
