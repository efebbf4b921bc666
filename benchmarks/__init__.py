"""Ours against what a user would pick instead: one command, one run, one JSON line. `python -m benchmarks --help`.

On a noisy machine only the ratios inside one run count: every comparison takes turns, round by round.
"""
