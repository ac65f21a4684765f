package claude

import (
	"net"
	"strings"

	"github.com/steadfast-go/claude/internal/redact"
)

// Pages that advice points to.
const (
	pageStatus       = "https://status.anthropic.com"
	pageCountries    = "https://www.anthropic.com/supported-countries"
	pageKeys         = "https://platform.claude.com/settings/keys"
	pageLimits       = "https://platform.claude.com/settings/limits"
	pageBilling      = "https://platform.claude.com/settings/billing"
	pageErrors       = "https://platform.claude.com/docs/en/api/errors"
	pageRateLimits   = "https://platform.claude.com/docs/en/api/rate-limits"
	pageMessages     = "https://platform.claude.com/docs/en/api/messages"
	pageModels       = "https://platform.claude.com/docs/en/about-claude/models/overview"
	pageDeprecations = "https://platform.claude.com/docs/en/about-claude/model-deprecations"
)

const defaultHost = "api.anthropic.com"

// Sentences that several classes share.
const (
	lookAtStatus    = "Look at " + pageStatus + " for an incident."
	checkBaseURL    = "Check ANTHROPIC_BASE_URL and WithBaseURL: leave both unset for https://" + defaultHost + "."
	checkProxyVars  = "Check HTTPS_PROXY and NO_PROXY where the program runs; in a network that has a proxy, set HTTPS_PROXY or use claude.WithProxy."
	mayBeBilled     = "The request may have run and may have been billed; make it again only if doing it twice does no harm."
	trustLinux      = "Linux: copy the CA to /usr/local/share/ca-certificates/corp.crt and run update-ca-certificates, or set SSL_CERT_FILE to a PEM bundle that holds the public CAs too."
	trustMacOS      = "macOS: sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain corp.pem"
	trustWindows    = "Windows, as administrator: certutil -addstore Root corp.pem"
	trustHere       = "This program only, on any system: claude.New(claude.WithRootCAs(pem))."
	sameOrgNoUse    = "Do not switch to another key of the same organisation: limits are per organisation, so it does not help."
	noUseAsItIs     = "No: the same request fails again."
	afterTheMending = "No: it fails again until the cause is mended."
)

// curlLine is a call of the API without this package. The host is part of a
// command that people will paste, so anything but a plain host is left out.
func curlLine(host string) string {
	return "curl -v https://" + plainHost(host) + `/v1/messages -H "x-api-key: $ANTHROPIC_API_KEY" -H "anthropic-version: 2026-10-21" -H "content-type: application/json" -d '{"model":"claude-haiku-5-5","max_tokens":16,"messages":[{"role":"user","content":"Hello"}]}'`
}

func plainHost(host string) string {
	if host == "" || len(host) > maxShownMessage || host[0] == '-' || redact.Text(host) != host {
		return defaultHost
	}
	for _, r := range host {
		if !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(".-_:[]", r)) {
			return defaultHost
		}
	}
	return host
}

