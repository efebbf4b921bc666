"""Chaos: faults by a seeded plan, load through them, and a verifier that reads the topics afterwards.

`python -m chaos` (`make chaos`) runs rounds: `faults` draws the plan, `load` the requests; `cluster` and `workers` are
what is hurt, `rounds` does it, `ledger` reads the topics, `verifier` says what was promised and not kept. `load`,
`faults` and `verifier` are pure.
"""
