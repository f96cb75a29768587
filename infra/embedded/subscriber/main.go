// Subscriber takes the audio of LiveKit rooms' tracks and hands it on as it was sent: Opus packets.
//
// It is a program of the agent fleet, which starts it, says on its standard input what to listen to
// (one Command a line, as JSON) and reads Frames from its standard output. It is in a room as a
// participant of its own, hidden from the others. It decodes nothing: that is what makes it cheap.
// It ends when its standard input does, and leaves its rooms.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	protologger "github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
)

// memoryForSpeed lets the heap, which is small, grow to five times what is in use.
const memoryForSpeed = 400

// Command is one line of input.
type Command struct {
	// Do is join, leave, subscribe or unsubscribe.
	Do string `json:"do"`
	// Room is the number that the fleet gives a room.
	Room  int    `json:"room"`
	URL   string `json:"url"`
	Token string `json:"token"`
	Track string `json:"track"`
	// Tap is the number under which a track's audio is handed on.
	Tap uint32 `json:"tap"`
}

func main() {
	batch := flag.Duration("batch", 120*time.Millisecond, "how much of a track is handed on at a time")
	few := flag.Int("few", 16, "of up to so many tracks that flow at a time, half as much")
	flag.Parse()
	frames := os.Stdout
	os.Stdout = os.Stderr // a library that prints must not print into the frames
	// The fleet ends this program by closing its input, once it has drained: a signal to the whole
	// group (Ctrl-C) must not cut off what is still said.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM)
	debug.SetGCPercent(memoryForSpeed)
	lksdk.SetLogger(protologger.LogRLogger(logr.Discard()))
	if err := run(frames, *batch, *few); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(frames io.Writer, batch time.Duration, few int) error {
	out := newOutput(frames, batch, few)
	go out.run()
	rooms := map[int]*room{}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var command Command
		if err := json.Unmarshal(lines.Bytes(), &command); err != nil {
			return fmt.Errorf("a command is not valid: %w", err)
		}
		there := rooms[command.Room]
		switch command.Do {
		case "join":
			rooms[command.Room] = join(command, out, there)
			if there != nil {
				there.leave()
			}
		case "leave":
			if there != nil {
				there.leave()
				delete(rooms, command.Room)
			}
		case "subscribe":
			if there != nil {
				there.subscribe(command.Track, command.Tap)
			}
		case "unsubscribe":
			if there != nil {
				there.unsubscribe(command.Track)
			}
		default:
			return fmt.Errorf("there is no command %q", command.Do)
		}
	}
	var goodbyes []*sync.WaitGroup
	for _, there := range rooms {
		goodbyes = append(goodbyes, there.leave())
	}
	for _, goodbye := range goodbyes {
		goodbye.Wait() // the fleet kills who takes too long
	}
	return lines.Err()
}