// adviceFor is the table of advice: what is said of a class as such. Its slices
// are new with every call.
func adviceFor(class Class, host string) Advice {
	host = plainHost(host)
	name, port := splitHost(host)
	try := "Try it without this program, on the same machine (-v shows the key: cut it out before you share the output): " + curlLine(host)
	openFirewall := "Allow outgoing TCP to " + name + ", port " + port + ", in the firewall, security group or egress policy."
	a := Advice{Class: class, DocURL: pageErrors}

	switch class {
	case ErrConfig:
		a.Summary = "The client is set up wrongly. Nothing was sent."
		a.Who = PartyYou
		a.Causes = []string{
			"ANTHROPIC_API_KEY is not set in the environment of this process: a shell's export does not reach services, containers or IDEs.",
			"The key was mangled on its way: quotes, a space, a newline, or only a part of it.",
			"The base URL is not a URL such as https://" + defaultHost + ", or an option has a value it cannot have.",
		}
		a.Actions = []string{
			"Correct the option or variable that the error names.",
			"For a missing key: create one at " + pageKeys + " and set it, as in export ANTHROPIC_API_KEY=… (Windows: setx ANTHROPIC_API_KEY …, then a new terminal).",
			checkBaseURL,
		}
		a.Retry = afterTheMending
		a.DocURL = pageKeys
	case ErrValidation:
		a.Summary = "The API would refuse this request, so it was not sent."
		a.Who = PartyYou
		a.Causes = []string{"The request breaks a rule of the API; the error lists every problem with its path and its fix."}
		a.Actions = []string{
			"Correct each problem that the error lists.",
			"If the API has learned something that this version does not know: update the module, or relax the check with claude.WithValidation(claude.ValidationOff).",
		}
		a.Retry = noUseAsItIs
		a.DocURL = pageMessages
	case ErrCanceled:
		a.Summary = "The caller canceled the call's context."
		a.Who = PartyYou
		a.Causes = []string{
			"The user left, the program is shutting down, or the function that owns the context returned first.",
			"In a server: the context of an HTTP request ends with that request, also for work that goes on after it.",
		}
		a.Actions = []string{
			"If this was meant, do nothing; else find the cancel that ran first (context.Cause(ctx) may tell).",
			"For work that must outlive its request, use context.WithoutCancel(ctx) with a timeout of its own.",
			"Know that a request that was already sent may have run and may have been billed.",
		}
		a.Retry = "Only if the answer is still wanted, with a live context. " + mayBeBilled
	case ErrDeadline:
		a.Summary = "The call's context reached its deadline before an answer was complete."
		a.Who = PartyYou
		a.Causes = []string{
			"The deadline is too short: an answer that is not streamed comes only when all of it is written, which can take minutes.",
			"Earlier attempts and their waits used the time up; the error lists them.",
		}
		a.Actions = []string{
			"Give the context more time, or ask for less with a smaller MaxTokens.",
			"Stream long answers: the first words come in seconds.",
			"If attempts failed before the deadline, mend their cause: print the error to see them.",
		}
		a.Retry = "Yes, with more time. " + mayBeBilled
	case ErrCircuitOpen:
		a.Summary = "The call was refused here, without sending it, because its target kept failing. Do not call again before RetryAt."
		a.Who = PartyUnknown
		a.Causes = []string{"Several calls to the same host and model failed in a row, so the circuit breaker gives it a rest. The errors of those calls say why."}
		a.Actions = []string{
			"Do not call again before RetryAt: until then calls to this target are refused.",
			"Tell the user that the service is not available just now, or use another model or a stored answer.",
			"Look at the errors that came before this one: they name the real cause.",
			lookAtStatus,
		}
		a.Retry = "Not before RetryAt. Then one call is let through as a probe, and others wait a little for what it says."

	case ErrDNS:
		a.Summary = "The API's host name could not be resolved."
		a.Who = PartyNetwork
		a.Causes = []string{
			"This machine is offline, or its DNS resolver does not work (in containers: a wrong or missing resolver).",
			"The host name in ANTHROPIC_BASE_URL is misspelt.",
			"A network where only the proxy resolves outside names, and no proxy is set.",
		}
		a.Actions = []string{
			"Look the name up where the program runs: nslookup " + name,
			checkBaseURL,
			checkProxyVars,
			try,
		}
		a.Retry = "A passing failure of the resolver was tried again already. A name that does not exist fails until it is mended."
	case ErrConnect:
		a.Summary = "No TCP connection to the API could be made."
		a.Who = PartyNetwork
		a.Causes = []string{
			"A firewall or egress rule blocks outgoing connections to port 443 (silence), or nothing listens there (refused).",
			"The network reaches the internet only through a proxy, and none is set.",
			"Broken IPv6 (or IPv4) on the way.",
		}
		a.Actions = []string{
			openFirewall,
			checkProxyVars,
			try,
			"Try one kind of address only: claude.WithNetwork(\"tcp4\"), or curl -4.",
			checkBaseURL,
		}
		a.Retry = "Yes, nothing was sent; but if it goes on, the network has to be mended first."
	case ErrProxy:
		a.Summary = "The proxy could not be reached or refused to connect us."
		a.Who = PartyNetwork
		a.Causes = []string{
			"HTTPS_PROXY (or WithProxy) names a proxy that is not there, or its port is wrong.",
			"407: the proxy wants a user and a password, or those it got are wrong.",
			"403: the proxy's list of allowed hosts lacks " + name + ".",
		}
		a.Actions = []string{
			"Check the proxy's address and credentials in HTTPS_PROXY or claude.WithProxy (http://user:password@proxy:port; percent-encode special characters).",
			"Ask whoever runs the proxy to allow CONNECT to " + net.JoinHostPort(name, port) + ".",
			"If the API can be reached without the proxy: NO_PROXY=" + name,
			try,
		}
		a.Retry = "A proxy that was down or failing was tried again already. One that says no goes on saying it; nothing was sent."
	case ErrTLS:
		a.Summary = "The TLS handshake with the API failed, so no secret was sent."
		a.Who = PartyNetwork
		a.Causes = []string{
			"A company's proxy or antivirus looks into TLS and signs with its own CA, which this program does not trust.",
			"A portal or a wrong DNS entry answers in place of the API, or this machine's clock is wrong.",
			"A firewall cuts the handshake, or the system has no CA certificates (minimal containers: install ca-certificates).",
		}
		a.Actions = []string{
			"See who issued the certificate: openssl s_client -connect " + net.JoinHostPort(name, port) + " -servername " + name + " </dev/null",
			"If it is your company's CA, ask for it as PEM and trust it, as follows.",
			trustLinux, trustMacOS, trustWindows, trustHere,
			try,
		}
		a.Retry = "A handshake that was cut was tried again already. A refused certificate fails until it is mended; never switch the check off."
	case ErrStaleConnection:
		a.Summary = "A kept connection turned out to be dead, or the server closed it before looking at the request."
		a.Who = PartyNetwork
		a.Causes = []string{
			"A NAT, load balancer or firewall drops idle connections without a word.",
			"The machine slept or changed its network.",
			"The server was ending the connection just then, which is normal.",
		}
		a.Actions = []string{
			"Call again: nothing ran, and a fresh connection mends it.",
			"If it happens often: have the idle limit of the NAT, proxy or firewall raised.",
			try,
		}
		a.Retry = "Yes, at once; the request did not run."
	case ErrConnectionLost:
		a.Summary = "The connection broke after the request was begun and before an answer came."
		a.Who = PartyNetwork
		a.Causes = []string{
			"A proxy, NAT, VPN or firewall closes connections that are silent for a while; an answer that is not streamed is silent until it is complete.",
			"Something on the way refuses large requests.",
			"The network changed, or a server was restarted.",
		}
		a.Actions = []string{
			"Call again if doing it twice does no harm; the lost attempt may have run and been billed.",
			"Have the idle limit of the proxy, NAT or firewall raised to ten minutes.",
			try,
			lookAtStatus,
		}
		a.Retry = "Once at most. " + mayBeBilled
	case ErrTimeout:
		a.Summary = "No answer came within the client's time limit."
		a.Who = PartyUnknown
		a.Causes = []string{
			"A long answer that is not streamed: its first byte comes only when all of it is written.",
			"The API is slow just now.",
			"Something on the way swallows packets or holds the answer back.",
		}
		a.Actions = []string{
			"Ask for less with a smaller MaxTokens, or raise the limit in Timeouts that ran out.",
			"If the answers simply take long: raise FirstByte or StreamIdle with claude.WithTimeouts.",
			lookAtStatus,
			try,
		}
		a.Retry = "Once at most. " + mayBeBilled
	case ErrBodyCut:
		a.Summary = "The answer broke off half-way: the request ran, but its answer is lost."
		a.Who = PartyNetwork
		a.Causes = []string{
			"A proxy, VPN or firewall closed the connection or limits the size of answers.",
			"The network changed, or a server was restarted.",
		}
		a.Actions = []string{
			"Call again if doing it twice does no harm; the first one ran and may have been billed.",
			"If it goes on: stream the answer, and check the limits of whatever proxy is on the way.",
			try,
		}
		a.Retry = "Once at most: every time costs a whole answer."

	case ErrInvalidRequest:
		a.Summary = "The API refused the request as invalid."
		a.Who = PartyYou
		a.Causes = []string{
			"A member is missing, has a wrong value, or does not fit the model; the API's message names it.",
			"A beta feature without its header: use claude.WithBeta.",
			"A conversation out of order: a tool_use without its tool_result, or an empty message.",
		}
		a.Actions = []string{
			"Correct what the API's message names, and compare the request with " + pageMessages,
			"Find such mistakes before sending: claude.Validate(req, version), or claude.WithValidation(claude.ValidationStrict).",
		}
		a.Retry = noUseAsItIs
		a.DocURL = pageMessages
	case ErrContextTooLong:
		a.Summary = "The prompt, with MaxTokens added, does not fit the model's context window."
		a.Who = PartyYou
		a.Causes = []string{
			"A conversation that grew with every turn, or large documents, images or tool results in it.",
			"MaxTokens leaves too little room for the prompt.",
			"A long context that this account or model does not have.",
		}
		a.Actions = []string{
			"Shorten the prompt: drop or summarise the oldest turns and cut long tool results.",
			"Count before you send: client.Messages.CountTokens(ctx, req).",
			"Lower MaxTokens, or use a model with a larger window: " + pageModels,
		}
		a.Retry = noUseAsItIs
		a.DocURL = pageModels
	case ErrTooLarge:
		a.Summary = "The body of the request is over the size limit (32 MB for messages)."
		a.Who = PartyYou
		a.Causes = []string{
			"Images or documents as base64, which adds a third to their size.",
			"A proxy or gateway of yours with a smaller limit.",
		}
		a.Actions = []string{
			"Make the request smaller: scale images down, split documents, or pass them by URL or as uploaded files.",
			"If the request is well below 32 MB: raise the limit of the proxy or gateway in between.",
		}
		a.Retry = noUseAsItIs
	case ErrAuthentication:
		a.Summary = "The API does not accept the credential."
		a.Who = PartyYou
		a.Causes = []string{
			"The key is mistyped, cut, or carries quotes or a newline.",
			"The key was deleted, disabled or has expired.",
			"It belongs elsewhere: a key of another provider or gateway, or an OAuth token sent as an API key.",
			"An old value in the environment: client.Credential() says where the one in use comes from.",
		}
		a.Actions = []string{
			"Check that the key in use exists and is active at " + pageKeys + ", and that ANTHROPIC_API_KEY holds all of it.",
			"To replace it: create a new key, deploy it, check that it works, and only then delete the old one.",
			"Unset ANTHROPIC_AUTH_TOKEN if you use a key; set it, not ANTHROPIC_API_KEY, if you use a token.",
			try,
		}
		a.Retry = "No: it fails until the credential is replaced. (A credential that changed meanwhile was tried once already.)"
		a.DocURL = pageKeys
	case ErrBilling:
		a.Summary = "The account cannot pay for this call: its credit is used up or a spend limit is reached."
		a.Who = PartyAccount
		a.Causes = []string{
			"The prepaid credit is used up, or a payment failed.",
			"The organisation or the workspace has reached the spend limit set for it.",
			"The key is of another organisation than the one that was topped up.",
		}
		a.Actions = []string{
			"Add credit or mend the payment at " + pageBilling,
			"Raise the spend limit, also that of the workspace, at " + pageLimits,
			"Check that the key belongs to that organisation: " + pageKeys,
		}
		a.Retry = "No: it fails until credit is added, or the limit is raised or starts anew."
		a.DocURL = pageBilling
	case ErrPermission:
		a.Summary = "The credential is valid but may not do this."
		a.Who = PartyAccount
		a.Causes = []string{
			"The key's workspace may not use this model or feature.",
			"The object belongs to another workspace.",
			"The organisation was not granted access, or was disabled.",
		}
		a.Actions = []string{
			"See what the key's workspace may use at " + pageKeys + ", and use a key of a workspace that may.",
			"Ask an administrator of the organisation to grant access.",
			"Check that the model is open to everybody: " + pageModels,
		}
		a.Retry = afterTheMending
	case ErrNotFound:
		a.Summary = "The API does not know this model, object or path."
		a.Who = PartyYou
		a.Causes = []string{
			"The model's id is misspelt, or that of another provider's platform.",
			"The model is retired.",
			"The object was deleted, or belongs to another workspace than the key.",
		}
		a.Actions = []string{
			"Compare the model's id with those at " + pageModels + " (or list them: client.Models.List).",
			"See whether the model is retired, and what replaces it: " + pageDeprecations,
			checkBaseURL,
		}
		a.Retry = noUseAsItIs
		a.DocURL = pageModels
	case ErrRegion:
		a.Summary = "The provider's edge refused the call, mostly because of the country or network it came from. The key was not looked at."
		a.Who = PartyNetwork
		a.Causes = []string{
			"The public (egress) IP address of this machine belongs to a country that is not supported.",
			"A VPN, a proxy or a cloud region sends the traffic out through another country than you think.",
			"The address has a bad name: shared hosting, an anonymising service.",
		}
		a.Actions = []string{
			"Find the country of the address you call from (curl https://ipinfo.io, where the program runs) and look for it at " + pageCountries,
			"Switch the VPN or proxy off or move it to a supported country; check HTTPS_PROXY, and the region of the cloud function.",
			"If the country is supported, write to support with the cf-ray header of the answer: its last three letters name the edge that answered.",
			try,
		}
		a.Retry = "No: it fails until the call comes from another address."
		a.DocURL = pageCountries
	case ErrConflict:
		a.Summary = "The object was being changed by somebody else at the same time."
		a.Who = PartyYou
		a.Causes = []string{"Two processes or goroutines changed the same object.", "An earlier attempt of the same call was still at work."}
		a.Actions = []string{
			"Read the object again, then decide whether the change is still needed.",
			"Have one process change an object at a time.",
		}
		a.Retry = "Yes, after a moment, with the object as it is now; this call did not run."
	case ErrRequestTimeout:
		a.Summary = "The server gave up waiting for the whole request."
		a.Who = PartyNetwork
		a.Causes = []string{"A slow or lossy upload of a large body.", "A proxy that holds the request back."}
		a.Actions = []string{
			"Make the request smaller, or send it over a faster connection.",
			checkProxyVars,
			try,
		}
		a.Retry = "Yes; the request did not run."
	case ErrRateLimit:
		a.Summary = "A rate limit of your organisation is reached: requests or tokens per minute, for this model."
		a.Who = PartyAccount
		a.Causes = []string{
			"More requests, or more input or output tokens, a minute than the organisation's tier allows.",
			"Other programs and keys of the same organisation use the same limit.",
			"A sudden rise: traffic that grows slowly is let through.",
		}
		a.Actions = []string{
			"Wait until RetryAt if it is set, else a minute, and make fewer calls at a time.",
			sameOrgNoUse,
			"See which limit it is in the answer's anthropic-ratelimit-* headers (APIError.Header): the one with nothing remaining.",
			"See your limits and ask for higher ones at " + pageLimits,
			"Need less: prompt caching, a smaller MaxTokens, a smaller model, or message batches for what can wait.",
		}
		a.Retry = "Yes, but not before RetryAt; coming earlier only fails again. The request did not run."
		a.DocURL = pageRateLimits
	case ErrOverloaded:
		a.Summary = "The provider is short of capacity. This is not a limit of your account."
		a.Who = PartyProvider
		a.Causes = []string{"Many users at once, or an incident. Your key, your limits and your request are fine."}
		a.Actions = []string{
			"Wait a minute or more and call again, with longer waits each time.",
			lookAtStatus,
			"If it must be now: use another model, whose capacity is its own.",
			"Move what can wait to message batches or to quieter hours.",
		}
		a.Retry = "Yes, after a while, with growing waits. The request did not run."
	case ErrInternal:
		a.Summary = "Something failed inside the API."
		a.Who = PartyProvider
		a.Causes = []string{"A fault or an incident at the provider.", "Rarely: one particular request that it stumbles over each time."}
		a.Actions = []string{
			"Call again in a minute.",
			lookAtStatus,
			"If one request fails every time, write to support with the request id.",
		}
		a.Retry = "Yes, after a while. " + mayBeBilled
	case ErrGateway:
		a.Summary = "Something between this program and the API answered with a server error, not the API itself."
		a.Who = PartyProvider
		if !strings.EqualFold(name, defaultHost) {
			a.Who = PartyNetwork
		}
		a.Causes = []string{
			"The provider's edge cannot reach the API (an incident).",
			"A gateway, load balancer or proxy of yours is failing or gave up waiting.",
		}
		a.Actions = []string{
			"Call again in a minute.",
			lookAtStatus,
			"If you call through a gateway or proxy, look at its log and its time limits. " + checkBaseURL,
			try,
		}
		a.Retry = "Yes, after a while. " + mayBeBilled
	case ErrBlocked:
		a.Summary = "Something between this program and the API refused the call; the answer is not the API's."
		a.Who = PartyNetwork
		a.Causes = []string{
			"A company's web filter or firewall blocks the site.",
			"A portal (hotel, airport, guest network) wants you to log in first.",
			"ANTHROPIC_BASE_URL points to a server that is not the API, or has a wrong path.",
		}
		a.Actions = []string{
			"Open https://" + host + " in a browser on the same network: a filter's or portal's page says who blocks.",
			"Ask the network's administrators to allow " + name + ", port " + port + "; at a portal, log in.",
			checkBaseURL,
			checkProxyVars,
			try,
		}
		a.Retry = afterTheMending
	case ErrUnexpectedResponse:
		a.Summary = "An answer came that is not the API's: a web page, nothing at all, or broken JSON."
		a.Who = PartyNetwork
		a.Causes = []string{
			"A portal (hotel, airport, guest network) or a company filter answers in place of the API.",
			"ANTHROPIC_BASE_URL points to a web page, or to a gateway that does not speak this API.",
			"A proxy changes or cuts answers.",
		}
		a.Actions = []string{
			checkBaseURL,
			"Open https://" + host + " in a browser on the same network: log in at a portal, or ask for the filter to be opened.",
			checkProxyVars,
			try,
		}
		a.Retry = "Not before the cause is mended. " + mayBeBilled
	case ErrRedirect:
		a.Summary = "The server redirected the call. Redirects are not followed, so that the key stays with the host it is for."
		a.Who = PartyNetwork
		a.Causes = []string{
			"A portal or a single sign-on page wants you to log in.",
			"The base URL has http where https is meant, or an old host name or path.",
		}
		a.Actions = []string{
			checkBaseURL,
			"If the redirect points to a login page: log in to the network, or have the API's host exempted.",
			"If it points to where the API really is, and you trust that host, make it the base URL.",
			try,
		}
		a.Retry = afterTheMending

	case ErrStreamTruncated:
		a.Summary = "The stream ended before the answer was complete."
		a.Who = PartyNetwork
		a.Causes = []string{
			"A proxy, VPN, load balancer or serverless platform ends connections after a fixed time.",
			"The network changed, or a server was restarted.",
		}
		a.Actions = []string{
			"Keep what came (the error may hold the partial answer), or make the call again from the start.",
			"Raise the time limit of whatever proxy, load balancer or function is on the way.",
			try,
		}
		a.Retry = "Only if showing the answer anew does no harm. The request ran, and what came may have been billed."
	case ErrStreamStalled:
		a.Summary = "The stream fell silent: not even a ping came within the limit."
		a.Who = PartyUnknown
		a.Causes = []string{
			"A proxy holds the answer back to send it in one piece (switch its response buffering off).",
			"The connection died without a word: a sleeping machine, a NAT, a VPN.",
			"The provider is in trouble.",
		}
		a.Actions = []string{
			"Call again; if it goes on, switch off response buffering in whatever proxy is on the way.",
			lookAtStatus,
			"If long silences are normal for you: raise StreamIdle with claude.WithTimeouts.",
			try,
		}
		a.Retry = "Yes, if showing the answer anew does no harm. The request ran, and what came may have been billed."
	case ErrProtocol:
		a.Summary = "The stream is not what the API sends: broken events, or one that is too large."
		a.Who = PartyUnknown
		a.Causes = []string{
			"A gateway or proxy in between rewrites the stream, or speaks another dialect.",
			"ANTHROPIC_BASE_URL points to something that only resembles the API.",
			"A fault of the provider or of this package.",
		}
		a.Actions = []string{
			checkBaseURL,
			"See whether it happens without the gateway or proxy: " + curlLine(host),
			"If it does, report it to the module with the output, without the key and the prompt.",
		}
		a.Retry = "No: it mostly fails again. The request ran and may have been billed."

	default: // ErrUnknown, the families, and classes this version does not know
		a.Summary = "The error is not one that this package knows."
		a.Who = PartyUnknown
		a.Causes = []string{
			"It comes from another part of the program: a RoundTripper, a hook, or code around the call.",
			"It was turned into text on its way (%v in place of %w), so that its type is lost.",
		}
		a.Actions = []string{
			"Read the error's own text, and find where it is made.",
			"Wrap errors with %w, so that claude.Explain finds the cause.",
			"See whether the API can be reached: " + curlLine(host),
		}
		a.Retry = "Not before you know what it is. " + mayBeBilled
	}
	return a
}
