"""A bounded part of the fuzzer; the whole is `python -m benchmarks fuzz --inputs 10_000_000`."""

from fuzz.formulas import run, violation


def test_random_formulas_are_answered():
    found = run(50_000, 7)
    assert found.violations == []
    assert found.counts["accepted"] > 15_000
    assert found.counts["refused"] > 15_000
    assert min(found.counts[kind] for kind in ("gradient", "jacobian", "hessian_vector", "hessian")) > 1000


def test_a_violation_is_seen(monkeypatch):
    def crash(*_, **__):
        raise RecursionError

    monkeypatch.setattr("fuzz.formulas.compile_program", crash)
    assert violation("x", None) == ("failed", "RecursionError()")
