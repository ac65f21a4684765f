package claude

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Limits of tools.
const (
	maxToolName    = 128
	safeToolName   = 64 // Bedrock's limit
	maxStrictTools = 20
)

// checkTools checks the tools and the choice between them.
func (c *checker) checkTools() {
	if len(c.r.Tools) > 0 {
		c.checkToolList()
	}
	if c.r.ToolChoice != nil {
		c.checkToolChoice(c.r.ToolChoice)
	}
}

func (c *checker) checkToolList() {
	var names idSet
	strict, deferred := 0, 0
	for i, t := range c.r.Tools {
		path := index("tools", i)
		if isNil(t) {
			c.report("R139", path, "is nil", "remove it")
			continue
		}
		if name := t.toolName(); name != "" && !renamed(t) && !names.add(name) {
			c.report("R142", path+".name", "is the name of an earlier tool too", "give each tool a name of its own")
		}
		if t, ok := t.(interface{ options() *ToolOptions }); ok {
			o := t.options()
			if o.DeferLoading {
				deferred++
			}
			if o.Strict {
				strict++
			}
			c.checkToolOptions(o, path)
		}
		c.checkTool(t, path)
	}
	if deferred == len(c.r.Tools) {
		c.report("R154", "tools", "are all deferred", "leave at least one to be loaded at once, such as a tool search")
	}
	if strict > maxStrictTools {
		c.report("R157", "tools", fmt.Sprintf("has %d strict tools, the API takes %d", strict, maxStrictTools), "make fewer of them strict")
	}
	c.checkToolsets()
}

// renamed reports whether Extra carries the name of a tool, which is then not
// the one we know.
func renamed(t Tool) bool {
	_, ok := serverToolExtra(t)["name"]
	return ok
}

func (c *checker) checkToolOptions(o *ToolOptions, path string) {
	if o.DeferLoading && o.CacheControl != nil {
		c.report("R138", path+".cache_control", "does not go with defer_loading", "remove one of them")
	}
	if !programmatic(o.AllowedCallers) {
		return
	}
	if o.Strict {
		c.report("R158", path+".allowed_callers", "callers other than direct do not go with strict", "remove one of them")
	}
	if choice := c.r.ToolChoice; choice != nil && choice.DisableParallelToolUse {
		c.report("R158", path+".allowed_callers", "callers other than direct do not go with tool_choice.disable_parallel_tool_use", "remove one of them")
	}
}

// programmatic reports whether code may call a tool.
func programmatic(callers []string) bool {
	return slices.ContainsFunc(callers, func(s string) bool { return s != "direct" })
}

func (c *checker) checkTool(t Tool, path string) {
	if _, ok := serverToolExtra(t)["input_examples"]; ok {
		c.report("R155", path+".input_examples", "does not go with a server tool", "remove it")
	}
	switch t := t.(type) {
	case *CustomTool:
		c.checkCustomTool(t, path)
	case *Toolset:
		c.checkToolset(t, path)
	case *ToolSearchTool:
		if t.DeferLoading {
			c.report("R154", path+".defer_loading", "the tool search itself cannot be deferred", "remove it")
		}
	case *WebSearchTool:
		c.checkDomains(t.AllowedDomains, t.BlockedDomains, path)
		if t.UserLocation != nil && t.UserLocation.Country != "" && !twoLetters(t.UserLocation.Country) {
			c.report("R164", path+".user_location.country", "is not a country of two letters", "use its ISO 3166-1 code, such as FR")
		}
		c.checkWebCallers(t.Type, t.AllowedCallers, path)
	case *WebFetchTool:
		c.checkDomains(t.AllowedDomains, t.BlockedDomains, path)
		c.checkWebCallers(t.Type, t.AllowedCallers, path)
	}
}

// serverToolExtra returns the further members of a tool that runs at the
// provider; nil for another tool.
func serverToolExtra(t Tool) Extra {
	switch t := t.(type) {
	case *CodeExecutionTool:
		return t.Extra
	case *WebSearchTool:
		return t.Extra
	case *WebFetchTool:
		return t.Extra
	case *ToolSearchTool:
		return t.Extra
	}
	return nil
}

