"""Audio as arrays and files: encode, decode, resample."""
