"""Adaptive Gauss–Kronrod quadrature of a program, with infinite bounds."""

import numpy as np

from native.kernels._vm import execute

# pythran export refine(int32[:,:], float64[:], int, int64[:], int, float64[:], float64, int, float64[:,:], int, float64, float64, int)  # noqa: E501


def refine(code, constants, n_registers, outputs, place, others, origin, kind, panels, count, absolute, relative, limit):
    """Bisect the panel with the largest error until the sum of errors is within tolerance, or `limit` panels exist.

    `panels` (capacity, 5): left, right, value, error, whether to be evaluated; `count` of them are in use. `others` are
    the program's inputs, of which `place` is the variable x. `kind` 0: x is the panels' variable u; 1: the range is
    [origin, ∞), x = origin + u/(1 - u); -1: (-∞, origin], x = origin - u/(1 - u). Gives the number of panels and a
    status (0 within tolerance, 1 limit reached, 2 a panel became too narrow) and how many points were evaluated.
    The error of a panel is |K21 - G10|: the lower rule's error, thus a bound where the rules converge.
    Source: Piessens et al., QUADPACK (QAG, QAGI; the 21-point pair).
    """
    nodes = np.array([
        0.995657163025808080735527280689003, 0.973906528517171720077964012084452, 0.930157491355708226001207180059508,
        0.865063366688984510732096688423493, 0.780817726586416897063717578345042, 0.679409568299024406234327365114874,
        0.562757134668604683339000099272694, 0.433395394129247190799265943165784, 0.294392862701460198131126603103866,
        0.14887433898163121088482600112972, 0.0,
    ])  # fmt: skip
    kronrod = np.array([
        0.011694638867371874278064396062192, 0.03255816230796472747881897245939, 0.05475589657435199603138130024458,
        0.07503967481091995276704314091619, 0.093125454583697605535065465083366, 0.109387158802297641899210590325805,
        0.123491976262065851077958109585166, 0.134709217311473325928054001771707, 0.142775938577060080797094273138717,
        0.147739104901338491374841515972068, 0.149445554002916905664936468389821,
    ])  # fmt: skip
    gauss = np.array([
        0.0, 0.066671344308688137593568809893332, 0.0, 0.149451349150580593145863396957698, 0.0,
        0.219086362515982043995534934228163, 0.0, 0.269266719309996355091226921569469, 0.0,
        0.295524224714752870173815619188769, 0.0,
    ])  # fmt: skip
    first = constants.shape[0]
    width = 24
    registers = np.zeros((n_registers, width))
    points = np.zeros(width)
    weights = np.zeros(width)
    evaluations = 0
    for i in range(first):
        registers[i] = constants[i]
    for i in range(others.shape[0]):
        registers[first + i] = others[i]
    status = 0
    while True:
        value = 0.0
        error = 0.0
        worst = -1
        for p in range(count):
            if panels[p, 4] != 0.0:
                centre = 0.5 * (panels[p, 0] + panels[p, 1])
                half = 0.5 * (panels[p, 1] - panels[p, 0])
                for i in range(21):
                    u = centre - half * nodes[i] if i <= 10 else centre + half * nodes[20 - i]
                    points[i] = u
                    weights[i] = half
                    if kind != 0:
                        points[i] = origin + kind * (u / (1.0 - u))
                        weights[i] = half / ((1.0 - u) * (1.0 - u))
                for i in range(21, width):
                    points[i] = points[10]
                registers[first + place] = points
                execute(code, registers)
                evaluations += 21
                fine = 0.0
                coarse = 0.0
                size = 0.0
                broken = False
                for i in range(21):
                    y = registers[outputs[0], i] * weights[i]
                    if not abs(y) < np.inf:
                        broken = True
                        y = 0.0
                    j = i if i <= 10 else 20 - i
                    fine += kronrod[j] * y
                    coarse += gauss[j] * y
                    size += kronrod[j] * abs(y)
                panels[p, 2] = fine
                # a point where the integrand is not finite: never within tolerance, so it is cut out by bisection
                panels[p, 3] = np.inf if broken else abs(fine - coarse) + 1e-15 * size
                panels[p, 4] = 0.0
            value += panels[p, 2]
            error += panels[p, 3]
            if worst < 0 or panels[p, 3] > panels[worst, 3]:
                worst = p
        if error <= max(absolute, relative * abs(value)):
            status = 0
            break
        left = panels[worst, 0]
        right = panels[worst, 1]
        middle = 0.5 * (left + right)
        if not (right - left > 1e-14 * max(abs(left), abs(right))) or right - left < 1e-290:
            status = 2
            break
        if count >= limit:
            status = 1
            break
        panels[worst, 1] = middle
        panels[worst, 4] = 1.0
        panels[count, 0] = middle
        panels[count, 1] = right
        panels[count, 4] = 1.0
        count += 1
    return count, status, evaluations