func (c *checker) checkCustomTool(t *CustomTool, path string) {
	switch {
	case t.Name == "":
		c.report("R140", path+".name", "is missing", "name the tool")
	case !word(t.Name, true) || len(t.Name) > maxToolName:
		c.report("R141", path+".name", "is not 1 to 128 letters, digits, _ and -", "rename the tool")
	case len(t.Name) > safeToolName:
		c.report("M141", path+".name", "is over 64 bytes, which some platforms refuse", "shorten it")
	}
	c.checkText(t.Description, path+".description")
	path += ".input_schema"
	root, problem := parseSchema(t.InputSchema)
	if problem != "" {
		c.report("R143", path, problem, `set it to a JSON Schema, at least {"type":"object"}`)
		return
	}
	if root["type"] != "object" {
		c.report("R144", path+".type", "is not object", "wrap the schema in one of type object")
	}
	for _, key := range []string{"oneOf", "allOf", "anyOf"} {
		if _, ok := root[key]; ok {
			c.report("R145", path, "has "+key+" at its root", "move it into a property")
			break
		}
	}
	s := inspectSchema(root)
	if s.invalid.n > 0 {
		c.report("R146", path, "is not JSON Schema 2020-12: "+s.invalid.String(), "mend the schema")
	}
	c.checkPropertyNames(root, path)
	if t.Strict {
		c.reportOpen("R156", path, s)
		c.reportUnsupported(path, s)
	}
	if s.recursive && programmatic(t.AllowedCallers) {
		c.report("R158", strings.TrimSuffix(path, ".input_schema")+".allowed_callers", "callers other than direct do not go with a schema that refers to itself", "let it not refer to itself")
	}
}

// checkPropertyNames reports the first property at the root with a bad name.
func (c *checker) checkPropertyNames(root map[string]any, path string) {
	properties, ok := root["properties"].(map[string]any)
	if !ok {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if !propertyName(name) {
			c.report("R147", path+".properties", "has the name "+quoteName(strings.Map(printable, name)), "use 1 to 64 letters, digits, _, . and -")
			return
		}
	}
}

func (c *checker) checkDomains(allowed, blocked []string, path string) {
	if len(allowed) > 0 && len(blocked) > 0 {
		c.report("R162", path+".blocked_domains", "does not go with allowed_domains", "remove one of them")
	}
	for k, domain := range allowed {
		c.checkDomain(domain, path, "allowed_domains", k)
	}
	for k, domain := range blocked {
		c.checkDomain(domain, path, "blocked_domains", k)
	}
}

func (c *checker) checkDomain(domain, path, name string, k int) {
	problem := ""
	host, _, _ := strings.Cut(domain, "/")
	switch {
	case strings.Contains(domain, "://"):
		problem = "has a scheme"
	case host == "":
		problem = "has no host"
	case strings.Contains(host, "*"):
		problem = "has a wildcard in its host"
	default:
		return
	}
	c.report("R163", index(path+"."+name, k), problem, "send the bare domain, such as example.com; it covers its subdomains")
}

func twoLetters(s string) bool {
	letter := func(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }
	return len(s) == 2 && letter(s[0]) && letter(s[1])
}

// versionOf returns the date at the end of a tool's type.
func versionOf(typ string) string { return typ[strings.LastIndexByte(typ, '_')+1:] }

// throughCode reports whether a version of a web tool is called by code unless
// told otherwise.
func throughCode(typ string) bool {
	version := versionOf(typ)
	return version >= "20260209" && version < ":" // a date
}

// checkWebCallers checks that code that may call the newer web tools is new
// enough.
func (c *checker) checkWebCallers(typ string, callers []string, path string) {
	if c.model == nil || !throughCode(typ) || len(callers) == 0 {
		return
	}
	for _, caller := range callers {
		if caller == "direct" || versionOf(caller) >= "20260120" {
			return
		}
	}
	c.report("R165", path+".allowed_callers", "are too old for this version of the tool", "allow code_execution_20260120 or later, or direct")
}

func (c *checker) checkToolChoice(choice *ToolChoice) {
	switch choice.Type {
	case "":
		c.report("R149", "tool_choice.type", "is missing", "set it, for instance to claude.ToolChoiceAuto")
		return
	case ToolChoiceAuto, ToolChoiceAny, ToolChoiceTool, ToolChoiceNone:
	default:
		c.report("R149w", "tool_choice.type", "is not a choice the API knows", "set auto, any, tool or none")
		return
	}
	forced := choice.Type == ToolChoiceAny || choice.Type == ToolChoiceTool
	if forced && c.model != nil && c.model.forcedToolKnown && !c.model.forcedTool {
		c.report("R152", "tool_choice.type", "any and tool are not accepted by "+c.r.Model, "set auto, and ask for the call in the prompt")
	}
	switch {
	case choice.Type == ToolChoiceTool:
		c.checkForcedTool(choice.Name)
	case choice.Type != ToolChoiceNone && len(c.r.Tools) == 0 && !c.toolsElsewhere():
		c.report("R150", "tool_choice.type", "needs tools, there are none", "send tools, or leave it out")
	}
}

// toolsElsewhere reports whether tools may come from where we do not look.
func (c *checker) toolsElsewhere() bool {
	_, servers := c.r.Extra["mcp_servers"]
	_, thread := c.r.Extra["thread"]
	return servers || thread
}

