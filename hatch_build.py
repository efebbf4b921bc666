"""Build hook: compiles every kernel of `native/kernels/` with Pythran, beside its source.

A kernel is built again when its source, Pythran or the flags have changed. `SCI_AGENTS_NATIVE_ARCH=native` builds for
this machine alone; a wheel is always built for any machine of the architecture.
"""

import hashlib
import os
import platform
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


WIDE = "avx2"
WIDE_KERNELS = {"stencil"}
"""Kernels bound by arithmetic on long rows: built a second time, for processors with AVX2, into a folder of that name.

No fused operations there either, so that the answers are the same bits (`native/kernels/__init__.py` chooses).
"""
ALIASES = "--param=vect-max-version-for-alias-checks=20"
"""g++ leaves a loop over more arrays than ten as it is, for fear that they overlap; a stencil's row has eleven."""


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


def compile_kernel(source: Path, folder: Path, flags: list[str]) -> Path:
    """Compile one kernel when it is out of date; returns the extension's path, raises on a compiler's error."""
    folder.mkdir(exist_ok=True)
    target = folder / (source.stem + SUFFIX)
    stamp = folder / f".{source.stem}.stamp"
    text = whole_source(source)
    key = repr((text, version("pythran"), version("numpy"), flags, SUFFIX)).encode()
    digest = hashlib.sha256(key).hexdigest()
    if target.exists() and stamp.exists() and stamp.read_text() == digest:
        return target
    with tempfile.TemporaryDirectory() as aside:
        whole = Path(aside, source.name)
        whole.write_text(text)
        built = Path(aside, target.name)
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
    kernels = root / KERNELS
    flags = _flags(machine)
    builds = []
    for source in sorted(path for path in kernels.glob("*.py") if not path.stem.startswith("_")):
        wide = source.stem in WIDE_KERNELS
        builds.append((source, kernels, [*flags, ALIASES] if wide else flags))
        if wide and platform.machine() == "x86_64":
            builds.append((source, kernels / WIDE, [*flags, ALIASES, f"-m{WIDE}"]))
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda build: compile_kernel(*build), builds))


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
