package claude

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/steadfast-go/claude/internal/wire"
)

// Content is what a message says: blocks, in order. In JSON a plain string reads
// as one [TextBlock]; an empty string as no block.
type Content []Block

// A Block is one piece of content. The variants are the pointer types of this
// package whose names end in Block; a type switch tells them apart. A block of a
// type this package does not know arrives as an [*UnknownBlock] and goes back
// byte for byte.
//
// https://platform.claude.com/docs/en/api/messages
type Block interface {
	object
	blockType() string // the wire "type"
}

// newBlock makes an empty block of a wire type. A new type is a struct, its
// fields method and a line here.
func newBlock(typ string) Block {
	switch typ {
	case "text":
		return new(TextBlock)
	case "image":
		return new(ImageBlock)
	case "document":
		return new(DocumentBlock)
	case "search_result":
		return new(SearchResultBlock)
	case "thinking":
		return new(ThinkingBlock)
	case "redacted_thinking":
		return new(RedactedThinkingBlock)
	case "tool_use":
		return new(ToolUseBlock)
	case "tool_result":
		return new(ToolResultBlock)
	case "server_tool_use":
		return new(ServerToolUseBlock)
	case "web_search_tool_result":
		return new(WebSearchToolResultBlock)
	case "web_fetch_tool_result":
		return new(WebFetchToolResultBlock)
	case "code_execution_tool_result":
		return new(CodeExecutionToolResultBlock)
	case "bash_code_execution_tool_result":
		return new(BashCodeExecutionToolResultBlock)
	case "text_editor_code_execution_tool_result":
		return new(TextEditorCodeExecutionToolResultBlock)
	case "tool_search_tool_result":
		return new(ToolSearchToolResultBlock)
	case "tool_reference":
		return new(ToolReferenceBlock)
	case "container_upload":
		return new(ContainerUploadBlock)
	case "browser_state":
		return new(BrowserStateBlock)
	}
	return &UnknownBlock{Type: typ}
}

// content describes a member that holds blocks, or a string in place of one.
func content(f *fields, name string, p *Content, must bool) {
	if f.enc != nil {
		if must || len(*p) > 0 {
			f.enc.Key(name)
			f.encodeContent(*p)
		}
	} else if f.mine(name, must) {
		f.decodeContent(p)
		f.done()
	}
}

func (f *fields) encodeContent(c Content) {
	f.enc.Open('[')
	for i, b := range c {
		if f.enc.Err() != nil {
			break
		}
		f.encodeBlock(b, i)
	}
	f.enc.Close(']')
}

func (f *fields) encodeBlock(b Block, i int) {
	if isNil(b) {
		f.enc.Fail(&ConfigError{Field: index("content", i), Problem: "is nil"})
		f.enc.Null()
		return
	}
	if u, ok := b.(*UnknownBlock); ok {
		if len(u.Raw) == 0 {
			f.enc.Fail(&ConfigError{Field: index("content", i), Problem: "is an UnknownBlock without Raw"})
		}
		f.enc.Raw(u.Raw)
		return
	}
	f.encodeObject(b, b.blockType())
}

func (f *fields) decodeContent(p *Content) {
	*p = nil
	if f.dec.Kind() == '"' {
		if s := f.dec.String(); s != "" {
			*p = Content{&TextBlock{Text: s}}
		}
		return
	}
	*p = Content{} // an empty array is not an absent one
	f.array(func(int) {
		if b := f.decodeBlock(); b != nil {
			*p = append(*p, b)
		}
	})
}

func (f *fields) decodeBlock() Block {
	b := newBlock(f.dec.PeekString("type"))
	if u, ok := b.(*UnknownBlock); ok {
		if f.shape != nil && u.Type == "" {
			f.shape.note(missing, "type", "")
		}
		if f.dec.Kind() != '{' {
			f.dec.BeginObject() // fails, and says why
			if f.shape != nil {
				return u // keeps the place, so that those behind it keep theirs
			}
			return nil
		}
		u.Raw = json.RawMessage(f.dec.Raw())
		return u
	}
	f.decode(b)
	return b
}

// typeTag describes the member "type" of a block or tool while decoding; while
// encoding it has been written already.
func (f *fields) typeTag() {
	if f.enc == nil && f.mine("type", optional) {
		f.dec.Skip()
		f.done()
	}
}

// MarshalJSON writes an array of blocks.
func (c Content) MarshalJSON() ([]byte, error) {
	return marshalWith(func(f *fields) { f.encodeContent(c) })
}

