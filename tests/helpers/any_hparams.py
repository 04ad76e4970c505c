"""Any hyperparameters, for hypothesis."""

import dataclasses

from hypothesis import strategies as st

from mnist_graph.hparams import DEFAULTS, SPECS, HParams


def _values(name):
    """A strategy for values of one hyperparameter."""
    spec = SPECS[name]
    if spec.kind == 'enum':
        return st.sampled_from(spec.choices)
    if spec.kind == 'text':
        return st.sampled_from(['', 'pretrained', '/home/somebody/runs/a=b'])
    if spec.kind == 'bool':
        return st.booleans()
    if spec.kind == 'ints':
        return st.lists(
            st.integers(spec.lower, spec.upper),
            min_size=spec.length or int(not spec.may_be_empty),
            max_size=spec.length or 5,
        ).map(tuple)
    if spec.kind == 'int':
        return st.integers(spec.lower, spec.upper)
    return st.floats(spec.lower, spec.upper, exclude_min=spec.open_lower, exclude_max=spec.open_upper)


def _without_idle(hparams):
    """With the default of n_iterations where it has no effect, and so no flag."""
    return dataclasses.replace(hparams, n_iterations=DEFAULTS['n_iterations']) if hparams.n_epochs else hparams


ANY_HPARAMS = st.builds(HParams, **{name: _values(name) for name in SPECS}).map(_without_idle)
