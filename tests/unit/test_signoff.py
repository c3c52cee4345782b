"""Conditions hidden where a signature stands, and signatures of many companies: the one is seen, the other is let pass."""

from __future__ import annotations

import pytest

from mailgate.model.verdict import Verdict, read_verdict

BOB = "Bob Brown bob.brown@example.com"

CONDITIONS = (
    "only up to 50 EUR",
    "half",
    "Half of it",
    "not before Monday",
    "Tuesday",
    "after lunch",
    "if Carol agrees",
    "once the invoice is in",
    "Carol first",
    "ask Carol",
    "minus shipping",
    "max 100",
    "100 EUR",
    "50 %",
    "50000",
    "UK only",
    "staging first",
    "Sandbox",
    "Dry Run",
    "wait for my call",
    "call me first",
    "please double check the amount",
    "subject to audit",
    "for order A-1002",
    "with a discount",
    "without shipping",
    "in two parts",
    "second half later",
    "just this once",
    "unless it is above 50",
    "use the other account",
    "Account 4711",
    "Make it 50",
    "no more than 50",
    "REJECT",
    "nein",
    "erst am Montag",
    "nur die Hälfte",
    "sobald Max zustimmt",
    "Max muss zustimmen",
    "seulement la moitié",
    "après accord de Max",
    "solo 50",
    "hasta 50 EUR",
    "metade",
    "条件付き",
    "半額のみ",
    "на половину",
    "🤔",
    "?",
    "50",
)

PLACES = (
    "{}",
    "Thanks,\nBob\n{}",
    "Thanks,\n{}",
    "Thanks, {}",
    "Best regards, Bob\n\n{}",
    "Best regards from {}",
    "Thanks and {}",
    "Bob Brown\n{}",
    "Bob Brown, {}",
    "Bob Brown | {}",
    "Bob Brown\nHead of Finance\n{}\nExample Ltd",
    "Bob Brown\nHead of Finance, {}",
    "Bob Brown\nExample Ltd | {} | London SW1A 2AA",
    "Bob Brown\n10 Station Road, {}",
    "Bob Brown\nT +44 20 7946 0123 | {}",
    "-- \n{}",
    "-- \nBob Brown\n{}",
    "Sent from my iPhone\n{}",
    "Sent from {}",
    "Get {} for Android",
    "This email has been scanned by {}",
    "i. A. {}",
    "This e-mail is confidential. If you are not the intended recipient, delete it. {}",
    "This e-mail is confidential. If you are not the intended recipient, delete it.\n{}",
    "Bob\nLinkedIn | {}",
    "____________\n{}",
    "\n\n\n\n{}",
)


@pytest.mark.parametrize("place", PLACES, ids=range(len(PLACES)))
def test_a_condition_is_seen_wherever_it_stands(place: str) -> None:
    """Each of many conditions, in each place of a signature, makes an approval unclear."""
    accepted = [c for c in CONDITIONS if read(place.format(c)) is not Verdict.UNCLEAR]
    assert accepted == []


def test_a_configured_signature_is_known_line_by_line() -> None:
    """Lines that nobody could know are let pass as they are configured, in text and in HTML; others are not."""
    signature = (
        "Bob Brown\nChief Happiness Officer\nWe move boxes · since 1887\nBook time with me: https://example.com/bob"
    )
    below = "Bob Brown\n*Chief  Happiness Officer*\n\nWe move boxes · since 1887"
    assert read_verdict(f"APPROVE\n\n{below}", signature=signature).verdict is Verdict.APPROVE
    assert read_verdict(f"APPROVE\n\n{below}").verdict is Verdict.UNCLEAR
    for more in ("only 50", "Chief Happiness Officer only 50", "chief happiness officer"):
        assert read_verdict(f"APPROVE\n\n{below}\n{more}", signature=signature).verdict is Verdict.UNCLEAR
    assert read_verdict(f"REJECT\n\n{below}", signature=signature).reason == ""


def read(below: str, signer: str = BOB) -> Verdict:
    """Read an approval with something below it."""
    return read_verdict(f"APPROVE\n\n{below}\n", signer=signer).verdict


@pytest.mark.parametrize(
    ("signer", "below"),
    [
        (
            "Sarah Chen sarah@northwind.example",
            "Thanks,\nSarah\n\nSarah Chen | VP Engineering\nNorthwind Traders\n+1 (415) 555-0132",
        ),
        (
            "Sarah Chen sarah@northwind.example",
            "Sarah Chen\nVP, Customer Operations\n1 Market Street, Suite 400, San Francisco, CA 94105",
        ),
        ("Tom O'Neill tom@acme.example", "Cheers,\nTom\n--\nTom O'Neill\nCo-Founder & CTO, Acme\nm: +353 86 123 4567"),
        (
            "Priya Natarajan priya@contoso.example",
            "Regards,\nPriya Natarajan\nSenior Manager – Accounts Payable\nContoso India Pvt. Ltd.",
        ),
        (
            "Michael Weber m.weber@weber-bau.example",
            "Mit freundlichen Grüßen aus Stuttgart\n\nMichael Weber\nKaufmännischer Leiter",
        ),
        ("Anna Schmidt anna@werke.example", "Freundliche Grüße\n\ni. V. Anna Schmidt\nAbteilungsleiterin Einkauf"),
        ("Anna Schmidt anna@werke.example", "Danke und Gruß\nAnna"),
        ("Anna Schmidt anna@werke.example", "Beste Grüße und schönes Wochenende\nAnna"),
        (
            "Pierre Martin pierre@dupond.example",
            "Bonne journée,\n\nPierre MARTIN\nTél : 01 23 45 67 89 - Port. : 06 12 34 56 78",
        ),
        ("Kim Larsen kla@nordic.example", "Venlig hilsen / Kind regards\n\nKim Larsen\nCFO"),
        (BOB, "Many thanks and best wishes,\nBob"),
        (BOB, "Looks right to me.\n\nBob"),
        (BOB, "Thanks for flagging this."),
        (
            BOB,
            "Bob Brown, CPA\nController\nExample Inc.\n555 Main St, Suite 200 | Austin, TX 78701\nO: 512-555-0100 x42",
        ),
        (BOB, "Bob Brown\nPronouns: he/him\nHead of IT\nLinkedIn | Website"),
        (BOB, "Bob Brown\nRegistered Office: 10 Station Road, London SW1A 2AA. Registered in England No 01234567."),
        (BOB, "Get BlueMail for Android"),
        (BOB, "Yahoo Mail: Search, Organize, Conquer"),
        (BOB, "This email has been scanned by Symantec Email Security.cloud service."),
    ],
)
def test_signatures_of_many_kinds_leave_an_approval_one(signer: str, below: str) -> None:
    """Closings in a row, companies, addresses on one line, procuration, scanners."""
    reading = read_verdict(f"APPROVE\n\n{below}\n", signer=signer)
    assert reading.verdict is Verdict.APPROVE, reading.because
