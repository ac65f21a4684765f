package proxy

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The load: so many streams at once, each of so many pieces of content at intervals.
// They begin evenly spread over the time that one takes; each is followed by another.
const (
	benchStreams  = 200
	benchPieces   = 40
	benchInterval = 25 * time.Millisecond
	benchRuns     = 3
	benchRounds   = 5
	benchPrompt   = 76 << 10 // what a coding assistant sends
)

const (
	pieceHead = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\""
	pieceTail = "\"}}\n\n"
)

// stampedAPI streams pieces that say when they were sent.
func stampedAPI(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w).Flush
	if r.Header.Get("X-Stay") != "" { // open, with its first content sent
		_, _ = io.WriteString(w, begin)
		_ = flush()
		<-r.Context().Done()
		return
	}
	head, _, _ := strings.Cut(begin, "event: content_block_delta")
	_, _ = io.WriteString(w, head)
	_ = flush()
	ticker := time.NewTicker(benchInterval)
	defer ticker.Stop()
	for range benchPieces {
		<-ticker.C
		_, _ = io.WriteString(w, pieceHead+stamp()+pieceTail)
		_ = flush()
	}
	_, _ = io.WriteString(w, stop)
}

func stamp() string {
	return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(time.Since(benchStart))))
}

var benchStart = time.Now()

// readStamped reads a stream and returns when its first piece had come, and how long
// each of them took.
func readStamped(body io.Reader) (first time.Time, delays []time.Duration) {
	delays = make([]time.Duration, 0, benchPieces)
	lines := bufio.NewReaderSize(body, 4<<10)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			return first, delays
		}
		_, rest, ok := strings.Cut(string(line), `"text_delta","text":"`)
		if !ok {
			continue
		}
		sent, err := hex.DecodeString(rest[:16])
		if err != nil {
			continue
		}
		if len(delays) == 0 {
			first = time.Now()
		}
		delays = append(delays, time.Since(benchStart)-time.Duration(binary.BigEndian.Uint64(sent)))
	}
}

// serveOn serves a handler and returns its URL.
func serveOn(b testing.TB, handler http.Handler) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	b.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return "http://" + listener.Addr().String()
}

// contender is a proxy in a process of its own.
type contender struct {
	url     string
	command *exec.Cmd
	to      io.WriteCloser
	from    *bufio.Reader
}

// contenderVariable makes this program such a process; see TestMain.
const contenderVariable = "STEADFAST_BENCH_CONTENDER"

// contenders are a bare reverse proxy and ours, in front of the same API.
func contenders(b testing.TB) (bare, ours *contender) {
	api := serveOn(b, http.HandlerFunc(stampedAPI))
	return startContender(b, "bare", api), startContender(b, "ours", api)
}

func startContender(b testing.TB, kind, api string) *contender {
	c := &contender{command: exec.Command(os.Args[0])}
	c.command.Env = append(os.Environ(), contenderVariable+"="+kind+" "+api)
	c.command.Stderr = os.Stderr
	from, err := c.command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	c.to, err = c.command.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := c.command.Start(); err != nil {
		b.Fatal(err)
	}
	c.from = bufio.NewReader(from)
	c.url = "http://" + c.line(b)
	b.Cleanup(func() {
		_ = c.to.Close()
		_ = c.command.Wait()
	})
	return c
}

