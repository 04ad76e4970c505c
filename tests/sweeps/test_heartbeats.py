"""Which trials have lost their coordinator."""

from mnist_graph.sweeps.storage.heartbeats import Watch


def test_a_trial_is_lost_when_its_coordinator_is_silent_for_the_whole_grace():
    watch = Watch(grace_seconds=60)
    assert watch.lost({'a': (1, [7]), 'b': (1, [8])}, [7, 8], now=0) == []
    assert watch.lost({'a': (1, [7]), 'b': (2, [8])}, [7, 8], now=59) == []
    assert watch.lost({'a': (1, [7]), 'b': (2, [8])}, [7, 8], now=61) == [7]


def test_a_coordinator_that_starts_watching_gives_everyone_the_whole_grace():
    """Also a trial that no coordinator has named, as its own died between claiming it and its next beat."""
    watch = Watch(grace_seconds=60)
    assert watch.lost({'a': (99, [7])}, [7, 8], now=1000) == []
    assert watch.lost({'a': (99, [7])}, [7, 8], now=1061) == [7, 8]


def test_after_an_interruption_all_have_the_whole_grace_again():
    watch = Watch(grace_seconds=60)
    watch.lost({'a': (1, [7])}, [7], now=0)
    watch.start_again()
    assert watch.lost({'a': (1, [7])}, [7], now=100) == []
    assert watch.lost({'a': (1, [7])}, [7], now=161) == [7]
