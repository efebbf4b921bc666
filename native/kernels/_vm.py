"""The register machine, for the kernels that execute programs; it is compiled into each of them."""

import math

import numpy as np


def digamma(x):
    """Derivative of log gamma: reflection, recurrence to x ≥ 10, asymptotic series (Abramowitz & Stegun, 6.3.18)."""
    if x <= 0.0 and x == np.floor(x):
        return np.nan
    value = 0.0
    if x < 0.0:
        value = -math.pi / math.tan(math.pi * (x - np.rint(x)))
        x = 1.0 - x
    while x < 10.0:
        value -= 1.0 / x
        x += 1.0
    r = 1.0 / (x * x)
    series = r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r * (1 / 132 - r * 691 / 32760)))))
    return value + math.log(x) - 0.5 / x - series


def trigamma(x):
    """Second derivative of log gamma; as digamma, from x ≥ 12 (Abramowitz & Stegun, 6.4.7, 6.4.12)."""
    if x <= 0.0 and x == np.floor(x):
        return np.nan
    value = 0.0
    sign = 1.0
    if x < 0.0:
        value = math.pi / math.sin(math.pi * (x - np.rint(x)))
        value = value * value
        sign = -1.0
        x = 1.0 - x
    total = 0.0
    while x < 12.0:
        total += 1.0 / (x * x)
        x += 1.0
    r = 1.0 / (x * x)
    series = r * (1 / 6 - r * (1 / 30 - r * (1 / 42 - r * (1 / 30 - r * (5 / 66 - r * (691 / 2730 - r * 7 / 6))))))
    return value + sign * (total + 1.0 / x + 0.5 * r + series / x)


def gamma(x):
    """Gamma function; NaN at its poles, infinite where it overflows."""
    if x != x or (x <= 0.0 and x == np.floor(x)):
        return np.nan
    if x > 171.6243769563027:
        return np.inf
    if abs(x) < 5.6e-309:  # 1/x overflows
        return np.copysign(np.inf, x)
    if x < -185.0:
        return 0.0
    return math.gamma(x)


def log_gamma(x):
    """Logarithm of |gamma|; infinite at its poles."""
    if x != x:
        return np.nan
    if abs(x) > 2.5e305 or (x <= 0.0 and x == np.floor(x)):
        return np.inf
    return math.lgamma(x)


def execute(code, registers):
    """Run a program: `code` (k, 5) of opcode, target, operands; `registers` (n, width), width a multiple of 8."""
    width = registers.shape[1]
    for step in range(code.shape[0]):
        op = code[step, 0]
        d = code[step, 1]
        a = code[step, 2]
        b = code[step, 3]
        c = code[step, 4]
        if op == 0:
            registers[d] = registers[a] + registers[b]
        elif op == 1:
            registers[d] = registers[a] - registers[b]
        elif op == 2:
            registers[d] = registers[a] * registers[b]
        elif op == 3:
            registers[d] = registers[a] / registers[b]
        elif op == 4:
            registers[d] = -registers[a]
        elif op == 5:
            registers[d] = registers[a] - registers[b] * np.floor(registers[a] / registers[b])
        elif op == 6:
            for i in range(width):
                registers[d, i] = np.power(registers[a, i], registers[b, i])
        elif op == 7:
            registers[d] = np.where(registers[a] < registers[b], 1.0, 0.0)
        elif op == 8:
            registers[d] = np.where(registers[a] <= registers[b], 1.0, 0.0)
        elif op == 9:
            registers[d] = np.where(registers[a] > registers[b], 1.0, 0.0)
        elif op == 10:
            registers[d] = np.where(registers[a] >= registers[b], 1.0, 0.0)
        elif op == 11:
            registers[d] = np.where(registers[a] == registers[b], 1.0, 0.0)
        elif op == 12:
            registers[d] = np.where(registers[a] != registers[b], 1.0, 0.0)
        elif op == 13:
            registers[d] = np.where((registers[a] != 0.0) & (registers[b] != 0.0), 1.0, 0.0)
        elif op == 14:
            registers[d] = np.where((registers[a] != 0.0) | (registers[b] != 0.0), 1.0, 0.0)
        elif op == 15:
            registers[d] = np.where(registers[a] != 0.0, 0.0, 1.0)
        elif op == 16:
            registers[d] = np.where(registers[a] != 0.0, registers[b], registers[c])
        elif op == 17:
            registers[d] = np.sin(registers[a])
        elif op == 18:
            registers[d] = np.cos(registers[a])
        elif op == 19:
            registers[d] = np.tan(registers[a])
        elif op == 20:
            registers[d] = np.arcsin(registers[a])
        elif op == 21:
            registers[d] = np.arccos(registers[a])
        elif op == 22:
            registers[d] = np.arctan(registers[a])
        elif op == 23:
            for i in range(width):
                registers[d, i] = math.atan2(registers[a, i], registers[b, i])
        elif op == 24:
            registers[d] = np.sinh(registers[a])
        elif op == 25:
            registers[d] = np.cosh(registers[a])
        elif op == 26:
            registers[d] = np.tanh(registers[a])
        elif op == 27:
            registers[d] = np.exp(registers[a])
        elif op == 28:
            registers[d] = np.expm1(registers[a])
        elif op == 29:
            for i in range(width):
                registers[d, i] = np.log(registers[a, i])
        elif op == 30:
            registers[d] = np.log1p(registers[a])
        elif op == 31:
            for i in range(width):
                registers[d, i] = np.log2(registers[a, i])
        elif op == 32:
            for i in range(width):
                registers[d, i] = np.log10(registers[a, i])
        elif op == 33:
            registers[d] = np.sqrt(registers[a])
        elif op == 34:
            for i in range(width):
                registers[d, i] = np.cbrt(registers[a, i])
        elif op == 35:
            registers[d] = np.abs(registers[a])
        elif op == 36:
            registers[d] = np.where(registers[a] > 0.0, 1.0, np.where(registers[a] < 0.0, -1.0, registers[a]))
        elif op == 37:
            registers[d] = np.floor(registers[a])
        elif op == 38:
            registers[d] = np.ceil(registers[a])
        elif op == 39:  # as NumPy: NaN goes through
            first = (registers[a] <= registers[b]) | (registers[a] != registers[a])
            registers[d] = np.where(first, registers[a], registers[b])
        elif op == 40:
            first = (registers[a] >= registers[b]) | (registers[a] != registers[a])
            registers[d] = np.where(first, registers[a], registers[b])
        elif op == 41:
            for i in range(width):
                registers[d, i] = math.erf(registers[a, i])
        elif op == 42:
            for i in range(width):
                registers[d, i] = math.erfc(registers[a, i])
        elif op == 43:
            for i in range(width):
                registers[d, i] = gamma(registers[a, i])
        elif op == 44:
            for i in range(width):
                registers[d, i] = log_gamma(registers[a, i])
        elif op == 45:
            for i in range(width):
                registers[d, i] = digamma(registers[a, i])
        else:
            for i in range(width):
                registers[d, i] = trigamma(registers[a, i])
