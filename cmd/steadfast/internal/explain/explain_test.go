package explain

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
)

// pasted are texts as people paste them, each with the thread that it is from.
var pasted = []struct {
	source string
	text   string
	class  claude.Class
	as     string // a part of what it must be recognised as; empty for any
}{
	// Start of Claude Code.
	{"oboard/claude-code-rev#5", "Unable to connect to Anthropic services Failed to connect to api.anthropic.com: ERR_BAD_REQUEST", claude.ErrRegion, "start-up check"},
	{"LLM-Red-Team/kimi-cc#46", " Unable to connect to Anthropic services\n\n Failed to connect to api.anthropic.com: ERR_BAD_REQUEST\n\n Please check your internet connection and network settings.\n\n Note: Claude Code might not be available in your country. Check supported countries at https://anthropic.com/supported-countries", claude.ErrRegion, "start-up check"},
	{"KimYx0207/AI-Coding-Guide-Zh#5", " **Unable to connect to Anthropic services**\n\n **Failed to connect to api.anthropic.com: ECONNREFUSED**\n\n Please check your internet connection and network settings.\n\n Note: Claude Code might not be available in your country. Check supported countries at https://anthropic.com/supported-countries", claude.ErrConnect, "refused"},
	{"anthropics/claude-code#217", " Unable to connect to Anthropic services\n\n Failed to connect to api.anthropic.com: Request failed with status code 503\n\n Please check your internet connection", claude.ErrGateway, "status 503"},
	{"anthropics/claude-code#57222", `Failed to connect to api.anthropic.com: ECONNRESET`, claude.ErrConnectionLost, ""},
	{"anthropics/claude-code#1382", "Request failed with status code 400", claude.ErrInvalidRequest, "status 400"},

	// Region (P2).
	{"anthropics/claude-code#1613", `API Error: 403 {"error":{"type":"forbidden","message":"Request not allowed"}}`, claude.ErrRegion, ""},
	{"anthropics/anthropic-sdk-typescript#457", "PermissionDeniedError: 403 {\"error\":{\"type\":\"forbidden\",\"message\":\"Request not allowed\"}}\n    at Function.generate", claude.ErrRegion, ""},
	{"stackblitz/bolt.new#7016", "{\n  \"error\": {\n    \"type\": \"forbidden\",\n    \"message\": \"Request not allowed\"\n  }\n}", claude.ErrRegion, ""},
	{"superdesigndev/superdesign#5", `{"type":"result","subtype":"success","is_error":true,"duration_ms":1734,"num_turns":1,"result":"API Error: 403 {\"error\":{\"type\":\"forbidden\",\"message\":\"Request not allowed\"}}","session_id":"c2dfa53c","total_cost_usd":0,"usage":{"input_tokens":0}}`, claude.ErrRegion, ""},
	{"anomalyco/opencode#49098", "forbidden: Request not allowed", claude.ErrRegion, ""},

	// TLS (P4).
	{"anthropics/claude-code#2855", " Unable to connect to Anthropic services\n\n Failed to connect to api.anthropic.com: SELF_SIGNED_CERT_IN_CHAIN\n\n Please check your internet connection and network settings.", claude.ErrTLS, "Node.js"},
	{"anthropics/claude-code#8054", "  API Error (Connection error.) · Retrying in 4 seconds… (attempt 4/10)\n    ⎿  Error (self signed certificate in certificate chain) (SELF_SIGNED_CERT_IN_CHAIN)", claude.ErrTLS, "Node.js"},
	{"anthropics/claude-code#74369", "API Error: Unable to connect to API: Self-signed certificate detected. Check your proxy or corporate SSL certificates", claude.ErrTLS, "not trusted"},
	{"anthropics/claude-code#20194", "API Error: " + "Error: unable to get issuer certificate", claude.ErrTLS, "not trusted"},
	{"anthropics/claude-code#22756", "Failed to fetch version from https://storage.googleapis.com/claude-code-releases/latest: unable to get local issuer certificate", claude.ErrTLS, "not trusted"},
	{"anthropics/claude-code#8032", "OAuth error: unable to get local issuer certificate", claude.ErrTLS, "not trusted"},
	{"Aider-AI/aider#2175", "httpcore.ConnectError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate (_ssl.c:1000)", claude.ErrTLS, "Python"},
	{"coze-dev/coze-studio#2554", `error sending request: Post "https://api.deepseek.com/chat/completions": tls: failed to verify certificate: x509: certificate signed by unknown authority`, claude.ErrTLS, "not trusted"},
	{"sashabaranov/go-openai#137", `Post "https://api.openai.com/v1/chat/completions": x509: certificate has expired or is not yet valid`, claude.ErrTLS, "expired"},
	{"corbaltcode/kion#16", `tls: failed to verify certificate: x509: certificate is valid for *.us-east-1.cloudsearch.amazonaws.com, not cloudtamer.cms.gov`, claude.ErrTLS, "another host"},
	{"sigoden/aichat#290", "error sending request for url (https://api.openai.com/v1/chat/completions): error trying to connect: tls handshake eof", claude.ErrTLS, "cut"},
	{"mattv8/yourls-ldap-plugin#24", "* SSL certificate problem: unable to get local issuer certificate", claude.ErrTLS, "curl"},

	// Proxies (P5, P6).
	{"anthropics/claude-code#64789", "curl: (7) Failed to connect to localhost port 3128 after 1 ms: Couldn't connect to server", claude.ErrConnect, "this very machine"},

	// DNS and TCP.
	{"stunnel/static-curl#15", "* processing: www.google.com\n* Could not resolve host: www.google.com\n* Closing connection\ncurl: (6) Could not resolve host: www.google.com", claude.ErrDNS, ""},
	{"Shivella/laravel-bitly#2", "cURL error 6: Could not resolve host: api-ssl.bitly.com (see http://curl.haxx.se/libcurl/c/libcurl-errors.html)", claude.ErrDNS, ""},
	{"mattv8/yourls-ldap-plugin#24", "cURL error 7: Failed to connect to api.yourls.org port 443: No route to host (POST on https://api.yourls.org/core/version/1.0/)", claude.ErrConnect, "cannot be reached"},
	{"anthropics/claude-code#71188", "Unable to connect to API (ConnectionRefused) · Retrying in 11s · attempt 8/10", claude.ErrConnect, "refused"},
	{"anthropics/claude-code#87259", "API Error: Connection refused — a firewall or proxy may be blocking it (ConnectionRefused)", claude.ErrConnect, "refused"},

	// Connections that died (P8, P9).
	{"anthropics/claude-code#42949", "API Error: Unable to connect to API (ECONNRESET)", claude.ErrConnectionLost, ""},
	{"anthropics/claude-code#43611", "API Error: Unable to connect to API (UND_ERR_SOCKET)", claude.ErrConnectionLost, ""},
	{"anthropics/claude-code#54287", "API Error: The socket connection was closed unexpectedly. For more information, pass `verbose: true` in the second argument to fetch()", claude.ErrConnectionLost, ""},
	{"golang/go#39750", `Post "https://api.example.com/v1": http2: client connection lost`, claude.ErrConnectionLost, ""},
	{"golang/go#69205", `Post "https://example.com": http2: client connection force closed via ClientConn.Close`, claude.ErrConnectionLost, ""},

	// Names without a cause.
	{"anthropics/claude-code#4574", "  ⎿  API Error (Connection error.) · Retrying in 1 seconds… (attempt 1/10)\n    ⎿  TypeError (fetch failed)", claude.ErrConnect, "without an answer"},
	{"anthropics/anthropic-sdk-python#404", "anthropic.APIConnectionError: Connection error.", claude.ErrConnect, "without an answer"},
	{"anthropics/claude-code#4571", "API Error (Request timed out.) · Retrying in 5 seconds… (attempt 4/10)", claude.ErrTimeout, ""},

	// In between (P12, P13).
	{"anthropics/claude-code#7043", "API Error (503 upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport failure reason: delayed connect error: Connection refused) · Retrying in 4 seconds… (attempt 4/10)", claude.ErrGateway, "mesh"},
	{"anthropics/claude-code#6781", "HTTP/1.1 504 Gateway Timeout\nContent-Type: text/html; charset=UTF-8\nServer: cloudflare\nCF-RAY: 9767a0862f6f9a97-VIE\n\n<!DOCTYPE html>\n<!--[if lt IE 7]> <html class=\"no-js ie6 oldie\" lang=\"en-US\"> <![endif]-->\n<head>\n<title>api.anthropic.com | 504: Gateway time-out</title>", claude.ErrGateway, "HTML"},
	{"anthropics/claude-code#3197", "API Error (520 <!DOCTYPE html>\n<html lang=\"en-US\"><head><title>api.anthropic.com | 520: Web server is returning an unknown error</title></head></html>) · Retrying", claude.ErrGateway, "HTML"},
	{"openai/codex#9110", "■ unexpected status 502 Bad Gateway: <html>\n<head><title>502 Bad Gateway</title></head>\n<body>\n<center><h1>502 Bad Gateway</h1></center>\n<hr><center>cloudflare</center>\n</body>\n</html>\n, request id: 9bcf27732f28ab39-YYZ", claude.ErrGateway, "HTML"},
	{"anthropics/claude-code#1101", "<html>\n<head><title>502 Bad Gateway</title></head>\n<body><center><h1>502 Bad Gateway</h1></center>\n<hr><center>cloudflare</center></body></html>", claude.ErrGateway, "HTML"},
	{"anthropics/claude-code#12208", "API Error: 520 status code (no body)", claude.ErrGateway, "520"},
	{"anthropics/claude-code#67341", `API Error: 522 {"type":"https://developers.cloudflare.com/support/","title":"Error 522: Connection timed out","status":522,"error_code":522,"cloudflare_error":true,"retryable":true,"retry_after":120}`, claude.ErrGateway, "Cloudflare"},
	{"anthropics/claude-code#59776", "JSON Parse error: Unrecognized token '<'", claude.ErrUnexpectedResponse, ""},

	// Streams (P15 to P24).
	{"kortix-ai/suna#66", "litellm.APIConnectionError: AnthropicException - peer closed connection without sending complete message body (incomplete chunked read)", claude.ErrStreamTruncated, ""},
	{"anthropics/claude-code#83943", "API Error: Connection closed mid-response", claude.ErrStreamTruncated, ""},
	{"anthropics/claude-code#66095", "API Error: Stream idle timeout - partial response received", claude.ErrStreamStalled, ""},
	{"mark3labs/mcp-go#61", "bufio.Scanner: token too long", claude.ErrProtocol, ""},
	{"anthropics/anthropic-sdk-python#1698", "ValueError: Streaming is required for operations that may take longer than 10 minutes. See https://github.com/anthropics/anthropic-sdk-python#long-requests for more details", claude.ErrValidation, ""},
	{"anthropics/anthropic-sdk-python#688", `{"type":"error","error":{"details":null,"type":"overloaded_error","message":"Overloaded"}}`, claude.ErrOverloaded, ""},

	// Limits and money (P36 to P48).
	{"anthropics/claude-code#35777", `API Error (529 {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}) · Retrying in 0 seconds… (attempt 5/10)`, claude.ErrOverloaded, ""},
	{"anthropics/claude-code#68968", "API Error: Server is temporarily limiting requests (not your usage limit) · Rate limited", claude.ErrRateLimit, "burst"},
	{"codestoryai/sidecar#2094", `{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your organization’s rate limit of 80,000 input tokens per minute. For details, refer to: https://docs.anthropic.com/en/api/rate-limits"}}`, claude.ErrRateLimit, ""},
	{"anthropics/claude-code#66314", `API Error: 400 {"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."}}`, claude.ErrBilling, "credit"},
	{"anthropics/claude-code#4684", "Credit balance is too low", claude.ErrBilling, "credit"},
	{"anomalyco/opencode#18853", `{"type":"error","error":{"type":"permission_error","message":"Extra usage is required for long context requests."}}`, claude.ErrContextTooLong, ""},
	{"anthropics/claude-code#70348", `API Error: 500 {"type":"error","error":{"type":"api_error","message":"Internal server error"},"request_id":"req_011CPq"}`, claude.ErrInternal, ""},

	// Requests that are refused (P49 to P63).
	{"anthropics/claude-code#2697", `API Error: 400 {"type":"error","error":{"type":"invalid_request_error","message":"messages.57: ` + "`tool_use` ids were found without `tool_result` blocks immediately after: toolu_01AbC. Each `tool_use` block must have a corresponding `tool_result` block in the next message.\"}}", claude.ErrInvalidRequest, "tool call without"},
	{"anthropics/anthropic-sdk-python#1598", "messages.1.content.0: Invalid `signature` in `thinking` block", claude.ErrInvalidRequest, "thinking"},
	{"anthropics/anthropic-sdk-python#461", "anthropic.BadRequestError: Error code: 400 - {'type': 'error', 'error': {'type': 'invalid_request_error', 'message': 'messages: text content blocks must be non-empty'}}", claude.ErrInvalidRequest, "empty text"},
	{"Wei-Shaw/sub2api#176", "A maximum of 4 blocks with cache_control may be provided. Found 5.", claude.ErrInvalidRequest, "cache"},
	{"anthropics/claude-code#19631", "messages.12.content.1.image.source.base64: image exceeds 5 MB maximum: 6275800 bytes > 5242880 bytes", claude.ErrInvalidRequest, "image"},
	{"anthropics/claude-code#10314", `API Error: 413 {"error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}`, claude.ErrTooLarge, ""},
	{"NousResearch/hermes-agent#821", "Error code: 400 - {'type': 'error', 'error': {'type': 'invalid_request_error', 'message': 'prompt is too long: 233153 tokens > 200000 maximum'}, 'request_id': 'req_011C'}", claude.ErrContextTooLong, ""},
	{"BerriAI/litellm#15097", "`temperature` and `top_p` cannot both be specified for this model. Please use only one.", claude.ErrInvalidRequest, "temperature"},
	{"vybestack/llxprt-code#3695", "This model does not support assistant message prefill. The conversation must end with a user message.", claude.ErrInvalidRequest, "prefill"},
	{"anthropics/claude-code#63673", "tools.12.custom.input_schema: JSON schema is invalid. It must match JSON Schema draft 2020-12", claude.ErrInvalidRequest, "tool's definition"},
	{"anthropics/claude-code#60394", "API Error: 400 The request body is not valid JSON: no low surrogate in string: line 1 column 4478 (char 4477)", claude.ErrInvalidRequest, "not valid JSON"},
	{"zed-industries/zed#42715", "Unexpected value(s) `context-1m-2025-08-07` for the `anthropic-beta` header", claude.ErrInvalidRequest, "beta"},
	{"NEKOparapa/AiNiee#400", "[ERROR] ... Error code: 404 - {'type': 'error', 'error': {'type': 'not_found_error', 'message': 'model:\nclaude-3-5-sonnet-2024-10-22 was not found. Did you mean claude-3-5-sonnet-20241022?'}}", claude.ErrNotFound, ""},

	// Keys and addresses (P67 to P73).
	{"anthropics/claude-code#9515", `API Error: 401 {"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}} · Please run /login`, claude.ErrAuthentication, ""},
	{"anthropics/claude-code#30781", "API Error: 401 {\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":\"OAuth token has expired. Please obtain a new token or refresh your existing token.\"}}", claude.ErrAuthentication, "expired"},
	{"apache/devlake#7132", `Post "https://api.anthropic.com/v1/messages": net/http: invalid header field value for "X-Api-Key"`, claude.ErrConfig, "header"},
	{"langchain-ai/langchain#31325", "Error code: 404 - {'detail': 'Not Found'}", claude.ErrNotFound, ""},
}

