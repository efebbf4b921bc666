"""What the kernels on grids share: the neighbours of a node at each kind of end, and fluxes between rows."""


def before(i, n, end):
    """The neighbour below: around the axis when it is periodic (end 0), mirrored at a given slope (end 2)."""
    if i > 0:
        return i - 1
    if n == 1:
        return 0
    return n - 1 if end == 0 else 1


def behind(i, n, end):
    """The neighbour above."""
    if i < n - 1:
        return i + 1
    if n == 1:
        return 0
    return 0 if end == 0 else n - 2


def add_row(out, u, um, up, d, dm, dp, w):
    """Add the flux difference between a row and its two neighbours."""
    for k in range(out.shape[0]):
        out[k] += w * ((d[k] + dp[k]) * (up[k] - u[k]) - (d[k] + dm[k]) * (u[k] - um[k]))
