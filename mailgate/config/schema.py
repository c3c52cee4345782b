"""The sections and keys of the configuration, their types and defaults. Cross-checks live in ``config/lint.py``.

Every key is explained by the comment beside it in the shipped ``config.toml``.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import timedelta
from email.utils import getaddresses, parseaddr
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from mailgate.errors import ConfigError
from mailgate.model.duration import Duration, Period
from mailgate.model.people import Address, Directory, Person, check_address
from mailgate.model.policy import Gate
from mailgate.model.quoting import quoted


def _check_mailbox(text: str) -> str:
    name, address = parseaddr(text)
    check_address(address)
    readings = getaddresses([text])
    if len(readings) != 1 or "@" in name or not (text == address or text.endswith(f"<{address}>")):
        raise ValueError(f"{quoted(text)} is not one name and one address, such as Approvals <approvals@example.com>")
    if not (name.isascii() and text.isprintable()):
        raise ValueError(f"{quoted(text)} needs a plain ASCII name, such as Approvals <approvals@example.com>")
    return text


def _check_url(text: str) -> str:
    shown = quoted(re.sub(r"//[^/]*@", "//…@", text))
    try:
        parts = urlsplit(text)
        fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # of the port, and of an IPv6 address
        fits = False
    if not fits or set(text) & set("?#@\\") or not all("!" <= c <= "~" for c in text):
        raise ValueError(f"{shown} is not a web address such as https://approvals.example.com")
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ValueError(f"{shown} is not encrypted; use https:// (http:// is for this machine only)")
    return text.rstrip("/")


def _check_optional(text: str) -> str:
    return check_address(text) if text else text


def _check_line(text: str) -> str:
    # What these name (files, hosts, folders) goes to the system and to servers, and a NUL or line end means more there.
    if any(c < " " or "\x7f" <= c < "\xa0" for c in text):
        raise ValueError(f"{quoted(text)} has a control character in it; write it without")
    return text


def _check_network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(f"{quoted(text)} is no address or network such as 10.0.0.7 or 10.0.0.0/24") from None
    return text


Line = Annotated[str, AfterValidator(_check_line)]


class Section(BaseModel):
    """A table of the configuration file: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=False)


class Main(Section):
    """``[mailgate]``."""

    name: str = Field(default="approvals", pattern=r"^[a-z0-9][a-z0-9.\-]{0,31}$")
    base_url: Annotated[str, AfterValidator(_check_url)] = "http://127.0.0.1:8080"
    database: Line = "sqlite:///mailgate.db"
    default_approvers: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    templates: Line = ""
    digest_every: Period = timedelta(days=1)


class Server(Section):
    """What ``[smtp]`` and ``[imap]`` share: how to reach and enter a mail server."""

    host: Line = "127.0.0.1"
    port: int = Field(ge=1, le=65535)
    tls: Literal["starttls", "implicit", "none"]
    ca_file: Line = ""
    username: Line = ""
    password: SecretStr = SecretStr("")
    password_file: Line = ""
    timeout: Period = timedelta(seconds=30)


class SmtpSettings(Server):
    """``[smtp]``."""

    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    sender: Annotated[str, AfterValidator(_check_mailbox)] = Field(
        default="Approvals <approvals@example.com>", validation_alias="from", serialization_alias="from"
    )
    give_up_after: Period = timedelta(hours=24)
    retry_after: Period = timedelta(seconds=30)
    connections: int = Field(default=4, ge=1, le=64)

    @property
    def address(self) -> str:
        """The bare address mails come from; replies go to it, tagged."""
        return parseaddr(self.sender)[1].lower()

    @property
    def display_name(self) -> str:
        """The name mails come from."""
        return parseaddr(self.sender)[0]


class ImapSettings(Server):
    """``[imap]``."""

    port: int = Field(default=993, ge=1, le=65535)
    tls: Literal["starttls", "implicit", "none"] = "implicit"
    folder: Line = "INBOX"
    reply_address: Literal["plus", "catchall", "single"] = "plus"
    authserv_id: Line = ""
    grace: Duration = timedelta(minutes=10)
    idle: Period = timedelta(minutes=4)
    poll: Period = timedelta(seconds=60)


