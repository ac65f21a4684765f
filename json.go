package claude

import "encoding/json"

// All wire types work with encoding/json as well: these methods hand over to the
// codec. Blocks and tools are always pointers; the rest also marshals by value.

// MarshalJSON writes the wire form.
func (v *TextBlock) MarshalJSON() ([]byte, error) { return marshalBlock(v) }

// UnmarshalJSON reads the wire form.
func (v *TextBlock) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v *ImageBlock) MarshalJSON() ([]byte, error) { return marshalBlock(v) }

// UnmarshalJSON reads the wire form.
func (v *ImageBlock) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v *DocumentBlock) MarshalJSON() ([]byte, error) { return marshalBlock(v) }

// UnmarshalJSON reads the wire form.
func (v *DocumentBlock) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v *SearchResultBlock) MarshalJSON() ([]byte, error) { return marshalBlock(v) }

// UnmarshalJSON reads the wire form.
func (v *SearchResultBlock) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v *ThinkingBlock) MarshalJSON() ([]byte, error) { return marshalBlock(v) }

// UnmarshalJSON reads the wire form.
func (v *ThinkingBlock) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v *RedactedThinkingBlock) MarshalJSON() ([]byte, error) { return marshalBlock(v) }

// UnmarshalJSON reads the wire form.
func (v *RedactedThinkingBlock) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v *ToolUseBlock) MarshalJSON() ([]byte, error) { return marshalBlock(v) }

// UnmarshalJSON reads the wire form.
func (v *ToolUseBlock) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v *ToolResultBlock) MarshalJSON() ([]byte, error) { return marshalBlock(v) }

// UnmarshalJSON reads the wire form.
func (v *ToolResultBlock) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v *ContainerUploadBlock) MarshalJSON() ([]byte, error) { return marshalBlock(v) }

// UnmarshalJSON reads the wire form.
func (v *ContainerUploadBlock) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v *ToolReferenceBlock) MarshalJSON() ([]byte, error) { return marshalBlock(v) }

// UnmarshalJSON reads the wire form.
func (v *ToolReferenceBlock) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v *BrowserStateBlock) MarshalJSON() ([]byte, error) { return marshalBlock(v) }

// UnmarshalJSON reads the wire form.
func (v *BrowserStateBlock) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v *ServerToolUseBlock) MarshalJSON() ([]byte, error) { return marshalBlock(v) }

// UnmarshalJSON reads the wire form.
func (v *ServerToolUseBlock) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v *WebSearchToolResultBlock) MarshalJSON() ([]byte, error) { return marshalBlock(v) }

// UnmarshalJSON reads the wire form.
func (v *WebSearchToolResultBlock) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v *WebFetchToolResultBlock) MarshalJSON() ([]byte, error) { return marshalBlock(v) }

// UnmarshalJSON reads the wire form.
func (v *WebFetchToolResultBlock) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v *CodeExecutionToolResultBlock) MarshalJSON() ([]byte, error) { return marshalBlock(v) }

// UnmarshalJSON reads the wire form.
func (v *CodeExecutionToolResultBlock) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v *BashCodeExecutionToolResultBlock) MarshalJSON() ([]byte, error) { return marshalBlock(v) }

// UnmarshalJSON reads the wire form.
func (v *BashCodeExecutionToolResultBlock) UnmarshalJSON(data []byte) error {
	return unmarshal(data, v)
}

// MarshalJSON writes the wire form.
func (v *TextEditorCodeExecutionToolResultBlock) MarshalJSON() ([]byte, error) {
	return marshalBlock(v)
}

// UnmarshalJSON reads the wire form.
func (v *TextEditorCodeExecutionToolResultBlock) UnmarshalJSON(data []byte) error {
	return unmarshal(data, v)
}

// MarshalJSON writes the wire form.
func (v *ToolSearchToolResultBlock) MarshalJSON() ([]byte, error) { return marshalBlock(v) }

