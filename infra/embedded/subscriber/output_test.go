package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// speech is a packet of 20 ms.
func speech(content byte) []byte { return []byte{0x78, content} }

// arriving is the nth packet of a stream.
func arriving(n uint16) *rtp.Packet {
	return &rtp.Packet{
		Header:  rtp.Header{SequenceNumber: n, Timestamp: 960 * uint32(n)},
		Payload: speech(byte(n)),
	}
}

// waiting are the contents of what a tap would hand on.
func waiting(tap *tap) []byte {
	tap.mu.Lock()
	defer tap.mu.Unlock()
	var contents []byte
	for _, each := range tap.waiting {
		contents = append(contents, each.packet[1])
	}
	return contents
}

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
	tap := newTap(7)
	const batch = 40 * time.Millisecond
	take := func(now time.Time) []byte {
		frame, _ := tap.take(nil, now, batch)
		return frame
	}
	tap.add(arriving(0))
	if frame := take(began); len(frame) > 0 {
		t.Errorf("half a batch was handed on: %v", frame)
	}
	tap.add(arriving(1))
	want := binary.LittleEndian.AppendUint32(nil, 7)
	want = append(want, 1, 0, 0, 0, 0, 0, 5, 0, 0x7b, 0x82, 1, 0, 1)
	if frame := take(began); !bytes.Equal(frame, want) {
		t.Errorf("%v, not %v", frame, want)
	}
	tap.add(arriving(2))
	if frame := take(time.Now().Add(pause)); len(frame) == 0 {
		t.Error("a batch that does not become whole was kept")
	}
	tap.add(arriving(3))
	tap.close()
	tap.add(arriving(4))
	frame, open := tap.take(nil, time.Now(), batch)
	if want := speech(3); open || !bytes.HasSuffix(frame, want) {
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
		each.add(arriving(0))
	}
	size(120 * time.Millisecond)
	if got := out.size(time.Now().Add(flowing)); got != 60*time.Millisecond {
		t.Errorf("%s at a time once they have fallen silent", got)
	}
}

func TestPacketsAreInOrderAndEachCountsOnce(t *testing.T) {
	tap := newTap(1)
	tap.begin()
	for _, n := range []uint16{1, 3, 2, 5, 6} { // 4 is lost
		tap.add(arriving(n))
	}
	if got := waiting(tap); !bytes.Equal(got, []byte{1, 2, 3}) {
		t.Errorf("%v while a packet is missing", got)
	}
	tap.end()
	if got := waiting(tap); !bytes.Equal(got, []byte{1, 2, 3, 5, 6}) {
		t.Errorf("%v at its end", got)
	}
	for _, n := range []uint16{4, 6, 7} { // too late, twice
		tap.add(arriving(n))
	}
	if got := waiting(tap); !bytes.Equal(got, []byte{1, 2, 3, 5, 6, 7}) {
		t.Errorf("%v with what came too late", got)
	}
	tap.begin() // another stream
	tap.add(arriving(2))
	if got := waiting(tap); !bytes.Equal(got, []byte{1, 2, 3, 5, 6, 7, 2}) {
		t.Errorf("%v with another stream", got)
	}
}

func TestAPauseAndTheEndEndTheWaitForAMissingPacket(t *testing.T) {
	tap := newTap(1)
	tap.begin()
	tap.add(arriving(1))
	tap.add(arriving(3))
	frame, open := tap.take(nil, time.Now().Add(pause), time.Hour)
	if !open || !bytes.HasSuffix(frame, speech(3)) {
		t.Errorf("%v, open %v: the last packet is to come", frame, open)
	}
	tap.add(arriving(5))
	tap.close()
	frame, open = tap.take(nil, time.Now(), time.Hour)
	if open || !bytes.HasSuffix(frame, speech(5)) {
		t.Errorf("%v, open %v: the last packet is to come", frame, open)
	}
}

func TestWhoComesBackHearsOn(t *testing.T) {
	out := newOutput(io.Discard, 120*time.Millisecond, 2)
	first := &room{number: 1, out: out, wanted: map[string]*tap{}}
	first.subscribe("TR_a", 7)
	tap := first.tapOf("TR_a")
	second := &room{number: 1, out: out, wanted: first.giveUp()}
	first.leave()
	second.subscribe("TR_a", 7) // as the fleet asks after each join
	if second.tapOf("TR_a") != tap {
		t.Error("another tap of the same number was opened")
	}
	if _, open, closed := out.gather(nil, time.Now(), out.batch); open != 1 || len(closed) > 0 {
		t.Errorf("%d taps are open, %v were closed", open, closed)
	}
	second.subscribe("TR_a", 8)
	if _, open, closed := out.gather(nil, time.Now(), out.batch); open != 1 || len(closed) != 1 {
		t.Errorf("%d taps are open, %v were closed", open, closed)
	}
}

func TestAStayThatWasGivenUpSaysNothing(t *testing.T) {
	var said bytes.Buffer
	out := newOutput(&said, 120*time.Millisecond, 2)
	stay := &room{number: 1, out: out, wanted: map[string]*tap{}}
	stay.giveUp()
	if stay.entered(nil, errors.New("too late")) || stay.entered(nil, nil) || said.Len() > 0 {
		t.Errorf("it said %q", said.String())
	}
	if other := (&room{out: out}); other.entered(nil, errors.New("refused")) || said.Len() == 0 {
		t.Error("a refusal is not told")
	}
}
