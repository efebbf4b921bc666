"""Levenberg and Marquardt's iteration for one model at few rows of data, refined and judged at its end."""

import numpy as np

from native.kernels._lu import factorize, substitute
from native.kernels._small import condition, invert, largest
from native.kernels._vm import execute

# pythran export fit(int32[:,:] order(C), float64[:,:] order(C), int, int64[:], float64[:], float64[:,:,:], float64[:], float64[:,:] order(C), float64, int)  # noqa: E501


def evaluate(code, constants, data, weights, outputs, registers, p, r, jacobian):
    """Residuals (m) and the Jacobian's columns as rows (n, m); gives whether all are finite."""
    n = p.shape[0]
    m = r.shape[0]
    first = constants.shape[0]
    rows = data.shape[0] - 1
    for lane in range(registers.shape[1]):
        i = lane if lane < m else 0
        for k in range(first):
            registers[k, lane] = constants[k]
        for k in range(n):
            registers[first + k, lane] = p[k]
        for k in range(rows):
            registers[first + n + k, lane] = data[k, i]
    execute(code, registers)
    finite = True
    for i in range(m):
        r[i] = (registers[outputs[0], i] - data[rows, i]) * weights[i]
        finite = finite and abs(r[i]) < 1e150
        for j in range(n):
            jacobian[j, i] = registers[outputs[1 + j], i] * weights[i]
            finite = finite and abs(jacobian[j, i]) < 1e150
    return finite


def dot(one, other):
    """Scalar product."""
    found = 0.0
    for i in range(one.shape[0]):
        found += one[i] * other[i]
    return found


def orthonormalize(jacobian, scale, q, upper):
    """Write J = Q R D by Gram and Schmidt, twice over; gives whether the columns are independent."""
    n = jacobian.shape[0]
    m = jacobian.shape[1]
    for j in range(n):
        scale[j] = np.sqrt(dot(jacobian[j], jacobian[j]))
        if not (scale[j] > 1e-150):
            return False
        for i in range(m):
            q[j, i] = jacobian[j, i] / scale[j]
        for k in range(j):
            upper[k, j] = 0.0
        for _ in range(2):
            for k in range(j):
                part = dot(q[k], q[j])
                upper[k, j] += part
                for i in range(m):
                    q[j, i] -= part * q[k, i]
        upper[j, j] = np.sqrt(dot(q[j], q[j]))
        if not (upper[j, j] > 1e-10):
            return False
        for i in range(m):
            q[j, i] /= upper[j, j]
    return True


def turn_back(upper, scale, back):
    """Write inv(R D): what orthonormal coordinates z are in parameters."""
    n = scale.shape[0]
    for k in range(n):
        for i in range(n):
            back[i, k] = 0.0
        back[k, k] = 1.0 / upper[k, k]
        for up in range(k):
            i = k - 1 - up
            total = 0.0
            for j in range(i + 1, k + 1):
                total += upper[i, j] * back[j, k]
            back[i, k] = -total / upper[i, i]
    for i in range(n):
        for k in range(n):
            back[i, k] /= scale[i]


def project(vectors, r, into):
    """Products of rows with r."""
    for k in range(into.shape[0]):
        into[k] = dot(vectors[k], r)


def damped(upper, gradient, damping, matrix, order, step):
    """Write the step in parameters times scale: (RᵀR + damping) step = -Rᵀ gradient."""
    n = gradient.shape[0]
    for i in range(n):
        for j in range(n):
            total = damping if i == j else 0.0
            for k in range(min(i, j) + 1):
                total += upper[k, i] * upper[k, j]
            matrix[i, j] = total
    regular = factorize(matrix, order)
    for i in range(n):
        total = 0.0
        for k in range(order[i] + 1):
            total -= upper[k, order[i]] * gradient[k]
        step[i] = total
    if regular:
        substitute(matrix, step)
    return regular


def step_of_differences(p, back, k, norm, size, m):
    """How far along column k of `back` the gradient is looked at."""
    n = p.shape[0]
    most = 0.0
    for i in range(n):
        row = np.sqrt(dot(back[i], back[i]))
        typical = abs(p[i]) + row * (norm / np.sqrt(1.0 * m) + 1e-6 * size)
        most = max(most, abs(back[i, k]) / typical)
    return 1e-4 / most


