from tests.service.conftest import *
def test_smoke(rig, logs):
    r = rig.ask(state={"a":1})
    rig.outbox()
    assert rig.press(r, "bob").done
    rig.keeper()
    rig.work()
    rig.outbox()
    print(rig.kinds(r), rig.state(r), rig.shop.ran, rig.shop.resumed)
    print([(x[1]) for x in rig.sender.sent])
    print(logs)
