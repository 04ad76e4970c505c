"""A PostgreSQL server of its own on this machine, for tests and measurements: made, started, and removed again."""

import contextlib
import glob
import os
import pwd
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
    """Popen's options for a user that PostgreSQL agrees to run as, which root is not."""
    if os.geteuid() != 0:
        return {}, None
    for name in ('postgres', 'nobody'):
        with contextlib.suppress(KeyError):
            account = pwd.getpwnam(name)
            return {'user': account.pw_uid, 'group': account.pw_gid, 'extra_groups': []}, account
    raise RuntimeError('PostgreSQL does not run as root, and there is neither a user postgres nor nobody')


def _free_port():
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def server(**settings):
    """Runs a server on loopback; yields the address of an empty database.

    Args:
        settings: of postgresql.conf, as max_connections=300.
    """
    folder, (options, account) = programs(), _account()
    place = tempfile.mkdtemp(prefix='postgresql-')
    process = None
    try:
        with open(os.path.join(place, 'password'), 'w', encoding='utf-8') as file:
            file.write(PASSWORD)
        if account:
            for path in (place, file.name):
                os.chown(path, account.pw_uid, account.pw_gid)
        data, port = os.path.join(place, 'data'), _free_port()
        log = open(os.path.join(place, 'log'), 'w', encoding='utf-8')
        with log:
            subprocess.run(
                [
                    os.path.join(folder, 'initdb'),
                    '-D',
                    data,
                    '-U',
                    USER,
                    '-A',
                    'scram-sha-256',
                    '-N',
                    '-E',
                    'UTF8',
                    '--locale=C',
                    '--pwfile',
                    file.name,
                ],
                check=True,
                stdout=log,
                stderr=log,
                cwd=place,
                **options,
            )
            settings = {'listen_addresses': '127.0.0.1', 'port': port, 'unix_socket_directories': place, **settings}
            process = subprocess.Popen(
                [
                    os.path.join(folder, 'postgres'),
                    '-D',
                    data,
                    *(part for name, value in settings.items() for part in ('-c', f'{name}={value}')),
                ],
                stdout=log,
                stderr=log,
                cwd=place,
                **options,
            )
        _wait_until_up(process, port, log.name)
        secret = PASSWORD.replace(':', '%3A').replace('/', '%2F')
        yield f'postgresql://{USER}:{secret}@127.0.0.1:{port}/postgres'
    finally:
        if process:
            process.send_signal(2)  # SIGINT: end all connections, then the server
            process.wait(30)
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
