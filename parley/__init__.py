"""Parley: what its functions and its fleet share (domain, storage, blobs, auth, settings)."""
