"""The peers: programs that do the same work in other ways. Each runs alone, as `python -m benchmarks.peers.NAME`.

Arguments: bootstrap address, topic prefix. Each reads `compute.requests` as a group of its own and writes the whole
result to `compute.results`; `work` is what all of them share.
"""
