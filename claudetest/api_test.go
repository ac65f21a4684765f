package claudetest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

func get(t *testing.T, rt http.RoundTripper, path string) answer {
	t.Helper()
	return ask(t, rt, http.MethodGet, origin+path, "")
}

// ids returns what a list holds.
func ids(t *testing.T, list object) (all []string) {
	t.Helper()
	for _, x := range list["data"].([]any) {
		all = append(all, x.(object)["id"].(string))
	}
	return all
}

func TestTheModelsAreListedNewestFirst(t *testing.T) {
	transport := memory(t)
	client := newClient(t, claude.WithRoundTripper(transport))
	page, err := client.Models.List(t.Context(), claude.ModelListParams{})
	require.NoError(t, err)
	require.Len(t, page.Data, 3)
	assert.False(t, page.HasMore)
	for i, m := range page.Data {
		assert.Equal(t, "active", m.Lifecycle)
		assert.Positive(t, m.MaxTokens)
		assert.True(t, i == 0 || m.CreatedAt.Before(page.Data[i-1].CreatedAt))
		one, err := client.Models.Get(t.Context(), m.ID)
		require.NoError(t, err)
		assert.Equal(t, m, *one)
	}
	sonnet, err := client.Models.Get(t.Context(), claude.ModelSonnet5_5)
	require.NoError(t, err)
	assert.Equal(t, "sonnet", sonnet.Line)
	assert.True(t, sonnet.Capabilities.Thinking.Supported)
	_, err = client.Models.Get(t.Context(), "claude-x")
	require.ErrorIs(t, err, claude.ErrNotFound)
	assert.Contains(t, err.Error(), "model: claude-x")
}

func TestTheModelsComeInPages(t *testing.T) {
	transport := memory(t)
	all := ids(t, get(t, transport, "/v1/models").json(t))
	first := get(t, transport, "/v1/models?limit=2").json(t)
	assert.Equal(t, all[:2], ids(t, first))
	assert.Equal(t, true, first["has_more"])
	assert.Equal(t, all[0], first["first_id"])
	assert.Equal(t, all[1], first["last_id"])
	second := get(t, transport, "/v1/models?limit=2&after_id="+all[1]).json(t)
	assert.Equal(t, all[2:], ids(t, second))
	assert.Equal(t, false, second["has_more"])
	back := get(t, transport, "/v1/models?limit=1&before_id="+all[2]).json(t)
	assert.Equal(t, all[1:2], ids(t, back))
	assert.Equal(t, true, back["has_more"])
	none := get(t, transport, "/v1/models?lifecycle[]=retired").json(t)
	assert.Empty(t, none["data"])
	assert.Nil(t, none["first_id"])
	assert.Equal(t, all, ids(t, get(t, transport, "/v1/models?lifecycle[]=retired&lifecycle[]=active").json(t)))
}

const batchBody = `{"requests":[
	{"custom_id":"one","params":{"model":"claude-haiku-5-5","max_tokens":9,"messages":[{"role":"user","content":"Say this"}]}},
	{"custom_id":"no-messages","params":{"model":"claude-haiku-5-5","max_tokens":9}},
	{"custom_id":"streamed","params":{"model":"claude-haiku-5-5","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"x"}]}},
	{"custom_id":"no-tokens","params":{"model":"claude-haiku-5-5","max_tokens":0,"messages":[{"role":"user","content":"x"}]}}]}`

