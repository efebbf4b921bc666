"""Partial differential equations on grids: stencils, elliptic solvers, and time steps.

Comes in: grids, coefficients and right sides as arrays. Goes out: arrays on the same grids. An array of a grid always
has three axes, of which those the problem has not come first and have one node; it holds nodes with given values too.
"""
