"""Chaos: faults by a seeded plan, load through them, and verifiers that read the topics afterwards.

`python -m chaos` (`make chaos`) runs rounds: `faults` draws the plan, `load` the requests; `cluster`, `workers`, `api`,
`stores` and `alerting` are what is hurt, `rounds` does it, `ledger` reads the topics, `verifier` says what was promised
and not kept. Of incidents the same is `kills`' to tell: its story goes on meanwhile, on Kafka (`trouble`), and its
verifier hears of what was written when (`witness`) and of when somebody could tell (`terms`). `load`, `faults`, `terms`
and the verifiers are pure.
"""
