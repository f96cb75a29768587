package main

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
)

func newWay(plan NetworkPlan) *way {
	return &way{plan: plan, chance: rand.New(rand.NewPCG(1, 0)), closed: make(chan struct{})}
}

func TestAsManyAreLostAsThePlanSays(t *testing.T) {
	w := newWay(NetworkPlan{DelayMS: 20, LostPct: 5})
	const packets = 100_000
	var lost, runs int
	var delays time.Duration
	before := false
	for range packets {
		delay, gone := w.fate()
		delays += delay
		if gone {
			lost++
			if !before {
				runs++
			}
		}
		before = gone
	}
	if share := 100 * float64(lost) / packets; math.Abs(share-5) > 0.3 {
		t.Errorf("%.2f %% lost", share)
	}
	if inARow := float64(lost) / float64(runs); math.Abs(inARow-1.5) > 0.05 {
		t.Errorf("%.2f lost in a row", inARow)
	}
	if mean := delays / packets; mean < 19*time.Millisecond || mean > 21*time.Millisecond {
		t.Errorf("a mean delay of %s", mean)
	}
}

func TestNothingOvertakes(t *testing.T) {
	w := newWay(NetworkPlan{DelayMS: 2})
	const packets = 200
	arrived := make(chan uint16, packets)
	writer := w.BindLocalStream(nil, interceptor.RTPWriterFunc(
		func(header *rtp.Header, payload []byte, _ interceptor.Attributes) (int, error) {
			if payload[0] != byte(header.SequenceNumber) {
				t.Errorf("packet %d holds another's sound", header.SequenceNumber)
			}
			arrived <- header.SequenceNumber
			return 0, nil
		}))
	buffer := make([]byte, 1)
	for number := range uint16(packets) {
		buffer[0] = byte(number) // a caller may use its buffer again
		if _, err := writer.Write(&rtp.Header{SequenceNumber: number}, buffer, nil); err != nil {
			t.Fatal(err)
		}
	}
	for number := range uint16(packets) {
		if got := <-arrived; got != number {
			t.Fatalf("%d arrived instead of %d", got, number)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
