"""The settings with which OpenDKIM 2.11 serves a site: it signs what users submit, and verifies what comes from outside."""

from __future__ import annotations

import os
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.site.daemon import Daemon
from tests.site.dns import NameServer
from tests.site.ports import LOOPBACK
from tests.site.requirements import program

SELECTOR = "sel1"
KEY_BITS = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDkimSettings:
    """What OpenDKIM must know of its site; ``folder`` is the site's, and ``name_server`` publishes its keys."""

    folder: Path
    host_name: str
    domains: tuple[str, ...]
    name_server: NameServer

    @property
    def socket(self) -> Path:
        """Where Postfix finds it."""
        return self.folder / "opendkim.sock"

    @property
    def milter(self) -> str:
        """The same, in Postfix's notation."""
        return f"unix:{self.socket}"

    def daemon(self) -> Daemon:
        """Make and publish keys, write the settings, and describe the server."""
        folder = self.folder / "opendkim"
        folder.mkdir()
        for domain in self.domains:
            self._make_key(folder, domain)
        (folder / "keys").write_text("".join(f"{d} {d}:{SELECTOR}:{folder}/{d}.pem\n" for d in self.domains))
        (folder / "signers").write_text("".join(f"*@{d} {d}\n" for d in self.domains))
        (folder / "resolver").write_text(self._resolver())
        (folder / "dmarc.lua").write_text(self._dmarc())
        (folder / "opendkim.conf").write_text(self._text(folder))
        argv = (program("opendkim"), "-f", "-x", str(folder / "opendkim.conf"))
        return Daemon("opendkim", argv, folder=self.folder / "log", greetings={}, sockets=(self.socket,))

    def _make_key(self, folder: Path, domain: str) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
        file = folder / f"{domain}.pem"
        file.touch(mode=0o600)
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
            )
        )
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        public = b64encode(key.public_key().public_bytes(serialization.Encoding.DER, form)).decode()
        self.name_server.publish(f"{SELECTOR}._domainkey.{domain}", "TXT", f"v=DKIM1; k=rsa; p={public}")

    def _text(self, folder: Path) -> str:
        """Put the settings into words.

        Everything comes from 127.0.0.1, so that must not count as inside: who has logged in is signed, others are verified.
        """
        return f"""
Syslog no
LogWhy yes
Socket local:{self.socket}
UMask 000
RequireSafeKeys no
Mode sv
InternalHosts csl:192.0.2.1
KeyTable file:{folder}/keys
SigningTable refile:{folder}/signers
Canonicalization relaxed/relaxed
OversignHeaders From
AuthservID dkim.{self.host_name}
ResolverConfiguration {folder}/resolver
DNSTimeout 2
FinalPolicyScript {folder}/dmarc.lua
"""

    def _resolver(self) -> str:
        """Send libunbound to our name server; by itself it knows that nothing ends in .test (RFC 6761)."""
        return f"""
server:
    do-not-query-localhost: no
    local-zone: "test." nodefault
    module-config: "iterator"
    cache-max-ttl: 0
    cache-max-negative-ttl: 0
forward-zone:
    name: "."
    forward-addr: {LOOPBACK}@{self.name_server.port}
"""

    def _dmarc(self) -> str:
        """Say what follows from the signatures by DMARC with strict alignment (RFC 7489 section 3.1.1), as OpenDMARC would.

        The name is not that of OpenDKIM's own field, which says what it found and draws no conclusion.
        """
        return f"""
if odkim.get_mtasymbol(ctx, "{{auth_authen}}") ~= nil then
    return
end
local sender, result = odkim.get_fromdomain(ctx), "fail"
for n = 0, odkim.get_sigcount(ctx) - 1 do
    local signature = odkim.get_sighandle(ctx, n)
    if odkim.sig_result(signature) == 0 and odkim.sig_getdomain(signature) == sender then
        result = "pass"
    end
end
odkim.add_header(ctx, "Authentication-Results", "{self.host_name}; dmarc=" .. result .. " header.from=" .. sender)
"""


def what_opendkim_lacks() -> str:
    """Say in one sentence why OpenDKIM cannot run here and what to do; empty if it can."""
    try:
        program("opendkim")
    except FileNotFoundError:
        return "Signing sites need OpenDKIM; as root: apt-get install -y --no-install-recommends opendkim"
    return "" if os.geteuid() == 0 else "OpenDKIM must be started by root."
