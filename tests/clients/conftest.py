"""Fixtures: one deployment for all tests of a file, and people at real mail programs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.deployment import Deployment
from tests.e2e.conftest import make_deployment
from tests.e2e.post import Received
from tests.site import MailSite

Asked = Callable[[], tuple[str, Received]]
AskedMany = Callable[[int], list[str]]
_orders = itertools.count(1)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, mail_site: MailSite) -> Iterator[Deployment]:
    """Run a serving side and a worker for all tests of a file."""
    deployment = make_deployment(tmp_path_factory.mktemp("clients"), mail_site)
    with deployment.serving("--worker", "app:mg"):
        yield deployment
    deployment.close()


@pytest.fixture
def asked(house: Deployment) -> Asked:
    """Return a function that asks for something new: the request's id, and Bob's mail about it."""

    def ask() -> tuple[str, Received]:
        order = f"C-{next(_orders):04d}"
        request = house.submit("issue_refund", {"order_id": order, "amount": 120.0}, run=order)
        return request, house.mail_to("bob", order, "Decision needed")

    return ask


@pytest.fixture
def asked_many(house: Deployment) -> AskedMany:
    """Return a function that asks for several new things at once: their requests, once Bob has a mail about each."""

    def ask(count: int) -> list[str]:
        orders = [f"C-{next(_orders):04d}" for _ in range(count)]
        requests = [house.submit("issue_refund", {"order_id": o, "amount": 120.0}, run=o) for o in orders]
        for order in orders:
            house.mail_to("bob", order, "Decision needed")
        return requests

    return ask


def short_code(request: str) -> str:
    """Return what stands in the subject of every mail about a request."""
    return request[:6].upper()
