"""The formula compiler: text from outside becomes a register program that a kernel executes; no `eval`, no `exec`.

`syntax` reads the text into `graph` (constants folded, common subexpressions shared), `derive` adds exact derivatives,
`program` allots registers. Use `compile_program`.
"""

from native.formula.program import Program, compile_program
from native.formula.syntax import FUNCTIONS, FormulaError, is_name

__all__ = ["FUNCTIONS", "FormulaError", "Program", "compile_program", "is_name"]
