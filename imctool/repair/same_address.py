"""When two addresses are the same: the domain in any letter case, all else byte for byte."""

from __future__ import annotations

import re

_DOMAIN = re.compile(r"[A-Za-z0-9.-]+|\[[A-Za-z0-9.:-]+\]")
_LOCAL_PART = re.compile(r'[^"\\]*+|"(?:[^"\\]|\\.)*+"', re.DOTALL)


def without_domain_case(address: str) -> str:
    """Return the form of an address that equals that of every other spelling of it.

    A domain has no letter case, a local part may have one (RFC 5321 section 2.4). Where the
    address is not plainly a local part and a domain of letters, digits, hyphens and dots, or an
    address literal, it is left as it is: to take two for one would lose a recipient.
    """
    local, at, domain = address.rpartition("@")
    lower = domain.lower()
    if lower == domain or not at:
        return address
    if _DOMAIN.fullmatch(domain) is None or _LOCAL_PART.fullmatch(local) is None:
        return address
    return f"{local}@{lower}"
