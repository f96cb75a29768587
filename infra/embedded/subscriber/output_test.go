package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"
	"time"
)

// speech is a packet of 20 ms.
func speech(content byte) []byte { return []byte{0x78, content} }

func TestOnlyWhatFollowsWithoutABreakIsJoined(t *testing.T) {
	got := together([]sent{
		{100, speech(1)}, {1060, speech(2)}, // one after the other
		{2980, speech(3)},                    // 960 samples were lost before it
		{3940, []byte{0xf8, 4}},              // of another mode
		{4900, []byte{0xfb, 2, 5, 5}},        // holds two frames already
		{6820, speech(6)}, {7780, speech(7)}, // 120 ms are the most
		{8740, speech(8)}, {9700, speech(9)}, {10660, speech(10)}, {11620, speech(11)},
		{12580, speech(12)},
	})
	var timestamps []uint32
	for _, each := range got {
		timestamps = append(timestamps, each.timestamp)
	}
	want := []uint32{100, 2980, 3940, 4900, 6820, 12580}
	for i := range max(len(want), len(timestamps)) {
		if i >= len(want) || i >= len(timestamps) || want[i] != timestamps[i] {
			t.Fatalf("packets at %v, not %v", timestamps, want)
		}
	}
}

func TestABatchIsHandedOnWhenItIsWholeOrOldOrTheLast(t *testing.T) {
	began := time.Now()
	tap := &tap{number: 7}
	const batch = 40 * time.Millisecond
	take := func(now time.Time) []byte {
		frame, _ := tap.take(nil, now, batch)
		return frame
	}
	tap.add(0, speech(1))
	if frame := take(began); len(frame) > 0 {
		t.Errorf("half a batch was handed on: %v", frame)
	}
	tap.add(960, speech(2))
	want := binary.LittleEndian.AppendUint32(nil, 7)
	want = append(want, 1, 0, 0, 0, 0, 0, 5, 0, 0x7b, 0x82, 1, 1, 2)
	if frame := take(began); !bytes.Equal(frame, want) {
		t.Errorf("%v, not %v", frame, want)
	}
	tap.add(1920, speech(3))
	if frame := take(time.Now().Add(pause)); len(frame) == 0 {
		t.Error("a batch that does not become whole was kept")
	}
	tap.add(2880, speech(4))
	tap.close()
	tap.add(3840, speech(5))
	frame, open := tap.take(nil, time.Now(), batch)
	if want := speech(4); open || !bytes.HasSuffix(frame, want) {
		t.Errorf("%v, open %v: the last packet is to come, and no other", frame, open)
	}
}

func TestFewTracksAreHandedOnInHalves(t *testing.T) {
	out := newOutput(io.Discard, 120*time.Millisecond, 2)
	taps := []*tap{out.open(1), out.open(2), out.open(3)}
	size := func(want time.Duration) {
		t.Helper()
		if got := out.size(time.Now()); got != want {
			t.Errorf("%s at a time, not %s", got, want)
		}
	}
	size(60 * time.Millisecond)
	for _, each := range taps {
		each.add(0, speech(1))
	}
	size(120 * time.Millisecond)
	if got := out.size(time.Now().Add(flowing)); got != 60*time.Millisecond {
		t.Errorf("%s at a time once they have fallen silent", got)
	}
}
