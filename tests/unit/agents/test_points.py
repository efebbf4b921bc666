"""Points of the unit cube: the same by index however they are drawn, inside the cube, and spread as they should be."""

import numpy as np
import pytest

from agents.points import Points

SAMPLERS = ["random", "lhs", "sobol", "halton"]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_point_does_not_depend_on_what_was_drawn_before(sampler):
    whole = Points(sampler, 5, 3, 400)
    replicate = whole.replicates - 1
    expected = whole.take(replicate, 0, whole.size)
    again = Points(sampler, 5, 3, 400)
    assert np.array_equal(again.take(replicate, 7, 11), expected[7:18])
    assert np.array_equal(again.take(replicate, 2, 3), expected[2:5])
    assert np.array_equal(again.take(replicate, 0, 4), expected[:4])
    assert ((expected > 0) & (expected < 1)).all()


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_chunks_cover_every_point_once(sampler):
    points = Points(sampler, 5, 2, 1000)
    chunks = list(points.chunks(30))
    assert sum(count for _, _, count in chunks) == points.count >= 1000
    assert max(count for _, _, count in chunks) <= 30
    assert len({(replicate, first) for replicate, first, _ in chunks}) == len(chunks)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_seeds_and_replicates_differ(sampler):
    points = Points(sampler, 1, 2, 64)
    found = [Points(sampler, 2, 2, 64).take(0, 0, 2), *(points.take(r, 0, 2) for r in range(points.replicates))]
    assert len({one.tobytes() for one in found}) == len(found)


def test_each_latin_hypercube_has_one_point_in_each_stratum():
    points = Points("lhs", 3, 4, 320)
    strata = np.floor(points.take(2, 0, points.size) * points.size)
    assert all(sorted(strata[:, j]) == list(range(points.size)) for j in range(4))


def test_a_power_of_two_of_sobol_points_is_a_net():
    points = Points("sobol", 3, 2, 16 * 64)
    assert points.balanced
    assert not Points("sobol", 3, 2, 1000).balanced
    counts, _, _ = np.histogram2d(*points.take(0, 0, 64).T, bins=[8, 8], range=[[0, 1], [0, 1]])
    assert (counts == 1).all()
