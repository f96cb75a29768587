"""Text to speech: a text in, a stored Ogg Opus file out."""