func TestTextsThatPeoplePasteAreRecognised(t *testing.T) {
	require.GreaterOrEqual(t, len(pasted), 40)
	for _, c := range pasted {
		t.Run(c.source, func(t *testing.T) {
			a := Text(c.text)
			require.True(t, a.Known, "not recognised: %s", c.text)
			assert.Equal(t, c.class, a.Class, "recognised as %q", a.As)
			assert.Contains(t, a.As, c.as)
			assert.Equal(t, c.class, a.Advice.Class)
			assert.NotEmpty(t, a.Advice.Causes)
			assert.NotEmpty(t, a.Advice.Actions)
		})
	}
}

// documented are the texts of messages-api.md 7.4 to 7.6 and of the libraries'
// documentation and source, in each form that they are printed in.
var documented = []struct {
	text  string
	class claude.Class
}{
	{"x-api-key header is required", claude.ErrAuthentication},
	{"API key is invalid.", claude.ErrAuthentication},
	{"OAuth authentication is currently not supported.", claude.ErrAuthentication},
	{"This credential is only authorized for use with Claude Code and cannot be used for other API requests.", claude.ErrInvalidRequest},
	{"You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.", claude.ErrBilling},
	{"You have reached your API usage limits: spend cap", claude.ErrBilling},
	{"This request would exceed your account's rate limit. Please try again later.", claude.ErrRateLimit},
	{"Number of request tokens has exceeded your per-minute rate limit", claude.ErrRateLimit},
	{"model: claude-x", claude.ErrNotFound},
	{"Request exceeds the maximum allowed number of bytes.", claude.ErrTooLarge},
	{"Internal server error", claude.ErrInternal},
	{"Overloaded", claude.ErrOverloaded},
	{`{"error":{"message":"Incorrect API key provided","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}`, claude.ErrAuthentication},
	{`{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}`, claude.ErrBilling},
	{`403 {"message":"Forbidden"}`, claude.ErrBlocked},
	{`{"message":"Missing Authentication Token"}`, claude.ErrNotFound},
	{"Proxy Authentication Required", claude.ErrProxy},
	{"407", claude.ErrProxy},
	{"511 Network Authentication Required", claude.ErrBlocked},
	{"302 Found", claude.ErrRedirect},
	{"529", claude.ErrOverloaded},
	{"HTTP 429", claude.ErrRateLimit},
	{"HTTP/2 403", claude.ErrPermission},
	{"status: 401", claude.ErrAuthentication},
	{"requests.exceptions.HTTPError: 429 Client Error: Too Many Requests for url: https://api.anthropic.com/v1/messages", claude.ErrRateLimit},
	{"Client error '401 Unauthorized' for url 'https://api.anthropic.com/v1/messages'", claude.ErrAuthentication},
	{`POST "https://api.anthropic.com/v1/messages": 529 Unknown status {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`, claude.ErrOverloaded},
	{`POST "https://api.anthropic.com/v1/messages": 401 Unauthorized (Request-ID: req_011) {"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}`, claude.ErrAuthentication},
	{"AxiosError: Request failed with status code 404\n  code: 'ERR_BAD_REQUEST'", claude.ErrNotFound},
	{"AxiosError: Request failed with status code 502\n  code: 'ERR_BAD_RESPONSE'", claude.ErrGateway},
	{"code: 'ERR_BAD_REQUEST'", claude.ErrInvalidRequest},
	{"code: 'ERR_BAD_RESPONSE'", claude.ErrGateway},
	{"AxiosError: read ECONNRESET", claude.ErrConnectionLost},
	{"AxiosError: timeout of 60000ms exceeded code: 'ECONNABORTED'", claude.ErrTimeout},
	{"AxiosError: Maximum number of redirects exceeded", claude.ErrRedirect},
	{"Error: tunneling socket could not be established, statusCode=403", claude.ErrProxy},
	{"Error: getaddrinfo ENOTFOUND api.anthropic.com", claude.ErrDNS},
	{"Error: getaddrinfo EAI_AGAIN api.anthropic.com", claude.ErrDNS},
	{"connect ETIMEDOUT 160.79.104.10:443", claude.ErrConnect},
	{"Error: Client network socket disconnected before secure TLS connection was established", claude.ErrTLS},
	{"Error [ERR_TLS_CERT_ALTNAME_INVALID]: Hostname/IP does not match certificate's altnames", claude.ErrTLS},
	{"CERT_HAS_EXPIRED", claude.ErrTLS},
	{"TypeError: fetch failed\n  [cause]: ConnectTimeoutError: Connect Timeout Error\n code: 'UND_ERR_CONNECT_TIMEOUT'", claude.ErrConnect},
	{"HeadersTimeoutError: Headers Timeout Error code: 'UND_ERR_HEADERS_TIMEOUT'", claude.ErrTimeout},
	{"BodyTimeoutError: Body Timeout Error code: 'UND_ERR_BODY_TIMEOUT'", claude.ErrStreamStalled},
	{"TypeError: terminated", claude.ErrBodyCut},
	{"TypeError: fetch failed", claude.ErrConnect},
	{"AbortError: This operation was aborted", claude.ErrCanceled},
	{"TypeError: Failed to parse URL from /v1/messages", claude.ErrConfig},
	{"HTTPSConnectionPool(host='api.anthropic.com', port=443): Max retries exceeded with url: /v1/messages (Caused by NameResolutionError(\"<urllib3.connection.HTTPSConnection object>: Failed to resolve 'api.anthropic.com' ([Errno -3] Temporary failure in name resolution)\"))", claude.ErrDNS},
	{"HTTPSConnectionPool(host='api.anthropic.com', port=443): Max retries exceeded with url: /v1/messages (Caused by ProxyError('Unable to connect to proxy', OSError('Tunnel connection failed: 407 Proxy Authentication Required')))", claude.ErrProxy},
	{"HTTPSConnectionPool(host='api.anthropic.com', port=443): Read timed out. (read timeout=60)", claude.ErrTimeout},
	{"requests.exceptions.ConnectionError: ('Connection aborted.', RemoteDisconnected('Remote end closed connection without response'))", claude.ErrConnectionLost},
	{"requests.exceptions.ChunkedEncodingError: ('Connection broken: IncompleteRead(0 bytes read)', IncompleteRead(0 bytes read))", claude.ErrBodyCut},
	{"requests.exceptions.MissingSchema: Invalid URL '/v1/messages': No scheme supplied", claude.ErrConfig},
	{"httpx.UnsupportedProtocol: Request URL is missing an 'http://' or 'https://' protocol.", claude.ErrConfig},
	{"httpx.ConnectError: All connection attempts failed", claude.ErrConnect},
	{"httpx.RemoteProtocolError: Server disconnected without sending a response.", claude.ErrConnectionLost},
	{"httpx.ReadTimeout: The read operation timed out", claude.ErrTimeout},
	{"httpx.LocalProtocolError: Illegal header value b'...\\n'", claude.ErrConfig},
	{`"Could not resolve authentication method. Expected either api_key or auth_token to be set. Or for one of the X-Api-Key or Authorization headers to be explicitly omitted"`, claude.ErrConfig},
	{"curl: (5) Could not resolve proxy: proxy.corp", claude.ErrProxy},
	{"curl: (6) Could not resolve host: api.anthropic.com", claude.ErrDNS},
	{"curl: (7) Failed to connect to api.anthropic.com port 443 after 3 ms: Couldn't connect to server", claude.ErrConnect},
	{"curl: (18) transfer closed with outstanding read data remaining", claude.ErrBodyCut},
	{"curl: (28) Operation timed out after 30001 milliseconds with 0 bytes received", claude.ErrTimeout},
	{"curl: (28) Failed to connect to api.anthropic.com port 443 after 10002 ms: Timeout was reached", claude.ErrConnect},
	{"curl: (35) OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to api.anthropic.com:443", claude.ErrTLS},
	{"curl: (52) Empty reply from server", claude.ErrConnectionLost},
	{"curl: (56) Recv failure: Connection reset by peer", claude.ErrConnectionLost},
	{"curl: (56) CONNECT tunnel failed, response 407", claude.ErrProxy},
	{"curl: (60) SSL certificate problem: self-signed certificate in certificate chain", claude.ErrTLS},
	{"curl: (77) error setting certificate verify locations: CAfile: /etc/ssl/certs/ca-certificates.crt", claude.ErrTLS},
	{"curl: (22) The requested URL returned error: 401", claude.ErrAuthentication},
	{`Post "https://api.anthropic.com/v1/messages": dial tcp: lookup api.anthropic.com on 127.0.0.53:53: no such host`, claude.ErrDNS},
	{`Post "https://api.anthropic.com/v1/messages": dial tcp 160.79.104.10:443: i/o timeout`, claude.ErrConnect},
	{`Post "https://api.anthropic.com/v1/messages": dial tcp 160.79.104.10:443: connect: connection refused`, claude.ErrConnect},
	{`Post "https://api.anthropic.com/v1/messages": proxyconnect tcp: dial tcp: lookup proxy: no such host`, claude.ErrProxy},
	{`Post "https://api.anthropic.com/v1/messages": Proxy Authentication Required`, claude.ErrProxy},
	{`Post "https://api.anthropic.com/v1/messages": EOF`, claude.ErrConnectionLost},
	{`Post "https://api.anthropic.com/v1/messages": net/http: TLS handshake timeout`, claude.ErrTLS},
	{`Post "https://api.anthropic.com/v1/messages": context deadline exceeded`, claude.ErrDeadline},
	{`Post "https://api.anthropic.com/v1/messages": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`, claude.ErrTimeout},
	{`Post "": unsupported protocol scheme ""`, claude.ErrConfig},
	{`Post "https://api.anthropic.com/v1/messages": http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR, debug=""`, claude.ErrStaleConnection},
	{"unexpected EOF", claude.ErrBodyCut},
	{"invalid character '<' looking for beginning of value", claude.ErrUnexpectedResponse},
	{"stream error: stream ID 7; INTERNAL_ERROR; received from peer", claude.ErrConnectionLost},
	{"ThrottlingException: Too many tokens, please wait before trying again.", claude.ErrRateLimit},
	{"AccessDeniedException: You don't have access to the model with the specified model ID.", claude.ErrPermission},
	{"anthropic.RateLimitError", claude.ErrRateLimit},
	{"<html><head><title>Just a moment...</title></head></html>", claude.ErrBlocked},
	{"<!DOCTYPE html><html><head><title>Welcome to Hotel Wi-Fi</title></head></html>", claude.ErrUnexpectedResponse},
	{"Error: {\\\"type\\\":\\\"error\\\",\\\"error\\\":{\\\"type\\\":\\\"overloaded_error\\\",\\\"message\\\":\\\"Overloaded\\\"}}", claude.ErrOverloaded},
	{"{\n  type: 'error',\n  error: { details: null, type: 'rate_limit_error', message: 'Number of requests has exceeded your limit' },\n  request_id: 'req_011'\n}", claude.ErrRateLimit},
	{"messages.create: rate_limit (3 attempts, 4.2s, gave up: attempts, req_011): 429 rate_limit_error: Number of requests", claude.ErrRateLimit},
	{"2026/11/01 10:00:00 cannot ask: messages.stream: region (1 attempt, 80ms): 403 forbidden: Request not allowed", claude.ErrRegion},
}

