"""The kernels and the formula compiler that feeds them.

Comes in: validated arrays and programs. Goes out: arrays, statuses and error bounds. Imports NumPy and SciPy alone:
no Kafka, no clock, no network, nothing of `agents`. `kernels/` holds what Pythran compiles; the modules beside it are
their typed front.
"""

import importlib.util
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType

KERNELS = Path(__file__).parent / "kernels"


def is_compiled(module: ModuleType) -> bool:
    """Whether a kernel module is the compiled one; as plain Python it gives the same answers, slowly."""
    return (module.__file__ or "").endswith(tuple(EXTENSION_SUFFIXES))


def kernel_names() -> list[str]:
    """Return the names of all kernels."""
    return sorted(path.stem for path in KERNELS.glob("*.py") if not path.stem.startswith("_"))


def load_uncompiled(name: str) -> ModuleType:
    """Load `native.kernels.<name>` from its source, as plain Python."""
    spec = importlib.util.spec_from_file_location(f"native.kernels.{name}_plain", KERNELS / f"{name}.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"no kernel {name!r}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
