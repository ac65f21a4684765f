// Package diagnose finds out why the API cannot be reached. It goes the way of a
// connection, step by step: configuration, where the program runs, proxy, DNS,
// TCP, path, TLS, HTTP, credential, model; and it looks at the provider's status
// page. Each step says what it saw, and on failure what the cause is, whose it is
// to mend and what to do, from the same advice as the errors of package claude.
//
//	report := diagnose.Run(ctx, diagnose.Config{})
//	fmt.Println(report)
//
// The zero [Config] is the environment, as [claude.New] reads it. Run it where the
// program runs: the same machine, container and user.
//
// A diagnosis costs nothing: it asks for models and counts tokens, and creates a
// message only where [Config.Paid] says so. The credential goes nowhere before the
// answer to a request without one has come from something that behaves like the
// API. No part of a [Report] holds a secret.
package diagnose
