"""Configuration: ``config.toml`` and the environment become one frozen :class:`Config`. Nothing here opens a connection."""

from __future__ import annotations

from mailgate.config.load import find_config, load_config
from mailgate.config.schema import Config, ImapSettings, SmtpSettings
from mailgate.config.shipped import shipped

__all__ = ["Config", "ImapSettings", "SmtpSettings", "find_config", "load_config", "shipped"]
