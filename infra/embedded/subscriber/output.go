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
	// frameAudio holds batches: a tap's number (4), how many packets (2), and of each packet its RTP
	// timestamp (4), its length (2) and its payload.
	frameAudio
	// frameTick is empty, and comes regularly: time passes where no audio comes.
	frameTick
)

const (
	lookEvery = 20 * time.Millisecond
	tickEvery = 100 * time.Millisecond
	// lateBatch is how much longer than its length a batch may be under way before it is handed on as
	// it is: somebody is muted, or sends nothing while silent.
	lateBatch = 60 * time.Millisecond
)

// Event is what the fleet is told.
type Event struct {
	// Event is joined, failed or left (of a room), or closed (of a tap: no more audio comes of it).
	Event string `json:"event"`
	Room  int    `json:"room,omitempty"`
	Tap   uint32 `json:"tap,omitempty"`
	Error string `json:"error,omitempty"`
}

// tap gathers a track's packets until they are handed on.
type tap struct {
	number uint32
	batch  time.Duration

	mu      sync.Mutex
	first   time.Time // when the first of the waiting packets came
	from    uint32    // its RTP timestamp
	to      uint32    // the last one's
	step    uint32    // from one packet to the next
	count   uint16
	waiting []byte
	closed  bool
}

// close takes no more packets; those that wait are handed on.
func (t *tap) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
}

func (t *tap) add(timestamp uint32, payload []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	if t.count == 0 {
		t.first, t.from = time.Now(), timestamp
	} else {
		t.step = timestamp - t.to
	}
	t.to = timestamp
	t.count++
	t.waiting = binary.LittleEndian.AppendUint32(t.waiting, timestamp)
	t.waiting = binary.LittleEndian.AppendUint16(t.waiting, uint16(len(payload)))
	t.waiting = append(t.waiting, payload...)
}

// take appends a batch to a frame if there is a whole one, or one that will not become whole; it
// says whether the tap is still open.
func (t *tap) take(frame []byte, now time.Time) ([]byte, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	length := time.Duration(t.to-t.from+t.step) * time.Second / opusRate
	whole := length >= t.batch || now.Sub(t.first) >= t.batch+lateBatch
	if t.count == 0 || !whole && !t.closed {
		return frame, !t.closed
	}
	frame = binary.LittleEndian.AppendUint32(frame, t.number)
	frame = binary.LittleEndian.AppendUint16(frame, t.count)
	frame = append(frame, t.waiting...)
	t.count, t.waiting = 0, t.waiting[:0]
	return frame, !t.closed
}

// output writes frames: the batches of all tracks together, so that the fleet is woken seldom.
type output struct {
	batch time.Duration

	mu   sync.Mutex
	taps []*tap

	writing sync.Mutex
	to      io.Writer
}

func newOutput(to io.Writer, batch time.Duration) *output {
	return &output{to: to, batch: batch}
}

// open makes a tap whose packets are handed on until it is closed.
func (o *output) open(number uint32) *tap {
	made := &tap{number: number, batch: o.batch}
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
		frame, open, closed = o.gather(frame[:0], now)
		if len(frame) > 0 {
			o.write(frameAudio, frame)
		}
		for _, number := range closed {
			o.event(Event{Event: "closed", Tap: number})
		}
		if open > 0 && now.Sub(ticked) >= tickEvery {
			ticked = now
			o.write(frameTick, nil)
		}
	}
}

// gather appends what is to be handed on now; it says how many taps are open, and which ended.
func (o *output) gather(frame []byte, now time.Time) ([]byte, int, []uint32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var closed []uint32
	open := o.taps[:0]
	for _, each := range o.taps {
		var there bool
		if frame, there = each.take(frame, now); there {
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
