package main

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"sync"
	"time"
)

// What the output is made of: the length of what follows (4 bytes), one of these, the content.
// All numbers are little-endian.
const (
	// frameEvent holds an Event as JSON.
	frameEvent byte = iota
	// frameAudio holds batches: a tap's number (4), how many Opus packets (2), and of each its RTP
	// timestamp (4), its length (2) and itself.
	frameAudio
	// frameTick comes regularly: time passes where no audio comes. It says how much of a track is
	// handed on at a time now, in milliseconds (2).
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
)

// Event is what the fleet is told.
type Event struct {
	// Event is joined, failed or left (of a room), or closed (of a tap: no more audio comes of it).
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
	waiting []sent
	closed  bool
}

// close takes no more packets; those that wait are handed on.
func (t *tap) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
}

func (t *tap) add(timestamp uint32, packet []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.last = time.Now()
	t.waiting = append(t.waiting, sent{timestamp, packet})
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
			if next.packet[0] != first.packet[0] || !single(first.packet) ||
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
	return &output{to: to, batch: batch, few: few}
}

// open makes a tap whose packets are handed on until it is closed.
func (o *output) open(number uint32) *tap {
	made := &tap{number: number}
	o.mu.Lock()
	o.taps = append(o.taps, made)
	o.mu.Unlock()
	return made
}

// run hands on what there is, for ever.
func (o *output) run() {
	var frame []byte
	ticked := time.Now()
	for now := range time.Tick(lookEvery) {
		var open int
		var closed []uint32
		batch := o.size(now)
		frame, open, closed = o.gather(frame[:0], now, batch)
		if len(frame) > 0 {
			o.write(frameAudio, frame)
		}
		for _, number := range closed {
			o.event(Event{Event: "closed", Tap: number})
		}
		if open > 0 && now.Sub(ticked) >= tickEvery {
			ticked = now
			o.write(frameTick, binary.LittleEndian.AppendUint16(nil, uint16(batch.Milliseconds())))
		}
	}
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
