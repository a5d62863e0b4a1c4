"""Measurements of speed; run each with python -m benchmarks.NAME."""
