"""Random formulas over the worker's road – parse, derive, compile, evaluate – in any number: nothing but answers.

`python -m benchmarks fuzz --inputs 10_000_000`. What is tried and what has to hold is in `tests/fuzz/formulas.py`; ends
with exit code 1 when something does not.
"""

import time

CHUNK = 100_000


def measure(inputs: int = 200_000, seed: int = 2026) -> dict[str, object]:
    """Try so many inputs, each chunk with a seed of its own; print what became of them."""
    from fuzz.formulas import Found, run  # noqa: PLC0415 - in tests/, which __main__ puts on the path

    found, started = Found(), time.process_time()
    for chunk in range(-(-inputs // CHUNK)):
        run(min(CHUNK, inputs - chunk * CHUNK), seed + chunk, found)
        if chunk % 10 == 9:
            print(f"{(chunk + 1) * CHUNK:,} inputs, {len(found.violations)} violations", flush=True)
    spent = time.process_time() - started
    made = dict(sorted(found.counts.items()))
    print(f"{inputs:,} inputs in {spent:.0f} s of processor time, {spent / inputs * 1e6:.0f} µs each: {made}")
    print(f"slowest {found.slowest_s * 1e3:.0f} ms: {found.slowest[:80]!r} … ({len(found.slowest)} characters)")
    for text, wrong in found.violations[:20]:
        print(f"does not hold: {wrong}: {text!r}")
    print(f"crashes, hangs and escapes: {len(found.violations)}")
    if found.violations:
        raise SystemExit(1)
    return {"inputs": inputs, "seconds": round(spent, 1), "slowest_s": found.slowest_s, "violations": 0, **made}
