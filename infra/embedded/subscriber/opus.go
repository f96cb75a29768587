package main

// What Opus packets are made of: RFC 6716, section 3.

const (
	opusRate = 48000
	// mostSamples is the most that one packet may hold: 120 ms.
	mostSamples = opusRate * 120 / 1000
	// mostBytes is the most that one frame may take.
	mostBytes = 1275
	// mostShort is the longest frame whose length takes one byte.
	mostShort = 251
)

// frameSamples is how long each frame of a packet is, by its first byte.
func frameSamples(toc byte) uint32 {
	config := toc >> 3
	switch {
	case config < 12: // SILK: 10, 20, 40 or 60 ms
		return []uint32{480, 960, 1920, 2880}[config&3]
	case config < 16: // hybrid: 10 or 20 ms
		return []uint32{480, 960}[config&1]
	default: // CELT: 2.5 to 20 ms
		return 120 << (config & 3)
	}
}

// single says whether a packet holds one frame, as nearly all do.
func single(packet []byte) bool {
	return packet[0]&3 == 0 && len(packet)-1 <= mostBytes
}

// joined makes one packet of several that hold one frame each and begin alike.
func joined(packets [][]byte) []byte {
	if len(packets) == 1 {
		return packets[0]
	}
	const severalFrames, ofSeveralLengths = 3, 0x80
	made := []byte{packets[0][0] | severalFrames, byte(len(packets)) | ofSeveralLengths}
	for _, packet := range packets[:len(packets)-1] { // the last one's length follows from the rest
		if length := len(packet) - 1; length <= mostShort {
			made = append(made, byte(length))
		} else {
			made = append(made, byte(252+length&3), byte((length-252-length&3)>>2))
		}
	}
	for _, packet := range packets {
		made = append(made, packet[1:]...)
	}
	return made
}
