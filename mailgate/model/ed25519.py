"""Ed25519 signatures, checked in Python alone (RFC 8032 section 5.1.7), for machines that have no cryptography.

It says yes exactly where cryptography does: ``S`` below the order, ``R`` compared byte for byte with its one encoding, the
equation without cofactor; a public key is taken as it is, also one that no honest signer has (of small order, or with
``y`` above the prime). What is checked here is public, so nothing has to take the same time. Nothing is signed. Standard
library only: the stand-alone verifier is assembled from this file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache, lru_cache

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT_OF_MINUS_1 = pow(2, (_P - 1) // 4, _P)

_WINDOW = 5
"""Bits of a scalar that one addition takes: tables of 52 × 31 points make a check of 104 additions and no doubling."""

_WINDOWS = -(-256 // _WINDOW)

_Point = tuple[int, int, int, int]
"""Extended coordinates X, Y, Z, T with x = X/Z, y = Y/Z, xy = T/Z (RFC 8032 section 5.1.4)."""

_Prepared = tuple[int, int, int]
"""A point with Z = 1, as adding it wants it: y - x, y + x, 2dxy."""

_NEUTRAL: _Point = (0, 1, 1, 0)


def verify_ed25519(public: bytes, signature: bytes, text: bytes) -> bool:
    """Return whether ``signature`` (64 bytes) over ``text`` is by ``public`` (32 bytes)."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key = _negated_multiples(public)
    first, s = signature[:32], int.from_bytes(signature[32:], "little")
    if key is None or s >= _ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(first + public + text).digest(), "little") % _ORDER
    return _encoded(_plus_multiple(_plus_multiple(_NEUTRAL, s, _base_multiples()), k, key)) == first


def _decoded(encoded: bytes) -> tuple[int, int] | None:
    """Return the point x, y of an encoding, or None where no point has that y (RFC 8032 section 5.1.3)."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, (number & (1 << 255) - 1) % _P
    u, v = (y * y - 1) % _P, (_D * y * y + 1) % _P
    x = u * pow(v, 3, _P) * pow(u * pow(v, 7, _P), (_P - 5) // 8, _P) % _P
    if v * x * x % _P == -u % _P:
        x = x * _ROOT_OF_MINUS_1 % _P
    if v * x * x % _P != u:
        return None
    return (-x % _P if x & 1 != sign else x), y


def _encoded(point: _Point) -> bytes:
    x, y, z, _ = point
    inverse = pow(z, -1, _P)
    return (y * inverse % _P | (x * inverse % _P & 1) << 255).to_bytes(32, "little")


def _plus(point: _Point, other: _Prepared) -> _Point:
    """Add a prepared point (RFC 8032 section 5.1.4, with Z = 1 on one side)."""
    x, y, z, t = point
    minus, plus, t2d = other
    a, b, c, d = (y - x) * minus % _P, (y + x) * plus % _P, t * t2d % _P, z + z
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _plus_multiple(point: _Point, scalar: int, table: Sequence[Sequence[_Prepared]]) -> _Point:
    """Add a point ``scalar`` times, by the table of its multiples."""
    for row in table:
        digit = scalar & (1 << _WINDOW) - 1
        scalar >>= _WINDOW
        if digit:
            point = _plus(point, row[digit - 1])
    return point


def _multiples(x: int, y: int) -> list[list[_Prepared]]:
    """Return 1 to 2^w - 1 times a point, then as many times 2^w times it, and so on."""
    table = []
    for _ in range(_WINDOWS):
        step = _prepared([(x, y, 1, x * y % _P)])[0]
        points: list[_Point] = [_NEUTRAL]
        for _ in range(1 << _WINDOW):
            points.append(_plus(points[-1], step))
        table.append(_prepared(points[1:-1]))
        x, y = _affine(points[-1:])[0]
    return table


def _prepared(points: Sequence[_Point]) -> list[_Prepared]:
    return [((y - x) % _P, (y + x) % _P, 2 * _D * x * y % _P) for x, y in _affine(points)]


def _affine(points: Sequence[_Point]) -> list[tuple[int, int]]:
    """Return x and y of each; one division for all of them."""
    products = [1]
    for point in points:
        products.append(products[-1] * point[2] % _P)
    inverse, found = pow(products[-1], -1, _P), []
    for point, product in zip(reversed(points), reversed(products[:-1]), strict=True):
        own, inverse = inverse * product % _P, inverse * point[2] % _P
        found.append((point[0] * own % _P, point[1] * own % _P))
    return found[::-1]


@cache
def _base_multiples() -> list[list[_Prepared]]:
    """Return the multiples of the base point, whose y is 4/5 and whose x is even (RFC 8032 section 5.1)."""
    base = _decoded((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))
    assert base is not None
    return _multiples(*base)


@lru_cache(maxsize=16)
def _negated_multiples(public: bytes) -> list[list[_Prepared]] | None:
    """Return the multiples of the negated public key; a log has few keys. None: it is no point."""
    point = _decoded(public)
    return None if point is None else _multiples(-point[0] % _P, point[1])
