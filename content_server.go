package claude

import "encoding/json"

// ServerToolUseBlock is the model using a tool that runs on the provider's side,
// such as web search. It is only sent to be echoed.
type ServerToolUseBlock struct {
	ID           string // starts with "srvtoolu_"
	Name         string // "web_search", "web_fetch", "code_execution", …
	Input        json.RawMessage
	PartialInput string // as in [ToolUseBlock]
	Caller       *Caller
	CacheControl *CacheControl
	Extra        Extra
}

func (*ServerToolUseBlock) blockType() string { return "server_tool_use" }

func (b *ServerToolUseBlock) fields(f *fields) {
	f.typeTag()
	text(f, "id", &b.ID, required)
	text(f, "name", &b.Name, required)
	f.input(&b.Input, b.PartialInput)
	if f.enc == nil && f.shape == nil && len(b.Input) > 0 && b.Input[0] == '"' {
		b.PartialInput, b.Input = unquoted(b.Input), nil
	}
	sub(f, "caller", &b.Caller)
	sub(f, "cache_control", &b.CacheControl)
	f.rest(&b.Extra)
}

// ToolError is why a server tool failed. The answer around it is a success.
type ToolError struct {
	Type    string // such as "web_search_tool_result_error"
	Code    string // such as "max_uses_exceeded"
	Message string // mostly empty
	Extra   Extra
}

func (e *ToolError) fields(f *fields) {
	text(f, "type", &e.Type, required)
	text(f, "error_code", &e.Code, required)
	text(f, "error_message", &e.Message, optional)
	f.rest(&e.Extra)
}

// resultOrError describes the content of a server tool's result: an object that
// is either a result or an error, told apart by the error's type.
func resultOrError[T any, P interface {
	*T
	object
}](f *fields, result *P, failure **ToolError) {
	switch {
	case f.enc != nil && *failure != nil:
		sub(f, "content", failure)
	case f.enc != nil && *result == nil:
		f.enc.Fail(&ConfigError{Field: "content", Problem: "a server tool's result has neither a result nor an error"})
	case f.enc != nil:
		sub(f, "content", result)
	case f.key == "content" && f.dec.Kind() == '{' && isToolError(f.dec.PeekString("type")):
		sub(f, "content", failure)
	default:
		sub(f, "content", result)
	}
}

func isToolError(typ string) bool {
	const suffix = "_error"
	return len(typ) > len(suffix) && typ[len(typ)-len(suffix):] == suffix
}

// WebSearchToolResultBlock is what a web search found.
type WebSearchToolResultBlock struct {
	ToolUseID    string
	Results      []WebSearchResult
	Error        *ToolError // set instead of Results
	Caller       *Caller
	CacheControl *CacheControl
	Extra        Extra
}

func (*WebSearchToolResultBlock) blockType() string { return "web_search_tool_result" }

func (b *WebSearchToolResultBlock) fields(f *fields) {
	f.typeTag()
	text(f, "tool_use_id", &b.ToolUseID, required)
	if f.enc != nil && b.Error != nil || f.enc == nil && f.key == "content" && f.dec.Kind() == '{' {
		sub(f, "content", &b.Error)
	} else {
		subs(f, "content", &b.Results, required)
	}
	sub(f, "caller", &b.Caller)
	sub(f, "cache_control", &b.CacheControl)
	f.rest(&b.Extra)
}

// WebSearchResult is one page a web search found.
type WebSearchResult struct {
	URL              string
	Title            string
	EncryptedContent string // for the API only; send it back unchanged
	PageAge          string // empty if unknown
	Extra            Extra
}

func (r *WebSearchResult) fields(f *fields) {
	f.constant("type", "web_search_result", r.Extra)
	text(f, "url", &r.URL, required)
	text(f, "title", &r.Title, required)
	text(f, "encrypted_content", &r.EncryptedContent, required)
	text(f, "page_age", &r.PageAge, optional)
	f.rest(&r.Extra)
}

