"""The alerting process is killed again and again while incidents escalate, and who was told what is held against it.

`receiving` and `replica` of the integration tests bring people and process, `story` the incidents, `run` the kills,
`verifier` the verdict. `python -m kills` (`make kills`) is the whole of it, a bounded part is among the tests.
"""
