"""The result cache: what was computed before is not computed again.

Comes in: admitted jobs, and outcomes. Goes out: what is kept for a job's content, or the word to compute it. Kept in
the memory of the worker, or in a Redis that workers share. Nothing here fails a request: a cache that is away, slow or
wrong is a cache without what was asked for.
Follow a job: `content` (its key, or why it has none) → `results` (the front) → `memory` or `shared` → `kept`.
"""
