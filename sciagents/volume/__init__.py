"""How much the alerting stream carries, measured: label sets in a pass (`passes`), events and notifications (`flow`).

`sci-agents benchmark alerting` prints it. Nothing here is asserted by a test: figures are of a machine and an hour.
"""