// UnmarshalJSON reads an array of blocks or a string.
func (c *Content) UnmarshalJSON(data []byte) error {
	return unmarshalWith(data, func(f *fields) { f.decodeContent(c) })
}

// TextBlock is text.
type TextBlock struct {
	Text         string        // must hold something besides white space
	Citations    []Citation    // where a received text comes from
	CacheControl *CacheControl // caches the prompt up to here
	Extra        Extra         // members this type has no field for
}

// Text returns a block of text.
func Text(text string) *TextBlock { return &TextBlock{Text: text} }

func (*TextBlock) blockType() string { return "text" }

func (b *TextBlock) fields(f *fields) {
	f.typeTag()
	text(f, "text", &b.Text, required)
	subs(f, "citations", &b.Citations, optional)
	sub(f, "cache_control", &b.CacheControl)
	f.rest(&b.Extra)
}

// ImageBlock is an image: JPEG, PNG, GIF or WebP, at most 10 MB in base64 and
// 8,000 pixels a side.
//
// https://platform.claude.com/docs/en/build-with-claude/vision
type ImageBlock struct {
	Source          *Source               // base64, url or file
	Transformations *ImageTransformations // what may be done to an image that is too large
	CacheControl    *CacheControl
	Extra           Extra
}

// Image returns an image block of the bytes of an image file. mediaType is
// "image/jpeg", "image/png", "image/gif" or "image/webp".
func Image(mediaType string, data []byte) *ImageBlock {
	return &ImageBlock{Source: Base64Source(mediaType, data)}
}

func (*ImageBlock) blockType() string { return "image" }

func (b *ImageBlock) fields(f *fields) {
	f.typeTag()
	sub(f, "source", &b.Source)
	sub(f, "transformations", &b.Transformations)
	sub(f, "cache_control", &b.CacheControl)
	f.rest(&b.Extra)
}

// ImageTransformations says what the API may do to an image.
type ImageTransformations struct {
	OversizedImage string // "downsize" or "error"
	Extra          Extra
}

func (t *ImageTransformations) fields(f *fields) {
	text(f, "oversized_image", &t.OversizedImage, optional)
	f.rest(&t.Extra)
}

// DocumentBlock is a PDF, a plain text, or a list of blocks to be cited from.
//
// https://platform.claude.com/docs/en/build-with-claude/pdf-support
type DocumentBlock struct {
	Source       *Source // base64, text, content, url or file
	Title        string
	Context      string           // what the model should know about it; not cited from
	Citations    *CitationsConfig // all documents of a request must agree
	CacheControl *CacheControl
	Extra        Extra
}

// PDF returns a document block of the bytes of a PDF file.
func PDF(data []byte) *DocumentBlock {
	return &DocumentBlock{Source: Base64Source("application/pdf", data)}
}

func (*DocumentBlock) blockType() string { return "document" }

func (b *DocumentBlock) fields(f *fields) {
	f.typeTag()
	sub(f, "source", &b.Source)
	text(f, "title", &b.Title, optional)
	text(f, "context", &b.Context, optional)
	sub(f, "citations", &b.Citations)
	sub(f, "cache_control", &b.CacheControl)
	f.rest(&b.Extra)
}

// CitationsConfig switches citations on.
type CitationsConfig struct {
	Enabled bool
	Extra   Extra
}

func (c *CitationsConfig) fields(f *fields) {
	flag(f, "enabled", &c.Enabled, required)
	f.rest(&c.Extra)
}

// SourceType says where the bytes of an image or document are.
type SourceType string

// The source types.
const (
	SourceBase64  SourceType = "base64"  // Data, in base64
	SourceText    SourceType = "text"    // Data, as plain text
	SourceContent SourceType = "content" // Content
	SourceURL     SourceType = "url"     // URL
	SourceFile    SourceType = "file"    // FileID
)

// Source is where the bytes of an image or document are.
type Source struct {
	Type      SourceType
	MediaType string  // for base64 and text
	Data      string  // for base64: standard base64 with padding; for text: the text
	URL       string  // for url: absolute, https
	FileID    string  // for file
	Content   Content // for content: text and image blocks
	Extra     Extra
}

// Base64Source returns a source that carries the bytes themselves.
func Base64Source(mediaType string, data []byte) *Source {
	return &Source{Type: SourceBase64, MediaType: mediaType, Data: base64.StdEncoding.EncodeToString(data)}
}

// URLSource returns a source that the API fetches.
func URLSource(url string) *Source { return &Source{Type: SourceURL, URL: url} }

