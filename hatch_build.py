"""Build hook: compiles every kernel of `native/kernels/` with Pythran, beside its source.

A kernel is built again when its source, Pythran or the flags have changed. `SCI_AGENTS_NATIVE_ARCH=native` builds for
this machine alone; a wheel is always built for any machine of the architecture.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

KERNELS = Path("native/kernels")
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
# no -ffast-math: NaN and infinities mean what IEEE 754 says, and a result does not depend on its batch-mates
FLAGS = ["-DUSE_XSIMD", "-O3", "-fno-math-errno", "-ffp-contract=off", "-Wno-unused-variable"]
FLAGS += ["-g0"]  # Python's own flags ask for debugging symbols: a third of the time, and stripped in the end
# a variable has the type of its first value: merging the types of all its values makes g++ need minutes and gigabytes;
# few passes of Pythran's own, as each is repeated over the whole file: g++ does the rest
FLAGS += [
    "--config=typing.max_combiner=1",
    "--config=pythran.optimizations=pythran.optimizations.DeadCodeElimination pythran.optimizations.FastGExpr",
]


def _flags(machine: bool) -> list[str]:
    return [*FLAGS, "-march=native"] if machine and os.environ.get("SCI_AGENTS_NATIVE_ARCH") == "native" else FLAGS


_SHARED = re.compile(r"^from native\.kernels\.(_\w+) import (?:\([^)]*\)|.+)$", re.MULTILINE)


def whole_source(source: Path) -> str:
    """Return a kernel's text with the shared modules (`_name.py`) it imports, each once, in place of the imports.

    Pythran compiles one file at a time and knows no imports of ours.
    """
    seen: set[str] = set()

    def text_of(path: Path) -> str:
        def shared(found: re.Match[str]) -> str:
            if found[1] in seen:
                return ""
            seen.add(found[1])
            return text_of(path.with_name(f"{found[1]}.py"))

        return _SHARED.sub(shared, path.read_text())

    return text_of(source)


def compile_kernel(source: Path, flags: list[str]) -> Path:
    """Compile one kernel when it is out of date; returns the extension's path, raises on a compiler's error."""
    target = source.with_name(source.stem + SUFFIX)
    stamp = source.with_name(f".{source.stem}.stamp")
    text = whole_source(source)
    key = repr((text, version("pythran"), version("numpy"), flags, SUFFIX)).encode()
    digest = hashlib.sha256(key).hexdigest()
    if target.exists() and stamp.exists() and stamp.read_text() == digest:
        return target
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder, source.name)
        whole.write_text(text)
        built = Path(folder, target.name)
        command = [sys.executable, "-m", "pythran.run", *flags, str(whole), "-o", str(built)]
        made = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own files
        if made.returncode != 0:
            raise RuntimeError(f"{source} does not compile:\n{made.stdout}{made.stderr}")
        beside = shutil.copy(built, target.with_name(f".{target.name}"))
        beside.replace(target)  # at once: a process that runs the old one keeps it
    stamp.write_text(digest)
    return target


def compile_all(root: Path, *, machine: bool) -> list[Path]:
    """Compile all kernels, two at a time."""
    sources = sorted(path for path in (root / KERNELS).glob("*.py") if not path.stem.startswith("_"))
    flags = _flags(machine)
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda source: compile_kernel(source, flags), sources))


class KernelHook(BuildHookInterface):
    """Called by hatchling before a wheel or an editable install is made."""

    def initialize(self, version: str, build_data: dict) -> None:
        """Compile the kernels and add them to the wheel."""
        if self.target_name != "wheel":
            return
        made = compile_all(Path(self.root), machine=version == "editable")
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["artifacts"] += [str(path.relative_to(self.root)) for path in made]


if __name__ == "__main__":
    for path in compile_all(Path(__file__).parent, machine=True):
        print(path)
