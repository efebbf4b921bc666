"""Adaptive Gauss–Kronrod quadrature of a program, with infinite bounds."""

import numpy as np

from native.kernels._vm import execute

# pythran export table()
# pythran export begin(int32[:,:] order(C), float64[:], int, int64[:], int, float64[:], float64[:,:] order(C), float64[:], int, int, float64, float64)  # noqa: E501
# pythran export refine(int32[:,:] order(C), float64[:], int, int64[:], int, float64[:], float64[:,:] order(C), float64[:,:] order(C), int, float64, float64, int)  # noqa: E501


def nodes():
    """The nodes of the 21-point Kronrod rule from the left end to the centre; the other half mirrors them."""
    return np.array([
        0.995657163025808080735527280689003, 0.973906528517171720077964012084452, 0.930157491355708226001207180059508,
        0.865063366688984510732096688423493, 0.780817726586416897063717578345042, 0.679409568299024406234327365114874,
        0.562757134668604683339000099272694, 0.433395394129247190799265943165784, 0.294392862701460198131126603103866,
        0.14887433898163121088482600112972, 0.0,
    ])  # fmt: skip


def kronrod():
    """The weights of the 21-point Kronrod rule."""
    return np.array([
        0.011694638867371874278064396062192, 0.03255816230796472747881897245939, 0.05475589657435199603138130024458,
        0.07503967481091995276704314091619, 0.093125454583697605535065465083366, 0.109387158802297641899210590325805,
        0.123491976262065851077958109585166, 0.134709217311473325928054001771707, 0.142775938577060080797094273138717,
        0.147739104901338491374841515972068, 0.149445554002916905664936468389821,
    ])  # fmt: skip


def gauss():
    """The weights of the 10-point Gauss rule, whose nodes are every second one."""
    return np.array([
        0.0, 0.066671344308688137593568809893332, 0.0, 0.149451349150580593145863396957698, 0.0,
        0.219086362515982043995534934228163, 0.0, 0.269266719309996355091226921569469, 0.0,
        0.295524224714752870173815619188769, 0.0,
    ])  # fmt: skip


def null_rules(x, fine_weights):
    """Three rules that integrate all polynomials of low degree to 0: the Legendre polynomials P15, P16 and P17."""
    rules = np.zeros((3, 21))
    for i in range(21):
        point = -x[i] if i <= 10 else x[20 - i]
        below = 1.0
        here = point
        for m in range(1, 17):
            above = ((2.0 * m + 1.0) * point * here - m * below) / (m + 1.0)
            below = here
            here = above
            if m >= 14:
                rules[m - 14, i] = here * fine_weights[min(i, 20 - i)]
    return rules


def edge_weights(x):
    """Extrapolate from the outer seven nodes to the end of a panel."""
    found = np.ones(7)
    for k in range(7):
        for m in range(7):
            if m != k:
                found[k] *= (1.0 - x[m]) / (x[k] - x[m])
    return found


def table():
    """All rules in rows of 21: nodes, Kronrod's and Gauss's weights to the centre, three null rules, edge weights."""
    x = nodes()
    fine = kronrod()
    coarse = gauss()
    rules = null_rules(x, fine)
    edges = edge_weights(x)
    found = np.zeros((7, 21))
    for i in range(11):
        found[0, i] = x[i]
        found[1, i] = fine[i]
        found[2, i] = coarse[i]
    for i in range(21):
        for k in range(3):
            found[3 + k, i] = rules[k, i]
    for i in range(7):
        found[6, i] = edges[i]
    return found


def place_points(panel, x, points, weights):
    """Put the points of a panel in `points` and dx/du in `weights` (24): the 21 nodes, both ends, the centre again."""
    centre = 0.5 * (panel[0] + panel[1])
    half = 0.5 * (panel[1] - panel[0])
    for i in range(24):
        u = centre
        if i < 10:
            u -= half * x[i]
        elif 10 < i < 21:
            u += half * x[20 - i]
        elif i == 21:
            u = panel[0] + 1e-10 * half
        elif i == 22:
            u = panel[1] - 1e-10 * half
        points[i] = u
        weights[i] = half
        if panel[5] != 0.0:
            points[i] = panel[6] + panel[5] * (1.0 / u - 1.0)
            weights[i] = half / (u * u)