// FileSource returns a source that was uploaded before.
func FileSource(id string) *Source { return &Source{Type: SourceFile, FileID: id} }

// TextSource returns a plain text document.
func TextSource(text string) *Source {
	return &Source{Type: SourceText, MediaType: "text/plain", Data: text}
}

func (s *Source) fields(f *fields) {
	text(f, "type", &s.Type, required)
	text(f, "media_type", &s.MediaType, optional)
	text(f, "data", &s.Data, s.Type == SourceBase64 || s.Type == SourceText)
	text(f, "url", &s.URL, s.Type == SourceURL)
	text(f, "file_id", &s.FileID, s.Type == SourceFile)
	content(f, "content", &s.Content, s.Type == SourceContent)
	f.rest(&s.Extra)
}

// SearchResultBlock is a search result of your own, to be cited from.
//
// https://platform.claude.com/docs/en/build-with-claude/search-results
type SearchResultBlock struct {
	Source       string  // where it comes from, such as a URL
	Title        string  //
	Content      Content // text blocks
	Citations    *CitationsConfig
	CacheControl *CacheControl
	Extra        Extra
}

func (*SearchResultBlock) blockType() string { return "search_result" }

func (b *SearchResultBlock) fields(f *fields) {
	f.typeTag()
	text(f, "source", &b.Source, required)
	text(f, "title", &b.Title, required)
	content(f, "content", &b.Content, required)
	sub(f, "citations", &b.Citations)
	sub(f, "cache_control", &b.CacheControl)
	f.rest(&b.Extra)
}

// ThinkingBlock is what the model thought. Send it back unchanged: the API
// checks the signature.
//
// https://platform.claude.com/docs/en/build-with-claude/extended-thinking
type ThinkingBlock struct {
	Thinking  string // empty when the display is omitted
	Signature string
	Extra     Extra
}

func (*ThinkingBlock) blockType() string { return "thinking" }

func (b *ThinkingBlock) fields(f *fields) {
	f.typeTag()
	text(f, "thinking", &b.Thinking, required)
	text(f, "signature", &b.Signature, required)
	f.rest(&b.Extra)
}

// RedactedThinkingBlock is thinking in encrypted form. Send it back unchanged.
type RedactedThinkingBlock struct {
	Data  string
	Extra Extra
}

func (*RedactedThinkingBlock) blockType() string { return "redacted_thinking" }

func (b *RedactedThinkingBlock) fields(f *fields) {
	f.typeTag()
	text(f, "data", &b.Data, required)
	f.rest(&b.Extra)
}

// ToolUseBlock is the model asking for one of your tools. Run it only when the
// answer's StopReason is [StopToolUse], and answer with [ToolUseBlock.Result].
type ToolUseBlock struct {
	ID           string
	Name         string
	Input        json.RawMessage // an object; empty is sent as {}
	PartialInput string          // what came of the input of a call that was cut off; Input is empty then, and the call must not be run
	Caller       *Caller         // who asked: the model itself, or its code
	ToolsetName  string          // "computer" or "browser" for a member of a toolset
	CacheControl *CacheControl
	Extra        Extra
}

func (*ToolUseBlock) blockType() string { return "tool_use" }

func (b *ToolUseBlock) fields(f *fields) {
	f.typeTag()
	text(f, "id", &b.ID, required)
	text(f, "name", &b.Name, required)
	f.input(&b.Input, b.PartialInput)
	if f.enc == nil && f.shape == nil && len(b.Input) > 0 && b.Input[0] == '"' { // as written above
		b.PartialInput, b.Input = unquoted(b.Input), nil
	}
	sub(f, "caller", &b.Caller)
	text(f, "toolset_name", &b.ToolsetName, optional)
	sub(f, "cache_control", &b.CacheControl)
	f.rest(&b.Extra)
}

// input describes a tool call's input. One that was cut off is not sent: the API
// would take what is left of it for all of it.
func (f *fields) input(p *json.RawMessage, partial string) {
	if f.enc != nil && f.request && partial != "" {
		f.enc.Fail(&ConfigError{Field: "input", Problem: "is that of a tool call that was cut off: leave the block out"})
	}
	if f.enc != nil && partial != "" { // not for the API: for logs and stores
		f.enc.Key("input")
		f.enc.String(partial)
		return
	}
	rawJSON(f, "input", p, required)
}

// unquoted returns what a JSON string says.
func unquoted(raw json.RawMessage) string { return wire.NewDecoder(string(raw)).String() }

