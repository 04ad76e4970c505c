"""Searches hyperparameters: trains with many values of the flags of main, on one machine or on many.
This needs the extra `sweep`.

    python -m mnist_graph.sweep --search=learning_rate=log:1e-5:1e-2 --search=batch_size=64,128 \\
        --n_iterations=1000 --n_trials=50 --sweep_dir=runs/lr
    python -m mnist_graph.sweep --sweep_dir=runs/lr --resume
    python -m mnist_graph.sweep --sweep_dir=runs/lr --report

From Python: `mnist_graph.sweep.run(space, ...)`; see `sweeps/runner.py`.
"""

import os
import shlex
import time

from absl import flags

from mnist_graph.base.errors import UsageError
from mnist_graph.cli import common_flags, process
from mnist_graph.cli.printer import Printer
from mnist_graph.hparams import SPECS, HParams

FLAGS = flags.FLAGS
# Trials are often short; the command for a longer training of the winner makes it so many times as long.
LONGER = 10


def run(space, **options):
    """Searches a space; see `runner.run`, which this is."""
    from mnist_graph.sweeps import runner

    return runner.run(space, **options)


def define_flags() -> None:
    """Defines the flags: the hyperparameters, and those that say how to search them."""
    from mnist_graph.sweeps.plan import PRUNERS, SAMPLERS

    common_flags.define_hparams()
    common_flags.define('dataset', 'data_dir', 'pictures', 'skip_bad_pictures')
    flags.DEFINE_multi_string(
        'search',
        [],
        'A flag to search over and its values, as FLAG=SPEC. SPEC is a,b,c (these values), lo:hi (any number between the '
        'two), log:lo:hi (the same, but small and large ones are equally likely), or int:lo:hi[:step] (whole numbers). In '
        'lists of numbers write x between them, as in hidden_units=512x256x128,128. Give --search once for each flag.',
    )
    flags.DEFINE_enum(
        'sampler',
        'auto',
        list(SAMPLERS),
        'How the next values are chosen: grid (each combination of the listed values), random, tpe (values near those that '
        'did well so far), or auto, which is grid if every --search is a list and --n_trials is not given, and otherwise tpe.',
    )
    flags.DEFINE_integer(
        'n_trials',
        None,
        'Number of trainings. A grid always trains once with each combination of its values.',
        lower_bound=1,
        upper_bound=1_000_000,
    )
    flags.DEFINE_enum(
        'pruner',
        'none',
        list(PRUNERS),
        'What ends bad trials early, by their validation accuracies: none, median (ends a trial that is below the median of '
        'the others at the same step), hyperband (as successive_halving, but some trials get more time before the first '
        'cut), or successive_halving (lets only the best part go on, again and again).',
    )
    flags.DEFINE_float('timeout', None, 'Seconds after which no new trial begins.', lower_bound=0)
    flags.DEFINE_integer(
        'workers',
        0,
        'Processes on this machine that train; 0 is one for each usable core.',
        lower_bound=0,
        upper_bound=1024,
    )
    common_flags.define_path('sweep_dir', 'Folder of the sweep and its results: by default a new one under runs/.')
    flags.DEFINE_string(
        'storage', None, 'Database that several machines share for one sweep: postgresql://USER:PASSWORD@HOST/DATABASE.'
    )
    flags.DEFINE_string('study', None, 'Name of the sweep in --storage.')
    flags.DEFINE_boolean('resume', False, 'Go on with the sweep as it was begun; its flags need not be given again.')
    flags.DEFINE_boolean('report', False, 'Show what the sweep has found so far, and train nothing.')
    flags.DEFINE_boolean('tensorboard', True, 'Write event files for TensorBoard for each trial.')


