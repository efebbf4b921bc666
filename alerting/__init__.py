"""Events and results → signals → rules → alerts → groups → incidents → notifications → escalation.

Comes in: ops events, results, alerts from outside, commands, and the time (`now`, epoch seconds, always an argument).
Goes out: effects as values (`effects.Publish`, `effects.Notify`), each with the reason for it.
Follow an event: `signals` → `evaluator` (`rules`) → `store` → `groups` (`routing`) → `lifecycle` and `dispatch`
(`muting`, `incidents`) → `escalator` (`escalation`) → `teller` → `outbox`. `standing` is what they share, `engine` puts
them together, `register` keeps the incidents, `recovery` reads what a restart finds; `snapshot` is what outlives it of
the signals (`keeping` writes, `restoring` reads). Only `stream`, `notify/` and the loading in `documents`, `config` and
`channels` touch the world.
Imports `streams.contracts` alone of this project: never `agents`, `native` or `sciagents`, never Kafka.
"""
