package claudetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/steadfast-go/claude"
)

// api is what answers requests that no step is for: a healthy API with models,
// batches and files of its own.
type api struct {
	batches []*batch
	files   []*file
}

// models are those the API knows, newest first.
var models = []struct{ id, name string }{
	{claude.ModelSonnet5_5, "Claude Sonnet 5.5"},
	{claude.ModelOpus5_5, "Claude Opus 5.5"},
	{claude.ModelHaiku5_5, "Claude Haiku 5.5"},
}

// answer answers what is no creation of a message.
func (a *api) answer(r *Request) (Step, bool) {
	at := strings.LastIndex(r.Path, "/v1/")
	if at < 0 {
		return Step{}, false
	}
	query, _ := url.ParseQuery(r.Query)
	parts := strings.Split(r.Path[at+len("/v1/"):], "/")
	switch {
	case r.Method == http.MethodPost && r.Path[at:] == "/v1/messages/count_tokens":
		return result("count_tokens", object{"input_tokens": inputTokens(r.Body)}), true
	case parts[0] == "models" && r.Method == http.MethodGet:
		return modelsAnswer(parts[1:], query), true
	case parts[0] == "messages" && len(parts) > 1 && parts[1] == "batches":
		return a.batchAnswer(r, parts[2:], query), true
	case parts[0] == "files":
		return a.fileAnswer(r, parts[1:]), true
	}
	return Step{}, false
}

// result is a success with a JSON object.
func result(name string, members object) Step {
	data, _ := json.Marshal(members) //nolint:errchkjson // made of strings and numbers
	return Step{name: name, raw: &rawAnswer{status: http.StatusOK, body: string(data)}}
}

func modelsAnswer(path []string, query url.Values) Step {
	describe := func(id, name string) object {
		return object{
			"id": id, "type": "model", "display_name": name, "created_at": "2026-09-28T00:00:00Z",
			"lifecycle": "active", "max_input_tokens": 1_000_000, "max_tokens": 128_000,
		}
	}
	if len(path) == 1 {
		for _, m := range models {
			if m.id == path[0] {
				return result("model", describe(m.id, m.name))
			}
		}
		return NotFound("model: " + path[0])
	}
	var ids []string
	all := make(map[string]object)
	for _, m := range models {
		ids = append(ids, m.id)
		all[m.id] = describe(m.id, m.name)
	}
	return listPage(ids, query, func(id string) object { return all[id] })
}

// listPage is a page of a list that goes by ids.
func listPage(ids []string, query url.Values, describe func(id string) object) Step {
	limit, err := strconv.Atoi(query.Get("limit"))
	if err != nil || limit < 1 {
		limit = 20
	}
	if after := query.Get("after_id"); after != "" {
		ids = ids[slices.Index(ids, after)+1:]
	}
	more := len(ids) > limit
	ids = ids[:min(limit, len(ids))]
	list := object{"data": []any{}, "has_more": more, "first_id": nil, "last_id": nil}
	data := make([]any, 0, len(ids))
	for _, id := range ids {
		data = append(data, describe(id))
	}
	list["data"] = data
	if len(ids) > 0 {
		list["first_id"], list["last_id"] = ids[0], ids[len(ids)-1]
	}
	return result("list", list)
}

// batch is a batch on its way: it is in progress when it is made and when it is
// asked after for the first time, and has ended from then on.
type batch struct {
	id       string
	made     time.Time
	asked    int
	canceled time.Time
	lines    []batchLine
}

type batchLine struct {
	CustomID string          `json:"custom_id"`
	Params   json.RawMessage `json:"params"`
}

func (b *batch) ended() bool { return b.asked > 1 }

