package main

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"github.com/livekit/server-sdk-go/v2/pkg/samplebuilder"
)

// What the output is made of: the length of what follows (4 bytes), one of these, the content.
// All numbers are little-endian. Times are milliseconds since the program began, so that what waits
// to be read is not taken for late.
const (
	// frameEvent holds an Event as JSON.
	frameEvent byte = iota
	// frameAudio holds the time (8) and batches: a tap's number (4), how many Opus packets (2), and
	// of each its RTP timestamp (4), its length (2) and itself.
	frameAudio
	// frameTick comes regularly: time passes where no audio comes. It holds the time (8) and how much
	// of a track is handed on at a time now, in milliseconds (2).
	frameTick
)

const (
	lookEvery = 20 * time.Millisecond
	tickEvery = 60 * time.Millisecond
	// pause is how long a packet is waited for before a batch is handed on as it is: somebody is muted,
	// or sends nothing while silent.
	pause = 60 * time.Millisecond
	// flowing is for how long after its last packet a track counts as one that flows.
	flowing = time.Second
	// waitForLate is how many packets a missing one is waited for, unless there is a pause before.
	waitForLate = 5
	// longAgo is by how many packets a late one is behind if its sender began to count anew.
	longAgo = 100
)

// Event is what the fleet is told.
type Event struct {
	// Event is joined, failed, left or reconnecting (of a room; joined follows), or closed (of a tap: no
	// more audio comes of it).
	Event string `json:"event"`
	Room  int    `json:"room,omitempty"`
	Tap   uint32 `json:"tap,omitempty"`
	Error string `json:"error,omitempty"`
}

// sent is a packet that came, and when its sound begins.
type sent struct {
	timestamp uint32
	packet    []byte
}

// tap gathers a track's packets until they are handed on.
type tap struct {
	number uint32

	mu      sync.Mutex
	last    time.Time // when the last packet came
	order   *samplebuilder.SampleBuilder
	passed  *uint16 // the last packet's number that came out of it
	waiting []sent
	closed  bool
}

func newTap(number uint32) *tap {
	return &tap{number: number, order: inOrder()}
}

// inOrder puts packets in the order of their numbers.
func inOrder() *samplebuilder.SampleBuilder {
	return samplebuilder.New(waitForLate, &codecs.OpusPacket{}, opusRate)
}

// begin makes room for a stream of packets whose numbers have nothing to do with those before.
func (t *tap) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flush()
	t.order = inOrder()
	t.passed = nil
}

// end hands on what waited for a packet that does not come any more.
func (t *tap) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flush()
}

// close takes no more packets; those that wait are handed on.
func (t *tap) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flush()
	t.closed = true
}

func (t *tap) add(packet *rtp.Packet) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.last = time.Now()
	if t.passed != nil {
		behind := int16(*t.passed - packet.SequenceNumber)
		if behind >= 0 && behind < longAgo { // its place is taken
			return
		}
	}
	t.order.Push(packet)
	t.pass(t.order.PopPackets)
}

// flush lets packets go without those that are missing between them.
func (t *tap) flush() {
	t.pass(t.order.ForcePopPackets)
}

func (t *tap) pass(next func() []*rtp.Packet) {
	for packets := next(); packets != nil; packets = next() {
		for _, packet := range packets {
			t.waiting = append(t.waiting, sent{packet.Timestamp, packet.Payload})
			t.passed = &packet.SequenceNumber
		}
	}
}

// flows says whether packets come.
func (t *tap) flows(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return now.Sub(t.last) < flowing
}

// take appends a batch to a frame if there is a whole one, or one that will not become whole; it
// says whether the tap is still open.
func (t *tap) take(frame []byte, now time.Time, batch time.Duration) ([]byte, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.last) >= pause {
		t.flush()
	}
	if len(t.waiting) == 0 {
		return frame, !t.closed
	}
	last := t.waiting[len(t.waiting)-1]
	samples := last.timestamp - t.waiting[0].timestamp + frameSamples(last.packet[0])
	whole := time.Duration(samples)*time.Second/opusRate >= batch
	if !whole && !t.closed && now.Sub(t.last) < pause {
		return frame, true
	}
	packets := together(t.waiting)
	frame = binary.LittleEndian.AppendUint32(frame, t.number)
	frame = binary.LittleEndian.AppendUint16(frame, uint16(len(packets)))
	for _, each := range packets {
		frame = binary.LittleEndian.AppendUint32(frame, each.timestamp)
		frame = binary.LittleEndian.AppendUint16(frame, uint16(len(each.packet)))
		frame = append(frame, each.packet...)
	}
	clear(t.waiting)
	t.waiting = t.waiting[:0]
	return frame, !t.closed
}