// WebFetchToolResultBlock is a web page that was fetched.
type WebFetchToolResultBlock struct {
	ToolUseID    string
	Result       *WebFetchResult
	Error        *ToolError // set instead of Result
	Caller       *Caller
	CacheControl *CacheControl
	Extra        Extra
}

func (*WebFetchToolResultBlock) blockType() string { return "web_fetch_tool_result" }

func (b *WebFetchToolResultBlock) fields(f *fields) {
	f.typeTag()
	text(f, "tool_use_id", &b.ToolUseID, required)
	resultOrError(f, &b.Result, &b.Error)
	sub(f, "caller", &b.Caller)
	sub(f, "cache_control", &b.CacheControl)
	f.rest(&b.Extra)
}

// WebFetchResult is what a fetched page holds.
type WebFetchResult struct {
	URL         string
	Document    *DocumentBlock
	RetrievedAt string // RFC 3339; may be empty
	Extra       Extra
}

func (r *WebFetchResult) fields(f *fields) {
	f.constant("type", "web_fetch_result", r.Extra)
	text(f, "url", &r.URL, required)
	if f.enc == nil {
		sub(f, "content", &r.Document)
	} else if r.Document != nil {
		f.enc.Key("content")
		f.encodeBlock(r.Document, 0)
	}
	text(f, "retrieved_at", &r.RetrievedAt, optional)
	f.rest(&r.Extra)
}

// CodeExecutionToolResultBlock is what a run of code came to.
type CodeExecutionToolResultBlock struct {
	ToolUseID    string
	Result       *CodeExecutionResult
	Error        *ToolError // set instead of Result
	CacheControl *CacheControl
	Extra        Extra
}

func (*CodeExecutionToolResultBlock) blockType() string { return "code_execution_tool_result" }

func (b *CodeExecutionToolResultBlock) fields(f *fields) {
	f.typeTag()
	text(f, "tool_use_id", &b.ToolUseID, required)
	resultOrError(f, &b.Result, &b.Error)
	sub(f, "cache_control", &b.CacheControl)
	f.rest(&b.Extra)
}

// BashCodeExecutionToolResultBlock is what a shell command came to.
type BashCodeExecutionToolResultBlock struct {
	ToolUseID    string
	Result       *CodeExecutionResult
	Error        *ToolError // set instead of Result
	CacheControl *CacheControl
	Extra        Extra
}

func (*BashCodeExecutionToolResultBlock) blockType() string {
	return "bash_code_execution_tool_result"
}

func (b *BashCodeExecutionToolResultBlock) fields(f *fields) {
	f.typeTag()
	text(f, "tool_use_id", &b.ToolUseID, required)
	resultOrError(f, &b.Result, &b.Error)
	sub(f, "cache_control", &b.CacheControl)
	f.rest(&b.Extra)
}

// CodeExecutionResult is the outcome of code or of a shell command.
type CodeExecutionResult struct {
	Type            string // "code_execution_result", "encrypted_code_execution_result" or "bash_code_execution_result"
	Stdout          string
	EncryptedStdout string // encrypted_code_execution_result has this instead of Stdout
	Stderr          string
	ReturnCode      int
	Outputs         []CodeExecutionOutput // files it made
	Extra           Extra
}

func (r *CodeExecutionResult) fields(f *fields) {
	text(f, "type", &r.Type, required)
	encrypted := r.Type == "encrypted_code_execution_result"
	text(f, "stdout", &r.Stdout, r.Type != "" && !encrypted)
	text(f, "encrypted_stdout", &r.EncryptedStdout, encrypted)
	text(f, "stderr", &r.Stderr, required)
	number(f, "return_code", &r.ReturnCode, required)
	subs(f, "content", &r.Outputs, required)
	f.rest(&r.Extra)
}

