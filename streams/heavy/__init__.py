"""The heavy lane: what is too long for the fast one, a request at a time, in processes that can be killed.

Comes in: record batches of `compute.heavy`, where the fast lane forwards what it does not compute. Goes out: results,
progress, artifacts, and dead letters of what killed its process twice. Follow a request: `lane` → `slot` → (pipe)
→ `child` → back. `frames` is what goes through the pipe, `forward` what the fast lane writes.
"""