def weigh(values, weights):
    """Multiply `weights` by the values; where the integrand is 0, an infinite weight does not count."""
    for i in range(24):
        if values[i] == 0.0:
            weights[i] = 0.0
        else:
            weights[i] *= values[i]


def apply_null_rules(y, rules):
    """Euclidean norm of what the null rules find."""
    total = 0.0
    for rule in range(3):
        one = 0.0
        for i in range(21):
            one += rules[3 + rule, i] * y[i]
        total += one * one
    return np.sqrt(total)


def edge_error(y, edges):
    """What lies hidden between the ends of a panel and its outermost nodes: a jump there is seen by no rule."""
    low = y[21]
    high = y[22]
    for k in range(7):
        low -= edges[k] * y[k]
        high -= edges[k] * y[20 - k]
    hidden = 0.0087 * (abs(low) + abs(high))
    if not hidden < np.inf:  # the integrand is not finite at an end; the other errors judge such a singularity
        hidden = 0.0
    return hidden


def apply_rules(panel, y, fine_weights, coarse_weights, rules, edges):
    """Set the panel's value and the rules' disagreement; infinite where the integrand is not finite.

    The disagreement is |K21 - G10| or, if larger, fifteen times what the null rules find: those do not vanish together,
    so that a kink, a jump or a singularity is not overlooked where |K21 - G10| is small by chance (Berntsen & Espelid,
    Error estimation in automatic quadrature routines, 1991). Where the integrand looks smooth its ends are looked at
    too. Gives the rounding error of the sum.
    """
    fine = 0.0
    coarse = 0.0
    size = 0.0
    for i in range(21):
        j = min(i, 20 - i)
        fine += fine_weights[j] * y[i]
        coarse += coarse_weights[j] * y[i]
        size += fine_weights[j] * abs(y[i])
    if not size < np.inf:
        panel[2] = 0.0
        panel[7] = np.inf
        return 0.0
    panel[2] = fine
    panel[7] = max(abs(fine - coarse), 15.0 * apply_null_rules(y, rules))
    if panel[7] <= 1e-6 * size:
        panel[7] += edge_error(y, edges)
    return 1e-15 * size


def position_error(panel, values, points):
    """What the rounding of the points themselves can change: the variation of the integrand times the rounding."""
    total = 0.0
    fixed = abs(panel[5]) + abs(panel[6])
    for i in range(20):
        change = abs(values[i + 1] - values[i])
        if change < np.inf:
            total += change * (abs(points[i]) + abs(points[i + 1]) + fixed)
    return 2.220446049250313e-16 * total


def judge(panel, moved, before, rounding):
    """Set the error of a panel: the rules' disagreement, or more where bisection shows that they converge slowly.

    `moved` is by how much the last bisection changed the value, `before` the parent's disagreement; the panel still has
    the parent's own `moved`. At a singularity both fall by about one ratio r a bisection, so that r / (1 - r) `moved`
    is the error left; three times as much is taken. As either may be small by chance, r is the larger of the two, and
    1/16 at least. Where r is not below 1 the integral does not exist, and no error is small enough.
    """
    panel[3] = panel[7]
    if 0.0 < before < np.inf:
        ratio = 0.0625
        if panel[7] > 10.0 * rounding:
            ratio = max(ratio, panel[7] / before)
        if 10.0 * rounding < moved < panel[8]:
            ratio = max(ratio, moved / panel[8])
        ratio = min(ratio, 0.999)
        panel[3] = max(panel[7], 3.0 * moved * ratio / (1.0 - ratio))
    panel[3] += rounding
    panel[4] = 0.0
    panel[8] = moved


def evaluate(panel, code, registers, outputs, slot, rules, points, weights):
    """Apply both rules to a panel; gives the error of rounding, of the sum and of the points."""
    place_points(panel, rules[0], points, weights)
    registers[slot] = points
    execute(code, registers)
    values = registers[outputs[0]]
    weigh(values, weights)
    rounding = apply_rules(panel, weights, rules[1], rules[2], rules, rules[6])
    return rounding + position_error(panel, values, points)


def worst_of(panels, count):
    """The panel with the largest error."""
    worst = 0
    for p in range(1, count):
        if panels[p, 3] > panels[worst, 3]:
            worst = p
    return worst


