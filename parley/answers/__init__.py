"""Questions asked in a room, and their answers from what was said in it."""
