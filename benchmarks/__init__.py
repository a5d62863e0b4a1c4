"""Benchmarks of speed, memory and losses: `python -m benchmarks.NAME`."""
