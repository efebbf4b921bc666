"""The formula compiler: text from outside becomes a register program that a kernel executes; no `eval`, no `exec`.

`syntax` reads the text into `graph` (constants folded, common subexpressions shared), `derive` adds exact derivatives
by the `rules` of each operation, `program` allots registers. Use `compile_program`; the table of the derivatives it
adds is in `program`.
"""

from native.formula.program import Derivatives, Pattern, Program, compile_program
from native.formula.syntax import FUNCTIONS, FormulaError, is_name

__all__ = ["FUNCTIONS", "Derivatives", "FormulaError", "Pattern", "Program", "compile_program", "is_name"]
