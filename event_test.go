package claude

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// sameEvent compares what two decoders made of an event.
func sameEvent(t *testing.T, want, got *Event) {
	t.Helper()
	require.Equal(t, want.Text(), got.Text())
	w, g := *want, *got
	w.text, g.text = nil, nil
	require.Equal(t, w, g)
}

// eventsBefore are events of all kinds: of what was read before nothing may be left.
func eventsBefore() []Event {
	before := make([]Event, 1, 8)
	for _, data := range []string{
		`{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"model":"m","usage":{"input_tokens":1,"output_tokens":1}}}`,
		`{"type":"content_block_start","index":3,"content_block":{"type":"text","text":""}}`,
		`{"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"before"}}`,
		`{"type":"content_block_delta","index":3,"delta":{"type":"thinking_delta","thinking":"before"}}`,
		`{"type":"content_block_delta","index":3,"delta":{"type":"citations_delta","citation":{"type":"char_location","cited_text":"x"}}}`,
		`{"type":"content_block_delta","index":3,"delta":{"type":"new_delta","new":1}}`,
		`{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":"x"},"usage":{"output_tokens":5}}`,
	} {
		var e Event
		if err := decodeEventSlowly([]byte(data), &e); err != nil {
			panic(err)
		}
		before = append(before, e)
	}
	return before
}

func FuzzTheFastDecoderAgreesWithTheThoroughOne(f *testing.F) {
	for _, seed := range []string{
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Good"}       }`,
		`{"type":"content_block_delta","index":12,"delta":{"type":"text_delta","text":" morning, \u00e9lan \ud83d\ude42."} }`,
		`{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"city\": \"S"}   }`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"a\nb\\"}}`,
		`{"type":"content_block_delta","index":00,"delta":{"type":"text_delta","text":"x"}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\ud83d"}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x","text":"y"}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"},"more":1}`,
		`{"type":"content_block_delta","index":-1,"delta":{"type":"text_delta","text":"x"}}`,
		"{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"\xff\"}}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var slow Event
		slowErr := decodeEventSlowly(data, &slow)
		for _, fast := range eventsBefore() {
			if _, fastErr := decodeDelta(data, &fast, nil); fastErr != nil {
				return // not in the usual form: the thorough one decides
			}
			require.NoError(t, slowErr, "%q", data)
			sameEvent(t, &slow, &fast)
		}
	})
}

func TestTheUsualDeltasTakeTheFastWay(t *testing.T) {
	for _, data := range []string{
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"plain"}}`,
		`{"type":"content_block_delta","index":7,"delta":{"type":"text_delta","text":"with \"escapes\" \u00e9 \ud83d\ude42"}   }`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\""}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm ä"} }`,
	} {
		var fast, slow Event
		_, err := decodeDelta([]byte(data), &fast, nil)
		require.NoError(t, err, data)
		require.NoError(t, decodeEventSlowly([]byte(data), &slow))
		sameEvent(t, &slow, &fast)
	}
}
