"""The kernels: small pure functions with `#pythran export` lines, and the formula compiler that feeds them."""
