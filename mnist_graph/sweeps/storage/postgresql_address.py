"""The address of a PostgreSQL database: checked, shown without its password, and connected to."""

import contextlib
import re
import urllib.parse
from collections.abc import Iterator

from mnist_graph.base import extras
from mnist_graph.base.errors import UsageError

try:
    import psycopg
except ImportError:
    raise UsageError(
        f'Sweeps on PostgreSQL need psycopg; install it with {extras.install_command("postgresql")}.'
    ) from None

CONNECT_SECONDS = 10
_SCHEMES = ('postgresql://', 'postgres://', 'postgresql+psycopg://')


class UnreachableError(UsageError):
    """No connection to the database can be made."""


def checked(url: str) -> str:
    """The address as libpq takes it.

    Raises:
      UsageError: It is not the address of a PostgreSQL database.
    """
    scheme = next((scheme for scheme in _SCHEMES if url.startswith(scheme)), None)
    if scheme is None:
        kind = url.partition(':')[0] or 'nothing'
        raise UsageError(
            f'storage={kind}:...: must be postgresql://USER:PASSWORD@HOST/DATABASE; on one machine '
            f'leave --storage out, and the sweep is kept in --sweep_dir.'
        )
    return 'postgresql://' + url.removeprefix(scheme)


def shown(address: str) -> str:
    """An address without its password."""
    # What follows the last @, as a password may hold the marks that end one. After
    # a second ?, in options, an @ may be a password's, too; then nothing is shown.
    host = address.removeprefix('postgresql://').rpartition('@')[2].partition('?')[0]
    return 'postgresql://' + ('...' if 'password=' in address and '@' in address.partition('?')[2] else host)


@contextlib.contextmanager
def connect(address: str) -> Iterator[psycopg.Connection]:
    """A connection of its own, closed at the end.

    Raises:
      UnreachableError: There is none; says why, without the password.
    """
    try:
        connection = psycopg.connect(address, autocommit=True, connect_timeout=CONNECT_SECONDS)
    except (psycopg.Error, UnicodeError) as error:
        raise UnreachableError(f'{shown(address)}: cannot be reached ({_reason(address, error)}).') from None
    with contextlib.closing(connection):
        yield connection


def _reason(address: str, error: Exception) -> str:
    """What the server or libpq says, unless that quotes a part of the password."""
    text = ' '.join(str(error).split())
    secret = address.removeprefix('postgresql://').rpartition('@')[0].partition(':')[2]
    pieces = [piece for piece in re.split('[/@:?#]', secret) + [urllib.parse.unquote(secret)] if piece]
    if not isinstance(error, psycopg.OperationalError) or any(piece in text for piece in pieces):
        return 'not a valid address; percent-encode special characters, @ is %40'
    return text
