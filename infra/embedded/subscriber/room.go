package main

import (
	"sync"

	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"

	"github.com/livekit/server-sdk-go/v2/pkg/samplebuilder"
)

const (
	// waitForLate is how many packets a missing one is waited for.
	waitForLate = 5
	// mtu bounds a packet that comes in.
	mtu = 1500
)

// room is one stay in one room.
type room struct {
	number int
	out    *output

	mu      sync.Mutex
	session *lksdk.Room
	left    bool
	// wanted are the taps of the tracks that the fleet listens to, there or not.
	wanted map[string]*tap
}

// join enters a room; the fleet is told how it went.
func join(command Command, out *output) *room {
	r := &room{number: command.Room, out: out, wanted: map[string]*tap{}}
	callback := &lksdk.RoomCallback{
		ParticipantCallback: lksdk.ParticipantCallback{
			OnTrackPublished:  r.published,
			OnTrackSubscribed: r.subscribed,
		},
		OnReconnected:            r.subscribeAll,
		OnDisconnectedWithReason: r.disconnected,
	}
	go func() {
		session, err := lksdk.ConnectToRoomWithToken(
			command.URL, command.Token, callback, lksdk.WithAutoSubscribe(false))
		if err != nil {
			out.event(Event{Event: "failed", Room: r.number, Error: err.Error()})
			return
		}
		r.mu.Lock()
		r.session = session
		left := r.left
		r.mu.Unlock()
		if left {
			session.Disconnect()
			return
		}
		out.event(Event{Event: "joined", Room: r.number})
		r.subscribeAll()
	}()
	return r
}

// leave ends the stay; to say so to LiveKit takes a moment, for which the one who calls need not wait.
func (r *room) leave() *sync.WaitGroup {
	r.mu.Lock()
	r.left = true
	session := r.session
	for _, tap := range r.wanted {
		tap.close()
	}
	r.wanted = map[string]*tap{}
	r.mu.Unlock()
	var saying sync.WaitGroup
	if session != nil {
		saying.Go(session.Disconnect)
	}
	return &saying
}

func (r *room) disconnected(reason lksdk.DisconnectionReason) {
	r.mu.Lock()
	left := r.left
	r.mu.Unlock()
	if !left {
		r.out.event(Event{Event: "left", Room: r.number, Error: string(reason)})
	}
}

func (r *room) subscribe(track string, number uint32) {
	r.mu.Lock()
	if before := r.wanted[track]; before != nil {
		before.close()
	}
	r.wanted[track] = r.out.open(number)
	r.mu.Unlock()
	r.setSubscribed(track, true)
}

func (r *room) unsubscribe(track string) {
	r.mu.Lock()
	if tap := r.wanted[track]; tap != nil {
		tap.close()
		delete(r.wanted, track)
	}
	r.mu.Unlock()
	r.setSubscribed(track, false)
}

func (r *room) subscribeAll() {
	r.mu.Lock()
	tracks := make([]string, 0, len(r.wanted))
	for track := range r.wanted {
		tracks = append(tracks, track)
	}
	r.mu.Unlock()
	for _, track := range tracks {
		r.setSubscribed(track, true)
	}
}

// setSubscribed asks LiveKit; a track that is not there yet is asked for when it is published.
func (r *room) setSubscribed(track string, subscribed bool) {
	r.mu.Lock()
	session := r.session
	r.mu.Unlock()
	if session == nil {
		return
	}
	for _, participant := range session.GetRemoteParticipants() {
		for _, publication := range participant.TrackPublications() {
			remote, ok := publication.(*lksdk.RemoteTrackPublication)
			if ok && remote.SID() == track {
				_ = remote.SetSubscribed(subscribed) // a lost connection is restored, and asks again
			}
		}
	}
}

func (r *room) tapOf(track string) *tap {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wanted[track]
}

func (r *room) published(publication *lksdk.RemoteTrackPublication, _ *lksdk.RemoteParticipant) {
	if r.tapOf(publication.SID()) != nil {
		_ = publication.SetSubscribed(true)
	}
}

func (r *room) subscribed(
	track *webrtc.TrackRemote, publication *lksdk.RemoteTrackPublication, _ *lksdk.RemoteParticipant,
) {
	go r.read(track, publication.SID())
}

// read hands a track's packets on in their order, until it ends.
func (r *room) read(track *webrtc.TrackRemote, sid string) {
	ordered := samplebuilder.New(waitForLate, &codecs.OpusPacket{}, opusRate)
	arrived := make([]byte, mtu)
	for {
		size, _, err := track.Read(arrived)
		if err != nil {
			return
		}
		packet := &rtp.Packet{}
		if err := packet.Unmarshal(append([]byte(nil), arrived[:size]...)); err != nil {
			continue
		}
		if len(packet.Payload) == 0 { // LiveKit's padding
			continue
		}
		ordered.Push(packet)
		tap := r.tapOf(sid)
		for popped := ordered.PopPackets(); popped != nil; popped = ordered.PopPackets() {
			for _, next := range popped {
				if tap != nil {
					tap.add(next.Timestamp, next.Payload)
				}
			}
		}
	}
}
