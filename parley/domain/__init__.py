"""The words of the domain as types: room, track, segment, chunk, timeline, summary."""