func TestABatchAdvances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := memory(t)
		made := time.Now()
		b := ask(t, transport, http.MethodPost, origin+"/v1/messages/batches", batchBody).json(t)
		id := b["id"].(string)
		path := "/v1/messages/batches/" + id
		counts := object{"processing": 4.0, "succeeded": 0.0, "errored": 0.0, "canceled": 0.0, "expired": 0.0}
		equalJSON(t, object{
			"id": id, "type": "message_batch", "processing_status": "in_progress", "request_counts": counts,
			"created_at": made.UTC().Format(time.RFC3339), "expires_at": made.Add(24 * time.Hour).UTC().Format(time.RFC3339),
			"ended_at": nil, "cancel_initiated_at": nil, "archived_at": nil, "results_url": nil,
		}, b, "as it is made")
		assert.Regexp(t, "^msgbatch_", id)
		assert.Equal(t, fmt.Sprintf("404 not_found_error: Message Batch %s has no available results.", id), get(t, transport, path+"/results").message(t))
		assert.Equal(t, "400 invalid_request_error: In progress batches cannot be deleted. Consider canceling the batch instead.", ask(t, transport, http.MethodDelete, origin+path, "").message(t))

		first := get(t, transport, path)
		assert.Equal(t, "in_progress", first.json(t)["processing_status"])
		assert.Equal(t, "10", first.Header.Get("Retry-After"))
		time.Sleep(time.Minute)
		second := get(t, transport, path)
		done := second.json(t)
		assert.Equal(t, "ended", done["processing_status"])
		assert.Empty(t, second.Header.Get("Retry-After"))
		assert.Equal(t, made.Add(time.Minute).UTC().Format(time.RFC3339), done["ended_at"])
		equalJSON(t, object{"processing": 0, "succeeded": 1, "errored": 3, "canceled": 0, "expired": 0}, done["request_counts"].(object), "at the end")
		assert.Equal(t, origin+path+"/results", done["results_url"])
		assert.Equal(t, []string{id}, ids(t, get(t, transport, "/v1/messages/batches").json(t)))

		results := ask(t, transport, http.MethodGet, done["results_url"].(string), "")
		assert.Equal(t, "application/x-jsonl", results.Header.Get("Content-Type"))
		lines := map[string]object{}
		for line := range strings.SplitSeq(strings.TrimSuffix(results.Body, "\n"), "\n") {
			var r struct {
				CustomID string `json:"custom_id"`
				Result   object `json:"result"`
			}
			require.NoError(t, json.Unmarshal([]byte(line), &r))
			lines[r.CustomID] = r.Result
		}
		require.Len(t, lines, 4)
		message := lines["one"]["message"].(object)
		assert.Equal(t, "Say this", message["content"].([]any)[0].(object)["text"])
		assert.Equal(t, "batch", message["usage"].(object)["service_tier"])
		for name, want := range map[string]string{
			"no-messages": "messages: Field required",
			"streamed":    `"stream=True" is not supported in the Message Batches API`,
			"no-tokens":   "max_tokens: must be greater than or equal to 1",
		} {
			assert.Equal(t, "errored", lines[name]["type"])
			equalJSON(t, object{"type": "error", "error": object{"type": "invalid_request_error", "message": want}, "request_id": nil}, lines[name]["error"].(object), name)
		}

		equalJSON(t, object{"id": id, "type": "message_batch_deleted"}, ask(t, transport, http.MethodDelete, origin+path, "").json(t), "deleted")
		assert.Equal(t, fmt.Sprintf("404 not_found_error: Message Batch %s not found.", id), get(t, transport, path).message(t))
	})
}

func TestABatchCanBeCanceled(t *testing.T) {
	transport := memory(t)
	id := ask(t, transport, http.MethodPost, origin+"/v1/messages/batches", batchBody).json(t)["id"].(string)
	path := "/v1/messages/batches/" + id
	b := ask(t, transport, http.MethodPost, origin+path+"/cancel", "").json(t)
	assert.Equal(t, "canceling", b["processing_status"])
	assert.NotNil(t, b["cancel_initiated_at"])
	assert.Equal(t, "canceling", get(t, transport, path).json(t)["processing_status"])
	done := get(t, transport, path).json(t)
	assert.Equal(t, "ended", done["processing_status"])
	assert.InDelta(t, 4, done["request_counts"].(object)["canceled"], 0)
	assert.Contains(t, get(t, transport, path+"/results").Body, `{"custom_id":"one","result":{"type":"canceled"}}`+"\n")
}

func TestTheResultsOfABatchAreWhereItsServerIs(t *testing.T) {
	server := claudetest.NewServer(t)
	transport := realTransport(t)
	base := server.URL + "/prefix"
	id := ask(t, transport, http.MethodPost, base+"/v1/messages/batches", batchBody).json(t)["id"].(string)
	var b object
	for range 2 {
		b = ask(t, transport, http.MethodGet, base+"/v1/messages/batches/"+id, "").json(t)
	}
	assert.Equal(t, base+"/v1/messages/batches/"+id+"/results", b["results_url"])
	assert.Equal(t, 200, ask(t, transport, http.MethodGet, b["results_url"].(string), "").Status)
}

func TestABatchIsRefusedWithTheAPIsWords(t *testing.T) {
	params := `,"params":{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}]}}`
	for body, want := range map[string]string{
		`{"requests":[]}`:                  "requests: List should have at least 1 item after validation, not 0",
		`{"requests":[{"params":{}}]}`:     "requests.0.custom_id: Field required",
		`{"requests":[{"custom_id":"a b"}`: "The request body is not valid JSON",
		`{"requests":[{"custom_id":"` + strings.Repeat("x", 65) + `"` + params + `]}`:      "requests.0.custom_id: String should have at most 64 characters",
		`{"requests":[{"custom_id":"ok"` + params + `,{"custom_id":"a b"` + params + `]}`:  "requests.1.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'",
		`{"requests":[{"custom_id":"dup"` + params + `,{"custom_id":"dup"` + params + `]}`: "requests: custom_id's must be unique within a batch. Duplicate custom_id found: dup",
	} {
		a := ask(t, memory(t), http.MethodPost, origin+"/v1/messages/batches", body)
		assert.Equal(t, "400 invalid_request_error: "+want, a.message(t))
	}
}