def main(arguments) -> int:
    """Runs the sweep that the flags describe; returns the exit code."""
    process.no_arguments(arguments)
    choose_sweep = sweep_from_flags()
    where = location_from_flags()
    from mnist_graph.sweeps import location, runner

    if FLAGS.report:
        with location.opened(where, create=False, writable=False) as store:
            show(runner.report(store, where.sweep_dir))
        return 0
    begun = time.monotonic()
    with (
        location.opened(where, create=not FLAGS.resume) as store,
        TrialPrinter() as printer,
        _Stop().listening() as stop,
    ):
        result = runner.search(
            store,
            choose_sweep,
            where,
            choose_n_validation=not FLAGS.resume and not FLAGS['n_validation'].present,
            workers=FLAGS.workers,
            timeout=FLAGS.timeout,
            tensorboard=FLAGS.tensorboard,
            callback=printer,
            should_stop=lambda: stop.level(printer),
        )
    show(result)
    left = result.sweep.n_trials - result.n_ended
    if left and (stop or FLAGS.timeout is not None and time.monotonic() - begun > FLAGS.timeout):
        process.note(f'Stopped with {left} of {result.sweep.n_trials} points left; go on with\n{resume_command(where)}')
    if stop:
        return 128 + stop.signal
    return 1 if not left and all(row.state == 'failed' for row in result.rows) else 0


def sweep_from_flags():
    """The sweep that the flags ask for, as a function of the one that the storage holds, or None.

    Raises:
      UsageError: The flags make no sense, whatever the storage holds.
    """
    from mnist_graph.models import starting_point
    from mnist_graph.sweeps import plan, search_space

    space = search_space.parse(FLAGS.search)
    given = [name for name in SPECS if FLAGS[name].present]
    plan.check_free(space, given)
    if FLAGS.resume and FLAGS.report:
        raise UsageError('--resume goes on with a sweep and --report only shows it; give one of them.')
    if not FLAGS.resume and not FLAGS.report:
        space = plan.with_real_folders(space)
        base = starting_point.resolved(common_flags.hparams_from_flags(), (*given, *space))
        made = plan.make(space, base, FLAGS.sampler, FLAGS.pruner, FLAGS.n_trials)
        return lambda saved: made

    def continued(saved):
        if saved is None:
            raise UsageError('There is no sweep to go on with; start one with --search=FLAG=SPEC.')
        plan.check_free({**saved.space, **space}, given)
        n_trials = FLAGS.n_trials or (saved.n_trials if saved.sampler != 'grid' else None)
        return plan.make(
            space or saved.space,
            HParams(**{**saved.base.to_dict(), **{name: FLAGS[name].value for name in given}}),
            FLAGS.sampler if FLAGS['sampler'].present else saved.sampler,
            FLAGS.pruner if FLAGS['pruner'].present else saved.pruner,
            n_trials,
        )

    return continued


def location_from_flags():
    """Where the sweep is kept.

    Raises:
      UsageError: The flags do not say, or contradict each other.
    """
    if bool(FLAGS.storage) != bool(FLAGS.study):
        raise UsageError('--storage and --study belong together: a database, and the name of the sweep in it.')
    folder = FLAGS.sweep_dir
    if not folder and FLAGS.study:
        folder = os.path.join('runs', FLAGS.study.replace(os.sep, '_'))
    elif not folder and (FLAGS.resume or FLAGS.report):
        raise UsageError(f'--{"resume" if FLAGS.resume else "report"} needs --sweep_dir, the folder of the sweep.')
    from mnist_graph.sweeps.location import SweepLocation

    return SweepLocation(
        folder or time.strftime('runs/sweep-%Y-%m-%d-%H%M%S'),
        FLAGS.storage or '',
        FLAGS.study or '',
        FLAGS.dataset if FLAGS['dataset'].present else None,
        FLAGS.data_dir,
        FLAGS.pictures if FLAGS['pictures'].present else None,
        FLAGS.skip_bad_pictures if FLAGS['skip_bad_pictures'].present else None,
    )


