"""A PostgreSQL server of its own on this machine, for tests and measurements: made, started, and removed again."""

import contextlib
import glob
import os
import pwd
import random
import shutil
import socket
import subprocess
import tempfile
import time

USER, PASSWORD = 'sweeper', 'open:sesame/1'


def programs():
    """Folder of initdb and postgres, the newest there is, or None."""
    folders = glob.glob('/usr/lib/postgresql/*/bin') + glob.glob('/usr/local/pgsql/bin')
    found = shutil.which('initdb')
    if found:
        folders.append(os.path.dirname(os.path.realpath(found)))
    folders = [folder for folder in folders if os.path.exists(os.path.join(folder, 'postgres'))]
    return max(folders, key=_version, default=None)


def _version(folder):
    number = folder.split(os.sep)[-2]
    return float(number) if number.replace('.', '', 1).isdigit() else 0.0


def _account():
    """(Popen's options for a user that PostgreSQL agrees to run as, its entry in the password file); root is no such user.

    The entry is None if this process is not root's, as PostgreSQL then runs as the same user.
    """
    if os.geteuid() != 0:
        return {}, None
    for name in ('postgres', 'nobody'):
        with contextlib.suppress(KeyError):
            account = pwd.getpwnam(name)
            return {'user': account.pw_uid, 'group': account.pw_gid, 'extra_groups': []}, account
    raise RuntimeError('PostgreSQL does not run as root, and there is neither a user postgres nor nobody')


def _free_port():
    """A port that the system gives to nobody who asks for any, as it must be free again after a restart."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.create_server(('127.0.0.1', port)):
            return port


@contextlib.contextmanager
def server(**settings):
    """Runs a server on loopback; yields the address of an empty database.

    Args:
        settings: of postgresql.conf, as max_connections=300.
    """
    with restartable_server(**settings) as (url, _):
        yield url


@contextlib.contextmanager
def restartable_server(**settings):
    """As `server`, but yields the address and a function that stops the server for `seconds_down` and starts it again."""
    folder, (options, account) = programs(), _account()
    place = tempfile.mkdtemp(prefix='postgresql-')
    password_path = os.path.join(place, 'password')
    data, port, log_path = os.path.join(place, 'data'), _free_port(), os.path.join(place, 'log')
    settings = {'listen_addresses': '127.0.0.1', 'port': port, 'unix_socket_directories': place, **settings}
    assignments = [part for name, value in settings.items() for part in ('-c', f'{name}={value}')]
    processes = []

    def start():
        with open(log_path, 'a', encoding='utf-8') as log:
            command = [os.path.join(folder, 'postgres'), '-D', data, *assignments]
            processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=place, **options))
        _wait_until_up(processes[-1], port, log_path)

    def stop():
        processes[-1].send_signal(2)  # SIGINT: end all connections, then the server
        processes[-1].wait(30)

    def restart(seconds_down):
        stop()
        time.sleep(seconds_down)
        start()

    try:
        with open(password_path, 'w', encoding='utf-8') as file:
            file.write(PASSWORD)
        if account:
            for path in (place, password_path):
                os.chown(path, account.pw_uid, account.pw_gid)
        initdb = [
            os.path.join(folder, 'initdb'),
            '-D',
            data,
            '-U',
            USER,
            '-A',
            'scram-sha-256',
            '--pwfile',
            password_path,
        ]
        with open(log_path, 'w', encoding='utf-8') as log:
            subprocess.run(
                [*initdb, '-N', '-E', 'UTF8', '--locale=C'], check=True, stdout=log, stderr=log, cwd=place, **options
            )
        start()
        secret = PASSWORD.replace(':', '%3A').replace('/', '%2F')
        yield f'postgresql://{USER}:{secret}@127.0.0.1:{port}/postgres', restart
    finally:
        if processes:
            stop()
        shutil.rmtree(place, ignore_errors=True)


def _wait_until_up(process, port, log_path):
    program = os.path.join(programs(), 'pg_isready')
    deadline = time.monotonic() + 60
    while subprocess.run(
        [program, '-h', '127.0.0.1', '-p', str(port), '-U', USER, '-d', 'postgres'],
        stdout=subprocess.DEVNULL,
        check=False,
    ).returncode:
        if process.poll() is not None or time.monotonic() > deadline:
            with open(log_path, encoding='utf-8', errors='replace') as file:
                raise RuntimeError('PostgreSQL did not start: ' + ' '.join(file.read().split())[-500:])
        time.sleep(0.1)
