// Publisher puts many participants into a LiveKit room, each speaking an Ogg Opus file.
//
// It reads one plan (see Plan) as JSON from standard input, so that no key shows in the process
// list, and prints one JSON object a line as things happen (see Event). SIGTERM or SIGINT makes all
// participants leave; the exit status is 0 unless one of them failed.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	protologger "github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"golang.org/x/sync/errgroup"
)

// joinsAtOnce bounds how many participants connect at the same time, so that a load of sixty does
// not start with sixty simultaneous handshakes.
const joinsAtOnce = 8

// Plan is the whole input.
type Plan struct {
	URL string `json:"url"`
	// APIKey, APISecret and Room mint a token for each participant that brings none.
	APIKey       string            `json:"api_key"`
	APISecret    string            `json:"api_secret"`
	Room         string            `json:"room"`
	Participants []ParticipantPlan `json:"participants"`
	// Network is everybody's.
	Network NetworkPlan `json:"network"`
}

// ParticipantPlan is one visit of one participant: someone who leaves and returns has two.
type ParticipantPlan struct {
	Identity   string            `json:"identity"`
	Name       string            `json:"name"`
	Attributes map[string]string `json:"attributes"`
	Token      string            `json:"token"`
	// File is an Ogg Opus file.
	File string `json:"file"`
	// Loop starts the file again at its end.
	Loop bool `json:"loop"`
	// JoinAfterMS counts from the common start. Participants with 0 connect before it, and all
	// their files start together.
	JoinAfterMS int64 `json:"join_after_ms"`
	// Mutes are [from, to) in milliseconds from the file's start. The file runs on while muted.
	Mutes [][2]int64 `json:"mutes"`
	// LeaveAtEnd leaves the room when the file ends instead of staying silent.
	LeaveAtEnd bool `json:"leave_at_end"`
}

// Event is one line of output. AtMS is wall-clock milliseconds since the epoch.
type Event struct {
	// Event is connected, started (first packet of the file sent), muted, unmuted, finished (file
	// at its end), left or failed.
	Event    string `json:"event"`
	AtMS     int64  `json:"at_ms"`
	Identity string `json:"identity,omitempty"`
	TrackSID string `json:"track_sid,omitempty"`
	Error    string `json:"error,omitempty"`
}

// reporter writes events one at a time.
type reporter struct {
	mu  sync.Mutex
	out *json.Encoder
}

func (r *reporter) report(event Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if event.AtMS == 0 {
		event.AtMS = time.Now().UnixMilli()
	}
	_ = r.out.Encode(event)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	lksdk.SetLogger(protologger.LogRLogger(logr.Discard()))
	if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var plan Plan
	decoder := json.NewDecoder(os.Stdin)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&plan); err != nil {
		return fmt.Errorf("the plan on standard input is not valid: %w", err)
	}
	recordings, err := loadAll(plan.Participants)
	if err != nil {
		return err
	}
	events := &reporter{out: json.NewEncoder(os.Stdout)}

	visits := make([]*visit, len(plan.Participants))
	for i, participant := range plan.Participants {
		visits[i] = &visit{
			plan: participant, room: plan, packets: recordings[participant.File], events: events,
		}
	}
	if err := connectFirst(ctx, visits); err != nil {
		return err
	}
	start := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for _, v := range visits {
		group.Go(func() error { return v.run(ctx, start) })
	}
	return group.Wait()
}

// connectFirst connects everyone who is there from the start, so that the files begin together.
func connectFirst(ctx context.Context, visits []*visit) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(joinsAtOnce)
	for _, v := range visits {
		if v.plan.JoinAfterMS == 0 {
			group.Go(func() error { return v.connect(ctx) })
		}
	}
	err := group.Wait()
	if err != nil {
		for _, v := range visits {
			v.leave()
		}
	}
	return err
}
