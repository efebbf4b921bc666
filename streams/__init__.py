"""How messages move: record batches from Kafka in, confirmed results out, then the committed frontier.

Comes in: record batches of `compute.requests` and controls. Goes out: results, progress and dead letters.
Follow a request: `worker` → `intake` → `compute` → `codec` → (agents) → `emit` → `frontier`. What is more than one
computation: `conductor` → `steps`, `whole` → `errands`. Both read as members of a group: `polling`.
Imports `agents` and below; never `sciagents` or `alerting`.
"""
