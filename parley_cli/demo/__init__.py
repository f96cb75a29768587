"""The demo: a scripted meeting spoken into a real room, and the report on what came of it."""