// Result returns the block that answers the call with text; without any, if the
// tool has nothing to say.
func (b *ToolUseBlock) Result(text string) *ToolResultBlock {
	if text == "" {
		return b.result(nil)
	}
	return b.result(Content{Text(text)})
}

// ResultContent returns the block that answers the call with blocks.
func (b *ToolUseBlock) ResultContent(blocks ...Block) *ToolResultBlock {
	return b.result(blocks)
}

// ResultError returns the block that tells the model its call failed.
func (b *ToolUseBlock) ResultError(err error) *ToolResultBlock {
	r := b.Result(fmt.Sprint(err))
	r.IsError = true
	return r
}

func (b *ToolUseBlock) result(c Content) *ToolResultBlock {
	return &ToolResultBlock{ToolUseID: b.ID, Content: c, ToolsetName: b.ToolsetName}
}

// ToolResultBlock answers a [ToolUseBlock]. Results come first in the user
// message that follows.
type ToolResultBlock struct {
	ToolUseID    string
	Content      Content // text, image, document, search_result, tool_reference, browser_state
	IsError      bool
	ToolsetName  string // as in the call
	CacheControl *CacheControl
	Extra        Extra
}

// ToolResults returns the user message that answers tool calls.
func ToolResults(results ...*ToolResultBlock) Message {
	m := Message{Role: RoleUser, Content: make(Content, len(results))}
	for i, r := range results {
		m.Content[i] = r
	}
	return m
}

func (*ToolResultBlock) blockType() string { return "tool_result" }

func (b *ToolResultBlock) fields(f *fields) {
	f.typeTag()
	text(f, "tool_use_id", &b.ToolUseID, required)
	content(f, "content", &b.Content, optional)
	flag(f, "is_error", &b.IsError, optional)
	text(f, "toolset_name", &b.ToolsetName, optional)
	sub(f, "cache_control", &b.CacheControl)
	f.rest(&b.Extra)
}

// Caller says who called a tool.
type Caller struct {
	Type   string // "direct", or a version of code execution
	ToolID string // the code execution's id
	Extra  Extra
}

func (c *Caller) fields(f *fields) {
	text(f, "type", &c.Type, required)
	text(f, "tool_id", &c.ToolID, optional)
	f.rest(&c.Extra)
}

// ContainerUploadBlock is a file put into, or made in, the code execution
// container.
type ContainerUploadBlock struct {
	FileID       string
	CacheControl *CacheControl
	Extra        Extra
}

func (*ContainerUploadBlock) blockType() string { return "container_upload" }

func (b *ContainerUploadBlock) fields(f *fields) {
	f.typeTag()
	text(f, "file_id", &b.FileID, required)
	sub(f, "cache_control", &b.CacheControl)
	f.rest(&b.Extra)
}

// ToolReferenceBlock names a tool that a search found.
type ToolReferenceBlock struct {
	ToolName     string
	CacheControl *CacheControl
	Extra        Extra
}

func (*ToolReferenceBlock) blockType() string { return "tool_reference" }

func (b *ToolReferenceBlock) fields(f *fields) {
	f.typeTag()
	text(f, "tool_name", &b.ToolName, required)
	sub(f, "cache_control", &b.CacheControl)
	f.rest(&b.Extra)
}

// BrowserStateBlock tells the model what a call of the browser toolset did to
// the tabs. It goes inside a tool result.
type BrowserStateBlock struct {
	Tabs         []BrowserTab
	StateChanges []BrowserChange
	CacheControl *CacheControl
	Extra        Extra
}

func (*BrowserStateBlock) blockType() string { return "browser_state" }

func (b *BrowserStateBlock) fields(f *fields) {
	f.typeTag()
	subs(f, "tabs", &b.Tabs, required)
	subs(f, "state_changes", &b.StateChanges, optional)
	sub(f, "cache_control", &b.CacheControl)
	f.rest(&b.Extra)
}

// BrowserTab is an open tab.
type BrowserTab struct {
	TabID  string
	Title  string
	URL    string
	Active bool
	Extra  Extra
}

func (t *BrowserTab) fields(f *fields) {
	text(f, "tab_id", &t.TabID, required)
	text(f, "title", &t.Title, required)
	text(f, "url", &t.URL, required)
	flag(f, "active", &t.Active, optional)
	f.rest(&t.Extra)
}

// BrowserChange is something that happened in the browser.
type BrowserChange struct {
	Type       string // "tab_opened", "download_started", "download_completed" or "download_failed"
	TabID      string
	DownloadID string
	URL        string
	Path       string
	SizeBytes  int64
	Error      string
	Extra      Extra
}

