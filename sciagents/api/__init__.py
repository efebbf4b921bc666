"""The HTTP API: requests in, results and incidents out, for those who do not speak Kafka.

Comes in: HTTP, and the topics of results, progress and incidents as `feed` follows them. Goes out: requests, controls,
events and commands, each confirmed by the broker before it is answered.
Follow a request: `server` → `requests` (`access`, `problems`) → `gateway` → the broker → `feed` → `history`.
What it remembers is bounded: Kafka is the record.
"""