// UnmarshalJSON reads the wire form.
func (v *ToolSearchToolResultBlock) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v *CustomTool) MarshalJSON() ([]byte, error) { return marshal(v) }

// UnmarshalJSON reads the wire form.
func (v *CustomTool) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v *BashTool) MarshalJSON() ([]byte, error) { return marshal(v) }

// UnmarshalJSON reads the wire form.
func (v *BashTool) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v *TextEditorTool) MarshalJSON() ([]byte, error) { return marshal(v) }

// UnmarshalJSON reads the wire form.
func (v *TextEditorTool) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v *MemoryTool) MarshalJSON() ([]byte, error) { return marshal(v) }

// UnmarshalJSON reads the wire form.
func (v *MemoryTool) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v *Toolset) MarshalJSON() ([]byte, error) { return marshal(v) }

// UnmarshalJSON reads the wire form.
func (v *Toolset) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v *CodeExecutionTool) MarshalJSON() ([]byte, error) { return marshal(v) }

// UnmarshalJSON reads the wire form.
func (v *CodeExecutionTool) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v *WebSearchTool) MarshalJSON() ([]byte, error) { return marshal(v) }

// UnmarshalJSON reads the wire form.
func (v *WebSearchTool) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v *WebFetchTool) MarshalJSON() ([]byte, error) { return marshal(v) }

// UnmarshalJSON reads the wire form.
func (v *WebFetchTool) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v *ToolSearchTool) MarshalJSON() ([]byte, error) { return marshal(v) }

// UnmarshalJSON reads the wire form.
func (v *ToolSearchTool) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v ImageTransformations) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *ImageTransformations) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v CitationsConfig) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *CitationsConfig) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v Source) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *Source) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v Caller) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *Caller) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v BrowserTab) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *BrowserTab) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v BrowserChange) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *BrowserChange) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v CacheControl) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *CacheControl) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v Citation) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *Citation) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v ToolError) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *ToolError) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v WebSearchResult) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *WebSearchResult) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v WebFetchResult) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *WebFetchResult) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v CodeExecutionResult) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *CodeExecutionResult) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v CodeExecutionOutput) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *CodeExecutionOutput) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v TextEditorResult) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *TextEditorResult) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v ToolSearchResult) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *ToolSearchResult) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v UserLocation) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *UserLocation) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v ToolChoice) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *ToolChoice) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v Message) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *Message) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v Request) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *Request) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v Thinking) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *Thinking) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v OutputConfig) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *OutputConfig) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v OutputFormat) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *OutputFormat) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v Metadata) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *Metadata) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v Skill) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *Skill) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v Container) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *Container) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v Diagnostics) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *Diagnostics) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v StopDetails) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *StopDetails) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v Response) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *Response) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v Usage) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *Usage) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v CacheCreation) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *CacheCreation) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v OutputTokensDetails) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *OutputTokensDetails) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v ServerToolUsage) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *ServerToolUsage) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v ContainerInfo) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *ContainerInfo) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v CacheDiagnostics) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *CacheDiagnostics) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON returns Raw.
func (b *UnknownBlock) MarshalJSON() ([]byte, error) { return b.Raw.MarshalJSON() }

// UnmarshalJSON keeps the block as it is.
func (b *UnknownBlock) UnmarshalJSON(data []byte) error {
	return unmarshalWith(data, func(f *fields) {
		b.Type = f.dec.PeekString("type")
		b.Raw = json.RawMessage(f.dec.Raw())
	})
}

// MarshalJSON returns Raw.
func (t *UnknownTool) MarshalJSON() ([]byte, error) { return t.Raw.MarshalJSON() }

// UnmarshalJSON keeps the definition as it is.
func (t *UnknownTool) UnmarshalJSON(data []byte) error {
	return unmarshalWith(data, func(f *fields) {
		t.Type = f.dec.PeekString("type")
		t.Name = f.dec.PeekString("name")
		t.Raw = json.RawMessage(f.dec.Raw())
	})
}