def positive(matrix, least, lower):
    """Whether all eigenvalues are above `least`, by Cholesky's factorization."""
    n = matrix.shape[0]
    for j in range(n):
        for i in range(j, n):
            total = matrix[i, j] - (least if i == j else 0.0)
            for k in range(j):
                total -= lower[i, k] * lower[j, k]
            if i > j:
                lower[i, j] = total / lower[j, j]
            elif total > 0.0:
                lower[j, j] = np.sqrt(total)
            else:
                return False
    return True


def search(code, constants, data, weights, outputs, registers, p, r, jacobian, size, limit):
    """Go downhill from p while it pays; gives whether it stopped by itself, and the number of evaluations."""
    n = p.shape[0]
    m = r.shape[0]
    other_r = np.zeros(m)
    other = np.zeros((n, m))
    q = np.zeros((n, m))
    upper = np.zeros((n, n))
    scale = np.zeros(n)
    gradient = np.zeros(n)
    matrix = np.zeros((n, n))
    order = np.zeros(n, dtype=np.int64)
    step = np.zeros(n)
    moved = np.zeros(n)
    evaluations = 1
    if not evaluate(code, constants, data, weights, outputs, registers, p, r, jacobian):
        return False, evaluations
    cost = dot(r, r)
    damping = 1e-3
    fresh = True
    while evaluations < limit and damping < 1e12:
        if fresh:
            if not orthonormalize(jacobian, scale, q, upper):
                return False, evaluations
            project(q, r, gradient)
        if not damped(upper, gradient, damping, matrix, order, step):
            return False, evaluations
        for i in range(n):
            moved[i] = p[i] + step[i] / scale[i]
        fresh = evaluate(code, constants, data, weights, outputs, registers, moved, other_r, other)
        evaluations += 1
        there = dot(other_r, other_r)
        if not (there <= cost):
            fresh = False
        left = dot(gradient, gradient)
        arrived = left <= 1e-28 * size * size
        if fresh:
            if cost - there <= 1e-9 * cost:
                arrived = True
            p[:] = moved
            r[:] = other_r
            jacobian[:] = other
            cost = there
            damping *= 0.1
        else:
            if left <= 1e-8 * cost:
                arrived = True
            damping *= 10.0
        if arrived:
            return True, evaluations
    return False, evaluations


def curve(code, constants, data, weights, outputs, registers, p, r, back, size, hessian):
    """Write the Hessian in z, I + S, by differences of the gradient with r held; gives whether it is positive."""
    n = p.shape[0]
    m = r.shape[0]
    other_r = np.zeros(m)
    other = np.zeros((n, m))
    up = np.zeros(n)
    down = np.zeros(n)
    moved = np.zeros(n)
    part = np.zeros((n, n))
    norm = np.sqrt(dot(r, r))
    size = max(size, norm)
    size = max(size, 1e-300)
    for k in range(n):
        h = step_of_differences(p, back, k, norm, size, m)
        for j in range(n):
            moved[j] = p[j] + h * back[j, k]
        if not evaluate(code, constants, data, weights, outputs, registers, moved, other_r, other):
            return False
        project(other, r, up)
        for j in range(n):
            moved[j] = p[j] - h * back[j, k]
        if not evaluate(code, constants, data, weights, outputs, registers, moved, other_r, other):
            return False
        project(other, r, down)
        for j in range(n):
            part[k, j] = 0.0
            for i in range(n):
                part[k, j] += (up[i] - down[i]) / (2.0 * h) * back[i, j]
    for k in range(n):
        for j in range(n):
            hessian[k, j] = 0.5 * (part[k, j] + part[j, k]) + (1.0 if k == j else 0.0)
    return positive(hessian, 1e-3, part)


def floor_of(p, r, scale):
    """What rounding leaves of a gradient in z at least."""
    terms = 0.0
    for j in range(p.shape[0]):
        terms += scale[j] * abs(p[j])
    return 2.220446049250313e-16 * (np.sqrt(dot(r, r)) + 1e-3 * terms)


def listen(
    code, constants, data, weights, outputs, registers, p, factors, upper, scale, back, gradient, hessian, noise
):
    """Write how exact the gradient is: what it jumps by where all is changed in the last place."""
    n = p.shape[0]
    m = data.shape[2]
    other_r = np.zeros(m)
    other = np.zeros((n, m))
    moved = np.zeros(n)
    change = np.zeros(n)
    there = np.zeros(n)
    for turn in range(1, factors.shape[0]):
        for i in range(n):
            moved[i] = p[i] * factors[turn, i]
        if not evaluate(code, constants[turn], data[turn], weights, outputs, registers, moved, other_r, other):
            return False
        project(other, other_r, there)
        for k in range(n):
            change[k] = 0.0
            for j in range(k, n):
                change[k] += upper[k, j] * scale[j] * (moved[j] - p[j])
        for k in range(n):
            jump = -gradient[k]
            for j in range(n):
                jump += there[j] * back[j, k] - hessian[k, j] * change[j]
            noise[k] = max(noise[k], abs(jump))
    return True


