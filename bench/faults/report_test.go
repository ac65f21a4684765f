package main

import (
	"fmt"
	"strconv"
	"strings"
)

// row is a line of a table: a cell for each contender between those given.
func row(b *strings.Builder, first []string, cell func(who int) string, last ...string) {
	cells := make([]string, 0, len(first)+len(contenders)+len(last))
	cells = append(cells, first...)
	for who := range contenders {
		cells = append(cells, cell(who))
	}
	cells = append(cells, last...)
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

// heading begins a table.
func heading(b *strings.Builder, first []string, last ...string) {
	row(b, first, func(who int) string { return contenders[who].name }, last...)
	b.WriteString("|" + strings.Repeat(" --- |", len(first)+len(contenders)+len(last)) + "\n")
}

// summary is a line of figures; the aim is for Steadfast's, empty for none.
func summary(b *strings.Builder, name, aim string, count func(who int) int) {
	figure := func(who int) string { return strconv.Itoa(count(who)) }
	shown := aim
	if aim != "" && figure(us()) == aim {
		shown = "**" + aim + "**"
	}
	row(b, []string{name}, figure, shown)
}

func faultTables(b *strings.Builder, known [][]string) {
	b.WriteString(`
## Faults of the transport

One call each that asks for an answer at once. Everybody's errors are asked the same by
errors.Is and errors.As: for the standard library's types and values (DNSError and its
flags, OpError and its Op, errnos, the errors of crypto/x509 and crypto/tls, io.EOF,
io.ErrUnexpectedEOF, Timeout()), and for the types that the client itself exports. Two
faults are told apart where the answers differ. Hooks beside the error, such as
net/http/httptrace, are left out.

`)
	heading(b, []string{""}, "aim")
	all := strconv.Itoa(len(faults))
	summary(b, "told apart, of "+all, all, func(who int) int { return apart(known, who) })
	b.WriteString("\nWhat the program knows; in brackets the other faults of which it knows the same.\n\n")
	heading(b, []string{"", "fault"})
	for i := range faults {
		row(b, []string{strconv.Itoa(i + 1), faults[i].name}, func(who int) string { return knowledge(known, i, who) })
	}
}

// knowledge is what a contender's program knows of a fault.
func knowledge(known [][]string, fault, who int) string {
	if known[fault] == nil {
		return "not provoked on this system"
	}
	text := known[fault][who]
	var same []string
	for i, other := range known {
		if i != fault && other != nil && other[who] == text {
			same = append(same, strconv.Itoa(i+1))
		}
	}
	if text == "" {
		text = "nothing"
	}
	if same != nil {
		text += fmt.Sprintf(" (%s)", strings.Join(same, ", "))
	}
	return text
}

// apart counts the faults that a contender's program tells apart.
func apart(known [][]string, who int) int {
	signatures := make(map[string]bool)
	for _, of := range known {
		if of != nil && of[who] != noError {
			signatures[of[who]] = true
		}
	}
	return len(signatures)
}

func streamTables(b *strings.Builder, verdicts [][]verdict) {
	b.WriteString(`
## Odd and broken streams

Each stream is read to its end the way a client's documentation shows: Steadfast by Stream
and Response, the official SDKs by Next, Accumulate and Err, raw line by line. An answer
is compared by text and stop reason. Silently wrong is another answer, or none, without
an error. Where all of the answer has come, though not as it should, both the answer and
an error are right.

`)
	heading(b, []string{""}, "aim")
	count := func(which verdict) func(who int) int {
		return func(who int) (n int) {
			for _, of := range verdicts {
				if of[who] == which {
					n++
				}
			}
			return n
		}
	}
	all := strconv.Itoa(len(oddities))
	summary(b, "right, of "+all, all, count(isRight))
	summary(b, "wrong, says so", "", count(saysSo))
	summary(b, "silently wrong", "0", count(isSilent))
	b.WriteString("\n")
	heading(b, []string{"", "stream", "right is"})
	for i, of := range verdicts {
		row(b, []string{strconv.Itoa(i + 1), oddities[i].name, string(oddities[i].right)}, func(who int) string { return string(of[who]) })
	}
}
