"""Take secrets out of text that people and agents are shown, such as an exception's: what looks like one is left out.

A pattern finds what programs usually print, not everything that is secret: keep secrets out of exceptions all the same.
"""

from __future__ import annotations

import re

LEFT_OUT = "[redacted]"

_NAME = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|auth|credential|session|cookie)"
    r"[\w\-]{0,20}"
)
_VALUE = r"""(?:"[^"]*"|'[^']*'|[^\s,;&"']+)"""
_PATTERNS = (
    (re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]{0,20000}(?:-----END [A-Z ]{0,40}-----)?"), LEFT_OUT),
    (re.compile(r"(?<=://)[^\s/@]{1,500}(?=@)"), LEFT_OUT),
    (re.compile(r"(?i)\b(bearer|basic|digest)\s{1,3}[\w.~+/=\-]{12,}"), rf"\1 {LEFT_OUT}"),
    (re.compile(rf"""(?i)({_NAME}["']?\s{{0,3}}[=:]\s{{0,3}}){_VALUE}"""), rf"\1{LEFT_OUT}"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\b(?:sk|pk|rk|ghp|gho|xox[abp])[_-][\w\-]{16,}"), LEFT_OUT),
    (re.compile(r"\beyJ[\w\-]{10,}\.[\w\-]{10,}\.[\w\-]*"), LEFT_OUT),
)


def redact(text: str) -> str:
    """Return ``text`` without user names in web addresses, authorisation headers, named secrets, well-known keys and JWTs."""
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text
