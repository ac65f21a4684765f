package claude

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// sameEvent compares what two decoders made of an event.
func sameEvent(t *testing.T, want, got *Event) {
	t.Helper()
	require.Equal(t, want.Type, got.Type)
	require.Equal(t, want.Index, got.Index)
	require.Equal(t, want.Delta, got.Delta)
	require.Equal(t, want.Text(), got.Text())
	require.Equal(t, want.Raw, got.Raw)
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
		var fast, slow Event
		_, fastErr := decodeDelta(data, &fast, nil)
		slowErr := decodeEventSlowly(data, &slow)
		if fastErr != nil {
			return // not in the usual form: the thorough one decides
		}
		require.NoError(t, slowErr, "%q", data)
		sameEvent(t, &slow, &fast)
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
