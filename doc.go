// Package claude is a resilient client for Anthropic's Messages API.
//
//	client, err := claude.New() // reads ANTHROPIC_API_KEY
//	resp, err := client.Messages.Create(ctx, claude.Request{
//		Model:     claude.ModelSonnet5_5,
//		MaxTokens: 1024,
//		Messages:  []claude.Message{claude.UserText("Hello")},
//	})
//	fmt.Println(resp.Text())
//
// # A call
//
// A [Request] is validated, encoded once and sent through a [Transport], which
// makes as many attempts as are worth it. Each attempt is judged once, by one
// pure function, into a [Class]; one table says for each class whether to try
// again, and [Explain] says what to do about it.
//
// # Errors
//
// Every failing call returns a [*CallError]. Ask for its class with errors.Is,
// for its cause with errors.AsType, and for advice with [Explain]:
//
//	switch {
//	case errors.Is(err, claude.ErrRateLimit): // come back at RetryAt
//	case errors.Is(err, claude.ErrNetwork): // dns, connect, proxy, tls, …
//	}
//	if api, ok := errors.AsType[*claude.APIError](err); ok { … }
//	fmt.Println(claude.Explain(err))
//
// # Under another client
//
// The zero [Transport] is a drop-in for any HTTP client.
//
// # What is kept
//
// Members and blocks that are newer than this package are kept and go back as
// they came; see [Extra] and [UnknownBlock].
package claude

// Version is the version of this package.
const Version = "0.1.0"

const userAgent = "steadfast-go/" + Version
