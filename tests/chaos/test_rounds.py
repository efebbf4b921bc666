"""A bounded part of `make chaos`: brokers, workers, alerting processes, rounds of faults, every promise kept."""

import pytest

from chaos.cluster import Cluster
from chaos.faults import OF_ALERTING, OF_API, OF_BROKERS, OF_STORES, OF_WORKERS
from chaos.rounds import Scale, run
from chaos.stores import Stores

SCALE = Scale(requests=1500, duration_s=12.0, workers=3, settle_s=120.0, within_s=60.0)
"""In how much time people are told is measured by `make chaos`: here it is bounded by what a busy machine takes."""


@pytest.fixture(scope="module")
def cluster(docker_engine):
    with Cluster() as running:
        yield running


@pytest.fixture(scope="module")
def stores(cluster):
    with Stores(cluster) as running:
        yield running


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("seed", "kinds"),
    [
        pytest.param(12811, OF_WORKERS, id="workers: each kind of fault"),
        pytest.param(
            48359,
            (*OF_BROKERS, *OF_STORES, *OF_API, *OF_ALERTING),
            id="brokers, stores, API and alerting: each kind but a clean stop of a broker, and a cut",
        ),
    ],
)
def test_a_round_of_faults_breaks_no_promise(cluster, stores, seed, kinds, tmp_path):
    """Every id is answered as it may be, the lag is back to 0, and everybody was told once of each incident."""
    done = run(seed, cluster, stores, kinds, SCALE, tmp_path)
    assert done.report.violations == (), "\n".join(map(str, [*done.faults, *done.report.violations[:20]]))
    assert done.report.requests > SCALE.requests
    assert done.told.incidents > 3
    assert done.told.tellings > 20
