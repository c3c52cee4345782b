"""Fixtures: one deployment for all tests of a file, with its serving side and its worker running."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.deployment import Deployment
from tests.site import MailSite

GATES = """
[gates.issue_refund]
approvers = ["bob"]
if_approved = "The customer is refunded at once."

[[gates.issue_refund.rules]]
when = "args.amount <= 10.0"
tier = "auto"

[gates.pay_out]
approvers = ["bob", "carol", "dora"]
quorum = 2

[gates.make_offer]
approvers = ["bob"]
timeout = "1s"

[gates.transfer]
summary = "Transfer to account {{ args.account }}"
approvers = ["bob"]

[gates.decline]
approvers = ["bob"]

[gates.power_cut]
approvers = ["bob"]

[gates.close_account]
approvers = ["gustav"]
"""


Maker = Callable[..., Deployment]


def make_deployment(folder: Path, site: MailSite, **options: str) -> Deployment:
    """Return a deployment with Bob, Carol and Dora, who approve, Gustav, who has left, and Olga, who operates."""
    people = {name: site.fresh_user(name, "approvers.test") for name in ("bob", "carol", "dora", "olga")}
    people["gustav"] = "gone@approvers.test"
    return Deployment(folder, site, gates=GATES, people=people, operators=["olga"], **options)


@pytest.fixture(scope="module")
def make_deployments(tmp_path_factory: pytest.TempPathFactory, mail_site: MailSite) -> Iterator[Maker]:
    """Return the maker of deployments, each with a folder of its own; nothing runs in them yet."""
    made: list[Deployment] = []

    def make(site: MailSite = mail_site, **options: str) -> Deployment:
        made.append(make_deployment(tmp_path_factory.mktemp("house"), site, **options))
        return made[-1]

    yield make
    for deployment in made:
        deployment.close()


@pytest.fixture(scope="module")
def house(make_deployments: Maker) -> Iterator[Deployment]:
    """Run a serving side and a worker for all tests of a file; each test has orders of its own."""
    deployment = make_deployments()
    with deployment.serving(), deployment.running("worker", "app:mg"):
        yield deployment


@pytest.fixture
def quiet_house(make_deployments: Maker) -> Deployment:
    """Lay out a deployment without running anything."""
    return make_deployments()
