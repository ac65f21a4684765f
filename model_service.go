package claude

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
)

// ModelService tells which models there are. See [Client.Models].
type ModelService struct{ client *Client }

// ModelListParams selects a page of [ModelService.List].
type ModelListParams struct {
	BeforeID  string   // the page that ends before this id
	AfterID   string   // the page that begins after this id
	Limit     int      // models on a page, 1 to 1000; 0 means 20
	Lifecycle []string // any of "active", "deprecated", "retired"; empty means the first two
}

// ModelPage is one page of models.
type ModelPage struct {
	Data    []ModelInfo
	HasMore bool
	FirstID string
	LastID  string // the AfterID of the next page
	Extra   Extra

	seen bool
}

func (p *ModelPage) fields(f *fields) {
	p.seen = p.seen || f.key == "data"
	subs(f, "data", &p.Data, required)
	flag(f, "has_more", &p.HasMore, required)
	textNullable(f, "first_id", &p.FirstID)
	textNullable(f, "last_id", &p.LastID)
	f.rest(&p.Extra)
}

// MarshalJSON writes the wire form.
func (p ModelPage) MarshalJSON() ([]byte, error) { return marshal(&p) }

// UnmarshalJSON reads the wire form.
func (p *ModelPage) UnmarshalJSON(data []byte) error { return unmarshal(data, p) }

// List returns a page of models, the newest first.
//
// https://platform.claude.com/docs/en/api/models-list
func (s *ModelService) List(ctx context.Context, params ModelListParams, options ...CallOption) (*ModelPage, error) {
	const op = "models.list"
	query := url.Values{}
	if params.BeforeID != "" {
		query.Set("before_id", params.BeforeID)
	}
	if params.AfterID != "" {
		query.Set("after_id", params.AfterID)
	}
	if params.Limit < 0 {
		return nil, refuse(op, Target{Host: s.client.base.Host}, &ConfigError{Field: "ModelListParams.Limit", Problem: "is negative"})
	}
	if params.Limit > 0 {
		query.Set("limit", strconv.Itoa(params.Limit))
	}
	for _, l := range params.Lifecycle {
		query.Add("lifecycle[]", l)
	}
	page := new(ModelPage)
	err := s.get(ctx, op, "/models", query, options, func(_ *call, body, _ string) error {
		*page = ModelPage{}
		return decodeText(body, func(f *fields) {
			f.decode(page)
			if f.dec.Err() == nil && !page.seen {
				f.dec.Fail(errors.New("no data in it"))
			}
		})
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}

// Get returns what the API says of a model. An alias is answered with the id it
// stands for.
//
// https://platform.claude.com/docs/en/api/models
func (s *ModelService) Get(ctx context.Context, id string, options ...CallOption) (*ModelInfo, error) {
	const op = "models.get"
	if id == "" {
		return nil, refuse(op, Target{Host: s.client.base.Host}, &ConfigError{Field: "id", Problem: "is empty"})
	}
	info := new(ModelInfo)
	err := s.get(ctx, op, "/models/"+id, nil, options, func(_ *call, body, _ string) error {
		*info = ModelInfo{}
		return decodeText(body, func(f *fields) {
			f.decode(info)
			if f.dec.Err() == nil && info.ID == "" {
				f.dec.Fail(errors.New("no id in it"))
			}
		})
	})
	if err != nil {
		return nil, err
	}
	return info, nil
}

func (s *ModelService) get(ctx context.Context, op, path string, query url.Values, options []CallOption, decode decoder) error {
	u := s.client.url(path)
	u.RawQuery = query.Encode()
	c := newCall()
	if _, err := s.client.prepare(c, op, http.MethodGet, u, "", options); err != nil {
		return refuse(op, Target{Host: s.client.base.Host}, err)
	}
	c.decode = decode
	if _, _, failure := s.client.transport.run(ctx, c); failure != nil {
		return failure
	}
	return nil
}
