package scan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"regexp"
)

// A kind is a kind of key that is told by its look.
type kind struct {
	name    string         // what people call it
	marks   []string       // one of these is in every such key; for speed
	pattern *regexp.Regexp // its first group is the key
	show    int            // how many of its first characters are the vendor's, not the secret's
}

// kinds are the keys that are known. A key must not begin within a longer word.
var kinds = []kind{
	{"Anthropic API key", []string{"sk-ant-api"}, key(`sk-ant-api\d{2}-[A-Za-z0-9_-]{24,}`), 13},
	{"Anthropic admin key", []string{"sk-ant-admin"}, key(`sk-ant-admin\d{2}-[A-Za-z0-9_-]{24,}`), 15},
	{"Anthropic OAuth token", []string{"sk-ant-o"}, key(`sk-ant-o[ar]t\d{2}-[A-Za-z0-9_-]{24,}`), 13},
	{"Anthropic session key", []string{"sk-ant-sid"}, key(`sk-ant-sid\d{2}-[A-Za-z0-9_-]{24,}`), 13},
	{"OpenAI API key", []string{"sk-proj-", "sk-svcacct-", "sk-admin-"}, key(`sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,}`), 8},
	{"OpenAI API key", []string{"T3BlbkFJ"}, key(`sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}`), 3},
	{"OpenRouter API key", []string{"sk-or-v1-"}, key(`sk-or-v1-[0-9a-f]{64}`), 9},
	{"Google API key", []string{"AIza"}, key(`AIza[A-Za-z0-9_-]{35}`), 4},
	{"AWS access key", []string{"AKIA"}, key(`AKIA[A-Z2-7]{16}`), 4},
	{"GitHub token", []string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_"}, key(`gh[pousr]_[A-Za-z0-9]{36,255}`), 4},
	{"GitHub token", []string{"github_pat_"}, key(`github_pat_[A-Za-z0-9_]{82}`), 11},
	{"GitLab token", []string{"glpat-"}, key(`glpat-[A-Za-z0-9_-]{20,}`), 6},
	{"Slack token", []string{"xox"}, key(`xox[abeoprs]-[A-Za-z0-9-]{24,}`), 5},
	{"Stripe key", []string{"_live_"}, key(`[sr]k_live_[A-Za-z0-9]{20,}`), 8},
	{"Hugging Face token", []string{"hf_"}, key(`hf_[A-Za-z]{34}`), 3},
	{"Groq API key", []string{"gsk_"}, key(`gsk_[A-Za-z0-9]{48,}`), 4},
	{"xAI API key", []string{"xai-"}, key(`xai-[A-Za-z0-9]{70,}`), 4},
	{"Perplexity API key", []string{"pplx-"}, key(`pplx-[A-Za-z0-9]{40,}`), 5},
	{"Replicate token", []string{"r8_"}, key(`r8_[A-Za-z0-9]{37}`), 3},
	{"npm token", []string{"npm_"}, key(`npm_[A-Za-z0-9]{36}`), 4},
	{"SendGrid API key", []string{"SG."}, key(`SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}`), 3},
}

func key(pattern string) *regexp.Regexp {
	return regexp.MustCompile(`(?:^|[^A-Za-z0-9_-])(` + pattern + `)`)
}

// allowed marks a line whose keys are no secret, in our words or in those of the
// scanner that is most in use.
var allowed = [][]byte{[]byte("steadfast:allow"), []byte("gitleaks:allow")}

// A match is a key on a line.
type match struct {
	kind        string
	shown       string
	fingerprint string
}

// matches returns the keys on a line.
func matches(line []byte) []match {
	var found []match
	for i := range kinds {
		k := &kinds[i]
		if !containsAny(line, k.marks) {
			continue
		}
		for _, m := range k.pattern.FindAllSubmatch(line, -1) {
			if isPlaceholder(m[1][k.show:]) {
				continue
			}
			found = append(found, match{k.name, shown(m[1], k.show), fingerprint(m[1])})
		}
	}
	if found != nil {
		for _, mark := range allowed {
			if bytes.Contains(line, mark) {
				return nil
			}
		}
	}
	return found
}

func containsAny(line []byte, marks []string) bool {
	for _, mark := range marks {
		if bytes.Contains(line, []byte(mark)) {
			return true
		}
	}
	return false
}

// shown is what is shown of a key: the vendor's beginning and four characters, by
// which its owner finds it in a list.
func shown(key []byte, vendor int) string { return string(key[:vendor+4]) + "…" }

// fingerprint names a key without giving it away: keys are long and random, so
// nobody finds one by trying.
func fingerprint(key []byte) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:6])
}

// isPlaceholder reports whether what follows the vendor's beginning is no secret: a
// row of x, a word, an example. Secrets are random, so they use many characters
// about equally often.
func isPlaceholder(secret []byte) bool {
	var counts [256]int
	for _, c := range secret {
		counts[c]++
	}
	entropy, n := 0.0, float64(len(secret))
	for _, count := range counts {
		if count > 0 {
			p := float64(count) / n
			entropy -= p * math.Log2(p)
		}
	}
	// 16 random characters of base 32 have 3.5 bits each and more; those of a
	// placeholder such as xxxx-your-key-here rarely reach 3.
	if entropy < 2.9 {
		return true
	}
	lower := bytes.ToLower(secret)
	for _, word := range []string{"example", "xxxxx", "your-", "your_", "placeholder", "redacted", "dummy", "0123456789", "1234567890", "abcdefghij", "not-a-real", "not-a-key"} {
		if bytes.Contains(lower, []byte(word)) {
			return true
		}
	}
	return false
}
