"""Explicit updates on grids of up to three axes: diffusion, advection, and the sums that time steps are made of."""

from native.kernels._grid import before, behind

# pythran export diffuse(float64[:,:,:], float64[:,:,:], float64[:,:,:], float64[:], int64[:])
# pythran export laplace(float64[:,:,:], float64, float64[:,:,:], float64[:], int64[:])
# pythran export advect(float64[:,:,:], float64[:,:,:], float64[:,:,:], float64, int64, int64)
# pythran export leap(float64[:], float64[:], float64[:], float64, float64, float64)
# pythran export combine(float64[:], float64[:], float64[:], float64[:], float64[:], float64[:], float64[:])


def first(end):
    """The first node of an axis that moves: a node with a given value (end 1) does not."""
    return 1 if end == 1 else 0


def last(n, end):
    """One behind the last node of an axis that moves."""
    return n - 1 if end == 1 else n


def fill(out, u, um, up, vm, vp, d, dm, dp, em, ep, w0, w1, w2):
    """Set the inside of a row to the flux differences along all three axes; u and d, then beside it on two axes."""
    for k in range(1, out.shape[0] - 1):
        c = u[k]
        e = d[k]
        x = (e + dp[k]) * (up[k] - c) - (e + dm[k]) * (c - um[k])
        y = (e + ep[k]) * (vp[k] - c) - (e + em[k]) * (c - vm[k])
        z = (e + d[k + 1]) * (u[k + 1] - c) - (e + d[k - 1]) * (c - u[k - 1])
        out[k] = w0 * x + w1 * y + w2 * z


def end(out, u, um, up, vm, vp, d, dm, dp, em, ep, w, k, low, high):
    """As `fill` for one end of the row."""
    n = out.shape[0]
    a = before(k, n, low)
    b = behind(k, n, high)
    x = (d[k] + dp[k]) * (up[k] - u[k]) - (d[k] + dm[k]) * (u[k] - um[k])
    y = (d[k] + ep[k]) * (vp[k] - u[k]) - (d[k] + em[k]) * (u[k] - vm[k])
    z = (d[k] + d[b]) * (u[b] - u[k]) - (d[k] + d[a]) * (u[k] - u[a])
    out[k] = w[0] * x + w[1] * y + w[2] * z


def fill_plain(out, u, um, up, vm, vp, w0, w1, w2):
    """Set the inside of a row to the flux differences along all three axes in one pass; u beside it on two axes."""
    for k in range(1, out.shape[0] - 1):
        c = 2.0 * u[k]
        out[k] = w0 * (um[k] - c + up[k]) + w1 * (vm[k] - c + vp[k]) + w2 * (u[k - 1] - c + u[k + 1])


def end_plain(out, u, um, up, vm, vp, w, k, low, high):
    """As `fill_plain` for one end of the row."""
    n = out.shape[0]
    c = 2.0 * u[k]
    out[k] = w[0] * (um[k] - c + up[k]) + w[1] * (vm[k] - c + vp[k])
    out[k] += w[2] * (u[before(k, n, low)] - c + u[behind(k, n, high)])


