"""Read address fields (RFC 5322 section 3.4) without believing them: one strict reader, one that only collects.

The standard library reads ``boss@corp.com <e@v.il>``, ``<@v.il:boss@corp.com>``, groups and ``boss@corp.com;e@v.il``
all as boss. Here an address is a plain ASCII dot-atom on both sides of one ``@``; every other spelling is no address.
"""

from __future__ import annotations

import re

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDR_SPEC = re.compile(rf"(?P<local>{_ATOM}(?:\.{_ATOM})*)@(?P<domain>{_LABEL}(?:\.{_LABEL})*)")

# A string that is never closed is matched to the end as well, so that no character is looked at twice.
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+(?P<closed>")?', re.DOTALL)
_DEEPEST_COMMENT = 4
_COMMENT = re.compile(r"\([^()\\]*\)")
# Words before the brackets: anything but the characters that could make it another address or another list.
_PHRASE = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^\x00-\x1f\x7f"()<>@,;:\\\[\]])*')
_MAILBOX = re.compile(rf"(?P<phrase>{_PHRASE.pattern})<(?P<angle>[^<>\s]*)>")
_BARE = re.compile(r"(?P<bare>[^<>()\s,;:]+)(?:\s*\((?P<comment>[^()<>@,;:\\]*)\))?")


def addr_spec(text: str) -> str:
    """Return ``text`` in lower case if it is a plain address of at most 254 characters (RFC 5321), else nothing."""
    found = _ADDR_SPEC.fullmatch(text)
    if not found or len(text) > 254 or len(found["local"]) > 64:
        return ""
    return text.lower()


def one_mailbox(value: str) -> tuple[str, str] | None:
    """Read a field that must name exactly one mailbox.

    Returns:
        Its address in lower case and its display name, still encoded; nothing if it is a list, a group, a route, or
        anything that two readers could understand differently.
    """
    value = value.strip()
    found = _MAILBOX.fullmatch(value)
    if found:
        address, name = addr_spec(found["angle"]), found["phrase"].strip()
    else:
        found = _BARE.fullmatch(value)
        if not found:
            return None
        address, name = addr_spec(found["bare"]), (found["comment"] or "").strip()
    if not address:
        return None
    if name.startswith('"') and name.endswith('"') and len(name) > 1:
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return address, name


def collect(value: str) -> tuple[str, ...]:
    """Return every plain address of a list, in lower case and in order; what is not one is left out.

    For looking up secret addresses only: it says who a mail was sent to, never who sent it.
    """
    value = _QUOTED.sub(lambda string: " " if string["closed"] else string[0][1:], value)
    for _ in range(_DEEPEST_COMMENT):  # from the inside out
        value = _COMMENT.sub(" ", value)
    found = []
    for item in re.split(r"[,;]", value):
        angle = item.rfind("<")
        text = item[angle + 1 :].split(">", 1)[0] if angle >= 0 else item.rpartition(":")[2]
        if address := addr_spec(text.strip()):
            found.append(address)
    return tuple(dict.fromkeys(found))
