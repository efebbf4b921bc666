"""Without an exporter there are no spans; with one, only sampled traces have them."""

import subprocess
import sys

import pytest

from streams.spans import from_environment, sampled, traceparent

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"{TRACE}01", True),
        (f"{TRACE}03", True),
        (f"{TRACE}00", False),
        (f"{TRACE}zz", False),
        ("00-1-2-01", False),
        ("", False),
        (TRACE.upper() + "01", False),
        ("0" * 100_000, False),
    ],
)
def test_a_trace_is_recorded_when_its_context_says_so(text, wanted):
    assert sampled(text) is wanted


def test_the_context_of_a_record_is_found_whatever_its_case():
    assert traceparent([("a", b"1"), ("TraceParent", b"t")]) == "t"
    assert traceparent([("a", None)]) == ""


@pytest.mark.parametrize(
    "environ",
    [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"}],
)
def test_nothing_is_made_where_no_exporter_is_configured(environ):
    assert from_environment("s", environ=environ) is None


def test_opentelemetry_is_not_imported_before_it_is_asked_for():
    code = "import sys, sciagents, streams.worker; print(any(name.startswith('opentelemetry') for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
