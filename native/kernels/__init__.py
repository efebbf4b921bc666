"""The kernels: each file is valid Python and is compiled by Pythran at build time.

Comes in: C-contiguous native arrays that have passed the admission gate. Goes out: arrays and status codes.
Imports NumPy alone.
"""