// CodeExecutionOutput is a file that code made.
type CodeExecutionOutput struct {
	Type   string // "code_execution_output" or "bash_code_execution_output"
	FileID string
	Extra  Extra
}

func (o *CodeExecutionOutput) fields(f *fields) {
	text(f, "type", &o.Type, required)
	text(f, "file_id", &o.FileID, required)
	f.rest(&o.Extra)
}

// TextEditorCodeExecutionToolResultBlock is what an edit of a file came to.
type TextEditorCodeExecutionToolResultBlock struct {
	ToolUseID    string
	Result       *TextEditorResult
	Error        *ToolError // set instead of Result
	CacheControl *CacheControl
	Extra        Extra
}

func (*TextEditorCodeExecutionToolResultBlock) blockType() string {
	return "text_editor_code_execution_tool_result"
}

func (b *TextEditorCodeExecutionToolResultBlock) fields(f *fields) {
	f.typeTag()
	text(f, "tool_use_id", &b.ToolUseID, required)
	resultOrError(f, &b.Result, &b.Error)
	sub(f, "cache_control", &b.CacheControl)
	f.rest(&b.Extra)
}

// The types of a TextEditorResult.
const (
	textEditorView       = "text_editor_code_execution_view_result"
	textEditorCreate     = "text_editor_code_execution_create_result"
	textEditorStrReplace = "text_editor_code_execution_str_replace_result"
)

// TextEditorResult is the outcome of viewing, creating or changing a file. Which
// fields are set depends on Type.
type TextEditorResult struct {
	Type         string   // "text_editor_code_execution_" + "view_result", "create_result" or "str_replace_result"
	Content      string   // view
	FileType     string   // view: "text", "image" or "pdf"
	NumLines     *int     // view
	StartLine    *int     // view
	TotalLines   *int     // view
	IsFileUpdate bool     // create
	Lines        []string // str_replace
	NewLines     *int     // str_replace
	NewStart     *int     // str_replace
	OldLines     *int     // str_replace
	OldStart     *int     // str_replace
	Extra        Extra
}

func (r *TextEditorResult) fields(f *fields) {
	text(f, "type", &r.Type, required)
	text(f, "content", &r.Content, r.Type == textEditorView)
	text(f, "file_type", &r.FileType, r.Type == textEditorView)
	scalar(f, "num_lines", &r.NumLines)
	scalar(f, "start_line", &r.StartLine)
	scalar(f, "total_lines", &r.TotalLines)
	flag(f, "is_file_update", &r.IsFileUpdate, r.Type == textEditorCreate)
	texts(f, "lines", &r.Lines)
	scalar(f, "new_lines", &r.NewLines)
	scalar(f, "new_start", &r.NewStart)
	scalar(f, "old_lines", &r.OldLines)
	scalar(f, "old_start", &r.OldStart)
	f.rest(&r.Extra)
}

// ToolSearchToolResultBlock is which tools a tool search found.
type ToolSearchToolResultBlock struct {
	ToolUseID    string
	Result       *ToolSearchResult
	Error        *ToolError // set instead of Result
	CacheControl *CacheControl
	Extra        Extra
}

func (*ToolSearchToolResultBlock) blockType() string { return "tool_search_tool_result" }

func (b *ToolSearchToolResultBlock) fields(f *fields) {
	f.typeTag()
	text(f, "tool_use_id", &b.ToolUseID, required)
	resultOrError(f, &b.Result, &b.Error)
	sub(f, "cache_control", &b.CacheControl)
	f.rest(&b.Extra)
}

// ToolSearchResult names the tools found.
type ToolSearchResult struct {
	ToolReferences Content // tool_reference blocks
	Extra          Extra
}

func (r *ToolSearchResult) fields(f *fields) {
	f.constant("type", "tool_search_tool_search_result", r.Extra)
	content(f, "tool_references", &r.ToolReferences, required)
	f.rest(&r.Extra)
}
