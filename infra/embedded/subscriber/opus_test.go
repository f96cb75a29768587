package main

import (
	"bytes"
	"testing"
)

func TestFramesAreAsLongAsTheirFirstByteSays(t *testing.T) {
	for toc, want := range map[byte]uint32{
		0: 480, 9 << 3: 960, 11 << 3: 2880, 12 << 3: 480, 15 << 3: 960, 16 << 3: 120, 31 << 3: 960,
	} {
		if got := frameSamples(toc); got != want {
			t.Errorf("%#x: %d samples, not %d", toc, got, want)
		}
	}
}

func TestPacketsOfOneFrameAreJoined(t *testing.T) {
	long := append([]byte{0x78}, bytes.Repeat([]byte{7}, 301)...)
	got := joined([][]byte{{0x78, 1, 2}, long, {0x78}, {0x78, 5}})
	// 301 = 253 + 4·12 (RFC 6716, section 3.2.1), and nothing in the frame of a silent packet.
	want := append([]byte{0x7b, 0x84, 2, 253, 12, 0, 1, 2}, bytes.Repeat([]byte{7}, 301)...)
	if want = append(want, 5); !bytes.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
	if alone := []byte{0x78, 1}; !bytes.Equal(joined([][]byte{alone}), alone) {
		t.Error("one packet alone stays as it is")
	}
}