func (c *BrowserChange) fields(f *fields) {
	text(f, "type", &c.Type, required)
	text(f, "tab_id", &c.TabID, optional)
	text(f, "download_id", &c.DownloadID, optional)
	text(f, "url", &c.URL, optional)
	text(f, "path", &c.Path, optional)
	number(f, "size_bytes", &c.SizeBytes, optional)
	text(f, "error", &c.Error, optional)
	f.rest(&c.Extra)
}

// UnknownBlock is a block of a type this package does not know. Raw goes back as
// it came; it may also be used to send a block that is newer than this package.
type UnknownBlock struct {
	Type string          // its "type"
	Raw  json.RawMessage // the whole block
}

func (b *UnknownBlock) blockType() string { return b.Type }

func (b *UnknownBlock) fields(*fields) {}

// CacheTTL is how long a cache entry lives.
type CacheTTL string

// The lifetimes of a cache entry.
const (
	Cache5m CacheTTL = "5m" // the default
	Cache1h CacheTTL = "1h"
)

// CacheControl caches the prompt up to and including the block it stands on. A
// request may hold four.
//
// https://platform.claude.com/docs/en/build-with-claude/prompt-caching
type CacheControl struct {
	TTL   CacheTTL // empty means 5m
	Extra Extra
}

func (c *CacheControl) fields(f *fields) {
	f.constant("type", "ephemeral", c.Extra)
	text(f, "ttl", &c.TTL, optional)
	f.rest(&c.Extra)
}

// CitationType says what a citation points into.
type CitationType string

// The citation types.
const (
	CiteChar         CitationType = "char_location"              // a plain text document
	CitePage         CitationType = "page_location"              // a PDF
	CiteBlock        CitationType = "content_block_location"     // a document of blocks
	CiteWebSearch    CitationType = "web_search_result_location" // a web page found by search
	CiteSearchResult CitationType = "search_result_location"     // a SearchResultBlock
)

// Citation is where a piece of text comes from. Which fields are set depends on
// Type. Ends are exclusive; pages count from 1, everything else from 0.
type Citation struct {
	Type              CitationType
	CitedText         string
	DocumentIndex     int     // char, page, block
	DocumentTitle     *string // char, page, block; nil if the document has none
	StartCharIndex    int     // char
	EndCharIndex      int     // char
	StartPageNumber   int     // page
	EndPageNumber     int     // page
	StartBlockIndex   int     // block, search result
	EndBlockIndex     int     // block, search result
	FileID            string  // char, page, block; received only, never sent back
	URL               string  // web search
	EncryptedIndex    string  // web search
	Source            string  // search result
	Title             *string // web search, search result; nil if there is none
	SearchResultIndex int     // search result
	Extra             Extra
}

func (c *Citation) fields(f *fields) {
	text(f, "type", &c.Type, required)
	text(f, "cited_text", &c.CitedText, required)
	inDocument := c.Type == CiteChar || c.Type == CitePage || c.Type == CiteBlock
	number(f, "document_index", &c.DocumentIndex, inDocument)
	if f.enc == nil || inDocument || c.DocumentTitle != nil {
		textOrNull(f, "document_title", &c.DocumentTitle)
	}
	char, page := c.Type == CiteChar, c.Type == CitePage
	block := c.Type == CiteBlock || c.Type == CiteSearchResult
	number(f, "start_char_index", &c.StartCharIndex, char)
	number(f, "end_char_index", &c.EndCharIndex, char)
	number(f, "start_page_number", &c.StartPageNumber, page)
	number(f, "end_page_number", &c.EndPageNumber, page)
	number(f, "start_block_index", &c.StartBlockIndex, block)
	number(f, "end_block_index", &c.EndBlockIndex, block)
	web, found := c.Type == CiteWebSearch, c.Type == CiteSearchResult
	text(f, "url", &c.URL, web)
	text(f, "encrypted_index", &c.EncryptedIndex, web)
	text(f, "source", &c.Source, found)
	number(f, "search_result_index", &c.SearchResultIndex, found)
	if f.enc == nil || web || found || c.Title != nil {
		textOrNull(f, "title", &c.Title)
	}
	if !f.request { // the API refuses its own member here
		text(f, "file_id", &c.FileID, optional)
	}
	f.rest(&c.Extra)
}

// blockPath renders the path of a block for problems.
func blockPath(message, block int) string {
	return index("messages", message) + index(".content", block)
}
