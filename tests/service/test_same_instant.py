"""Two people decide at the same instant, again and again: the quorum is reached each time, exactly once."""

from __future__ import annotations

import threading

import pytest

from mailgate.store.tables import Decision, Event
from tests.service.conftest import DATABASES
from tests.service.rig import Rig

TIMES = 1000


@pytest.mark.slow
@pytest.mark.timeout(900)  # a busy machine takes minutes; nothing here waits for ever
@pytest.mark.parametrize("empty_database", DATABASES, indirect=True)
def test_two_approvers_at_once(rig: Rig) -> None:
    """A thousand requests that need both; each is approved by the later of the two, and only by that one."""
    asked = [rig.submit("pay_twice", {"order": f"A-{n}"}, key=f"{n}").request_id for n in range(TIMES)]
    rig.keeper_until_rest()
    errors: list[BaseException] = []
    together = threading.Barrier(2)

    def approve(person: str) -> None:
        try:
            for request_id in asked:
                together.wait(30)
                assert rig.press(request_id, person).done
        except BaseException as error:
            errors.append(error)
            together.abort()

    threads = [threading.Thread(target=approve, args=(person,)) for person in ("alice", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    rig.keeper_until_rest()
    assert len(rig.rows(Decision)) == 2 * TIMES
    outcomes = [b["outcome"] for b in rig.bodies_of_kind("decision")]
    assert (outcomes.count("approved"), outcomes.count("pending")) == (TIMES, TIMES)
    assert {rig.state(request_id) for request_id in asked} == {"approved"}
    assert all(event.refused == "" for event in rig.rows(Event))
