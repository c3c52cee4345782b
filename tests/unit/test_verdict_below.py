"""What stands below the line that answers: signatures and thanks leave it as it is, other words may be a condition."""

from __future__ import annotations

import pytest

from mailgate.model.verdict import Verdict, read_verdict

BOB = "Bob Brown bob@example.com"


@pytest.mark.parametrize(
    "below",
    [
        "Sent from my iPhone",
        "Sent from my iPhone 15 Pro Max",
        "Sent from my Verizon Wireless BlackBerry",
        "Sent from my T-Mobile 4G LTE Device",
        "Sent from my phone, please excuse any typos and brevity.",
        "Sent via the Samsung Galaxy S23, an AT&T 5G smartphone",
        "Sent from Mail for Windows",
        "Sent with [Proton Mail](https://proton.me/) secure email.",
        "Get Outlook for iOS<https://aka.ms/o0ukef>",
        "Holen Sie sich Outlook für iOS",
        "Virus-free.www.avast.com",
        "Von meinem iPhone gesendet",
        "Diese Nachricht wurde von meinem Samsung Galaxy gesendet.",
        "Gesendet von Outlook für Android<https://aka.ms/AAb9ysg>",
        "Gesendet mit der GMX iPhone App",
        "Envoyé de mon iPhone",
        "Enviado desde mi iPhone",
        "Inviato da iPhone",
        "Verstuurd vanaf mijn iPhone",
        "Отправлено с iPhone",
        "iPhone'umdan gönderildi",
        "iPhoneから送信",
        "发自我的iPhone",
        "나의 iPhone에서 보냄",
        "נשלח מה-iPhone שלי",
        "-- \nBob Brown\nHead of Finance",
        "--\nBob",
        "—\nBob",
        "Thanks!",
        "Thank you,\nBob",
        "Thanks\nBB",
        "Best regards, Bob",
        "Kind regards\nBob Brown\nHead of Finance | Example Ltd\nT +44 20 7946 0123 | M: +44 (0)7700 900123",
        "Kind regards,\nDr. Bob J. Brown, MBA (he/him)\nFinance Director EMEA",
        "Mit freundlichen Grüßen\n\nBob Brown\nGeschäftsführer: Max Muster\nAmtsgericht Köln, HRB 12345",
        "Cordialement,\nBob Brown\nDirecteur financier",
        "Bob Brown\nSitz der Gesellschaft: Köln\nRegistergericht: Köln, HRB 12345 B\nUSt-ID: DE 123456789",
        "Bob\nExample Ltd.\nRegistered in England and Wales No. 01234567\nVAT No: GB 123 4567 89",
        "よろしくお願いいたします。",
        "Bob Brown",
        "- Bob",
        "Bob\nHead of Sales\nExample GmbH\nHauptstraße 5, 50667 Köln",
        "Thanks,\nBob\nAlter Markt-Platz 12a\nD-50667 Köln",
        "Thanks,\nBob\n10 Downing Street, London SW1A 2AA",
        "Merci,\nBob\n12, rue de la Paix\n75002 Paris",
        "Bob\n+49 171 1234567",
        "Thanks\nTel.: 0221 / 123 45 67",
        "Bob\nbob@example.com\nwww.example.com\ninfo@example.com",
        "Bob\nbob@example.com<mailto:bob@example.com> | www.example.com<https://www.example.com/>",
        "Bob\n[cid:image001.png@01D1]",
        "Bob\n[image: Example Ltd]\n[image: image001.png]",
        "____________________\nThis e-mail and any attachments are confidential. If you are not the intended\n"
        "recipient, do not approve, disclose or copy it.",
        "CONFIDENTIALITY NOTICE: This message is intended only for the use of the addressee.",
        "This e-mail and any files transmitted with it are confidential and intended solely for the use of the individual\n"
        "or entity to whom they are addressed. If you have received this email in error please notify the sender\n"
        "immediately. Any unauthorised copying, disclosure or distribution is strictly prohibited. Example Ltd accepts no\n"
        "liability for any damage caused by any virus transmitted by this e-mail.",
        "Diese E-Mail enthält vertrauliche Informationen. Falls Sie nicht der Empfänger sind, nicht weiterleiten.",
        "Diese E-Mail enthält vertrauliche und/oder rechtlich geschützte Informationen. Wenn Sie nicht der richtige\n"
        "Adressat sind oder diese E-Mail irrtümlich erhalten haben, informieren Sie bitte sofort den Absender und\n"
        "vernichten Sie diese Mail. Das unerlaubte Kopieren sowie die unbefugte Weitergabe dieser Mail ist nicht gestattet.",
        "Ce message est confidentiel. Si vous n'êtes pas le destinataire de ce message, merci de le détruire.",
        "Este mensaje es confidencial. Si usted lo ha recibido por error, notifique al remitente.",
        "Questo messaggio è riservato. Se lo avete ricevuto per errore siete pregati di distruggere il messaggio.",
        "Dit bericht is vertrouwelijk. Indien u niet de geadresseerde bent, verzoeken wij u dit te verwijderen.",
        "Esta mensagem é confidencial. Se não é o destinatário, elimine a mensagem.",
        "Please consider the environment before printing this e-mail.",
        "If you are not the intended recipient, please delete this mail.",
        "looks good to me",
        "Go ahead, all fine from my side.",
        "Fine with me, please proceed. Thank you!",
        "Thanks for the reminder!\nHave a nice weekend.",
        "No objections.",
    ],
)
def test_signatures_and_thanks_below_leave_an_approval_one(below: str) -> None:
    """What clients, companies and manners put below the word changes nothing."""
    reading = read_verdict(f"APPROVE\n\n{below}\n", signer=BOB)
    assert reading.verdict is Verdict.APPROVE, reading.because


