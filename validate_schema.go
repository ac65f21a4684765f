package claude

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// checkFormat checks the schema of structured output.
func (c *checker) checkFormat() {
	if c.r.OutputConfig == nil || c.r.OutputConfig.Format == nil {
		return
	}
	const path = "output_config.format"
	o := c.r.OutputConfig.Format
	if _, other := o.Extra["type"]; other {
		return // newer than we are
	}
	if o.typ != "" && o.typ != "json_schema" {
		c.report("R168", path+".type", "is not json_schema", "set it to that")
		return
	}
	root, problem := parseSchema(o.Schema)
	if problem != "" {
		c.report("R168", path+".schema", problem, "set it to a JSON Schema: an object")
		return
	}
	s := inspectSchema(root)
	c.reportOpen("R169", path+".schema", s)
	c.reportUnsupported(path+".schema", s)
}

// reportOpen reports the objects of a schema that take any member.
func (c *checker) reportOpen(rule, path string, s *schemaFacts) {
	if s.open.n > 0 {
		c.report(rule, path, "has an object without additionalProperties: false, "+s.open.String(), "set that on each of its objects")
	}
}

// reportUnsupported reports what a schema that is enforced must not use.
func (c *checker) reportUnsupported(path string, s *schemaFacts) {
	if s.unsupported.n > 0 {
		c.report("R170", path, "uses what the API does not enforce: "+s.unsupported.String(), "say it in a description, and check it yourself")
	}
}

// parseSchema parses a JSON Schema of the user's, or says what is wrong with it.
func parseSchema(v any) (root map[string]any, problem string) {
	if v == nil {
		return nil, "is missing"
	}
	raw, ok := v.(json.RawMessage)
	if !ok {
		data, err := marshalAny(v)
		if err != nil {
			return nil, "cannot be encoded as JSON"
		}
		raw = data
	}
	if len(raw) == 0 || string(raw) == "null" {
		return nil, "is missing"
	}
	if problem := jsonProblem(raw); problem != "" {
		return nil, problem
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber() // a number may be beyond float64
	if err := dec.Decode(&root); err != nil {
		return nil, "is not valid JSON"
	}
	return root, ""
}

// findings are places in a schema: how many, and the first.
type findings struct {
	n     int
	what  string
	where string
}

func (f *findings) add(what string, at *place) {
	if f.n == 0 {
		f.what, f.where = what, at.String()
	}
	f.n++
}

func (f *findings) String() string {
	s := strings.TrimPrefix(f.what+" at "+f.where, " ")
	if f.n > 1 {
		s += fmt.Sprintf(" and %d more", f.n-1)
	}
	return s
}

// place is where we are in a schema.
type place struct {
	up   *place
	name string
}

func (p *place) String() string {
	var names []string
	for ; p.up != nil; p = p.up {
		name := p.name
		if !propertyName(name) {
			name = quoteName(strings.Map(printable, name))
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return "its root"
	}
	const most = 6
	if len(names) > most {
		names = append(names[:most], "…")
	}
	slices.Reverse(names)
	return strings.Join(names, ".")
}

// printable replaces what would break a line.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return '?'
	}
	return r
}

// propertyName reports whether name is one the API takes for a property.
func propertyName(name string) bool {
	return len(name) <= 64 && word(strings.ReplaceAll(name, ".", "_"), true)
}

// schemaFacts is what can be said of a schema.
type schemaFacts struct {
	open        findings // objects that take any member
	invalid     findings // what JSON Schema 2020-12 does not know
	unsupported findings // what is valid, but not enforced
	recursive   bool     // it refers to itself

	root map[string]any
	refs map[string]bool // by $ref: true while its target is gone over, then false
}

func inspectSchema(root map[string]any) *schemaFacts {
	s := &schemaFacts{root: root, refs: map[string]bool{"#": true}}
	s.walk(root, &place{})
	return s
}

// unsupportedKeywords cannot be enforced while the model writes.
var unsupportedKeywords = []string{
	"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength",
	"maxItems", "propertyNames", "patternProperties",
}

// walk goes over a schema and those in it.
func (s *schemaFacts) walk(v any, at *place) {
	if _, ok := v.(bool); ok {
		return
	}
	schema, ok := v.(map[string]any)
	if !ok {
		s.invalid.add("neither an object nor a boolean", at)
		return
	}
	s.checkTypes(schema, at)
	s.checkRequired(schema, at)
	for _, key := range unsupportedKeywords {
		if _, ok := schema[key]; ok {
			s.unsupported.add(key, at)
		}
	}
	if n, ok := schema["minItems"].(json.Number); ok && n != "0" && n != "1" {
		s.unsupported.add("minItems other than 0 and 1", at)
	}
	for _, key := range []string{"exclusiveMinimum", "exclusiveMaximum"} {
		if _, ok := schema[key].(bool); ok {
			s.invalid.add("a boolean "+key, at)
		}
	}
	s.refer(schema, at)
	for _, key := range slices.Sorted(maps.Keys(schema)) {
		s.walkKeyword(key, schema[key], &place{at, key})
	}
}

