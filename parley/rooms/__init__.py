"""The life of a room: registration, tracks, finalisation, completion, timeline."""
