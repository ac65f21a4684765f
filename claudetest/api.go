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

// model is a model; thinking lists the ways of it that it takes.
type model struct{ id, name, line, made, thinking string }

// models are those the API knows, newest first.
var models = []model{
	{claude.ModelHaiku5_5, "Claude Haiku 5.5", "haiku", "2026-10-07T00:00:00Z", "adaptive disabled"},
	{claude.ModelSonnet5_5, "Claude Sonnet 5.5", "sonnet", "2026-09-28T00:00:00Z", "adaptive between_tools"},
	{claude.ModelOpus5_5, "Claude Opus 5.5", "opus", "2026-09-22T00:00:00Z", "adaptive"},
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
		return a.fileAnswer(r, parts[1:], query), true
	}
	return Step{}, false
}

// result is a success with a JSON object.
func result(name string, members object) Step {
	return Raw(http.StatusOK, encode(members)).named(name)
}

func modelsAnswer(path []string, query url.Values) Step {
	find := func(id string) int {
		return slices.IndexFunc(models, func(m model) bool { return m.id == id })
	}
	if len(path) == 1 {
		if i := find(path[0]); i >= 0 {
			return result("model", models[i].describe())
		}
		return NotFound("model: " + path[0])
	}
	var ids []string
	if kinds := query["lifecycle[]"]; len(kinds) == 0 || slices.Contains(kinds, "active") {
		for _, m := range models {
			ids = append(ids, m.id)
		}
	}
	return listPage(ids, query, func(id string) object { return models[find(id)].describe() })
}

func (m model) describe() object {
	each := func(supported func(name string) bool, names ...string) object {
		all := object{}
		for _, name := range names {
			all[name] = object{"supported": supported(name)}
		}
		return all
	}
	yes := func(string) bool { return true }
	group := func(members object) object {
		members["supported"] = true
		return members
	}
	can := each(yes, "batch", "citations", "code_execution", "image_input", "pdf_input", "structured_outputs")
	can["server_tools"] = group(each(yes, "web_search", "code_execution"))
	can["effort"] = group(each(yes, "low", "medium", "high", "xhigh", "max"))
	can["context_management"] = group(each(yes, "clear_thinking_20251015", "clear_tool_uses_20250919", "compact_20260112"))
	can["thinking"] = object{"supported": true, "types": each(func(name string) bool {
		return slices.Contains(strings.Fields(m.thinking), name)
	}, "adaptive", "between_tools", "disabled", "enabled")}
	return object{
		"id": m.id, "type": "model", "display_name": m.name, "line": m.line, "created_at": m.made,
		"lifecycle": "active", "deprecated_at": nil, "retires_at": nil,
		"max_input_tokens": 1_000_000, "max_tokens": 128_000, "capabilities": can,
	}
}

