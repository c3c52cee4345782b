"""Errors as a person at a terminal reads them: one sentence with what to do, never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mailgate.errors import ConfigError, InvalidArguments, MailgateError
from mailgate.model.quoting import plain

CHECK_FAILED = 1
USAGE = 2
UNREADABLE = 3


class Exit(Exception):
    """Ends the command with ``code``, everything having been printed."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@contextmanager
def reported() -> Iterator[None]:
    """Print whatever is raised inside as sentences on stderr, and exit with its code."""
    try:
        yield
    except Exit as error:
        _leave(error.code)
    except ConfigError as error:
        _say(*error.problems)
        _leave(USAGE)
    except InvalidArguments as error:
        _say(error.message)
        _leave(USAGE)
    except MailgateError as error:
        _say(error.message, error.hint)
        _leave(CHECK_FAILED)
    except BrokenPipeError:
        # The reader of our output (head, less) has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _leave(0)
    except OSError as error:
        _say(f"{error.filename or 'A file'} cannot be used: {(error.strerror or str(error)).rstrip('.')}.")
        _leave(UNREADABLE)
    except KeyboardInterrupt:
        _leave(130)


def _say(*sentences: str) -> None:
    for sentence in filter(None, sentences):
        print(f"mailgate: {plain(sentence)}", file=sys.stderr)


def _leave(code: int) -> None:
    sys.stdout.flush()
    sys.exit(code)
