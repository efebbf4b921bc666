"""What the alerting process needs before it tells what is due."""

import subprocess
import sys


def test_what_is_due_waits_for_the_import_of_neither_http_nor_faust():
    """A killed process that is started again calls whoever was to be called meanwhile, before anything else."""
    program = "import sys, sciagents.alerting, alerting.notify; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert {"faust", "mode", "aiohttp", "litestar", "uvicorn"}.isdisjoint(done.stdout.split())
