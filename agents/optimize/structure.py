"""What depends on what in a program: which variables an output is a function of, and whether it is linear in them."""

from native.formula import Program
from native.formula.graph import OPCODES

_NAMES = {code: name for name, code in OPCODES.items()}
_TWO = frozenset({
    "add", "sub", "mul", "div", "mod", "pow", "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "atan2", "min", "max",
})  # fmt: skip
_STEPS = frozenset({
    "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not", "where", "mod", "sign", "floor", "ceil", "min", "max",
    "abs",
})  # fmt: skip
"""Operations whose derivative may be constant though they are not linear."""


def dependencies(program: Program) -> list[int]:
    """For each output the inputs it is computed from, as bits: bit i is input i."""
    return _walk(program, program.n_inputs)[0]


def is_smooth(program: Program, variables: int) -> bool:
    """Whether no step, kink or branch depends on the first `variables` inputs."""
    return not _walk(program, variables)[1]


def _walk(program: Program, variables: int) -> tuple[list[int], bool]:
    first = len(program.constants)
    found = [0] * program.n_registers
    for place in range(program.n_inputs):
        found[first + place] = 1 << place
    watched = (1 << variables) - 1
    stepped = False
    for code, target, *operands in program.code.tolist():
        name = _NAMES[code]
        count = 3 if name == "where" else 2 if name in _TWO else 1
        made = 0
        for operand in operands[:count]:
            made |= found[operand]
        decides = found[operands[0]] if name == "where" else made
        found[target] = made
        stepped = stepped or (name in _STEPS and bool(decides & watched))
    return [found[output] for output in program.outputs.tolist()], stepped