// walkKeyword goes over the schemas below a keyword.
func (s *schemaFacts) walkKeyword(key string, v any, at *place) {
	switch key {
	case "properties", "patternProperties", "$defs", "definitions", "dependentSchemas":
		members, ok := v.(map[string]any)
		if !ok {
			s.invalid.add("no object", at)
			return
		}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			s.walk(members[name], &place{at, name})
		}
	case "anyOf", "oneOf", "allOf", "prefixItems":
		list, ok := v.([]any)
		if !ok || len(list) == 0 {
			s.invalid.add("no list of schemas", at)
			return
		}
		for _, v := range list {
			s.walk(v, at)
		}
	case "items":
		if list, ok := v.([]any); ok {
			s.invalid.add("a list, which 2020-12 calls prefixItems,", at)
			for _, v := range list {
				s.walk(v, at)
			}
			return
		}
		s.walk(v, at)
	case "additionalProperties", "propertyNames", "contains", "not", "if", "then", "else",
		"unevaluatedItems", "unevaluatedProperties":
		s.walk(v, at)
	}
}

func (s *schemaFacts) checkTypes(schema map[string]any, at *place) {
	v, ok := schema["type"]
	if !ok {
		return
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	} else if len(list) == 0 {
		s.invalid.add("an empty list of types", at)
	}
	object := false
	for i, v := range list {
		name, _ := v.(string)
		switch name {
		case "object":
			object = true
		case "array", "string", "number", "integer", "boolean", "null":
		default:
			if at.up != nil { // another rule has the root's type
				s.invalid.add("a type JSON does not have", at)
			}
			continue
		}
		if slices.Contains(list[:i], v) {
			s.invalid.add("a type twice", at)
		}
	}
	if closed, ok := schema["additionalProperties"].(bool); object && (!ok || closed) {
		s.open.add("", at)
	}
}

func (s *schemaFacts) checkRequired(schema map[string]any, at *place) {
	v, ok := schema["required"]
	if !ok {
		return
	}
	list, ok := v.([]any)
	if !ok {
		s.invalid.add("a required that is no list", at)
		return
	}
	seen := make(map[string]bool, len(list))
	for _, v := range list {
		name, ok := v.(string)
		switch {
		case !ok:
			s.invalid.add("a required that lists what is no name", at)
		case seen[name]:
			s.invalid.add("a name twice in required", at)
		}
		seen[name] = true
	}
}

// refer follows a reference to find out whether it leads back to itself.
func (s *schemaFacts) refer(schema map[string]any, at *place) {
	v, ok := schema["$ref"]
	if !ok {
		return
	}
	ref, ok := v.(string)
	switch {
	case !ok:
		s.invalid.add("a $ref that is no text", at)
	case !strings.HasPrefix(ref, "#"):
		s.unsupported.add("a $ref to another document", at)
	case s.leadsBack(ref):
		s.recursive = true
		s.unsupported.add("a $ref that leads back to itself", at)
	}
}

// leadsBack reports whether following ref comes to a reference a second time.
func (s *schemaFacts) leadsBack(ref string) bool {
	if busy, seen := s.refs[ref]; seen {
		return busy
	}
	s.refs[ref] = true
	back := s.holdsCycle(resolveRef(s.root, ref))
	s.refs[ref] = back // what leads into a cycle does so each time
	return back
}

// holdsCycle reports whether a schema holds a reference that leads back.
func (s *schemaFacts) holdsCycle(v any) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, s.holdsCycle)
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok && strings.HasPrefix(ref, "#") && s.leadsBack(ref) {
			return true
		}
		for key, v := range v {
			switch key {
			case "enum", "const", "default", "examples":
				continue // values, not schemas
			}
			if s.holdsCycle(v) {
				return true
			}
		}
	}
	return false
}

// resolveRef returns what a reference within a schema points to; nil if nothing.
func resolveRef(root any, ref string) any {
	pointer := strings.TrimPrefix(ref, "#")
	if pointer == "" {
		return root
	}
	names := strings.Split(pointer, "/")
	if names[0] != "" {
		return nil // an anchor
	}
	v := root
	for _, name := range names[1:] {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")]
	}
	return v
}
