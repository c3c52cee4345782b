"""The mail clients of the corpus, by family."""

from __future__ import annotations

from tests.corpus.clients import apple, asia, free, microsoft, webmail
from tests.corpus.clients.shape import Body, Client, Position, Reply, Transfer, request_for

CLIENTS = (*microsoft.CLIENTS, *apple.CLIENTS, *webmail.CLIENTS, *free.CLIENTS, *asia.CLIENTS)
"""All of them, in the order of the table."""

__all__ = ["CLIENTS", "Body", "Client", "Position", "Reply", "Transfer", "request_for"]
