package diagnose

import (
	"context"
	"io/fs"
	"net/url"
)

// GoProxy is the proxy that goProxy chooses: its URL, "none" or "error".
func GoProxy(env []string, target *url.URL) string {
	c := goProxy(env, target)
	switch {
	case c.url != nil:
		return c.url.String()
	case c.bad != "" && environ(env).get("REQUEST_METHOD") != "":
		return "error"
	}
	return "none"
}

// CurlProxy is the proxy that curlProxy chooses, empty if there is none.
func CurlProxy(env []string, target *url.URL) string {
	_, value := curlProxy(env, target)
	return value
}

// Hints is the advice for a place in a situation.
func Hints(env []string, files fs.FS, when string) []string {
	r := &run{env: env, fsys: files}
	r.environment(context.Background(), &Step{})
	return r.hints(map[string]situation{"dropped": whenDropped, "refused": whenRefused, "no key": whenNoKey}[when])
}

// ShownProxy is how a proxy's URL is shown.
func ShownProxy(value string) string { return shownProxy(value) }

// DescribeKey is how a credential is shown.
func DescribeKey(key string) string { return describeKey(key) }