// checkForcedTool checks that the tool to be called is there and may be.
func (c *checker) checkForcedTool(name string) {
	const path = "tool_choice.name"
	if name == "" {
		c.report("R151", path, "is missing", "name the tool to call")
		return
	}
	unsure := c.toolsElsewhere()
	for _, t := range c.r.Tools {
		if isNil(t) {
			continue
		}
		switch known := t.toolName(); {
		case known == "" || renamed(t):
			unsure = true // a set of tools, whose names we may not know
		case known == name:
			if !direct(t) {
				c.report("R153", path, "is a tool that only code may call", "allow the caller direct")
			}
			return
		}
	}
	if !unsure {
		c.report("R151", path, "names none of the tools", "add that tool, or name one of them")
	}
}

// direct reports whether the model itself may call a tool.
func direct(t Tool) bool {
	o, ok := t.(interface{ options() *ToolOptions })
	if !ok {
		return true
	}
	if callers := o.options().AllowedCallers; len(callers) > 0 {
		return slices.Contains(callers, "direct")
	}
	switch t := t.(type) {
	case *WebSearchTool:
		return !throughCode(t.Type)
	case *WebFetchTool:
		return !throughCode(t.Type)
	}
	return true
}

// The members of the toolsets.
var (
	computerMembers = strings.Fields(`key hold_key type cursor_position mouse_move left_mouse_down left_mouse_up
		left_click left_click_drag right_click middle_click double_click triple_click scroll wait screenshot zoom`)
	browserMembers = strings.Fields(`navigate list_tabs new_tab switch_tab close_tab read_page get_page_text
		read_console read_network find form_input file_upload scroll_to screenshot zoom left_click right_click
		middle_click double_click triple_click hover left_click_drag left_mouse_down left_mouse_up mouse_move scroll
		type key hold_key wait javascript_exec`)
)

// family returns what a toolset is for, and its members; "" if it is unknown.
func (t *Toolset) family() (name string, members []string) {
	switch t.Type {
	case ComputerToolset:
		return "computer", computerMembers
	case BrowserToolset:
		return "browser", browserMembers
	}
	return "", nil
}

// checkToolset checks a toolset by itself.
func (c *checker) checkToolset(t *Toolset, path string) {
	if t.Type == "" {
		c.report("R159", path+".type", "is missing", "set claude.ComputerToolset or claude.BrowserToolset")
		return
	}
	for _, key := range []string{"name", "strict", "input_examples", "defer_loading", "allowed_callers"} {
		if _, ok := t.Extra[key]; ok {
			c.report("R159", path+"."+key, "does not go with a toolset", "remove it")
		}
	}
	_, members := t.family()
	if t.Configs == nil || members == nil {
		return
	}
	path += ".configs"
	configs, problem := parseSchema(t.Configs)
	if problem != "" {
		c.report("R159", path, problem, "set it to an object of members")
		return
	}
	disabled, deferred, loaded := 0, false, false
	for _, name := range slices.Sorted(maps.Keys(configs)) {
		if !slices.Contains(members, name) {
			c.report("R159", path, quoteName(strings.Map(printable, name))+" is not a member of the toolset", "remove it")
			continue
		}
		config, ok := configs[name].(map[string]any)
		if !ok {
			c.report("R159", path+"."+name, "is not an object", "set enabled or defer_loading in one")
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(config)) {
			if _, ok := config[key].(bool); !ok || key != "enabled" && key != "defer_loading" {
				c.report("R159", path+"."+name, "takes only enabled and defer_loading, true or false", "remove the rest")
				break
			}
		}
		if config["enabled"] == false {
			disabled++
			continue
		}
		deferred = deferred || config["defer_loading"] == true
		loaded = loaded || config["defer_loading"] == false
	}
	if disabled == len(members) {
		c.report("R159", path, "disables every member", "remove the toolset")
	}
	if deferred && loaded {
		c.report("R159", path, "defers some members only", "set defer_loading alike for all")
	}
}

// checkToolsets checks toolsets against the other tools.
func (c *checker) checkToolsets() {
	for i, t := range c.r.Tools {
		set, ok := t.(*Toolset)
		if !ok || set == nil {
			continue
		}
		family, _ := set.family()
		if family == "" {
			continue
		}
		for j, other := range c.r.Tools {
			if j == i || isNil(other) {
				continue
			}
			if twin, ok := other.(*Toolset); ok && j > i {
				if name, _ := twin.family(); name == family {
					c.report("R159", index("tools", j), "is a second toolset for the "+family, "send one")
				}
			} else if other.toolName() == family {
				c.report("R159", index("tools", j)+".name", "does not go with the toolset for the "+family, "rename the tool, or remove one of them")
			}
		}
	}
}
