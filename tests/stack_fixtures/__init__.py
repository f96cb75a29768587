"""Fixtures that run the real servers, each on free ports in a fresh folder."""