// listPage is a page of a list that goes by ids: behind one, before one, or the
// first.
func listPage(ids []string, query url.Values, describe func(id string) object) Step {
	limit := pageSize(query)
	var more bool
	if i := slices.Index(ids, query.Get("before_id")); i >= 0 {
		ids = ids[:i]
		more = len(ids) > limit
		ids = ids[max(0, len(ids)-limit):]
	} else {
		ids = ids[slices.Index(ids, query.Get("after_id"))+1:]
		more = len(ids) > limit
		ids = ids[:min(limit, len(ids))]
	}
	list := object{"has_more": more, "first_id": nil, "last_id": nil}
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

func pageSize(query url.Values) int {
	limit, err := strconv.Atoi(query.Get("limit"))
	if err != nil || limit < 1 {
		return 20
	}
	return limit
}

// batch is a batch on its way: it is in progress when it is made and when it is
// asked after for the first time, and has ended from then on.
type batch struct {
	id       string
	made     time.Time
	asked    int
	canceled time.Time
	end      time.Time
	lines    []batchLine
}

type batchLine struct {
	CustomID string          `json:"custom_id"`
	Params   json.RawMessage `json:"params"`
}

func (b *batch) ended() bool { return !b.end.IsZero() }

func (b *batch) describe(base string) object {
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
		d["processing_status"], d["ended_at"] = "ended", b.end.UTC().Format(time.RFC3339)
		d["results_url"] = base + "/v1/messages/batches/" + b.id + "/results"
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
	var members map[string]json.RawMessage
	_ = json.Unmarshal(line.Params, &members) // what is no object has no members
	for _, name := range []string{"model", "max_tokens", "messages"} {
		if members[name] == nil {
			return fail(name + ": Field required")
		}
	}
	switch {
	case r.Stream:
		return fail(`"stream=True" is not supported in the Message Batches API`)
	case r.Message.MaxTokens < 1:
		return fail("max_tokens: must be greater than or equal to 1")
	case r.err != nil || len(r.Message.Messages) == 0:
		return fail("messages: at least one message is required")
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
	if len(path) == 0 {
		switch r.Method {
		case http.MethodPost:
			return a.newBatch(r)
		case http.MethodGet:
			var ids []string
			for _, b := range slices.Backward(a.batches) {
				ids = append(ids, b.id)
			}
			return listPage(ids, query, func(id string) object { return a.batch(id).describe(r.base) })
		}
		return NotFound("Not found")
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
		if b.asked++; b.asked > 1 && !b.ended() {
			b.end = r.At
		}
		step := result("batch", b.describe(r.base))
		if !b.ended() {
			step = step.RetryAfter(10 * time.Second)
		}
		return step
	case "POST cancel":
		if b.canceled.IsZero() && !b.ended() {
			b.canceled = r.At
		}
		return result("batch", b.describe(r.base))
	case "GET results":
		if !b.ended() {
			return NotFound("Message Batch " + b.id + " has no available results.")
		}
		var lines strings.Builder
		for _, line := range b.lines {
			lines.WriteString(encode(object{"custom_id": line.CustomID, "result": b.outcome(line)}) + "\n")
		}
		return Raw(http.StatusOK, lines.String()).named("batch results").Header("Content-Type", "application/x-jsonl")
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

func (a *api) newBatch(r *Request) Step {
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
		case strings.Trim(line.CustomID, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "":
			return InvalidRequest(fmt.Sprintf("requests.%d.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'", i))
		case seen[line.CustomID]:
			return InvalidRequest("requests: custom_id's must be unique within a batch. Duplicate custom_id found: " + line.CustomID)
		}
		seen[line.CustomID] = true
	}
	b := &batch{id: fmt.Sprintf("msgbatch_%06d", r.Number), made: r.At, lines: body.Requests}
	a.batches = append(a.batches, b)
	return result("batch", b.describe(r.base))
}

// file is a file that was uploaded, or put there by [Script.AddFile].
type file struct {
	id, name, kind string
	content        []byte
	made           time.Time
	lifetime       time.Duration // 0: for ever
	downloadable   bool
}

func (f *file) describe() object {
	d := object{
		"id": f.id, "type": "file", "filename": f.name, "mime_type": f.kind, "size_bytes": len(f.content),
		"created_at": f.made.UTC().Format(time.RFC3339), "downloadable": f.downloadable, "expires_at": nil,
	}
	if f.lifetime > 0 {
		d["expires_at"] = f.made.Add(f.lifetime).UTC().Format(time.RFC3339)
	}
	return d
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

func (a *api) fileAnswer(r *Request, path []string, query url.Values) Step {
	if len(path) == 0 {
		switch r.Method {
		case http.MethodPost:
			return a.upload(r)
		case http.MethodGet:
			return a.filePage(query)
		}
		return NotFound("Not found")
	}
	i := slices.IndexFunc(a.files, func(f *file) bool { return f.id == path[0] })
	if i < 0 {
		return NotFound("File not found: " + path[0])
	}
	f := a.files[i]
	what := r.Method
	if len(path) > 1 {
		what += " " + path[1]
	}
	switch expired := f.lifetime > 0 && r.At.Sub(f.made) >= f.lifetime; {
	case what == "GET content" && expired:
		return failure(http.StatusNotFound, "not_found_error", "File has expired", "file_expired")
	case what == "GET content" && !f.downloadable:
		return failure(http.StatusBadRequest, "invalid_request_error", "File is not downloadable", "file_not_downloadable")
	case what == "GET content":
		return Raw(http.StatusOK, string(f.content)).named("file content").Header("Content-Type", f.kind)
	case what == "GET":
		return result("file", f.describe())
	case what == "DELETE":
		a.files = slices.Delete(a.files, i, i+1)
		return result("file deleted", object{"id": f.id, "type": "file_deleted"})
	}
	return NotFound("Not found")
}

// failure is an error with a machine-readable code.
func failure(status int, typ, message, code string) Step {
	return Raw(status, envelope(typ, message, code)).named(fmt.Sprintf("%d %s", status, typ))
}

const pagePrefix = "page_"

// filePage is a page of the list of files, which goes by a token of the API's own.
func (a *api) filePage(query url.Values) Step {
	data, next := make([]any, 0, len(a.files)), any(nil)
	ids, wanted := query["ids[]"]
	skip, _ := strconv.Atoi(strings.TrimPrefix(query.Get("page"), pagePrefix))
	for i, f := range slices.Backward(a.files) {
		n := len(a.files) - 1 - i
		if wanted && !slices.Contains(ids, f.id) || !wanted && n < skip {
			continue
		}
		if !wanted && len(data) == pageSize(query) {
			next = pagePrefix + strconv.Itoa(n)
			break
		}
		data = append(data, f.describe())
	}
	return result("files", object{"data": data, "next_page": next})
}

func (a *api) upload(r *Request) Step {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return InvalidRequest("file: Field required")
	}
	f := &file{id: fmt.Sprintf("file_%06d", r.Number), made: r.At}
	found := false
	form := multipart.NewReader(bytes.NewReader(r.Body), params["boundary"])
	for {
		part, err := form.NextPart()
		if err != nil {
			break
		}
		content, err := io.ReadAll(part)
		if err != nil {
			break
		}
		switch part.FormName() {
		case "file":
			found = true
			f.name, f.kind, f.content = part.FileName(), part.Header.Get("Content-Type"), content
		case "expires_in_seconds":
			seconds, _ := strconv.Atoi(string(content))
			f.lifetime = time.Duration(seconds) * time.Second
		}
	}
	if !found {
		return InvalidRequest("file: Field required")
	}
	if f.kind == "" {
		f.kind = "application/octet-stream"
	}
	if f.name == "" {
		f.name = "unnamed"
	}
	a.files = append(a.files, f)
	return result("file", f.describe())
}
