"""Tracks' audio as it was sent: Opus packets, which a Go program takes from LiveKit.

The SDK decodes every track in WebRTC, which is the greater part of what an agent costs. This does
without: docs/decisions, 0016.
"""