func TestTextsOfTheAPIAndTheLibrariesAreRecognised(t *testing.T) {
	for _, c := range documented {
		a := Text(c.text)
		assert.True(t, a.Known, "not recognised: %s", c.text)
		assert.Equal(t, c.class, a.Class, "%s\nrecognised as %q", c.text, a.As)
	}
}

// strangers must not be recognised: they are of other programs, or say nothing.
var strangers = []string{
	"It does not work",
	"Error",
	"TypeError: Cannot read properties of undefined (reading 'map')",
	"panic: runtime error: index out of range [3] with length 3",
	"ModuleNotFoundError: No module named 'anthropic'",
	"Error: listen EADDRINUSE: address already in use :::3000",
	"ENOENT: no such file or directory, open '/etc/claude.json'",
	"fatal: not a git repository (or any of the parent directories): .git",
	"Permission denied (publickey).",
	"please look at issue 429 and at page 503 of the manual",
	"I have 529 files and 401 folders",
	"npm ERR! code ELIFECYCLE",
	"The prompt was: write a test for overloaded functions and proxies",
	`{"type":"message","role":"assistant","content":[{"type":"text","text":"Hello"}]}`,
	"Killed",
	"foo.cpp:12:3: error: overloaded function with no contextual type information",
	"model: claude-opus-5-5\nmax_tokens: 1024\nstream: true",
	"tarfile.ReadError: not a gzip file",
	"The build took 504 seconds and produced 413 warnings: see lines 401-429",
	"assert response.status == 200",
	"messages.create: marvellous (1 attempt)",
	"200 OK",
	"{",
}