func (b *batch) describe(url string) object {
	counts := object{"processing": len(b.lines), "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
	d := object{
		"id": b.id, "type": "message_batch", "processing_status": "in_progress", "request_counts": counts,
		"created_at": b.made.UTC().Format(time.RFC3339), "expires_at": b.made.Add(24 * time.Hour).UTC().Format(time.RFC3339),
		"ended_at": nil, "cancel_initiated_at": nil, "archived_at": nil, "results_url": nil,
	}
	if !b.canceled.IsZero() {
		d["cancel_initiated_at"], d["processing_status"] = b.canceled.UTC().Format(time.RFC3339), "canceling"
	}
	if b.ended() {
		d["processing_status"], d["ended_at"] = "ended", b.made.UTC().Format(time.RFC3339)
		d["results_url"] = url + "/v1/messages/batches/" + b.id + "/results"
		counts["processing"] = 0
		for _, line := range b.lines {
			kind, _ := b.outcome(line)["type"].(string)
			n, _ := counts[kind].(int)
			counts[kind] = n + 1
		}
	}
	return d
}

// outcome is the result of a line.
func (b *batch) outcome(line batchLine) object {
	if !b.canceled.IsZero() {
		return object{"type": "canceled"}
	}
	fail := func(message string) object {
		return object{"type": "errored", "error": object{"type": "error", "error": object{"type": "invalid_request_error", "message": message}, "request_id": nil}}
	}
	r := Request{Method: http.MethodPost, Path: "/v1/messages", Body: line.Params, Header: http.Header{}}
	r.decode()
	switch {
	case r.Stream:
		return fail(`"stream=True" is not supported in the Message Batches API`)
	case r.err != nil || len(r.Message.Messages) == 0:
		return fail("messages: Field required")
	}
	m := Echo().reply(&r)
	m.Usage.ServiceTier = "batch"
	m.ID = "msg_" + b.id + "_" + line.CustomID
	complete(m, &r)
	whole, err := objectOf(m)
	if err != nil {
		return fail(err.Error())
	}
	return object{"type": "succeeded", "message": whole}
}

func (a *api) batchAnswer(r *Request, path []string, query url.Values) Step {
	base := "https://" + r.Host
	if len(path) == 0 {
		if r.Method == http.MethodPost {
			return a.newBatch(r, base)
		}
		var ids []string
		for _, b := range slices.Backward(a.batches) {
			ids = append(ids, b.id)
		}
		return listPage(ids, query, func(id string) object { return a.batch(id).describe(base) })
	}
	b := a.batch(path[0])
	if b == nil {
		return NotFound("Message Batch " + path[0] + " not found.")
	}
	what := r.Method
	if len(path) > 1 {
		what += " " + path[1]
	}
	switch what {
	case "GET":
		b.asked++
		step := result("batch", b.describe(base))
		if !b.ended() {
			step = step.RetryAfter(10 * time.Second)
		}
		return step
	case "POST cancel":
		if b.canceled.IsZero() && !b.ended() {
			b.canceled = r.At
		}
		return result("batch", b.describe(base))
	case "GET results":
		if !b.ended() {
			return NotFound("Message Batch " + b.id + " has no available results.")
		}
		var lines bytes.Buffer
		for _, line := range b.lines {
			data, _ := json.Marshal(object{"custom_id": line.CustomID, "result": b.outcome(line)}) //nolint:errchkjson // as above
			lines.Write(append(data, '\n'))
		}
		return Step{name: "batch results", raw: &rawAnswer{status: http.StatusOK, body: lines.String()}}.Header("Content-Type", "application/x-jsonl")
	case "DELETE":
		if !b.ended() {
			return InvalidRequest("In progress batches cannot be deleted. Consider canceling the batch instead.")
		}
		a.batches = slices.DeleteFunc(a.batches, func(other *batch) bool { return other == b })
		return result("batch deleted", object{"id": b.id, "type": "message_batch_deleted"})
	}
	return NotFound("Not found")
}

func (a *api) batch(id string) *batch {
	for _, b := range a.batches {
		if b.id == id {
			return b
		}
	}
	return nil
}

func (a *api) newBatch(r *Request, base string) Step {
	var body struct {
		Requests []batchLine `json:"requests"`
	}
	if err := json.Unmarshal(r.Body, &body); err != nil {
		return InvalidRequest("The request body is not valid JSON")
	}
	if len(body.Requests) == 0 {
		return InvalidRequest("requests: List should have at least 1 item after validation, not 0")
	}
	seen := make(map[string]bool)
	for i, line := range body.Requests {
		switch {
		case line.CustomID == "":
			return InvalidRequest(fmt.Sprintf("requests.%d.custom_id: Field required", i))
		case len(line.CustomID) > 64:
			return InvalidRequest(fmt.Sprintf("requests.%d.custom_id: String should have at most 64 characters", i))
		case seen[line.CustomID]:
			return InvalidRequest("requests: custom_id's must be unique within a batch. Duplicate custom_id found: " + line.CustomID)
		}
		seen[line.CustomID] = true
	}
	b := &batch{id: fmt.Sprintf("msgbatch_%06d", r.Number), made: r.At, lines: body.Requests}
	a.batches = append(a.batches, b)
	return result("batch", b.describe(base))
}

// file is a file that was uploaded, or put there by [Script.AddFile].
type file struct {
	id, name, kind string
	content        []byte
	made           time.Time
	downloadable   bool
}

func (f *file) describe() object {
	return object{
		"id": f.id, "type": "file", "filename": f.name, "mime_type": f.kind, "size_bytes": len(f.content),
		"created_at": f.made.UTC().Format(time.RFC3339), "downloadable": f.downloadable, "expires_at": nil,
	}
}

// AddFile puts a file there that can be downloaded, as tools make them, and returns
// its id.
func (s *Script) AddFile(name, mimeType string, content []byte) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := &file{id: fmt.Sprintf("file_made_%d", len(s.api.files)+1), name: name, kind: mimeType, content: content, made: time.Now(), downloadable: true}
	s.api.files = append(s.api.files, f)
	return f.id
}

func (a *api) fileAnswer(r *Request, path []string) Step {
	if len(path) == 0 {
		if r.Method == http.MethodPost {
			return a.upload(r)
		}
		data := make([]any, 0, len(a.files))
		for _, f := range slices.Backward(a.files) {
			data = append(data, f.describe())
		}
		return result("files", object{"data": data, "next_page": nil})
	}
	i := slices.IndexFunc(a.files, func(f *file) bool { return f.id == path[0] })
	if i < 0 {
		return NotFound("File not found: " + path[0])
	}
	f := a.files[i]
	switch {
	case len(path) > 1 && path[1] == "content" && f.downloadable:
		return Step{name: "file content", raw: &rawAnswer{status: http.StatusOK, body: string(f.content)}}.Header("Content-Type", f.kind)
	case len(path) > 1 && path[1] == "content":
		return InvalidRequest("File is not downloadable")
	case r.Method == http.MethodDelete:
		a.files = slices.Delete(a.files, i, i+1)
		return result("file deleted", object{"id": f.id, "type": "file_deleted"})
	}
	return result("file", f.describe())
}

func (a *api) upload(r *Request) Step {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return InvalidRequest("file: Field required")
	}
	form := multipart.NewReader(bytes.NewReader(r.Body), params["boundary"])
	for {
		part, err := form.NextPart()
		if err != nil {
			return InvalidRequest("file: Field required")
		}
		if part.FormName() != "file" {
			continue
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return InvalidRequest("file: could not be read")
		}
		f := &file{id: fmt.Sprintf("file_%06d", r.Number), name: part.FileName(), kind: part.Header.Get("Content-Type"), content: content, made: r.At}
		a.files = append(a.files, f)
		return result("file", f.describe())
	}
}
