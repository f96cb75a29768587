"""Outbound events: signed webhooks to those who want to know what became of a room."""