def halve(panels, worst, count):
    """Split a panel in two, the right half in a new row."""
    middle = 0.5 * (panels[worst, 0] + panels[worst, 1])
    for column in range(panels.shape[1]):
        panels[count, column] = panels[worst, column]
    panels[worst, 1] = middle
    panels[count, 0] = middle


def first_panels(panels, edges, each):
    """Cut the ranges between the edges into `each` panels; gives how many there are."""
    count = 0
    for i in range(edges.shape[0] - 1):
        low = edges[i]
        high = edges[i + 1]
        kind = 0.0
        origin = 0.0
        if np.isinf(high):
            kind = 1.0
            origin = edges[i]
        elif np.isinf(low):
            kind = -1.0
            origin = edges[i + 1]
        if kind != 0.0:
            low = 0.0
            high = 1.0
        for k in range(each):
            panels[count, 0] = low + (high - low) * (k / each)
            panels[count, 1] = low + (high - low) * ((k + 1) / each)
            if k == each - 1:
                panels[count, 1] = high
            panels[count, 4] = 1.0
            panels[count, 5] = kind
            panels[count, 6] = origin
            count += 1
    return count


def total(panels, count):
    """Sum the values, without loss (Neumaier 1974), and the errors."""
    value = 0.0
    lost = 0.0
    error = 0.0
    for p in range(count):
        one = panels[p, 2]
        before = value
        value = before + one
        if abs(before) >= abs(one):
            lost += (before - value) + one
        else:
            lost += (one - value) + before
        error += panels[p, 3]
    return value + lost, error


def begin(code, constants, n_registers, outputs, place, others, rules, edges, each, capacity, absolute, relative):
    """Cut the ranges between the edges into `each` panels and refine them to `capacity` panels at most.

    Gives the panels and what `refine` gives.
    """
    panels = np.zeros((capacity, 9))
    count = first_panels(panels, edges, each)
    made = refine(
        code, constants, n_registers, outputs, place, others, rules, panels, count, absolute, relative, capacity
    )
    return panels, made


def refine(code, constants, n_registers, outputs, place, others, rules, panels, count, absolute, relative, limit):
    """Bisect the panel with the largest error until the sum of errors is within tolerance, or `limit` panels exist.

    `panels` (capacity, 9), `count` of them in use: left and right in u, value, error, whether still to be evaluated,
    kind, origin, the rules' disagreement, by how much the bisection that made it changed the value. Kind 0: x = u;
    1 and -1: x = origin ± (1/u - 1), u in (0, 1], for a range to ±∞.
    `others` are the program's inputs, of which `place` is x; `rules` is the `table`. Gives the number of panels, a
    status (0 within tolerance, 1 limit reached, 2 a panel became too narrow), how many points were evaluated, the value
    and its error.
    Source: Piessens et al., QUADPACK (QAG, QAGI; the 21-point pair).
    """
    first = constants.shape[0]
    registers = np.zeros((n_registers, 24))
    points = np.zeros(24)
    weights = np.zeros(24)
    for i in range(first):
        registers[i] = constants[i]
    for i in range(others.shape[0]):
        registers[first + i] = others[i]
    slot = first + place
    evaluations = 0
    for p in range(count):
        if panels[p, 4] != 0.0:
            rounding = evaluate(panels[p], code, registers, outputs, slot, rules, points, weights)
            judge(panels[p], 0.0, 0.0, rounding)
            evaluations += 21
    status = -1
    while status < 0:
        value = 0.0
        error = 0.0
        for p in range(count):
            value += panels[p, 2]
            error += panels[p, 3]
        worst = worst_of(panels, count)
        width = panels[worst, 1] - panels[worst, 0]
        if abs(value) < np.inf and error <= max(absolute, relative * abs(value)):
            status = 0
        elif count >= limit:
            status = 1
        elif width <= 4e-15 * max(abs(panels[worst, 0]), abs(panels[worst, 1])) or width < 1e-290:
            status = 2
        else:
            whole = panels[worst, 2]
            before = panels[worst, 7]
            halve(panels, worst, count)
            left = evaluate(panels[worst], code, registers, outputs, slot, rules, points, weights)
            right = evaluate(panels[count], code, registers, outputs, slot, rules, points, weights)
            moved = abs(whole - panels[worst, 2] - panels[count, 2])
            judge(panels[worst], moved, before, left)
            judge(panels[count], moved, before, right)
            evaluations += 42
            count += 1
    value, error = total(panels, count)
    return count, status, evaluations, value, error
