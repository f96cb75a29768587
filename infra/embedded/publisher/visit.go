package main

import (
	"context"
	"fmt"
	"time"

	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
)

// connectLimit bounds joining, publishing and the media connection, together.
const connectLimit = 20 * time.Second

// visit is one participant's stay in the room.
type visit struct {
	plan    ParticipantPlan
	room    Plan
	packets []packet
	events  *reporter

	session     *lksdk.Room
	track       *lksdk.LocalTrack
	publication *lksdk.LocalTrackPublication
}

// connect joins, publishes the track and waits until its media can flow, so that the file's first
// packet is heard.
func (v *visit) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	if err := v.join(); err != nil {
		return v.fail(err)
	}
	track, err := lksdk.NewLocalTrack(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus})
	if err != nil {
		return v.fail(err)
	}
	options := &lksdk.TrackPublicationOptions{Name: "microphone"}
	v.publication, err = v.session.LocalParticipant.PublishTrack(track, options)
	if err != nil {
		return v.fail(err)
	}
	v.track = track
	media := v.session.LocalParticipant.GetPublisherPeerConnection()
	for media.ConnectionState() != webrtc.PeerConnectionStateConnected || !track.IsBound() {
		select {
		case <-ctx.Done():
			return v.fail(ctx.Err())
		case <-time.After(5 * time.Millisecond): // pion's one state callback is the SDK's
		}
	}
	v.report("connected")
	return nil
}

func (v *visit) join() error {
	options := []lksdk.ConnectOption{lksdk.WithAutoSubscribe(false)}
	if way := v.room.Network.interceptors(v.plan.Identity); way != nil {
		options = append(options, lksdk.WithInterceptors(way))
	}
	var err error
	if v.plan.Token != "" {
		v.session, err = lksdk.ConnectToRoomWithToken(
			v.room.URL, v.plan.Token, &lksdk.RoomCallback{}, options...)
		return err
	}
	v.session, err = lksdk.ConnectToRoom(v.room.URL, lksdk.ConnectInfo{
		APIKey: v.room.APIKey, APISecret: v.room.APISecret, RoomName: v.room.Room,
		ParticipantIdentity: v.plan.Identity, ParticipantName: v.plan.Name,
		ParticipantAttributes: v.plan.Attributes,
	}, &lksdk.RoomCallback{}, options...)
	return err
}

// run speaks the file from its turn on and stays until the context ends or, where the plan says so,
// until the file does.
func (v *visit) run(ctx context.Context, start time.Time) error {
	defer v.leave()
	if v.session == nil {
		if !sleepUntil(ctx, start.Add(time.Duration(v.plan.JoinAfterMS)*time.Millisecond)) {
			return nil
		}
		if err := v.connect(ctx); err != nil {
			return err
		}
	}
	speech := &speech{packets: v.packets, loop: v.plan.Loop, started: make(chan time.Time, 1)}
	finished := make(chan struct{})
	if err := v.track.StartWrite(speech, func() { close(finished) }); err != nil {
		return v.fail(err)
	}
	select {
	case at := <-speech.started:
		v.events.report(Event{
			Event: "started", AtMS: at.UnixMilli(),
			Identity: v.plan.Identity, TrackSID: v.publication.SID(),
		})
		if !v.mute(ctx, at) {
			return nil
		}
	case <-ctx.Done():
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case <-finished:
		v.report("finished")
	}
	if !v.plan.LeaveAtEnd {
		<-ctx.Done()
	}
	return nil
}

// mute keeps the plan's mutes; false when the context ended.
func (v *visit) mute(ctx context.Context, started time.Time) bool {
	for _, span := range v.plan.Mutes {
		for i, name := range []string{"muted", "unmuted"} {
			if !sleepUntil(ctx, started.Add(time.Duration(span[i])*time.Millisecond)) {
				return false
			}
			v.publication.SetMuted(name == "muted")
			v.report(name)
		}
	}
	return true
}

func (v *visit) leave() {
	if v.session == nil {
		return
	}
	v.session.Disconnect()
	v.session = nil
	v.report("left")
}

func (v *visit) report(event string) {
	sid := ""
	if v.publication != nil {
		sid = v.publication.SID()
	}
	v.events.report(Event{Event: event, Identity: v.plan.Identity, TrackSID: sid})
}

func (v *visit) fail(err error) error {
	v.events.report(Event{Event: "failed", Identity: v.plan.Identity, Error: err.Error()})
	return fmt.Errorf("%s: %w", v.plan.Identity, err)
}

// sleepUntil waits for a moment; false when the context ended first.
func sleepUntil(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
