// Package proxy is a reverse proxy of the Messages API on this machine. Any program
// in any language that lets its base URL be set gets the resilience of
// [claude.Transport] through it.
//
// A request passes three places: guard.go says whether it may come in, forward.go
// sends it to the upstream and judges what comes back, stream.go sees to it that an
// event stream never ends without a word. What happened is counted in stats.go and
// shown by pages.go.
package proxy
