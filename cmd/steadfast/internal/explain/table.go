package explain

import (
	"regexp"
	"sync"

	"github.com/steadfast-go/claude"
)

// A row is a kind of text that is recognised.
type row struct {
	as      string         // what it is, for people
	pattern string         // what it looks like, without regard to case
	class   claude.Class   // what it means
	also    []claude.Class // what else it may be
	cause   string         // what is known beyond the class
	do      []string       // what to do before what the class says
	weak    bool           // it says less than a status in the text does
	page    bool           // it is part of a page of HTML
}

// compiled holds the patterns that were asked for. Most never are.
var compiled sync.Map

// matches reports whether a text is of the row's kind.
func (r *row) matches(text string) bool {
	re, ok := compiled.Load(r.pattern)
	if !ok {
		re, _ = compiled.LoadOrStore(r.pattern, regexp.MustCompile("(?i)"+r.pattern))
	}
	return re.(*regexp.Regexp).MatchString(text) //nolint:forcetypeassert,errcheck // nothing else is stored
}

// Actions that several rows share.
const (
	trustNode    = "Node.js does not read the system's certificates: NODE_EXTRA_CA_CERTS=/path/to/company-ca.pem (from Node 22.15 on also node --use-system-ca)."
	trustPython  = "Python: SSL_CERT_FILE=/path/to/bundle.pem for httpx and the Anthropic SDK, REQUESTS_CA_BUNDLE for requests; or the package truststore, which uses the system's certificates."
	trustCurl    = "curl: --cacert /path/to/bundle.pem, or CURL_CA_BUNDLE."
	neverOff     = "Do not switch the check off (NODE_TLS_REJECT_UNAUTHORIZED=0, verify=False, -k): it hands the key to whoever is in between."
	runDoctor    = "Find out where it breaks: steadfast doctor, on the same machine, as the same user."
	terminal     = "A terminal does not use the proxy or VPN of the browser by itself: set HTTPS_PROXY there, or switch the VPN to all traffic (TUN mode)."
	helloStatus  = "See what the start-up check gets: curl -sS -o /dev/null -w '%{http_code}\\n' https://api.anthropic.com/api/hello (403: country or network; 407: proxy; 200: the terminal's settings differ from curl's)."
	lookBehind   = "Look for the text below or behind this one (cause, error.cause, the end of the traceback): it says what happened."
	axiosCode    = "It is no fault of the connection: axios gives every answer with a 4xx status this code, and the text hides which."
	historyFault = "The bad message stays in the history, so every later call fails too."
)

func classes(c ...claude.Class) []claude.Class { return c }

