package main

import (
	"errors"
	"sync"
	"time"

	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const (
	// joinLimit is how long LiveKit may take to let us in.
	joinLimit = 30 * time.Second
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

// join enters a room; the fleet is told how it went. What an earlier stay listened to, this one does.
func join(command Command, out *output, earlier *room) *room {
	r := &room{number: command.Room, out: out, wanted: map[string]*tap{}}
	if earlier != nil {
		r.wanted = earlier.giveUp()
	}
	callback := &lksdk.RoomCallback{
		ParticipantCallback: lksdk.ParticipantCallback{
			OnTrackPublished:  r.published,
			OnTrackSubscribed: r.subscribed,
		},
		OnReconnecting:           r.reconnecting,
		OnReconnected:            r.reconnected,
		OnDisconnectedWithReason: r.disconnected,
	}
	go r.enter(command, lksdk.NewRoom(callback))
	return r
}

func (r *room) enter(command Command, session *lksdk.Room) {
	answer := make(chan error, 1)
	go func() {
		answer <- session.JoinWithToken(
			command.URL, command.Token, lksdk.WithAutoSubscribe(false))
	}()
	select {
	case err := <-answer:
		if !r.entered(session, err) {
			session.Disconnect() // what there is of it
		}
	case <-time.After(joinLimit):
		r.entered(session, errors.New("LiveKit did not answer"))
		<-answer
		session.Disconnect()
	}
}

// entered makes a stay of a session; not where entering failed, or the stay was given up meanwhile.
func (r *room) entered(session *lksdk.Room, err error) bool {
	r.mu.Lock()
	left := r.left
	if err == nil && !left {
		r.session = session
	} else {
		r.left = true
	}
	r.mu.Unlock()
	switch {
	case left: // nobody cares
		return false
	case err != nil:
		r.out.event(Event{Event: "failed", Room: r.number, Error: err.Error()})
		return false
	default:
		r.out.event(Event{Event: "joined", Room: r.number})
		r.subscribeAll()
		return true
	}
}

// leave ends the stay; to say so to LiveKit takes a moment, for which the one who calls need not wait.
func (r *room) leave() *sync.WaitGroup {
	for _, tap := range r.giveUp() {
		tap.close()
	}
	var saying sync.WaitGroup
	r.mu.Lock()
	session := r.session
	r.mu.Unlock()
	if session != nil {
		saying.Go(session.Disconnect)
	}
	return &saying
}

// giveUp makes the stay say and hear no more; its taps are the caller's.
func (r *room) giveUp() map[string]*tap {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = true
	taps := r.wanted
	r.wanted = map[string]*tap{}
	return taps
}

// reconnecting tells that what is said now may not be heard; the SDK does the rest.
func (r *room) reconnecting() {
	r.tell("reconnecting", "connection lost")
}

func (r *room) reconnected() {
	r.subscribeAll()
	r.tell("joined", "")
}

func (r *room) disconnected(reason lksdk.DisconnectionReason) {
	r.tell("left", string(reason))
}

// tell says what happened to the stay, unless it was given up.
func (r *room) tell(event, reason string) {
	r.mu.Lock()
	left := r.left
	r.mu.Unlock()
	if !left {
		r.out.event(Event{Event: event, Room: r.number, Error: reason})
	}
}

func (r *room) subscribe(track string, number uint32) {
	r.mu.Lock()
	before := r.wanted[track]
	if before == nil || before.number != number { // else it is asked for again, after a new join
		if before != nil {
			before.close()
		}
		r.wanted[track] = r.out.open(number)
	}
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

// read hands a track's packets on until it ends.
func (r *room) read(track *webrtc.TrackRemote, sid string) {
	if tap := r.tapOf(sid); tap != nil {
		tap.begin()
	}
	arrived := make([]byte, mtu)
	for {
		size, _, err := track.Read(arrived)
		tap := r.tapOf(sid)
		if err != nil {
			if tap != nil {
				tap.end()
			}
			return
		}
		packet := &rtp.Packet{}
		if err := packet.Unmarshal(append([]byte(nil), arrived[:size]...)); err != nil {
			continue
		}
		if tap != nil && len(packet.Payload) > 0 { // without: LiveKit's padding
			tap.add(packet)
		}
	}
}