func TestTextsThatSayNothingOfTheAPIAreUnknown(t *testing.T) {
	require.GreaterOrEqual(t, len(strangers), 10)
	for _, text := range strangers {
		a := Text(text)
		assert.False(t, a.Known, "%s\nwas recognised as %q, %s", text, a.As, a.Class)
		assert.Equal(t, claude.ErrUnknown, a.Class)
	}
}

func TestEveryRowIsAClassWithAdvice(t *testing.T) {
	seen := map[string]bool{}
	for i := range table {
		r := &table[i]
		assert.NotPanics(t, func() { r.matches("") }, r.as)
		assert.False(t, r.matches(""), "%s matches nothing at all", r.as)
		assert.NotEmpty(t, r.as)
		assert.False(t, seen[r.pattern], "%s stands twice", r.as)
		seen[r.pattern] = true
		assert.NotEqual(t, claude.Explain(claude.ErrUnknown).Summary, claude.Explain(r.class).Summary, r.as)
	}
}

func TestAKeyInATextIsNeverRepeated(t *testing.T) {
	key := "sk-ant-" + "api03-" + strings.Repeat("Ab3dEf9h", 11) + "AA"
	for _, c := range append(append([]string{}, strangers...), texts()...) {
		text := strings.ReplaceAll(c, `"message":"`, `"message":"`+key+` `) + "\nx-api-key: " + key
		a := Text(text)
		for _, shown := range []string{a.As, a.Advice.String()} {
			require.NotContains(t, shown, key[:24])
		}
	}
}