def bound(p, back, z, inverse, noise, floor, error):
    """Write how far each parameter is from the minimum's; gives whether the step z is nothing but rounding."""
    n = p.shape[0]
    reach = np.zeros(n)
    rounding = True
    for k in range(n):
        spread = 0.0
        for j in range(n):
            spread += abs(inverse[j, k]) * (4.0 * noise[j] + floor)
        if abs(z[k]) > 4.0 * spread + 1e-300:
            rounding = False
        reach[k] = abs(z[k]) + spread
    for i in range(n):
        total = 0.0
        for k in range(n):
            total += abs(back[i, k]) * reach[k]
        error[i] = 2.0 * total + 2.220446049250313e-16 * abs(p[i])
    return rounding


def fit(code, constants, n_registers, outputs, start, data, weights, factors, size, limit):
    """Search from `start` (n) for the least sum of squares of (model - observed) weights (m).

    `outputs` are the model and its n derivatives; `data` (4, d + 1, m) are the columns and, last, what is observed;
    with `constants` (4, c) and `factors` (4, n) the first is what is meant, the others are changed in the last place.
    `size` is the norm of what is observed. Gives p and its bound (2, n), r (m), the Jacobian's columns as rows, the
    same orthonormal (n, m), the coordinates' inverse (n, n), and what is told: whether it is a regular minimum,
    the number of steps, of evaluations, and the condition. Steps and judgement are those of `refine` (Björck 1996).
    """
    n = start.shape[0]
    m = data.shape[2]
    registers = np.zeros((n_registers, (m + 7) // 8 * 8))
    r = np.zeros(m)
    jacobian = np.zeros((n, m))
    q = np.zeros((n, m))
    upper = np.zeros((n, n))
    back = np.zeros((n, n))
    scale = np.zeros(n)
    gradient = np.zeros(n)
    hessian = np.zeros((n, n))
    matrix = np.zeros((n, n))
    inverse = np.zeros((n, n))
    order = np.zeros(n, dtype=np.int64)
    z = np.zeros(n)
    p = np.zeros(n)
    best = np.zeros(n)
    noise = np.zeros(n)
    found = np.zeros((2, n))
    told = np.zeros(4)
    p[:] = start
    going, evaluations = search(code, constants[0], data[0], weights, outputs, registers, p, r, jacobian, size, limit)
    length = np.inf
    steps = 0
    ended = False
    last = False
    while going and not ended and steps < 13:
        steps += 1
        evaluations += 2 * n + 1
        going = evaluate(code, constants[0], data[0], weights, outputs, registers, p, r, jacobian)
        if going:
            going = orthonormalize(jacobian, scale, q, upper)
        if going:
            turn_back(upper, scale, back)
            project(q, r, gradient)
            going = curve(code, constants[0], data[0], weights, outputs, registers, p, r, back, size, hessian)
        if going:
            matrix[:] = hessian
            going = factorize(matrix, order)
        if going:
            for i in range(n):
                z[i] = -gradient[order[i]]
            substitute(matrix, z)
            now = np.sqrt(dot(z, z))
            if last or now <= 0.25 * floor_of(p, r, scale):
                ended = True
            elif now < 0.5 * length:
                length = now
                best[:] = p
                for i in range(n):
                    p[i] += dot(back[i], z)
            elif now > length:
                last = True
                p[:] = best
            else:
                ended = True
    told[1] = steps
    told[2] = evaluations
    if going and ended:
        invert(matrix, order, inverse)
        found[0] = p
        told[2] += factors.shape[0] - 1
        if listen(
            code, constants, data, weights, outputs, registers, p, factors, upper, scale, back, gradient, hessian, noise
        ):  # fmt: skip
            rounding = bound(p, back, z, inverse, noise, floor_of(p, r, scale), found[1])
            offset = np.sqrt(dot(z, z)) * np.sqrt(max(1.0, 1.0 * (m - n)))
            if (rounding or offset <= 1e-6 * np.sqrt(dot(r, r))) and largest(found[1]) < np.inf:
                told[0] = 1.0
        told[3] = condition(upper)
    return found, r, jacobian, q, back, told
