"""The parts of a geometric multigrid cycle for shift u - div(d grad u) = f on grids of up to three axes."""

from native.kernels._grid import add_row, before, behind

# pythran export relax(float64[:,:,:], float64[:,:,:], float64[:,:,:], float64, float64[:], int64[:], int64)
# pythran export defect(float64[:,:,:], float64[:,:,:], float64[:,:,:], float64[:,:,:], float64, float64[:], int64[:])
# pythran export interpolate(float64[:,:,:], int64[:], int64[:], float64[:], float64[:,:,:])
# pythran export gather(float64[:,:,:], int64[:], int64[:], float64[:], float64[:], float64[:], float64[:,:,:])


def relax_row(u, uim, uip, ujm, ujp, d, dim, dip, djm, djp, f, shift, half, low, high, start):
    """Gauss–Seidel on every second node of one row."""
    n = u.shape[0]
    for k in range(start, n, 2):
        if (k == 0 and low == 1) or (k == n - 1 and high == 1):
            continue
        m = before(k, n, low)
        p = behind(k, n, high)
        a = half[0] * (d[k] + dim[k])
        b = half[0] * (d[k] + dip[k])
        total = a + b + shift
        value = f[k] + a * uim[k] + b * uip[k]
        a = half[1] * (d[k] + djm[k])
        b = half[1] * (d[k] + djp[k])
        total += a + b
        value += a * ujm[k] + b * ujp[k]
        a = half[2] * (d[k] + d[m])
        b = half[2] * (d[k] + d[p])
        total += a + b
        value += a * u[m] + b * u[p]
        u[k] = value / total


def relax(u, d, f, shift, weights, ends, colour):
    """Relax the nodes of one colour (0 red, 1 black) in place, all (n0, n1, n2); weights and ends as for `diffuse`.

    An axis of one node has weight 0.
    """
    half = 0.5 * weights
    n0 = u.shape[0]
    n1 = u.shape[1]
    for i in range(n0):
        if (i == 0 and ends[0] == 1) or (i == n0 - 1 and ends[1] == 1):
            continue
        im = before(i, n0, ends[0])
        ip = behind(i, n0, ends[1])
        for j in range(n1):
            if (j == 0 and ends[2] == 1) or (j == n1 - 1 and ends[3] == 1):
                continue
            jm = before(j, n1, ends[2])
            jp = behind(j, n1, ends[3])
            relax_row(
                u[i, j], u[im, j], u[ip, j], u[i, jm], u[i, jp], d[i, j], d[im, j], d[ip, j], d[i, jm], d[i, jp],
                f[i, j], shift, half, ends[4], ends[5], (i + j + colour) % 2,
            )  # fmt: skip


def set_row(out, u, d, f, shift, w, low, high):
    """Set a row to f - shift u and the flux difference along itself."""
    n = out.shape[0]
    for k in range(1, n - 1):
        out[k] = (
            f[k] - shift * u[k] + w * ((d[k] + d[k + 1]) * (u[k + 1] - u[k]) - (d[k] + d[k - 1]) * (u[k] - u[k - 1]))
        )
    for k in (0, n - 1):
        m = before(k, n, low)
        p = behind(k, n, high)
        out[k] = f[k] - shift * u[k] + w * ((d[k] + d[p]) * (u[p] - u[k]) - (d[k] + d[m]) * (u[k] - u[m]))


def defect(u, d, f, out, shift, weights, ends):
    """Set `out` to f - shift u + div(d grad u), 0 where values are given."""
    half = 0.5 * weights
    n0 = u.shape[0]
    n1 = u.shape[1]
    n2 = u.shape[2]
    for i in range(n0):
        im = before(i, n0, ends[0])
        ip = behind(i, n0, ends[1])
        for j in range(n1):
            row = out[i, j]
            if (i == 0 and ends[0] == 1) or (i == n0 - 1 and ends[1] == 1):
                row[:] = 0.0
                continue
            if (j == 0 and ends[2] == 1) or (j == n1 - 1 and ends[3] == 1):
                row[:] = 0.0
                continue
            set_row(row, u[i, j], d[i, j], f[i, j], shift, half[2], ends[4], ends[5])
            if n1 > 1:
                jm = before(j, n1, ends[2])
                jp = behind(j, n1, ends[3])
                add_row(row, u[i, j], u[i, jm], u[i, jp], d[i, j], d[i, jm], d[i, jp], half[1])
            if n0 > 1:
                add_row(row, u[i, j], u[im, j], u[ip, j], d[i, j], d[im, j], d[ip, j], half[0])
            if ends[4] == 1:
                row[0] = 0.0
            if ends[5] == 1:
                row[n2 - 1] = 0.0


def interpolate(coarse, low, high, share, fine):
    """Set `fine` (a, n, b) from `coarse` (a, m, b) along the middle axis, linearly.

    Node i lies between the coarse nodes `low[i]` and `high[i]`, at `share[i]` (0 to 1) of the way.
    """
    for p in range(fine.shape[0]):
        for i in range(fine.shape[1]):
            b = share[i]
            a = 1.0 - b
            for q in range(fine.shape[2]):
                fine[p, i, q] = a * coarse[p, low[i], q] + b * coarse[p, high[i], q]


def gather(fine, low, high, share, volume, inverse, coarse):
    """The adjoint of `interpolate` between spaces whose nodes have the volumes `volume` (n) and 1 / `inverse` (m)."""
    for p in range(coarse.shape[0]):
        for i in range(coarse.shape[1]):
            for q in range(coarse.shape[2]):
                coarse[p, i, q] = 0.0
        for i in range(fine.shape[1]):
            b = share[i] * volume[i]
            a = volume[i] - b
            c = a * inverse[low[i]]
            e = b * inverse[high[i]]
            for q in range(fine.shape[2]):
                coarse[p, low[i], q] += c * fine[p, i, q]
                coarse[p, high[i], q] += e * fine[p, i, q]
