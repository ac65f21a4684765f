package diagnose

import (
	"fmt"
	"slices"
	"strings"
)

// vendors are the beginnings of other parties' keys. The longest of a kind come
// first.
var vendors = []struct{ prefix, name string }{
	{"sk-proj-", "OpenAI"},
	{"sk-svcacct-", "OpenAI"},
	{"sk-admin-", "OpenAI"},
	{"sk-or-", "OpenRouter"},
	{"sk-lf-", "Langfuse"},
	{"AIza", "Google"},
	{"ya29.", "Google"},
	{"gsk_", "Groq"},
	{"xai-", "xAI"},
	{"hf_", "Hugging Face"},
	{"pplx-", "Perplexity"},
	{"r8_", "Replicate"},
	{"nvapi-", "NVIDIA"},
	{"fw_", "Fireworks"},
	{"csk-", "Cerebras"},
	{"ABSK", "Amazon Bedrock"},
	{"bedrock-api-key-", "Amazon Bedrock"},
	{"AKIA", "AWS"},
	{"ASIA", "AWS"},
	{"ghp_", "GitHub"},
	{"github_pat_", "GitHub"},
	{"glpat-", "GitLab"},
	{"sk-", "another vendor (OpenAI, DeepSeek and others begin theirs so)"},
}

// vendorOf returns whose key a key is, empty for one of the API's or of a form that
// nobody claims.
func vendorOf(key string) string {
	if strings.HasPrefix(key, "sk-ant-") {
		return ""
	}
	for _, v := range vendors {
		if strings.HasPrefix(key, v.prefix) {
			return v.name
		}
	}
	return ""
}

// kinds are the kinds of credentials of the API, by their beginning.
var kinds = []struct{ prefix, name string }{
	{"sk-ant-api", "an API key"},
	{"sk-ant-oat", "an OAuth access token"},
	{"sk-ant-ort", "an OAuth refresh token"},
	{"sk-ant-admin", "an Admin API key"},
	{"sk-ant-sid", "the cookie of a browser's session"},
}

func kindOf(key string) (prefix, name string) {
	for _, k := range kinds {
		if strings.HasPrefix(key, k.prefix) {
			return k.prefix, k.name
		}
	}
	return "", ""
}

// apiKeyLength is the length of a key that begins with sk-ant-api03-.
const apiKeyLength = 108

// isPlaceholder says what a value is that stands where a key should be, empty for
// one that may be a key.
func isPlaceholder(key string) string {
	lower := strings.ToLower(key)
	plain := strings.NewReplacer("-", "", "_", "", ".", "", " ", "").Replace(lower)
	switch {
	case key == "":
		return ""
	case strings.HasPrefix(key, "$"), strings.HasPrefix(key, "${"), strings.Contains(key, "{{"),
		len(key) > 2 && key[0] == '%' && key[len(key)-1] == '%':
		return "a variable that nobody put in place"
	case key[0] == '<' && strings.HasSuffix(key, ">"), key[0] == '[' && strings.HasSuffix(key, "]"):
		return "a placeholder"
	}
	if slices.Contains([]string{"undefined", "null", "none", "nil", "changeme", "replaceme", "todo", "xxx", "key", "apikey", "secret", "test", "dummy", "fake", "example", "redacted", "placeholder", "sk", "skant", "true", "false"}, plain) {
		return "a placeholder"
	}
	for _, part := range []string{"yourapikey", "yourkey", "apikeyhere", "keyhere", "youranthropic", "yourclaude", "youractual", "myapikey", "insertkey", "xxxx", "…", "redacted"} {
		if strings.Contains(plain, part) {
			return "a placeholder"
		}
	}
	if strings.HasPrefix(lower, "sk-ant-") && (strings.Contains(lower, "...") || strings.Contains(lower, "***") || len(key) < 20) {
		return "a placeholder"
	}
	return ""
}

// describeKey shows a credential: of what kind it is and how long, never more than
// the beginning that all of its kind have.
func describeKey(key string) string {
	size := fmt.Sprintf("%d characters", len(key))
	prefix, name := kindOf(strings.Trim(key, " \t\r\n\"'`"))
	if name == "" {
		return size + ", of no form that is known here"
	}
	return fmt.Sprintf("%s (%s…), %s", name, prefix, size)
}

// distance is the number of letters to add, drop or change to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := left
			if a[i] != b[j] {
				change++
			}
			left = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
