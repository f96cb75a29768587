"""The function that turns a stored recording into the final transcript."""