class Archive(Section):
    """``[archive]``."""

    address: Annotated[str, AfterValidator(_check_optional)] = ""
    witnesses: tuple[Address, ...] = ()
    seal_every: Period = timedelta(hours=24)
    alarm_after: Period = timedelta(hours=1)
    on_failure: Literal["stop", "warn"] = "stop"
    carry_checkpoint: bool = False


class Keys(Section):
    """``[keys]``: files, relative to the configuration's folder. ``vkey_file`` and ``guard_file`` are no secrets."""

    serve_file: Line = "keys/serve.key"
    link_file: Line = "keys/link.key"
    log_file: Line = "keys/log.key"
    vkey_file: Line = "log.vkey"
    guard_file: Line = "keys/log.guard"


class Web(Section):
    """``[web]``: where the decide page listens."""

    host: Line = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    trusted_proxies: tuple[Annotated[str, AfterValidator(_check_network)], ...] = ()
    most_per_link: int = Field(default=60, ge=0, le=100_000)
    most_per_network: int = Field(default=60, ge=0, le=100_000)


class Worker(Section):
    """``[worker]``: how approved actions are run beside the agent's code."""

    concurrency: int = Field(default=4, ge=1, le=256)
    lease: Period = timedelta(seconds=60)
    journal: Line = "worker.journal"
    resume_attempts: int = Field(default=8, ge=1, le=100)


class Confidence(Section):
    """``[confidence]``."""

    require_below: float = Field(default=0.0, ge=0.0, le=1.0)


class Breaker(Section):
    """``[breaker]``."""

    window: Period = timedelta(hours=1)
    max_rejection_rate: float = Field(default=0.15, ge=0.0, le=1.0)
    min_decisions: int = Field(default=20, ge=1)


class Calibration(Section):
    """``[calibration]``."""

    flag_above: float = Field(default=0.98, ge=0.0, le=1.0)
    min_decisions: int = Field(default=50, ge=1)


class Config(BaseSettings):
    """The whole configuration, frozen. In :func:`load_config` every key can come from the environment."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix="MAILGATE_", env_nested_delimiter="__")

    mailgate: Main = Main()
    smtp: SmtpSettings = SmtpSettings()
    imap: ImapSettings = ImapSettings()
    archive: Archive = Archive()
    people: dict[str, Person] = {}
    groups: dict[str, tuple[str, ...]] = {}
    confidence: Confidence = Confidence()
    gates: dict[str, Gate] = {}
    web: Web = Web()
    keys: Keys = Keys()
    worker: Worker = Worker()
    breaker: Breaker = Breaker()
    calibration: Calibration = Calibration()
    folder: Path = Field(default=Path(), exclude=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is given; :func:`load_config` lays the environment over it, so that a mistake there is said as well."""
        return (init_settings,)

    @property
    def directory(self) -> Directory:
        """The people and groups."""
        return Directory(people=self.people, groups=self.groups)

    def path(self, name: str) -> Path:
        """Return a configured path, relative ones against the configuration's folder."""
        return self.folder / name

    @property
    def database_url(self) -> str:
        """The database's URL with a relative SQLite path made absolute."""
        url = self.mailgate.database
        prefix = "sqlite:///"
        if url.startswith(prefix) and not url.startswith(prefix + "/") and url != prefix:
            return f"{prefix}{(self.folder / url.removeprefix(prefix)).absolute()}"
        return url

    def password_of(self, server: Server) -> str:
        """Return the password of ``server`` from its key or file, stripped of the final newline.

        Raises:
            ConfigError: the file cannot be read, or is empty.
        """
        if not server.password_file:
            return server.password.get_secret_value()
        path, section = self.path(server.password_file), "smtp" if isinstance(server, SmtpSettings) else "imap"
        try:
            password = path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise ConfigError(
                [
                    f"[{section}] password_file: {path} cannot be read ({why}); put the password there, readable for this user."
                ]
            ) from error
        if not password:
            raise ConfigError([f"[{section}] password_file: {path} is empty; put the password there."])
        return password
