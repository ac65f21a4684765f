// Package claudetest plays the Messages API in tests, on demand and by a script:
// answers, outages, limits, broken streams, bad networks.
//
// A script is a list of steps. Each request that creates a message takes the next
// one; counting tokens, models, batches and files are answered by themselves. A
// step that nobody took and a request for which there is no step fail the test.
//
//	server := claudetest.NewServer(t,
//		claudetest.Overloaded().Times(2),
//		claudetest.Text("Hello!"),
//	)
//	client, err := claude.New(claude.WithBaseURL(server.URL), claude.WithAPIKey("test"))
//
// [NewServer] and [NewTLSServer] listen on loopback, which real network faults
// need. [NewTransport] plays the same script in memory, without a socket, and so
// works inside testing/synctest, where an hour of waiting passes at once. [NewHandler]
// plays it within a server of yours.
//
// What a step answers is in reply.go, what it breaks in fault.go, in which order
// steps are taken in script.go.
package claudetest
