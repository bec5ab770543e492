from tests.articles import pk, window_diff


def test_the_truth_itself_is_without_error() -> None:
    assert pk([0, 10, 20], [0, 10, 20], 30) == window_diff([0, 10, 20], [0, 10, 20], 30) == 0.0


def test_a_near_miss_costs_less_than_none_at_all() -> None:
    near, none = pk([0, 10, 20], [0, 11, 20], 30), pk([0, 10, 20], [0], 30)
    assert 0 < near < none


def test_an_extra_cut_is_seen_by_both() -> None:
    truth, found = [0, 15], [0, 7, 15]
    assert pk(truth, found, 30) > 0
    assert window_diff(truth, found, 30) >= pk(truth, found, 30)