func texts() (all []string) {
	for _, c := range pasted {
		all = append(all, c.text)
	}
	for _, c := range documented {
		all = append(all, c.text)
	}
	return all
}

func TestSourcesAreThreads(t *testing.T) {
	thread := regexp.MustCompile(`^[\w.-]+/[\w.-]+#\d+$`)
	for _, c := range pasted {
		assert.Regexp(t, thread, c.source)
	}
}

func FuzzAnyTextIsAnsweredWithoutRepeatingIt(f *testing.F) {
	for _, text := range texts() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a := Text(text)
		require.NotEmpty(t, a.Class)
		if a.Known {
			require.NotEmpty(t, a.Advice.Summary)
		}
	})
}

func TestTextsMadeToBeSlowAreAnsweredSoon(t *testing.T) {
	for _, unit := range []string{`{"`, `{"error":{"message":"`, "proxy "} {
		start := time.Now()
		Text(strings.Repeat(unit, 4<<20/len(unit)))
		assert.Less(t, time.Since(start), 10*time.Second, unit) // a fraction of a second each; quadratic work would take minutes
	}
}

func TestTheErrorAtTheEndOfALongLogIsFound(t *testing.T) {
	log := strings.Repeat("2026-11-01 all is well\n", 1<<16)
	assert.Equal(t, claude.ErrOverloaded, Text(log+`{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`).Class)
	assert.Equal(t, claude.ErrDNS, Text("getaddrinfo ENOTFOUND api.anthropic.com\n"+log).Class)
}
