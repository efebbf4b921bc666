"""Adaptive Gauss–Kronrod quadrature of a program, with infinite bounds."""

import numpy as np

from native.kernels._vm import execute

# pythran export refine(int32[:,:] order(C), float64[:], int, int64[:], int, float64[:], float64[:,:] order(C), int, float64, float64, int)  # noqa: E501


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


def place_points(panel, x, points, weights):
    """Put the points of a panel in `points` (24; the last three repeat the centre) and dx/du in `weights`."""
    centre = 0.5 * (panel[0] + panel[1])
    half = 0.5 * (panel[1] - panel[0])
    for i in range(24):
        u = centre
        if i < 10:
            u -= half * x[i]
        elif 10 < i < 21:
            u += half * x[20 - i]
        points[i] = u
        weights[i] = half
        if panel[5] != 0.0:
            points[i] = panel[6] + panel[5] * (1.0 / u - 1.0)
            weights[i] = half / (u * u)


def apply_rules(panel, values, weights, fine_weights, coarse_weights):
    """Set the panel's value and |K21 - G10|; infinite where the integrand is not finite. Gives the rounding error."""
    fine = 0.0
    coarse = 0.0
    size = 0.0
    broken = False
    for i in range(21):
        j = min(i, 20 - i)
        if values[i] != 0.0:  # where the integrand is 0, an infinite weight does not count
            y = values[i] * weights[i]
            if abs(y) < np.inf:
                fine += fine_weights[j] * y
                coarse += coarse_weights[j] * y
                size += fine_weights[j] * abs(y)
            else:
                broken = True
    panel[2] = fine
    panel[7] = abs(fine - coarse)
    if broken:
        panel[7] = np.inf
    return 1e-15 * size


def judge(panel, moved, before, rounding):
    """Set the error of a panel: |K21 - G10|, or more where bisection shows that the rules converge slowly.

    `moved` is by how much the last bisection changed the value, `before` the parent's |K21 - G10|. At an algebraic
    singularity the errors of the panels at it fall by one ratio r a bisection, so that r / (1 - r) `moved` is the error
    left; twice as much is taken. Where r is not below 1 the integral does not exist, and no error is small enough.
    """
    panel[3] = panel[7]
    if 0.0 < before < np.inf:
        ratio = min(panel[7] / before, 0.999)
        panel[3] = max(panel[7], 2.0 * moved * ratio / (1.0 - ratio))
    panel[3] += rounding
    panel[4] = 0.0


def evaluate(panel, code, registers, outputs, slot, x, fine, coarse, points, weights):
    """Apply both rules to a panel; gives the rounding error."""
    place_points(panel, x, points, weights)
    registers[slot] = points
    execute(code, registers)
    return apply_rules(panel, registers[outputs[0]], weights, fine, coarse)


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


def refine(code, constants, n_registers, outputs, place, others, panels, count, absolute, relative, limit):
    """Bisect the panel with the largest error until the sum of errors is within tolerance, or `limit` panels exist.

    `panels` (capacity, 8), `count` of them in use: left and right in u, value, error, whether still to be evaluated,
    kind, origin, |K21 - G10|. Kind 0: x = u; 1 and -1: x = origin ± (1/u - 1), u in (0, 1], for a range to ±∞.
    `others` are the program's inputs, of which `place` is x. Gives the number of panels, a status (0 within tolerance,
    1 limit reached, 2 a panel became too narrow) and how many points were evaluated.
    Source: Piessens et al., QUADPACK (QAG, QAGI; the 21-point pair).
    """
    x = nodes()
    fine = kronrod()
    coarse = gauss()
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
            rounding = evaluate(panels[p], code, registers, outputs, slot, x, fine, coarse, points, weights)
            judge(panels[p], 0.0, 0.0, rounding)
            evaluations += 21
    while True:
        value = 0.0
        error = 0.0
        for p in range(count):
            value += panels[p, 2]
            error += panels[p, 3]
        if abs(value) < np.inf and error <= max(absolute, relative * abs(value)):
            return count, 0, evaluations
        if count >= limit:
            return count, 1, evaluations
        worst = worst_of(panels, count)
        width = panels[worst, 1] - panels[worst, 0]
        if width <= 4e-15 * max(abs(panels[worst, 0]), abs(panels[worst, 1])) or width < 1e-290:
            return count, 2, evaluations
        whole = panels[worst, 2]
        before = panels[worst, 7]
        halve(panels, worst, count)
        left = evaluate(panels[worst], code, registers, outputs, slot, x, fine, coarse, points, weights)
        right = evaluate(panels[count], code, registers, outputs, slot, x, fine, coarse, points, weights)
        moved = abs(whole - panels[worst, 2] - panels[count, 2])
        judge(panels[worst], moved, before, left)
        judge(panels[count], moved, before, right)
        evaluations += 42
        count += 1