// together joins packets of which each begins where the one before ends, so that the fleet has
// fewer to decode and to write.
func together(waiting []sent) []sent {
	var made []sent
	for from := 0; from < len(waiting); {
		first := waiting[from]
		each := frameSamples(first.packet[0])
		packets := [][]byte{first.packet}
		for _, next := range waiting[from+1:] {
			so := uint32(len(packets)) * each
			if next.packet[0] != first.packet[0] || !single(first.packet) || !single(next.packet) ||
				next.timestamp != first.timestamp+so || so+each > mostSamples {
				break
			}
			packets = append(packets, next.packet)
		}
		made = append(made, sent{first.timestamp, joined(packets)})
		from += len(packets)
	}
	return made
}

// output writes frames: the batches of all tracks together, so that the fleet is woken seldom.
type output struct {
	began time.Time
	batch time.Duration
	few   int

	mu   sync.Mutex
	taps []*tap

	writing sync.Mutex
	to      io.Writer
}

// newOutput hands on so much of a track at a time, and half as much while few flow: that is sooner,
// and wakes the fleet twice as often.
func newOutput(to io.Writer, batch time.Duration, few int) *output {
	return &output{began: time.Now(), to: to, batch: batch, few: few}
}

// open makes a tap whose packets are handed on until it is closed.
func (o *output) open(number uint32) *tap {
	made := newTap(number)
	o.mu.Lock()
	o.taps = append(o.taps, made)
	o.mu.Unlock()
	return made
}

// run hands on what there is, for ever.
func (o *output) run() {
	var frame []byte
	ticked := time.Now()
	for range time.Tick(lookEvery) {
		var open int
		var closed []uint32
		now := time.Now()
		stamp := o.stamp(frame[:0], now)
		batch := o.size(now)
		frame, open, closed = o.gather(stamp, now, batch)
		if len(frame) > len(stamp) {
			o.write(frameAudio, frame)
		}
		for _, number := range closed {
			o.event(Event{Event: "closed", Tap: number})
		}
		if open > 0 && now.Sub(ticked) >= tickEvery {
			ticked = now
			tick := o.stamp(nil, now)
			o.write(frameTick, binary.LittleEndian.AppendUint16(tick, uint16(batch.Milliseconds())))
		}
	}
}

// stamp appends the time.
func (o *output) stamp(frame []byte, now time.Time) []byte {
	return binary.LittleEndian.AppendUint64(frame, uint64(now.Sub(o.began).Milliseconds()))
}

// size is how much of a track is handed on at a time now.
func (o *output) size(now time.Time) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	count := 0
	for _, each := range o.taps {
		if each.flows(now) {
			count++
		}
	}
	if count <= o.few {
		return o.batch / 2
	}
	return o.batch
}

// gather appends what is to be handed on now; it says how many taps are open, and which ended.
func (o *output) gather(frame []byte, now time.Time, batch time.Duration) ([]byte, int, []uint32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var closed []uint32
	open := o.taps[:0]
	for _, each := range o.taps {
		var there bool
		if frame, there = each.take(frame, now, batch); there {
			open = append(open, each)
		} else {
			closed = append(closed, each.number)
		}
	}
	clear(o.taps[len(open):])
	o.taps = open
	return frame, len(open), closed
}

func (o *output) event(event Event) {
	content, err := json.Marshal(event)
	if err == nil {
		o.write(frameEvent, content)
	}
}

func (o *output) write(kind byte, content []byte) {
	head := binary.LittleEndian.AppendUint32(make([]byte, 0, 5), uint32(len(content)))
	o.writing.Lock()
	defer o.writing.Unlock()
	if _, err := o.to.Write(append(append(head, kind), content...)); err != nil {
		os.Exit(1) // the fleet is gone
	}
}