def resume_command(where) -> str:
    """What to type to go on."""
    storage = f' --storage=... --study={shlex.quote(where.study)}' if where.storage else ''
    return f'python -m mnist_graph.sweep{storage} --sweep_dir={shlex.quote(where.sweep_dir)} --resume'


def show(result) -> None:
    """Prints what a sweep has found, and draws it."""
    from mnist_graph.sweeps import plots, summary

    where = '' if result.sweep.dataset == 'mnist' else f' ({result.sweep.dataset})'
    if result.n_ended:
        print(f'\n{summary.table(result.sweep, result.rows)}')
    if result.importances:
        print(
            '\nShare of the variance of accuracy that each explains alone, beyond chance: '
            + ', '.join(f'{name} {share:.0%}' for name, share in result.importances.items())
        )
    try:
        for path in plots.write(result):
            print(f'Picture: {path}')
    except OSError as error:
        process.note(f'{result.folder}: pictures cannot be written there ({error.strerror}).')
    if result.best is None:
        all_failed = result.n_ended and all(row.state == 'failed' for row in result.rows)
        print(
            f'Every trial so far failed; {summary.RESULTS} in {result.folder} says why.'
            if all_failed
            else 'No trial is complete yet.'
        )
        return
    print(
        f'\nBest of {result.n_ended} of {result.sweep.n_trials} points: '
        f'validation accuracy{where} {result.best.accuracy:.4f} (trial {result.best.trial})'
    )
    if result.test:
        print(f'Its accuracy on the test set{where}, read for it alone: {result.test["test_accuracy"]:.4f}')
    flagfile = os.path.join(result.folder, summary.BEST)
    if os.path.exists(flagfile):
        command = f'python -m mnist_graph.main --flagfile={shlex.quote(flagfile)}'
        print(f'Train it again with\n{command}')
        print(f'Train it {LONGER} times as long, on all cores, with\n{command} {longer(result)} --num_threads=0')
    else:
        print(f'The flagfile that trains it, {summary.BEST}, is with the machines that searched.')


def longer(result) -> str:
    """The flag that makes the training of the winner LONGER times as long."""
    hparams = result.sweep.hparams(result.best.values)
    length = 'n_epochs' if hparams.n_epochs else 'n_iterations'
    return f'--{length}={LONGER * getattr(hparams, length)}'


class TrialPrinter(Printer):
    """What a person sees while a sweep runs: a line for each trial, and a bar over all."""

    def __init__(self):
        super().__init__('trial')

    def on_trial_end(self, claimed, state, outcome, reason):
        from mnist_graph.sweeps.summary import shown

        values = '  '.join(f'{name}={shown(value)}' for name, value in claimed.values.items())
        if state == 'failed':
            result = f'failed: {reason}'
        else:
            end = f'pruned after step {outcome["steps"]}' if state == 'pruned' else f'{outcome["seconds"]:.1f} s'
            result = f'validation accuracy {outcome["validation_accuracy"]:.4f}, {end}'
        self.line(f'Trial {claimed.number}\t| {values}\t| {result}')

    def on_progress(self, n_ended, n_points):
        self.show_progress(n_ended, n_points)

    def on_note(self, text):
        self.note(text)


class _Stop(process.StopRequest):
    """The first Ctrl-C lets running trials finish, the second gives them up, the third breaks off."""

    _n_signals = 0
    _said = 0

    def _handle(self, number, frame):
        self._n_signals += 1
        if self._n_signals > 2:
            raise KeyboardInterrupt
        self.signal = number

    def level(self, printer: TrialPrinter) -> int:
        """What a Coordinator's should_stop returns."""
        if self._n_signals and not self._said:
            self._said = 1
            printer.note('Finishing the running trials; Ctrl-C again gives them up, to be run again later.')
        return min(self._n_signals, 2)


def console_main() -> None:
    """The console command `mnist-graph-sweep`."""
    process.run_command(main, define_flags)


if __name__ == '__main__':
    console_main()