func (c *contender) line(b testing.TB) string {
	line, err := c.from.ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// used returns the bytes of heap and stacks in use, once what is garbage is gone.
func (c *contender) used(b testing.TB) float64 {
	if _, err := io.WriteString(c.to, "used\n"); err != nil {
		b.Fatal(err)
	}
	n, err := strconv.ParseFloat(c.line(b), 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// contend is the process of a contender.
func contend() error {
	kind, api, _ := strings.Cut(os.Getenv(contenderVariable), " ")
	target, err := url.Parse(api)
	if err != nil {
		return err
	}
	base := &http.Transport{MaxIdleConnsPerHost: 4 * benchStreams}
	var handler http.Handler = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: base, FlushInterval: -1,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo),
	}
	if kind == "ours" {
		RelaxGC()
		handler, err = New(Config{Upstream: api, Base: base, MaxConcurrent: 1 << 20, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		if err != nil {
			return err
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	go func() { _ = http.Serve(listener, handler) }()
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		for range 5 { // a stack shrinks by half with each
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Println(m.HeapInuse + m.StackInuse)
	}
	return nil
}

// delays are how long streams took to their first piece, how long each piece was on
// its way, and how long whole streams took. A bare proxy breaks some: net/http's server
// closes a request's body with the first byte of the answer, which the transport may
// still be reading the end of.
type delays struct {
	first, piece, stream []time.Duration
	broken               int
}

// load runs all streams against a proxy.
func load(b testing.TB, client *http.Client, base string) (d delays) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range benchStreams {
		all.Go(func() {
			<-time.After(benchPieces * benchInterval * time.Duration(i) / benchStreams)
			for range benchRuns {
				start := time.Now()
				resp, err := client.Post(base+"/v1/messages", "application/json", strings.NewReader(benchBody))
				if err != nil {
					b.Error(err)
					return
				}
				begun, pieces := readStamped(resp.Body)
				took := time.Since(start)
				_ = resp.Body.Close()
				mu.Lock()
				if len(pieces) != benchPieces {
					d.broken++
					mu.Unlock()
					continue
				}
				d.first, d.piece, d.stream = append(d.first, begun.Sub(start)), append(d.piece, pieces...), append(d.stream, took)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return d
}

var benchBody = strings.Replace(streamed, "the secret prompt", strings.Repeat("x", benchPrompt), 1)

func quantile(d []time.Duration, share float64) time.Duration {
	slices.Sort(d)
	return d[int(share*float64(len(d)-1))]
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// BenchmarkTwoHundredStreams compares the proxy with a bare httputil.ReverseProxy.
// Rounds of the two alternate, and medians over the rounds are reported:
//
//	go test -run xxx -bench TwoHundredStreams -benchtime 1x ./internal/proxy
func BenchmarkTwoHundredStreams(b *testing.B) {
	bare, ours := contenders(b)
	transport := &http.Transport{MaxIdleConnsPerHost: 2 * benchStreams}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	load(b, client, bare.url) // makes the connections
	load(b, client, ours.url)
	for b.Loop() {
		values := make(map[string][]float64)
		for round := range benchRounds {
			for turn := range 2 {
				name, c := "bare", bare
				if (round+turn)%2 == 1 { // neither is always the first
					name, c = "ours", ours
				}
				runtime.GC()
				d := load(b, client, c.url)
				values["broken-"+name] = append(values["broken-"+name], float64(d.broken))
				for what, took := range map[string][]time.Duration{"first": d.first, "piece": d.piece, "stream": d.stream} {
					for share, q := range map[float64]string{0.5: "p50", 0.99: "p99"} {
						key := what + "-" + q + "-" + name
						values[key] = append(values[key], float64(quantile(took, share).Microseconds()))
					}
				}
			}
		}
		b.Logf("streams that broke off in %d rounds of %d: bare %v, ours %v", benchRounds, benchStreams*benchRuns, values["broken-bare"], values["broken-ours"])
		for _, what := range []string{"first", "piece", "stream"} {
			for _, q := range []string{"p50", "p99"} {
				before, with := median(values[what+"-"+q+"-bare"]), median(values[what+"-"+q+"-ours"])
				b.ReportMetric(with/before, fmt.Sprintf("%s-%s-ratio", what, q))
				b.Logf("%-6s %s: bare %6.0f µs, ours %6.0f µs, ratio %.2f", what, q, before, with, with/before)
			}
		}
	}
}

// BenchmarkMemoryOfOpenStreams measures what a stream that is open keeps of heap and
// stacks in the proxy:
//
//	go test -run xxx -bench MemoryOfOpenStreams -benchtime 1x ./internal/proxy
func BenchmarkMemoryOfOpenStreams(b *testing.B) {
	bare, ours := contenders(b)
	for b.Loop() {
		b.ReportMetric(openStreams(b, bare)/1024, "bare-KiB/stream")
		b.ReportMetric(openStreams(b, ours)/1024, "ours-KiB/stream")
	}
}

// openStreams returns the bytes that each of many open streams keeps.
func openStreams(b testing.TB, c *contender) float64 {
	const n = 500
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	before := c.used(b)
	open := make([]*http.Response, 0, n)
	for range n {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, c.url+"/v1/messages", strings.NewReader(benchBody))
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("X-Stay", "open")
		resp, err := transport.RoundTrip(req)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(resp.Body, make([]byte, len(begin))); err != nil {
			b.Fatal(err)
		}
		open = append(open, resp)
	}
	size := (c.used(b) - before) / n
	for _, resp := range open {
		_ = resp.Body.Close()
	}
	return size
}
