package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

const imageSize = 8 << 20 // of its base64

// request is a large request.
func request() scenario {
	return scenario{
		name: "request", title: "A request with 8 MiB of base64", who: everybody,
		about: "An image in the request; the round tripper in memory reads the body to its end. Copies are the bytes allocated over the size of the image. The peak is that of the resident memory during one call, in a process of its own, above what it was before.",
		rows: []row{
			{name: "copies", unit: "", aims: []aim{{"", 0.25}}},
			{name: "CPU", unit: "ms"},
			{name: "peak memory", unit: "MiB", chart: true, aims: []aim{{"", 8}}},
		},
		chart: "Peak memory of a call with 8 MiB of base64, MiB",
		prepare: func(o options) (trial, error) {
			data := image(imageSize)
			return trial{round: oneByOne(func(ctx context.Context, who string) (numbers, error) {
				if err := sendsImage(ctx, who, data); err != nil {
					return nil, err
				}
				c, err := newContender(who, inMemory(memory{body: message("A fox.", 0)}))
				if err != nil {
					return nil, err
				}
				got, err := sample(o.length(), func() error {
					return ask(ctx, c, data, answer{text: "A fox."})
				})
				if err != nil {
					return nil, err
				}
				n, err := inChild(ctx, "request", who, strconv.Itoa(imageSize))
				if err != nil {
					return nil, err
				}
				n["copies"], n["CPU"] = got.bytes/float64(len(data)), got.cpu/1e6
				return n, nil
			})}, nil
		},
	}
}

// sendsImage checks that the image arrives.
func sendsImage(ctx context.Context, who, data string) error {
	var sent []byte
	c, err := newContender(who, inMemory(memory{body: message("A fox.", 0), seen: func(body []byte) { sent = body }}))
	if err != nil {
		return err
	}
	if _, err := c.ask(ctx, data); err != nil {
		return err
	}
	var r rawRequest
	if err := json.Unmarshal(sent, &r); err != nil {
		return err
	}
	for _, b := range r.Messages[0].Content {
		if b.Source != nil && b.Source.Data == data {
			return nil
		}
	}
	return errWrong
}

// requestChild measures the memory of one call.
func requestChild(ctx context.Context, who, arg string) (numbers, error) {
	size, err := strconv.Atoi(arg)
	if err != nil {
		return nil, err
	}
	data := image(size)
	c, err := newContender(who, inMemory(memory{body: message("A fox.", 0)}))
	if err != nil {
		return nil, err
	}
	if _, err := c.ask(ctx, data[:4<<10]); err != nil { // loads the code
		return nil, err
	}
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil { // resets the peak
		return numbers{}, nil //nolint:nilerr // only Linux tells
	}
	before, err := memoryStatus("VmRSS")
	if err != nil {
		return nil, err
	}
	if err := ask(ctx, c, data, answer{text: "A fox."}); err != nil {
		return nil, err
	}
	peak, err := memoryStatus("VmHWM")
	return numbers{"peak memory": (peak - before) / (1 << 20)}, err
}

// memoryStatus returns a figure of this process's memory, in bytes.
func memoryStatus(name string) (float64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(status) {
		if value, ok := strings.CutPrefix(string(line), name+":"); ok {
			var kilobytes float64
			_, err := fmt.Sscan(value, &kilobytes)
			return kilobytes * 1024, err
		}
	}
	return 0, fmt.Errorf("no %s", name)
}