// table is what is recognised, and as what. The first row that matches decides, so
// what says more stands before what says less. Patterns look for texts that are a
// program's own, never for words that people write in prompts.
var table = []row{
	// Claude Code's start, where most people meet the API for the first time.
	{
		as: "Claude Code's start-up check, refused with a 4xx", class: claude.ErrRegion, also: classes(claude.ErrProxy, claude.ErrBlocked),
		pattern: `failed to connect to [\w.-]+: ERR_BAD_REQUEST`,
		cause:   axiosCode + " The check sends no key, so it is not the key: mostly it is the country or network, or a proxy that the terminal does not use.",
		do:      []string{terminal, helloStatus, runDoctor},
	},
	{
		as: "Claude Code's start-up check, failed with a 5xx", class: claude.ErrGateway, also: classes(claude.ErrProxy),
		pattern: `failed to connect to [\w.-]+: ERR_BAD_RESPONSE`,
		cause:   "axios gives every answer with a 5xx status this code: something on the way, mostly a proxy, answered with a server error.",
		do:      []string{helloStatus, runDoctor},
	},
	{
		as: "the edge's refusal", class: claude.ErrRegion,
		pattern: `\brequest not allowed\b|unsupported_country_region_territory|country, region, or territory not supported|not available in your (?:country|region)\b.{0,40}$`,
		do:      []string{terminal},
	},

	// Credentials.
	{
		as: "a client without a credential", class: claude.ErrConfig,
		pattern: `could not resolve authentication method|ANTHROPIC_(?:API_KEY|AUTH_TOKEN)\W{0,3}(?:environment variable )?(?:is |was )?(?:not set|missing|not found|required|must be set|undefined)|missing (?:anthropic )?API key|the (?:api_key|apiKey) client option must be set|no API key (?:found|provided|configured) for (?:provider )?"?anthropic`,
		cause:   "The program found no key, so it sent nothing.",
	},
	{
		as: "a header that cannot be sent", class: claude.ErrConfig,
		pattern: `invalid header field value for|illegal header value|invalid character in header content|ERR_INVALID_CHAR|headers?\.append: .{0,60}is an invalid header value|invalid leading whitespace.{0,40}header`,
		cause:   "The key, or another header, holds a newline, a quote or a space: mostly it was read from a file with a line end.",
		do:      []string{"Cut white space off the key: ANTHROPIC_API_KEY=\"$(tr -d '[:space:]' < keyfile)\""},
	},
	{
		as: "a key the API does not know", class: claude.ErrAuthentication,
		pattern: `invalid x-api-key|x-api-key header is required|\bAPI key is invalid\b|invalid API key\b|incorrect API key provided|invalid bearer token`,
	},
	{
		as: "an OAuth token that has expired", class: claude.ErrAuthentication,
		pattern: `OAuth token (?:has expired|has been revoked|revoked|is expired)|obtain a new token or refresh your existing token`,
		do:      []string{"Log in again (in Claude Code: /login), or use an API key."},
	},
	{
		as: "an OAuth token without its beta header", class: claude.ErrAuthentication,
		pattern: `OAuth authentication is currently not (?:supported|allowed)`,
		do:      []string{"Send the header anthropic-beta: oauth-2025-04-20 with the token, or use an API key in x-api-key."},
	},
	{
		as: "a subscription's token outside of Claude Code", class: claude.ErrInvalidRequest,
		pattern: `this credential is only authorized for use with Claude Code`,
		cause:   "Tokens of a Claude subscription work in Claude Code only.",
		do:      []string{"Use an API key: https://platform.claude.com/settings/keys"},
	},
	{
		as: "AWS credentials that do not hold", class: claude.ErrAuthentication,
		pattern: `\b(?:ExpiredTokenException|UnrecognizedClientException|InvalidSignatureException|CredentialsProviderError)\b|security token included in the request is (?:invalid|expired)`,
		cause:   "The call went to Amazon Bedrock, whose credentials are AWS's, not an API key of Anthropic.",
		do:      []string{"See who AWS thinks you are: aws sts get-caller-identity; log in again (aws sso login) if it fails."},
	},

	// Money and limits.
	{
		as: "an account without credit", class: claude.ErrBilling,
		pattern: `credit balance is too low|insufficient (?:credits|balance|quota|user quota)\b|insufficient_quota`,
		cause:   "The API says so with a 400 invalid_request_error, so many programs blame the request.",
	},
	{
		as: "a spend limit that is reached", class: claude.ErrBilling,
		pattern: `you have reached your (?:specified )?(?:workspace )?API usage limits|(?:enforced|contract)_spend_limit_reached`,
		cause:   "It is a limit that somebody set, for the organisation or the workspace; the credit may be fine.",
	},
	{
		as: "the limit of a Claude subscription", class: claude.ErrRateLimit,
		pattern: `claude (?:ai |pro |max )?usage limit reached|you've (?:hit|reached) your (?:\w+ )?(?:session|weekly|usage|opus|5-hour)? ?limit|\b5-hour limit reached|weekly limit reached`,
		cause:   "It is the limit of the subscription, which starts anew at the time that the text names; the API's own limits are another matter.",
		do:      []string{"Wait until the time in the text, or use an API key, which is billed by use: https://platform.claude.com/settings/keys"},
	},
	{
		as: "a burst of calls that was slowed down", class: claude.ErrRateLimit,
		pattern: `temporarily limiting requests \(not your usage limit\)|\bramp_limit_exceeded\b|acceleration limit`,
		cause:   "Too many calls began at once, as when several agents start together; the limit for a minute may not be reached.",
		do:      []string{"Start fewer calls at a time, and raise their number slowly."},
	},
	{
		as: "the API's rate limit", class: claude.ErrRateLimit,
		pattern: `would exceed (?:your|the) (?:organization|account|workspace)\S{0,3} (?:[\w ]{0,30})rate limit|number of (?:request|input|output|concurrent)\S* ?\w* ?(?:tokens|requests|connections) has exceeded your|\brate_limit_error\b`,
	},
	{
		as: "a quota of AWS", class: claude.ErrRateLimit,
		pattern: `\bThrottlingException\b|too many (?:tokens|requests), please wait before trying again|\bServiceQuotaExceededException\b`,
		cause:   "The call went to Amazon Bedrock: the limit is the quota of that AWS account and region.",
		do:      []string{"See the quotas for the model in AWS's Service Quotas, or use a cross-region inference profile."},
	},
	{
		as: "a quota of Google Cloud", class: claude.ErrRateLimit,
		pattern: `\bRESOURCE_EXHAUSTED\b|quota exceeded for aiplatform`,
		cause:   "The call went to Vertex AI: the limit is the quota of that Google project and region.",
	},

	// Too long, too large.
	{
		as: "a prompt that does not fit", class: claude.ErrContextTooLong,
		pattern: `prompt is too long\b|input is too long for requested model|input length and .{0,3}max_tokens.{0,3} exceed context limit|maximum context length is \d+ tokens|context_length_exceeded|extra usage is required for long context requests|context window exceeds? (?:the )?limit`,
	},
	{
		as: "a request over the size limit", class: claude.ErrTooLarge,
		pattern: `request exceeds the maximum (?:size|allowed number of bytes)|\brequest_too_large\b|request (?:entity|body) (?:is )?too large|payload too large|PayloadTooLargeError`,
	},

	// Requests that are refused.
	{
		as: "a tool call without its result", class: claude.ErrInvalidRequest,
		pattern: `tool_use.{0,3} ids were found without .{0,3}tool_result`,
		cause:   "A tool was called and the next message does not hold its result: after a cancelled call, a crash, or a history that was cut.",
		do:      []string{"Put a tool_result for every tool_use at the start of the next user message (is_error: true for one that was cancelled), or drop both. " + historyFault},
	},
	{
		as: "a tool result without its call", class: claude.ErrInvalidRequest,
		pattern: `unexpected .{0,3}tool_use_id.{0,3} found in .{0,3}tool_result`,
		cause:   "The message before it does not hold the tool_use that the result is of, mostly because the history was cut between the two.",
		do:      []string{"Cut a history before a user message that holds no tool_result, never between a call and its result."},
	},
	{
		as: "a thinking block that was changed", class: claude.ErrInvalidRequest,
		pattern: `invalid .{0,3}signature.{0,3} in .{0,3}thinking|thinking.{0,60}cannot be modified`,
		cause:   "A thinking block must go back exactly as it came, to the model that wrote it: it was edited, reordered, or comes from another model or provider.",
		do:      []string{"Send thinking blocks back byte for byte, or leave them out of older turns after a change of model."},
	},
	{
		as: "a turn whose thinking block is missing", class: claude.ErrInvalidRequest,
		pattern: `expected .{0,3}thinking.{0,3} or .{0,3}redacted_thinking.{0,3}, but found`,
		cause:   "With thinking switched on, an assistant turn that calls tools must begin with the thinking block it came with.",
	},
	{
		as: "an empty text block", class: claude.ErrInvalidRequest,
		pattern: `text content blocks must (?:be non-empty|contain non-whitespace text)|all messages must have non-empty content`,
		cause:   "A text block is empty or only white space, as from a tool without output. Answers may hold such blocks, which do not go back as they are.",
		do:      []string{"Drop empty text blocks before sending. " + historyFault},
	},
	{
		as: "too many cache marks", class: claude.ErrInvalidRequest,
		pattern: `a maximum of \d blocks with cache_control may be provided`,
		cause:   "Several layers (your code, a framework, a gateway) each add cache_control.",
		do:      []string{"Keep at most four, the last ones of tools, system and messages."},
	},
	{
		as: "an image over the size limit", class: claude.ErrInvalidRequest,
		pattern: `image exceeds \d+ ?MB maximum`,
		cause:   "The limit is that of the base64 text, which is a third larger than the file. " + historyFault,
		do:      []string{"Scale the image down, and take it out of the history."},
	},
	{
		as: "an image with too many pixels", class: claude.ErrInvalidRequest,
		pattern: `image dimensions exceed max allowed size|image_dimensions_too_large`,
		cause:   "At most 8000 pixels a side, 2000 where a request holds many images. " + historyFault,
		do:      []string{"Scale the image down, and take it out of the history."},
	},
	{
		as: "temperature and top_p together", class: claude.ErrInvalidRequest,
		pattern: `temperature.{0,3} and .{0,3}top_p.{0,3} cannot both be (?:specified|set)`,
		cause:   "Newer models take only one of the two; frameworks set both by default.",
		do:      []string{"Send temperature or top_p, or neither."},
	},
	{
		as: "a prefilled answer", class: claude.ErrInvalidRequest,
		pattern: `does not support assistant message prefill|conversation must end with a user message`,
		cause:   "The last message is the assistant's, which newer models refuse: mostly a cancelled or shortened conversation.",
		do:      []string{"End the conversation with a user message."},
	},
	{
		as: "a tool's definition that is not valid", class: claude.ErrInvalidRequest,
		pattern: `input_schema: JSON schema is invalid|tool names must be unique|tools\.\d+\.(?:custom\.)?name: string should match pattern`,
		cause:   "One tool's name or schema is wrong, and every request with it fails; the number after tools is its place, from 0.",
		do:      []string{"Find the tool by its place; where it comes from an MCP server, switch servers off one by one."},
	},
	{
		as: "a body that is not valid JSON", class: claude.ErrInvalidRequest,
		pattern: `request body is not valid JSON|no low surrogate in string`,
		cause:   "Mostly half an emoji: a text was cut between the two halves of a character.",
		do:      []string{"Cut texts between characters, not between bytes or UTF-16 units, and take the broken message out of the history."},
	},
	{
		as: "a beta flag that is not known there", class: claude.ErrInvalidRequest,
		pattern: `unexpected value\(s\).{0,200}anthropic-beta|invalid beta flag`,
		cause:   "Beta flags differ between the API itself, Bedrock, Vertex and gateways.",
		do:      []string{"Leave out the flag that the message names, or ask the API itself."},
	},
	{
		as: "a member that is not known there", class: claude.ErrInvalidRequest,
		pattern: `extra inputs are not permitted`,
		cause:   "The member that the message names is misspelt, or needs a beta flag that was not sent or that a gateway dropped.",
	},
	{
		as: "messages out of order", class: claude.ErrInvalidRequest,
		pattern: `roles must alternate between|first message must use the .{0,2}user.{0,2} role`,
	},
	{
		as: "an SDK's refusal to wait for a long answer", class: claude.ErrValidation,
		pattern: `streaming is (?:required|strongly recommended) for operations that (?:may|can) take longer than 10 min`,
		cause:   "The SDK guesses from max_tokens that the answer would take over ten minutes, and refuses before it sends anything.",
		do:      []string{"Stream the answer (in Go, this module's Create does so by itself), or ask for fewer tokens."},
	},

	// Not there.
	{
		as: "a model the API does not know", class: claude.ErrNotFound,
		pattern: `^(?:\d{3} |error: )?model: [a-z][\w.:/@-]{3,80}$|\bnot_found_error\b|model_not_found|on-demand throughput isn.t supported|the provided model identifier is invalid`,
	},
	{
		as: "a path that a gateway of AWS does not know", class: claude.ErrNotFound,
		pattern: `missing authentication token`,
		cause:   "AWS's gateways say this for a path that they do not have: the base URL or its path is wrong.",
	},
	{
		as: "a right that an AWS account lacks", class: claude.ErrPermission,
		pattern: `\bAccessDeniedException\b|you don't have access to the model with the specified model ID`,
		cause:   "The call went to Amazon Bedrock: the role lacks bedrock:InvokeModel, or access to the model was not asked for in that region.",
	},

	// The provider.
	{as: "the provider's overload", class: claude.ErrOverloaded, pattern: `\boverloaded_error\b|(?:^|[:(]\s?|"message":\s?")overloaded\.?(?:$|[")\n]| ·)`},
	{as: "the API's internal error", class: claude.ErrInternal, pattern: `(?-i)\bInternal server error\b|"api_error"|\btimeout_error\b`},

	// Something in between, answering.
	{
		as: "a proxy of the network mesh that cannot reach its server", class: claude.ErrGateway,
		pattern: `upstream connect error or disconnect/reset before headers|no healthy upstream|upstream request timeout`,
		cause:   "The text is Envoy's: a gateway, of the provider or of your company, could not reach the server behind it.",
	},
	{as: "a check for robots", class: claude.ErrBlocked, page: true, pattern: `<title>just a moment|cf-challenge|attention required! \| cloudflare|sorry, you have been blocked|error 10(?:06|07|08|09|10|12|20)\b`, cause: "Cloudflare's protection of that host takes the program for a robot: it is the host of a gateway or web site, not the API's.", do: []string{"Check ANTHROPIC_BASE_URL: it must be the address of an API, not of a web site."}},
	{as: "a filter's page", class: claude.ErrBlocked, page: true, pattern: `zscaler|fortiguard|fortinet|netskope|palo alto|websense|forcepoint|umbrella|web page blocked|access (?:to this site )?(?:is |has been )?(?:denied|blocked)`, cause: "A filter of the network answers in place of the API.", do: []string{"Ask your network's administrators to allow api.anthropic.com."}},
	{as: "a login page of a network", class: claude.ErrBlocked, page: true, pattern: `captive portal|wi-?fi.{0,40}(?:login|log in|sign in)|hotspot`, cause: "The network wants you to log in first."},
	{
		as: "HTML where JSON was expected", class: claude.ErrUnexpectedResponse, also: classes(claude.ErrGateway, claude.ErrBlocked),
		pattern: `unexpected token '?<'?|unrecognized token '?<'?|invalid character '<' looking for beginning of value|unexpected character encountered while parsing value: <`,
		cause:   "The answer was a web page: an error page of a gateway, a portal, or a base URL that points to a web site.",
	},
	{
		as: "an answer that is empty or not JSON", class: claude.ErrUnexpectedResponse, also: classes(claude.ErrBodyCut),
		pattern: `json\.decoder\.JSONDecodeError|\bexpecting value: line 1 column 1\b|unexpected end of JSON input`,
	},
	{as: "a chain of redirects", class: claude.ErrRedirect, pattern: `ERR_(?:FR_)?TOO_MANY_REDIRECTS|stopped after 10 redirects|\bTooManyRedirects\b|maximum (?:number of )?redirects (?:exceeded|followed)|curl: \(47\)`},

	// Proxies. They come before DNS and TCP, whose words they use.
	{
		as: "a proxy that wants a user and a password", class: claude.ErrProxy,
		pattern: `proxy authentication required|\bproxy\b.{0,80}\b407\b|\b407\b.{0,40}\bproxy\b|response 407`,
		cause:   "The proxy answered 407: it got no user and password, or wrong ones.",
	},
	{
		as: "a proxy that cannot be reached, or refuses to connect", class: claude.ErrProxy,
		pattern: `\bproxyconnect tcp\b|curl: \((?:5|97)\)|could not resolve proxy|CONNECT tunnel failed|HTTP code \d+ from proxy after CONNECT|proxy CONNECT aborted|tunneling socket could not be established|(?:unable|cannot|failed) to connect to proxy|\bERR_PROXY_(?:CONNECTION_FAILED|TUNNEL)\b|\bProxyError\b|\bProxyConnectionError\b|socks connect tcp|Proxy response \(\d+\) !== 200`,
	},

	// DNS.
	{
		as: "a host name that did not resolve", class: claude.ErrDNS,
		pattern: `\bENOTFOUND\b|\bEAI_(?:AGAIN|NONAME|FAIL|NODATA)\b|\bno such host\b|could not resolve host|curl: \(6\)|name or service not known|temporary failure in name resolution|nodename nor servname provided|\bNameResolutionError\b|getaddrinfo failed|server misbehaving|no address associated with hostname|failed to lookup address information|the remote name could not be resolved|\bUnknownHostException\b`,
	},

	// TLS.
	{
		as: "Node.js, not trusting the certificate's authority", class: claude.ErrTLS,
		pattern: `\b(?:SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_GET_ISSUER_CERT(?:_LOCALLY)?|UNABLE_TO_VERIFY_LEAF_SIGNATURE)\b|unable to verify the first certificate|^self[- ]signed certificate(?: in certificate chain)?$`,
		cause:   "Mostly a company's proxy or antivirus looks into TLS and signs with its own CA.",
		do:      []string{trustNode, neverOff},
	},
	{
		as: "a certificate that has expired, or is not valid yet", class: claude.ErrTLS,
		pattern: `\bCERT_HAS_EXPIRED\b|\bCERT_NOT_YET_VALID\b|certificate has expired|certificate is not yet valid`,
		cause:   "This machine's clock is wrong, or the certificate of a proxy or gateway was not renewed.",
		do:      []string{"Check this machine's clock: date -u."},
	},
	{
		as: "a certificate for another host", class: claude.ErrTLS,
		pattern: `\bERR_TLS_CERT_ALTNAME_INVALID\b|does not match certificate's altnames|x509: certificate is (?:valid for|not valid for any names)|hostname mismatch, certificate is not valid|certificate is not valid for '|no alternative certificate subject name matches|curl: \(51\)`,
		cause:   "Another server answers in place of the one that was meant: a portal, a wrong DNS entry, or a base URL with the wrong name.",
	},
	{
		as: "curl, without its file of certificates", class: claude.ErrTLS,
		pattern: `curl: \(77\)|error setting certificate (?:verify locations|file)|error adding trust anchors from file`,
		cause:   "The file of trusted certificates is not there or cannot be read, as in minimal containers.",
		do:      []string{"Install the package ca-certificates, or correct CURL_CA_BUNDLE and SSL_CERT_FILE."},
	},
	{
		as: "Python, not trusting the certificate's authority", class: claude.ErrTLS,
		pattern: `\bCERTIFICATE_VERIFY_FAILED\b|\bSSLCertVerificationError\b`,
		cause:   "A company's proxy or antivirus looks into TLS; or Python came without certificates, as on macOS before its Install Certificates command was run.",
		do:      []string{trustPython, neverOff},
	},
	{
		as: "curl, not trusting the certificate's authority", class: claude.ErrTLS,
		pattern: `curl: \(60\)|SSL certificate problem:`,
		cause:   "Mostly a company's proxy or antivirus looks into TLS and signs with its own CA.",
		do:      []string{trustCurl, neverOff},
	},
	{
		as: "a certificate of an authority that is not trusted", class: claude.ErrTLS,
		pattern: `x509: certificate signed by unknown authority|x509: .{0,80}certificate is not trusted|SecPolicyCreateSSL|unable to get (?:local )?issuer certificate|self[- ]signed certificate (?:in certificate chain|detected)|PKIX path building failed|the remote certificate is invalid|invalid peer certificate: UnknownIssuer|tls: failed to verify certificate`,
		cause:   "Mostly a company's proxy or antivirus looks into TLS and signs with its own CA.",
		do:      []string{neverOff},
	},
	{
		as: "a port that does not speak TLS", class: claude.ErrTLS,
		pattern: `first record does not look like a TLS handshake|wrong version number|ERR_SSL_WRONG_VERSION_NUMBER|server gave HTTP response to HTTPS client`,
		cause:   "The port speaks plain HTTP: the base URL says https:// where http:// is meant, or HTTPS_PROXY says https:// where the proxy speaks http://.",
	},
	{
		as: "a TLS handshake that was cut", class: claude.ErrTLS,
		pattern: `curl: \(35\)|\bSSL_ERROR_SYSCALL\b|UNEXPECTED_EOF_WHILE_READING|EOF occurred in violation of protocol|TLS handshake timeout|tls handshake eof|disconnected before secure TLS connection was established|\bEPROTO\b|remote error: tls:|\bSSLV3_ALERT_HANDSHAKE_FAILURE\b`,
		cause:   "TCP connects and TLS does not: something on the way, such as a firewall, an ISP or a VPN, cuts connections by the name of the host.",
		do:      []string{terminal, runDoctor},
	},

	// Streams, and bodies that broke off.
	{
		as: "an answer that ended before its end", class: claude.ErrStreamTruncated,
		pattern: `connection closed mid-response|stream (?:ended|closed|finished) (?:before|without) (?:message_stop|producing|receiving|sending|a )|request ended without sending any chunks|peer closed connection without sending complete message body \(incomplete chunked read\)|response ended prematurely|stream disconnected before completion`,
	},
	{
		as: "a stream that fell silent", class: claude.ErrStreamStalled,
		pattern: `stream idle timeout|\bUND_ERR_BODY_TIMEOUT\b|body timeout error|no (?:chunk|data|event)s? received (?:for|in|within) \d+`,
	},
	{
		as: "an answer that broke off", class: claude.ErrBodyCut, also: classes(claude.ErrStreamTruncated),
		pattern: `curl: \((?:18|92)\)|\bIncompleteRead\b|\bChunkedEncodingError\b|\bInvalidChunkLength\b|peer closed connection without sending complete message body|\bERR_STREAM_PREMATURE_CLOSE\b|premature close\b|\bunexpected EOF\b|TypeError: terminated\b|\bERR_HTTP2_STREAM_ERROR\b|transfer closed with (?:\d+ bytes|outstanding read data)|\bERR_CONTENT_LENGTH_MISMATCH\b|\bERR_INCOMPLETE_CHUNKED_ENCODING\b`,
	},
	{
		as: "a stream that a program cannot read", class: claude.ErrProtocol,
		pattern: `bufio\.Scanner: token too long|unexpected event order, got|received event for content block at index|could not parse message into JSON`,
	},

	// A connection that was there and died.
	{
		as: "a kept connection that was dead", class: claude.ErrStaleConnection,
		pattern: `server closed idle connection|http2: server sent GOAWAY|\bREFUSED_STREAM\b|http2: no cached connection|\bRetryableError\b.{0,20}GOAWAY`,
	},
	{
		as: "a connection that was lost", class: claude.ErrConnectionLost,
		pattern: `\bECONNRESET\b|connection reset by peer|socket hang up|\bEPIPE\b|\bbroken pipe\b|\bConnectionResetError\b|\bConnection aborted\b|\bRemoteDisconnected\b|server disconnected(?: without sending a response)?\b|\bServerDisconnectedError\b|\bUND_ERR_SOCKET\b|\bother side closed\b|socket connection was closed unexpectedly|curl: \((?:52|55|56)\)|empty reply from server|forcibly closed by the remote host|http2: client connection (?:lost|force closed)|stream error: stream ID \d+; (?:INTERNAL_ERROR|CANCEL|PROTOCOL_ERROR)|use of closed network connection|": EOF\b|\bhttputil: ReverseProxy read error|connection closed before message completed|\bhttp(?:x|core)\.(?:Read|Write)Error\b`,
		cause:   "The other end, or more often something on the way, closed the connection without an answer.",
	},

	// A connection that could not be made.
	{
		as: "nothing listening on this very machine", class: claude.ErrConnect,
		pattern: `(?:\bECONNREFUSED\b|connection refused|failed to connect|couldn't connect|actively refused).{0,60}(?:127\.0\.0\.1|\blocalhost\b|\[?::1\]?)|(?:127\.0\.0\.1|\blocalhost\b|\[::1\])(?::| port )\d+.{0,40}(?:connection refused|couldn't connect|could not connect)`,
		cause:   "The call went to this machine itself, where nothing listens on that port: a local gateway or proxy that ANTHROPIC_BASE_URL or HTTPS_PROXY still points to is not running.",
		do:      []string{"Start that gateway, or unset the variable: env | grep -i -e anthropic -e proxy; look into ~/.bashrc, ~/.zshrc and ~/.profile as well, and into Claude Code's settings.json."},
	},
	{
		as: "a TCP connection that was refused", class: claude.ErrConnect,
		pattern: `\bECONNREFUSED\b|\bConnectionRefused(?:Error)?\b|connection refused|actively refused it|\bWinError 10061\b|curl: \(7\)|connect call failed`,
		cause:   "The connection was refused at once: nothing listens there, or a firewall rejects it.",
	},
	{
		as: "a TCP connection that nobody answered", class: claude.ErrConnect,
		pattern: `\bUND_ERR_CONNECT_TIMEOUT\b|connect timeout error|connect ETIMEDOUT|\bETIMEDOUT\b|\bConnectTimeout(?:Error)?\b|dial tcp.{0,80}(?:i/o timeout|operation timed out|connection timed out)|curl: \(28\).{0,40}(?:failed to connect|connection timed? ?out|connection timeout|resolving timed out)|failed to establish a new connection.{0,60}timed out`,
		cause:   "Nobody answered in time: packets are dropped silently, which is what firewalls do.",
	},
	{
		as: "a host that cannot be reached", class: claude.ErrConnect,
		pattern: `\bEHOSTUNREACH\b|\bENETUNREACH\b|network is unreachable|no route to host|failed to establish a new connection|all connection attempts failed|\bFailedToOpenSocket\b|\bNewConnectionError\b|error trying to connect: tcp connect error|cannot assign requested address`,
	},

	// Time.
	{
		as: "an answer that did not come in time", class: claude.ErrTimeout,
		pattern: `\bUND_ERR_HEADERS_TIMEOUT\b|headers timeout error|\bReadTimeout(?:Error)?\b|\bread timed out\b|\bESOCKETTIMEDOUT\b|timeout of \d+ ?ms exceeded|Client\.Timeout (?:exceeded|or context cancellation) while|timeout awaiting response headers|curl: \(28\)|\bAPI(?:Connection)?TimeoutError\b|API Error \(?request timed out|^request timed out\.?$|APIConnectionTimeoutError`,
	},
	{as: "a deadline of the program's own", class: claude.ErrDeadline, pattern: `context deadline exceeded|\bDeadlineExceeded\b`},
	{as: "a call that the program ended", class: claude.ErrCanceled, pattern: `context canceled|\bAPIUserAbortError\b|\bAbortError\b|this operation was aborted|^request was aborted\.?$|\bERR_CANCELED\b`},

	// Addresses that are none.
	{
		as: "a base URL that is none", class: claude.ErrConfig,
		pattern: `unsupported protocol scheme|\bERR_INVALID_URL\b|request URL is missing an? 'https?://'|\bUnsupportedProtocol\b|\bMissingSchema\b|\bInvalidURL\b|failed to parse URL from|curl: \((?:3|1)\) `,
		cause:   "ANTHROPIC_BASE_URL is empty, lacks https://, or holds a quote or a space.",
	},

	// Names without a cause. A status in the text says more than they do.
	{weak: true, as: "axios' code for any 4xx answer", class: claude.ErrInvalidRequest, also: classes(claude.ErrAuthentication, claude.ErrRegion, claude.ErrNotFound, claude.ErrRateLimit), pattern: `\bERR_BAD_REQUEST\b`, cause: axiosCode, do: []string{"Print error.response.status and error.response.data: they say which refusal it is. Then paste them here."}},
	{weak: true, as: "axios' code for any 5xx answer", class: claude.ErrGateway, also: classes(claude.ErrInternal, claude.ErrOverloaded), pattern: `\bERR_BAD_RESPONSE\b`, cause: "axios gives every answer with a 5xx status this code, and the text hides which.", do: []string{"Print error.response.status and error.response.data: they say more."}},
	{weak: true, as: "an SDK's authentication error", class: claude.ErrAuthentication, pattern: `\bauthentication_error\b|\b(?:anthropic\.)?AuthenticationError\b`},
	{weak: true, as: "an SDK's permission error", class: claude.ErrPermission, also: classes(claude.ErrRegion), pattern: `\bpermission_error\b|\bPermissionDeniedError\b`},
	{weak: true, as: "an SDK's rate limit error", class: claude.ErrRateLimit, pattern: `\b(?:anthropic\.)?RateLimitError\b`},
	{weak: true, as: "an SDK's overload error", class: claude.ErrOverloaded, pattern: `\bOverloadedError\b`},
	{weak: true, as: "an SDK's error for a 400", class: claude.ErrInvalidRequest, also: classes(claude.ErrBilling, claude.ErrContextTooLong), pattern: `\banthropic\.BadRequestError\b|\binvalid_request_error\b|\bValidationException\b`},
	{weak: true, as: "an SDK's error for a 5xx", class: claude.ErrInternal, also: classes(claude.ErrGateway, claude.ErrOverloaded), pattern: `\banthropic\.InternalServerError\b`},
	{weak: true, as: "an SDK's error for a 404", class: claude.ErrNotFound, pattern: `\banthropic\.NotFoundError\b`},
	{
		weak: true, as: "an SDK's word for every failure without an answer", class: claude.ErrConnect, also: classes(claude.ErrDNS, claude.ErrTLS, claude.ErrProxy, claude.ErrConnectionLost, claude.ErrConfig),
		pattern: `\bAPIConnectionError\b|API Error:? \(?connection error|^(?:error: )?connection error\.?$|\bfetch failed\b|\bfailed to fetch\b|unable to connect to (?:the )?(?:API|anthropic services)`,
		cause:   "The text hides the cause: the SDKs say this for DNS, TCP, TLS, proxies and keys with a line end alike.",
		do:      []string{lookBehind, runDoctor},
	},
}