@pytest.mark.parametrize(
    "below",
    [
        # names and titles that are neither
        "Thanks\nDisapproved",
        "Thanks\nCancelled",
        "Thanks\nWithdrawn",
        "Danke\nStorno",
        "Gracias Cancelar",
        "Thanks\nDry Run",
        "Thanks\nDry-run",
        "Best Effort",
        "Thanks\nCarol Decides",
        "Bob\nCarol Approves Too",
        "Bob\nHalf Amount",
        "Bob\nSandbox Environment",
        "Bob Declines",
        "Thanks Carol",
        "Alice Adams",
        "谢谢\n取消",
        # delimiters
        "--\nREJECT",
        "—\nonly up to 50 EUR",
        "–\n\nbut wait until Carol agrees",
        "--\nonly up to 50 EUR, and ask Carol first",
        "--\nNote: only 50",
        "-- \nBob\nNB only 50 EUR",
        "-- \nBob Brown\nonly the paranoid survive",
        # footers that are none
        "The message must not contain anything confidential, take the customer's name out first.\n\nBob",
        "The email may go to the addressee in the ticket only, drop all others from Cc.",
        "Any email that mentions unauthorised refunds must be held back until Carol has read it.",
        "This message is intended for the addressee only, make that 50 EUR.",
        "Please consider the environment before you run this: staging only, never production.",
        "Diese E-Mail nur senden, wenn die Anlage nicht vertraulich ist.",
        "Ce message ne doit partir que si le dossier n'est pas confidentiel.",
        "Confidential\n\n\n\nREJECT",
        "Important notice:\n\n\n\nOnly up to 50 EUR.",
        "This e-mail is confidential. If you are not the intended recipient, delete it.\n\nonly up to 50",
        "This e-mail is confidential. If you are not the intended recipient, delete it. Pay only half.",
        "This e-mail is confidential. Do not approve it. It is intended only for the addressee.",
        # devices that are none
        "Sent with half the amount",
        "Sent via bank transfer after Carol agrees",
        "Sent with max 50 EUR",
        "Sent from petty cash instead please",
        "Sent from my iPhone 50",
        "Sent from my iPhone only 50",
        "Gesendet mit halbem Betrag",
        "Envoyé avec la moitié",
        "Enviado con 50 EUR maximo",
        "Sent from my phone, please excuse Carol",
        # numbers that are no telephone numbers, registrations or pictures
        "+100 000",
        "Bob\n+100 000",
        "Bob\n(100 000)",
        "Bob\nc: 100 000",
        "Bob\nm: 500000",
        "Bob\n+100 000 000",
        "Bob\n0.50000",
        "Bob\nd: 2026-06-01",
        "Bob\nd: 2026-06-01 12",
        "Bob\nVAT: 19 000 000",
        "VAT no 100 000 00",
        "Registered in half, no 123456",
        "Bob\nmail: carol@example.com",
        "Bob\nbob@evil.test",
        "Bob\nw: https://example.com/only-if-carol",
        "Bob\n[photo: half of the amount]",
        "+49 171 1234567",
        "Managing director: Carol Must Sign",
        "Thanks\n5 New Road",
        # words that were plain one by one
        "Please have it all go to me.",
        "I have done it.",
        "I have done it with Bob",
        "Thanks for the quick rollback",
        "Do it all",
    ],
)
def test_what_only_begins_like_a_signature_makes_an_approval_unclear(below: str) -> None:
    """Conditions in the shape of names, delimiters, footers, devices and numbers are read as conditions."""
    assert read_verdict(f"APPROVE\n\n{below}\n", signer=BOB).verdict is Verdict.UNCLEAR


@pytest.mark.parametrize(
    ("below", "signer"),
    [
        ("Jürgen Groß", "Juergen Gross jg@example.com"),
        ("Jurgen", "Jürgen Groß"),
        ("Anna-Lena", "Anna Lena Meier"),
        ("Élodie", "elodie.dupont@example.fr"),
        ("Xaver\nACME Widgets GmbH", "Xaver Y x@acme-widgets.com"),
        ("Liebe Grüße\nJ. Müller", "Müller, Jana"),
    ],
)
def test_a_name_may_be_spelled_in_several_ways(below: str, signer: str) -> None:
    """Address books, clients and addresses each spell a name, and a company's, in their own way."""
    assert read_verdict(f"APPROVE\n\n{below}", signer=signer).verdict is Verdict.APPROVE


