"""A container's health check: `python healthz.py URL` ends with 0 when the URL answers 2xx."""

import sys
import urllib.request

try:
    with urllib.request.urlopen(sys.argv[1], timeout=3) as answer:
        sys.exit(0 if 200 <= answer.status < 300 else 1)
except OSError as error:
    sys.exit(f"{sys.argv[1]}: {error}")
