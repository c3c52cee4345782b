"""Recognise a postal address below somebody's name: streets and towns in the shapes of several countries.

Figures below an answer may be an amount, so a street needs a word for one, and a town stands next to a street.
"""

from __future__ import annotations

import re

from mailgate.model.phrases import NEVER_A_NAME

_LONGEST = 120
_NAMES = r"[^\W\d_][^\W\d_.'’-]*\.?(?:[ -][^\W\d_][^\W\d_.'’-]*\.?){0,3}"
_ROOM = (
    r"(?:,? (?:suite|ste\.?|floor|fl\.?|unit|room|apt\.?|étage|stock|og) ?#?\w{1,6}|,? \d{1,2}(?:st|nd|rd|th) floor)?"
)
_STREET = (
    rf"(?:(?:{_NAMES}[ -])?[^\W\d_]*(?:straße|strasse|str\.|weg|platz|gasse|allee|damm|ring|straat|laan|gracht|kade|"
    r"singel|plein|gatan|vägen|vej)\s\d{1,4}\s?[a-z]?(?:[-–]\d{1,4}[a-z]?)?"
    rf"|\d{{1,5}}[a-z]?,? {_NAMES} (?:street|st|road|rd|lane|avenue|ave|drive|dr|square|way|court|place|boulevard|blvd)\.?"
    rf"|\d{{1,4}},? (?:bis,? )?(?:rue|avenue|boulevard|place|quai) {_NAMES}"
    rf"|(?:via|calle|c/|rua|piazza|plaza|avenida|paseo) ?{_NAMES},? \d{{1,4}})"
)
_TOWN = (
    rf"(?:(?:[a-z]{{1,2}}-)?\d{{4,5}} {_NAMES}|\d{{4}} ?[a-z]{{2}} {_NAMES}|{_NAMES},? (?:[a-z]{{2}},? \d{{5}}(?:-\d{{4}})?"
    r"|[a-z]{1,2}\d[a-z\d]? \d[a-z]{2}))"
)
_ADDRESS = re.compile(rf"{_STREET}{_ROOM}(?:(?:,| [|·•–-])\s{_TOWN})?", re.IGNORECASE)
_STREET_ALONE, _TOWN_ALONE = re.compile(f"{_STREET}{_ROOM}", re.IGNORECASE), re.compile(_TOWN, re.IGNORECASE)


def is_postal(line: str, above: str = "") -> bool:
    """Return whether a line is a street, with its town or without, or the town below a street."""
    limiting = NEVER_A_NAME.intersection(re.split(r"[\W\d_]+", line.casefold())) - {"via"}  # an Italian street
    if len(line) > _LONGEST or limiting:
        return False
    return bool(_ADDRESS.fullmatch(line) or (_TOWN_ALONE.fullmatch(line) and _STREET_ALONE.fullmatch(above[:_LONGEST])))