def test_nobody_is_known_without_a_sender() -> None:
    """Where the From field names nobody, no name is theirs."""
    assert read_verdict("APPROVE\n\nBob").verdict is Verdict.UNCLEAR
    assert read_verdict("APPROVE\n\nThanks").verdict is Verdict.APPROVE


@pytest.mark.parametrize(
    "below",
    [
        "but only up to 50 EUR",
        "but not today",
        "if Carol agrees",
        "Only the first half.",
        "Make it 50.",
        "Carol first",
        "Half of it",
        "Half",
        "Monday",
        "Tomorrow",
        "Max 50 EUR",
        "100000",
        "50 000 000",
        "Use the staging account",
        "OK?",
        "Is it all good",
        "Please see me",
        "REJECT",
        "No",
        "undo",
        "> 50 EUR: ask me",
        "Note: the limit is 50 EUR",
        "Notice the limit of 50 EUR",
        "Disclaimer: only up to 50 EUR",
        "This message is intended to approve only the first half",
        "The information in this message is wrong, pay only 50",
        "If you are not sure, ask Carol",
        "If you have received the invoice by mistake, stop",
        "Geschäftsführung muss zustimmen",
        "Geschäftsführung: bitte erst fragen",
        "Vorstand: nur wenn Carol zustimmt",
        "Registered office: ask them first",
        "Amtsgericht fragen, dann HRB 5",
        "VAT 100000 must be deducted",
        "Thanks,\nBob\n\nPS: only up to 50",
        "-- \nBob\nP.S. not before Carol has seen it",
        "Sent from my iPhone, only valid today",
        "Sent from my desk, is much easier than my phone but only if",
        "Kind regards, only up to 50",
        "Regards to Bob",
        "Alice only",
        "Thanks,\nAlice\nplease wait until Monday",
        "Thanks,\nAlice\nNot For Production",
        "Thanks,\nAlice\nHamburg Branch?",
        "Alice Bob Carol Dave Erin",
        "Thanks,\nAlice\nPay 5000",
        "Thanks,\nAlice\n5000 Hamburg",
        "Thanks,\nAlice\nRefund 50",
        "Nur Hamburg",
        "Bis Montag",
        "Sauf Paris",
        "Wait",
        "nope",
        "bob",
        "\n" * 500 + "only up to 50",
        "thanks\n" * 500 + "only up to 50",
    ],
)
def test_other_words_below_an_approval_make_it_unclear(below: str) -> None:
    """A condition can be written in any words, so words that are no signature take the approval back."""
    reading = read_verdict(f"APPROVE\n\n{below}")
    assert reading.verdict is Verdict.UNCLEAR
    assert reading.first_line == "APPROVE"
    assert "may be a condition" in reading.because[-1]


def test_a_name_below_is_compared_with_the_senders() -> None:
    """Where the sender's name is known, a bare name must be theirs: another capitalised word may be anything."""
    assert read_verdict("APPROVE\n\nBob", signer="Bob Brown bob.brown").verdict is Verdict.APPROVE
    assert read_verdict("APPROVE\n\nbob", signer="Bob Brown").verdict is Verdict.APPROVE
    assert read_verdict("APPROVE\n\nBB", signer="Bob Brown").verdict is Verdict.APPROVE
    assert read_verdict("APPROVE\n\nAlex", signer="Alexander Meyer").verdict is Verdict.APPROVE
    assert read_verdict("APPROVE\n\nAnnul", signer="Ann Lee").verdict is Verdict.UNCLEAR
    assert read_verdict("APPROVE\n\nas", signer="Ana Smith").verdict is Verdict.UNCLEAR
    assert read_verdict("APPROVE\n\nBoston", signer="Bo Lee").verdict is Verdict.UNCLEAR
    assert read_verdict("APPROVE\n\nMay", signer="May Lee").verdict is Verdict.APPROVE
    assert read_verdict("APPROVE\n\nHamburg", signer="Bob Brown").verdict is Verdict.UNCLEAR
    assert read_verdict("APPROVE\n\nNO", signer="Nora Otis").verdict is Verdict.UNCLEAR
    assert read_verdict("APPROVE\n\nHalf", signer="Bob Halford").verdict is Verdict.UNCLEAR


def test_the_senders_name_is_no_reason() -> None:
    """A bare rejection signed with the sender's name is still bare, and the person is asked why."""
    assert read_verdict("REJECT\n\nBob", signer="Bob Brown").reason == ""


def test_the_reason_of_a_refusal_loses_what_looks_like_a_signature() -> None:
    """Where nothing runs, a signature of unknown words is left out too, so that a bare rejection is asked about."""
    below = "Thanks,\nBob\nVice Everything\nAcme Widgets\n-- \nWe build things"
    assert read_verdict(f"REJECT\n\n{below}").reason == ""
    assert read_verdict(f"REJECT\ntoo dear\n{below}\nPS: ask Carol").reason == "too dear\nPS: ask Carol"
    assert read_verdict(f"APPROVE\n\n{below}", signer=BOB).verdict is Verdict.UNCLEAR
