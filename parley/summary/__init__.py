"""Summaries: engines that read a timeline, and the rules that every summary must keep."""
