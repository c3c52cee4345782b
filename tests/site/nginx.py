"""A real nginx as the reverse proxy before the decide page, run with what the documentation says to write."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.docs.pages import ROOT
from tests.site.daemon import Daemon
from tests.site.ports import LOOPBACK
from tests.site.requirements import SERVER_PATH

INSTALL = "apt-get install -y --no-install-recommends nginx"
MAIN = """
daemon off;
master_process off;
pid {folder}/own.pid;
error_log {folder}/main.log notice;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {server}
}}
"""
SERVER = """
server {{
    listen 443 ssl;
    server_name intranet.example.com;
    ssl_certificate fullchain.pem;
    ssl_certificate_key privkey.pem;
    {location}
}}
"""


def documented() -> list[str]:
    """Return the pieces of nginx configuration that the documentation has, in order."""
    page = (ROOT / "docs" / "how-to" / "operate.md").read_text(encoding="utf-8")
    return re.findall(r"^```nginx\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def find_nginx() -> str | None:
    """Return the path of nginx, or None."""
    return shutil.which("nginx", path=SERVER_PATH)


def nginx(
    program: str, piece: str, *, folder: Path, port: int, upstream: int, certificate: tuple[Path, Path]
) -> Daemon:
    """Return an nginx, not yet started, that runs ``piece`` with this run's ports and files in place of the page's.

    Args:
        piece: a ``server`` block, or a ``location`` for one that is there already.
        folder: an existing one, for its configuration and its logs.
        certificate: the files of the certificate and its key.
    """
    server = piece if piece.lstrip().startswith("server") else SERVER.format(location=piece)
    for written, here in (
        (r"listen 443 ssl;", f"listen {LOOPBACK}:{port} ssl;"),
        (r"ssl_certificate \S+;", f"ssl_certificate {certificate[0]};"),
        (r"ssl_certificate_key \S+;", f"ssl_certificate_key {certificate[1]};"),
        (r"/var/log/nginx", f"{folder}"),
        (r"127\.0\.0\.1:8080", f"127.0.0.1:{upstream}"),
    ):
        server, times = re.subn(written, here, server)
        assert times, f"the documentation does not say {written}"
    file = folder / "nginx.conf"
    file.write_text(MAIN.format(folder=folder, server=server), encoding="ascii")
    return Daemon("nginx", [program, "-e", str(folder / "main.log"), "-c", str(file)], folder=folder, greetings={})