// upload sends a file; fields are names and values.
func upload(t *testing.T, rt http.RoundTripper, name, kind, content string, fields ...string) answer {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for i := 0; i < len(fields); i += 2 {
		require.NoError(t, form.WriteField(fields[i], fields[i+1]))
	}
	h := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="file"; filename="` + name + `"`}}
	if kind != "" {
		h.Set("Content-Type", kind)
	}
	part, err := form.CreatePart(h)
	require.NoError(t, err)
	_, err = part.Write([]byte(content))
	require.NoError(t, err)
	require.NoError(t, form.Close())
	return ask(t, rt, http.MethodPost, origin+"/v1/files", b.String(), "Content-Type", form.FormDataContentType())
}

func TestFilesAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := memory(t)
		f := upload(t, transport, "a.pdf", "application/pdf", "%PDF-\xff").json(t)
		id := f["id"].(string)
		equalJSON(t, object{
			"id": id, "type": "file", "filename": "a.pdf", "mime_type": "application/pdf", "size_bytes": 6,
			"created_at": time.Now().UTC().Format(time.RFC3339), "downloadable": false, "expires_at": nil,
		}, f, "as uploaded")
		equalJSON(t, f, get(t, transport, "/v1/files/"+id).json(t), "asked after")
		a := get(t, transport, "/v1/files/"+id+"/content")
		assert.Equal(t, 400, a.Status)
		assert.Contains(t, a.Body, `"error_code":"file_not_downloadable"`)

		made := transport.AddFile("chart.png", "image/png", []byte("\x89PNG"))
		a = get(t, transport, "/v1/files/"+made+"/content")
		assert.Equal(t, "\x89PNG", a.Body)
		assert.Equal(t, "image/png", a.Header.Get("Content-Type"))

		equalJSON(t, object{"id": id, "type": "file_deleted"}, ask(t, transport, http.MethodDelete, origin+"/v1/files/"+id, "").json(t), "deleted")
		assert.Equal(t, 404, get(t, transport, "/v1/files/"+id).Status)
		assert.Equal(t, []string{made}, ids(t, get(t, transport, "/v1/files").json(t)))
	})
}

func TestAFileMayExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := memory(t)
		f := upload(t, transport, "", "", "x", "expires_in_seconds", "3600").json(t)
		assert.Equal(t, time.Now().Add(time.Hour).UTC().Format(time.RFC3339), f["expires_at"])
		assert.Equal(t, "unnamed", f["filename"])
		assert.Equal(t, "application/octet-stream", f["mime_type"])
		time.Sleep(time.Hour)
		a := get(t, transport, "/v1/files/"+f["id"].(string)+"/content")
		assert.Equal(t, 404, a.Status)
		assert.Contains(t, a.Body, `"error_code":"file_expired"`)
	})
}

func TestTheFilesComeInPages(t *testing.T) {
	transport := memory(t)
	var all []string
	for _, name := range []string{"a", "b", "c"} {
		all = append([]string{upload(t, transport, name, "text/plain", name).json(t)["id"].(string)}, all...)
	}
	first := get(t, transport, "/v1/files?limit=2").json(t)
	assert.Equal(t, all[:2], ids(t, first))
	assert.Regexp(t, "^page_", first["next_page"])
	second := get(t, transport, "/v1/files?limit=2&page="+first["next_page"].(string)).json(t)
	assert.Equal(t, all[2:], ids(t, second))
	assert.Nil(t, second["next_page"])
	some := get(t, transport, "/v1/files?ids[]="+all[2]+"&ids[]=file_unknown").json(t)
	assert.Equal(t, all[2:], ids(t, some))
}

func TestAnUploadWithoutAFileIsRefused(t *testing.T) {
	for _, body := range []string{"", "no form"} {
		a := ask(t, memory(t), http.MethodPost, origin+"/v1/files", body)
		assert.Equal(t, "400 invalid_request_error: file: Field required", a.message(t))
	}
	a := ask(t, memory(t), http.MethodPost, origin+"/v1/files", "--b\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\nx\r\n--b--\r\n", "Content-Type", "multipart/form-data; boundary=b")
	assert.Equal(t, "400 invalid_request_error: file: Field required", a.message(t))
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	for _, what := range []string{
		"GET /v1/files/file_x", "DELETE /v1/files/file_x", "GET /v1/files/file_x/content", "PUT /v1/files",
		"GET /v1/messages/batches/msgbatch_x", "POST /v1/messages/batches/msgbatch_x/cancel", "DELETE /v1/messages/batches", "GET /v1/models/x",
	} {
		method, path, _ := strings.Cut(what, " ")
		a := ask(t, memory(t), method, origin+path, "")
		assert.Regexp(t, "^404 not_found_error: ", a.message(t), what)
		assert.NotEmpty(t, a.Header.Get("Request-Id"))
	}
}
