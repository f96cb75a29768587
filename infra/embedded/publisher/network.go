package main

import (
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/rtp"
)

// underWay bounds how many packets may be on their way at once: ten seconds' worth.
const underWay = 500

// NetworkPlan is what the participants' networks do to their packets, by chance that is the same in
// each run. All zero is none of it.
type NetworkPlan struct {
	// DelayMS is the mean of a delay that is different for each packet (exponentially distributed).
	// No packet overtakes another, so that a long delay holds up all that follow, which then come
	// at once: what a wireless network does.
	DelayMS float64 `json:"delay_ms"`
	// LostPct is the share of packets that never arrive, one and a half in a row on average.
	LostPct float64 `json:"lost_pct"`
}

// goesOnLosing is the chance that the packet after a lost one is lost too.
const goesOnLosing = 1.0 / 3

// interceptors are what a participant needs on the way to LiveKit; nil where the network is none.
func (n NetworkPlan) interceptors(identity string) []interceptor.Factory {
	if n == (NetworkPlan{}) {
		return nil
	}
	seed := fnv.New64a()
	seed.Write([]byte(identity))
	reports, err := report.NewSenderInterceptor()
	if err != nil {
		panic(err) // it has no options that could be wrong
	}
	return []interceptor.Factory{&network{plan: n, seed: seed.Sum64()}, reports}
}

// network makes a way for each connection.
type network struct {
	plan NetworkPlan
	seed uint64
}

func (n *network) NewInterceptor(string) (interceptor.Interceptor, error) {
	return &way{plan: n.plan, chance: rand.New(rand.NewPCG(n.seed, 0)), closed: make(chan struct{})}, nil
}

// way is one connection's.
type way struct {
	interceptor.NoOp
	plan   NetworkPlan
	chance *rand.Rand
	losing bool

	once   sync.Once
	closed chan struct{}
}

type travelling struct {
	arrives    time.Time
	header     rtp.Header
	payload    []byte
	attributes interceptor.Attributes
}

// BindLocalStream puts the way between a track and the connection. A participant has one track.
func (w *way) BindLocalStream(_ *interceptor.StreamInfo, writer interceptor.RTPWriter) interceptor.RTPWriter {
	travels := make(chan travelling, underWay)
	go w.deliver(travels, writer)
	return interceptor.RTPWriterFunc(
		func(header *rtp.Header, payload []byte, attributes interceptor.Attributes) (int, error) {
			delay, lost := w.fate()
			if lost {
				return len(payload), nil
			}
			select {
			case travels <- travelling{
				time.Now().Add(delay), header.Clone(), append([]byte(nil), payload...), attributes,
			}:
			default: // as full as a network can be
			}
			return len(payload), nil
		})
}

// fate is drawn for each packet in turn, whatever becomes of it.
func (w *way) fate() (time.Duration, bool) {
	delay := time.Duration(w.chance.ExpFloat64() * w.plan.DelayMS * float64(time.Millisecond))
	share := w.plan.LostPct / 100
	begins := share * (1 - goesOnLosing) / (1 - share)
	if w.losing {
		begins = goesOnLosing
	}
	w.losing = w.chance.Float64() < begins
	return delay, w.losing
}

// deliver hands each packet on when it arrives, in their order.
func (w *way) deliver(travels <-chan travelling, writer interceptor.RTPWriter) {
	for {
		select {
		case packet := <-travels:
			time.Sleep(time.Until(packet.arrives))
			_, _ = writer.Write(&packet.header, packet.payload, packet.attributes) // as UDP would
		case <-w.closed:
			return
		}
	}
}

// Close ends it.
func (w *way) Close() error {
	w.once.Do(func() { close(w.closed) })
	return nil
}
