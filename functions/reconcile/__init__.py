"""The reconciler as a scheduled function."""
