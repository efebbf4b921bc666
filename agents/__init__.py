"""What can be computed: one module per agent, pure functions from validated inputs to outcomes.

Comes in: a request's `inputs` and `options` (plain values and arrays). Goes out: `Outcome` or `Problem`.
Start at `catalogue`. Imports `native` and below; no Kafka, no Faust, no clock, no network.
"""
