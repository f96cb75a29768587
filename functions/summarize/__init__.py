"""The function that summarises a completed room."""
