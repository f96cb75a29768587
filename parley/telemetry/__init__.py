"""Logs, and later metrics and spans; none of them ever holds transcript text, audio or secrets."""