def rows_at_once(n, numbers):
    """How many rows of n nodes are gone through on all planes before the next rows: `numbers` nodes of each plane."""
    return max(4, numbers // n)


def diffuse(u, d, out, weights, ends):
    """Set `out` to div(d grad u), all (n0, n1, n2); d at a face is the mean of its two nodes.

    `weights` (3) are 1 / h², `ends` (6) the kind of each end, low and high, axis by axis: 0 periodic, 1 a given value
    (out is 0 there), 2 a given slope (taken as 0 here, the caller adds it). An axis of one node is no axis; the last
    has at least three. Goes through memory once, some rows of all planes at a time: seven planes of them stay in the
    cache (0.5 MB), for `laplace` four (1 MB).
    """
    half = 0.5 * weights
    rows = rows_at_once(u.shape[2], 8192)
    for block in range(0, u.shape[1], rows):
        for i in range(u.shape[0]):
            im = before(i, u.shape[0], ends[0])
            ip = behind(i, u.shape[0], ends[1])
            for j in range(block, min(block + rows, u.shape[1])):
                row = out[i, j]
                if i < first(ends[0]) or i >= last(u.shape[0], ends[1]):
                    row[:] = 0.0
                    continue
                if j < first(ends[2]) or j >= last(u.shape[1], ends[3]):
                    row[:] = 0.0
                    continue
                jm = before(j, u.shape[1], ends[2])
                jp = behind(j, u.shape[1], ends[3])
                fill(
                    row, u[i, j], u[im, j], u[ip, j], u[i, jm], u[i, jp], d[i, j], d[im, j], d[ip, j], d[i, jm],
                    d[i, jp], half[0], half[1], half[2],
                )  # fmt: skip
                for k, kind in ((0, ends[4]), (u.shape[2] - 1, ends[5])):
                    if kind == 1:
                        row[k] = 0.0
                    else:
                        end(
                            row, u[i, j], u[im, j], u[ip, j], u[i, jm], u[i, jp], d[i, j], d[im, j], d[ip, j],
                            d[i, jm], d[i, jp], half, k, ends[4], ends[5],
                        )  # fmt: skip


def laplace(u, scale, out, weights, ends):
    """As `diffuse` with the same diffusivity `scale` everywhere."""
    w = scale * weights
    rows = rows_at_once(u.shape[2], 32768)
    for block in range(0, u.shape[1], rows):
        for i in range(u.shape[0]):
            im = before(i, u.shape[0], ends[0])
            ip = behind(i, u.shape[0], ends[1])
            for j in range(block, min(block + rows, u.shape[1])):
                row = out[i, j]
                if i < first(ends[0]) or i >= last(u.shape[0], ends[1]):
                    row[:] = 0.0
                    continue
                if j < first(ends[2]) or j >= last(u.shape[1], ends[3]):
                    row[:] = 0.0
                    continue
                jm = before(j, u.shape[1], ends[2])
                jp = behind(j, u.shape[1], ends[3])
                fill_plain(row, u[i, j], u[im, j], u[ip, j], u[i, jm], u[i, jp], w[0], w[1], w[2])
                for k, kind in ((0, ends[4]), (u.shape[2] - 1, ends[5])):
                    if kind == 1:
                        row[k] = 0.0
                    else:
                        end_plain(row, u[i, j], u[im, j], u[ip, j], u[i, jm], u[i, jp], w, k, ends[4], ends[5])


def biased(v, a, b, c, d, e):
    """Six times h times v du/dx by the third-order upwind-biased differences of five nodes in order."""
    if v > 0.0:
        return v * (2.0 * d + 3.0 * c - 6.0 * b + a)
    return v * (6.0 * d - 3.0 * c - 2.0 * b - e)


def advect_node(u, v, out, p, i, w, low, high):
    """Near the ends: central at the last but one, one-sided for outflow at a given slope, 0 for inflow there."""
    n = u.shape[1]
    for q in range(u.shape[2]):
        one = v[p, i, q]
        if low == 0:
            out[p, i, q] -= w * biased(
                one, u[p, (i - 2 + n) % n, q], u[p, (i - 1 + n) % n, q], u[p, i, q], u[p, (i + 1) % n, q],
                u[p, (i + 2) % n, q],
            )  # fmt: skip
        elif i == 0:
            if low == 2 and one < 0.0:
                out[p, i, q] -= 3.0 * w * one * (4.0 * u[p, 1, q] - 3.0 * u[p, 0, q] - u[p, 2, q])
        elif i == n - 1:
            if high == 2 and one > 0.0:
                out[p, i, q] -= 3.0 * w * one * (3.0 * u[p, i, q] - 4.0 * u[p, i - 1, q] + u[p, i - 2, q])
        else:
            out[p, i, q] -= 3.0 * w * one * (u[p, i + 1, q] - u[p, i - 1, q])


def advect(u, v, out, weight, low, high):
    """Take v du/dx along the middle axis from `out`, all (a, n, b); `weight` is 1 / h, n is at least 5.

    Third order, upwind-biased (Hundsdorfer & Verwer 2003, I.3.2, kappa = 1/3); second order beside the ends. Nodes with
    given values on other axes are the caller's to clear.
    """
    w = weight / 6.0
    n = u.shape[1]
    for p in range(u.shape[0]):
        for i in range(n):
            if i < 2 or i > n - 3:
                advect_node(u, v, out, p, i, w, low, high)
            else:
                for q in range(u.shape[2]):
                    out[p, i, q] -= w * biased(
                        v[p, i, q], u[p, i - 2, q], u[p, i - 1, q], u[p, i, q], u[p, i + 1, q], u[p, i + 2, q]
                    )


def leap(u, v, a, kick, drift, damping):
    """One kick of v by `a`, then a drift of u, in place: v = damping v + kick a; u = u + drift v."""
    for i in range(u.shape[0]):
        v[i] = damping * v[i] + kick * a[i]
        u[i] += drift * v[i]


def combine(out, y0, y1, y2, f0, f1, c):
    """Set `out` to c0 y0 + c1 y1 + c2 y2 + c3 f0 + c4 f1, in one pass; `out` may be y2."""
    c0 = c[0]
    c1 = c[1]
    c2 = c[2]
    c3 = c[3]
    c4 = c[4]
    for i in range(out.shape[0]):
        out[i] = c0 * y0[i] + c1 * y1[i] + c2 * y2[i] + c3 * f0[i] + c4 * f1[i]
