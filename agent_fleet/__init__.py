"""The agent fleet: joins rooms, turns each speaker's audio into captions and recordings."""
