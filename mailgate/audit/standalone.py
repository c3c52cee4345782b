"""The command line of the stand-alone verifier: ``mailgate audit verify`` without mailgate. Standard library only.

:mod:`mailgate.audit.assembling` makes one file of this module and of all that it imports.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from mailgate.audit.given import read_checkpoints, read_keyring, read_time
from mailgate.audit.reading import read_archives
from mailgate.audit.telling import as_json, tell
from mailgate.audit.verdicts import Report
from mailgate.audit.verify import verify
from mailgate.model.ed25519 import verify_ed25519
from mailgate.model.quoting import plain

WRONG_WORDS = 2
UNREADABLE = 3

_ABOUT = """Tell whether anything of an archive of mailgate was removed, changed or forged. Needs no network, no database,
and nothing but Python. It checks all that `mailgate audit verify` checks, but for one thing: the DKIM signatures of
people's own mail domains under the replies that the archive keeps."""

_CODES = """The first line is the verdict. Ends with 0: complete, 1: tampered, 2: partial, or words that are wrong,
3: unreadable."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify the archives that the command line names, print the report, and return the exit code."""
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may lack the letters of a name
    try:
        report = _verified(options)
        if options.json:
            print(json.dumps(as_json(report), indent=1))
        else:
            for line in tell(report):
                print(plain(line))
        sys.stdout.flush()
        return report.exit_code
    except ValueError as error:
        return _wrong(str(error), WRONG_WORDS)
    except BrokenPipeError:
        # The reader of our output (head, less) has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        why = (error.strerror or str(error)).rstrip(".")
        return _wrong(f"{error.filename or 'A file'} cannot be used: {why}.", UNREADABLE)
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=_ABOUT, epilog=_CODES)
    parser.add_argument(
        "archives",
        metavar="ARCHIVE",
        nargs="+",
        type=Path,
        help="mbox, Maildir, folder of EML, single mail, or a zip of these",
    )
    parser.add_argument(
        "--key", metavar="VKEY", required=True, help="the log's public key, or the file it is in; from the operator"
    )
    parser.add_argument(
        "--expect",
        metavar="CHECKPOINT",
        action="append",
        default=[],
        type=Path,
        help="a signed checkpoint, or a seal, from outside the archive; may be given several times",
    )
    parser.add_argument(
        "--as-of", metavar="TIME", default="", help="judge whether the last seal is recent enough for then"
    )
    parser.add_argument("--json", action="store_true", help="print the report for programs")
    return parser


def _verified(options: argparse.Namespace) -> Report:
    keyring, until = read_keyring(options.key, verify_ed25519), read_time(options.as_of)
    expected = read_checkpoints(options.expect)
    for path in options.archives:
        path.stat()
    progress = _tell_progress if sys.stderr.isatty() else None
    return verify(read_archives(options.archives), keyring, expected=expected, as_of=until, progress=progress)


def _tell_progress(mails: int, size: int) -> None:
    """Show on a terminal how far the reading is, on one line that the next one covers."""
    if mails % 100 == 0:
        print(f"{mails} mails, {size // 1_000_000} MB", end="\r", file=sys.stderr, flush=True)


def _wrong(sentence: str, code: int) -> int:
    print(f"{Path(sys.argv[0]).name}: {plain(sentence)}", file=sys.stderr)
    return code
