"""A bounded part of `make chaos`: three brokers, three workers, one round of faults of a kind, every promise kept."""

import pytest

from chaos.cluster import Cluster
from chaos.faults import OF_API, OF_BROKERS, OF_STORES, OF_WORKERS
from chaos.rounds import Scale, run
from chaos.stores import Stores

SCALE = Scale(requests=1500, duration_s=12.0, workers=3, settle_s=120.0)


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
        pytest.param(11165, OF_WORKERS, id="workers: each kind of fault but a frozen container"),
        pytest.param(187, (*OF_BROKERS, *OF_STORES, *OF_API), id="brokers, stores and the API: each but a clean stop"),
    ],
)
def test_a_round_of_faults_breaks_no_promise(cluster, stores, seed, kinds, tmp_path):
    """Every id is answered as it may be, repeats are identical, the lag is back to 0, whatever was hurt meanwhile."""
    done = run(seed, cluster, stores, kinds, SCALE, tmp_path)
    assert done.report.violations == (), "\n".join(map(str, [*done.faults, *done.report.violations[:20]]))
    assert done.report.requests > SCALE.requests
