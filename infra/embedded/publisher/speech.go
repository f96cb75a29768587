package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/livekit/server-sdk-go/v2/pkg/oggreader"
	"github.com/pion/webrtc/v4/pkg/media"
)

// packet is one Opus packet and what it lasts.
type packet struct {
	data     []byte
	duration time.Duration
}

// loadAll reads every file once, however many participants speak it.
func loadAll(participants []ParticipantPlan) (map[string][]packet, error) {
	recordings := make(map[string][]packet)
	for _, participant := range participants {
		if _, done := recordings[participant.File]; done {
			continue
		}
		packets, err := load(participant.File)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", participant.File, err)
		}
		recordings[participant.File] = packets
	}
	return recordings, nil
}

func load(path string) ([]packet, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	reader, _, err := oggreader.NewOggReader(file)
	if err != nil {
		return nil, err
	}
	var packets []packet
	for {
		data, err := reader.ReadPacket()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		duration, err := oggreader.ParsePacketDuration(data)
		if err != nil {
			return nil, err
		}
		packets = append(packets, packet{data, duration})
	}
	if len(packets) == 0 {
		return nil, errors.New("no Opus packets")
	}
	return packets, nil
}

// speech hands a recording to the SDK packet by packet; the SDK keeps the time.
type speech struct {
	lksdk.BaseSampleProvider
	packets []packet
	loop    bool
	// started receives the moment at which the first packet was asked for.
	started chan time.Time
	next    int
}

// NextSample returns io.EOF at the end, unless the recording loops.
func (s *speech) NextSample(context.Context) (media.Sample, error) {
	if s.next == len(s.packets) {
		if !s.loop {
			return media.Sample{}, io.EOF
		}
		s.next = 0
	} else if s.next == 0 {
		select {
		case s.started <- time.Now():
		default:
		}
	}
	p := s.packets[s.next]
	s.next++
	return media.Sample{Data: p.data, Duration: p.duration}, nil
}
