"""Out-of-office notes, by system. Several begin with the word or quote our mail, as real ones do: none of them decides."""

from __future__ import annotations

from collections.abc import Iterator

from tests.corpus import ours
from tests.corpus.envelope import Mail
from tests.corpus.machines.notes import BOB, note

_AWAY = "I am out of the office until Monday. In urgent cases please write to carol@example.com."
_QUOTING = f"{_AWAY}\n\n{ours.text(BOB.name)}"
_TEMPTING = f"APPROVE\n\n{_AWAY}"


def _away(system: str, fields: str, body: str = _AWAY, **more: str) -> Mail:
    return note(system, fields, body, kind="auto_reply", would="mark_away", **more)


def mails() -> Iterator[Mail]:
    """Yield the notes in a fixed order."""
    yield from _of_exchange()
    yield from _of_webmail()
    yield from _of_webmail_elsewhere()
    yield from _of_servers()
    yield from _of_groupware()


def _of_exchange() -> Iterator[Mail]:
    online = (
        "Return-Path: <>\nX-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent\n"
        "X-MS-TrafficTypeDiagnostic: AM9PR08MB1:EE_|\n"
        "Auto-Submitted: auto-generated\nX-Auto-Response-Suppress: All\nX-MS-Exchange-Parent-Message-Id: <x@gate.example.com>\n"
        f"In-Reply-To: {ours.MESSAGE_ID}"
    )
    for language, subject, body in (
        ("en", "Automatic reply: issue_refund (R-7K2M9Q)", _TEMPTING),
        ("de", "Automatische Antwort: issue_refund (R-7K2M9Q)", "Ich bin bis Montag nicht im Büro."),
        ("fr", "Réponse automatique : issue_refund (R-7K2M9Q)", "Je suis absente jusqu'à lundi."),
        ("es", "Respuesta automática: issue_refund (R-7K2M9Q)", "Estaré fuera de la oficina hasta el lunes."),
        ("it", "Risposta automatica: issue_refund (R-7K2M9Q)", "Sono fuori ufficio fino a lunedì."),
        ("nl", "Automatisch antwoord: issue_refund (R-7K2M9Q)", "Ik ben tot maandag afwezig."),
        ("ja", "自動応答: issue_refund (R-7K2M9Q)", "月曜日まで不在にしております。"),
        ("zh", "自动答复: issue_refund (R-7K2M9Q)", "我周一前不在办公室。"),
        ("pl", "Odpowiedź automatyczna: issue_refund (R-7K2M9Q)", "Jestem poza biurem do poniedziałku."),
        ("ru", "Автоматический ответ: issue_refund (R-7K2M9Q)", "Меня нет на месте до понедельника."),
    ):
        yield _away(
            "exchange online",
            f"{online.replace('auto-generated', 'auto-replied')}\nSubject: {subject}",
            body,
            variant=language,
            language=language,
        )
    yield _away(
        "exchange online",
        f"{online}\nSubject: Automatic reply: issue_refund (R-7K2M9Q)",
        _QUOTING,
        variant="auto-generated",
    )
    yield _away(
        "exchange out of office",
        "Return-Path: <>\nSubject: Out of Office: issue_refund (R-7K2M9Q)\nX-MS-Has-Attach:\nX-Auto-Response-Suppress: All\n"
        "auto-submitted: auto-generated\nx-originating-ip: [192.0.2.7]",
        _TEMPTING,
    )
    yield _away(
        "exchange out of office",
        "Subject: Out of Office AutoReply: issue_refund",
        _QUOTING,
        variant="2003 without marks",
    )
    yield _away(
        "outlook.com",
        "Return-Path: <>\nSubject: Automatic reply: issue_refund (R-7K2M9Q)\nAuto-Submitted: auto-replied\nX-OOFReply: 1",
        _AWAY,
    )


def _of_webmail() -> Iterator[Mail]:
    yield _away(
        "gmail vacation",
        f"Subject: Out of office Re: issue_refund (R-7K2M9Q)\nAuto-Submitted: auto-replied\nPrecedence: "
        f"bulk\nX-Autoreply: yes\nIn-Reply-To: {ours.MESSAGE_ID}",
        _TEMPTING,
    )
    yield _away(
        "gmail vacation",
        "Subject: Urlaub Re: issue_refund\nPrecedence: bulk\nX-Autoreply: yes",
        "Bin im Urlaub.",
        variant="de",
        language="de",
    )
    yield _away("yahoo vacation", "Subject: Yahoo! Auto Response\nAuto-Submitted: auto-replied\nX-Vacation: yes", _AWAY)
    yield _away(
        "yahoo vacation",
        "Subject: Auto Response\nPrecedence: bulk\nX-Mailer: YahooMailAutoResponder",
        _TEMPTING,
        variant="old",
    )
    yield _away(
        "gmx vacation",
        "Return-Path: <>\nSubject: Abwesenheitsnotiz: issue_refund\nAuto-Submitted: auto-replied",
        "Ich bin bis Montag weg.",
        language="de",
    )
    yield _away(
        "fastmail vacation",
        "Subject: On holiday\nAuto-Submitted: auto-replied (vacation)\nX-Sieve: CMU Sieve 3.0",
        _AWAY,
    )
    yield _away(
        "proton",
        "Subject: Auto: issue_refund (R-7K2M9Q)\nAuto-Submitted: auto-replied\nX-Autoreply: yes\nPrecedence: auto_reply",
        _QUOTING,
    )
    yield _away("icloud vacation", "Subject: Out of office\nAuto-Submitted: auto-replied\nX-Apple-Vacation: 1", _AWAY)


def _of_webmail_elsewhere() -> Iterator[Mail]:
    yield _away(
        "zoho vacation",
        "Subject: Auto-Reply: issue_refund\nX-ZohoMail-AutoResponse: vacation\nAuto-Submitted: auto-replied",
        _AWAY,
    )
    yield _away(
        "qq vacation",
        "Subject: 自动回复:issue_refund\nX-QQ-MAILER: QQMail 2.x\nX-QQ-STYLE: 7",
        "我周一前不在办公室。",
        language="zh",
    )
    yield _away(
        "netease vacation",
        "Subject: 自动回复：issue_refund\nX-Auto-Response-Suppress: All",
        "您好，来信已收到。",
        language="zh",
        charset="gb18030",
    )
    yield _away("naver vacation", "Subject: 부재중 자동응답: issue_refund", "월요일까지 부재중입니다.", language="ko")
    yield _away(
        "mail.ru vacation",
        "Subject: Автоответ: issue_refund\nX-Autoreply: yes",
        "Я в отпуске до понедельника.",
        language="ru",
    )


def _of_servers() -> Iterator[Mail]:
    yield _away(
        "sieve vacation",
        "X-Sieve: Pigeonhole Sieve 0.5.19\nSubject: Out of office\nAuto-Submitted: auto-replied (vacation)\nPrecedence: bulk\n"
        "X-Auto-Response-Suppress: All\nMessage-ID: <dovecot-sieve-1795380758-950448-0@mail.example.com>",
        "APPROVE. I am away, back Monday.",
    )
    yield _away(
        "sieve vacation",
        "Subject: Auto: issue_refund\nAuto-Submitted: auto-replied (vacation)\nX-Sieve: CMU Sieve 2.4",
        _TEMPTING,
        variant="cyrus",
    )
    yield _away(
        "bsd vacation",
        "Subject: away from my mail\nPrecedence: bulk\nDelivered-By-The-Graces-Of: The Vacation program",
        _QUOTING,
    )
    yield note(
        "procmail",
        "Subject: Re: issue_refund (R-7K2M9Q)\nX-Loop: bob.brown@example.com\nPrecedence: junk",
        _TEMPTING,
        kind="auto_reply",
        would="ignore",
    )
    yield _away(
        "zimbra vacation",
        "Subject: Out of office Re: issue_refund\nAuto-Submitted: auto-replied (zimbra; vacation)\nPrecedence: bulk",
        _AWAY,
    )
    yield _away(
        "domino out of office",
        "Subject: Bob Brown is out of the office (returning 30/11/2026)\nX-Mailer: HCL Notes Release "
        "14.0\nAuto-Submitted: auto-generated",
        _TEMPTING,
    )
    yield _away(
        "domino out of office",
        "Subject: AUTO: Bob Brown is out of the office\nX-MIMETrack: Serialize by Router on MX1",
        _AWAY,
        variant="auto prefix",
    )
    yield _away(
        "groupwise vacation",
        "Subject: Out of office (auto reply)\nX-Mailer: Novell GroupWise 18\nAuto-Submitted: auto-replied",
        _AWAY,
    )


def _of_groupware() -> Iterator[Mail]:
    yield _away(
        "cpanel",
        "Subject: Away\nX-Autorespond: Re: issue_refund\nPrecedence: auto_reply\nX-Loop: bob.brown@example.com",
        _TEMPTING,
        variant="autorespond",
    )
    yield _away(
        "plesk",
        "Subject: Re: issue_refund\nAuto-Submitted: auto-replied\nX-Mailer: Plesk autoresponder\nPrecedence: bulk",
        _AWAY,
    )
    yield _away(
        "kerio", "Subject: Out of Office: issue_refund\nAuto-Submitted: auto-replied\nX-Mailer: Kerio Connect 10", _AWAY
    )
    yield _away(
        "mdaemon",
        "Subject: Re: issue_refund\nX-MDArc-AutoReply: yes\nAuto-Submitted: auto-replied\nPrecedence: bulk",
        _QUOTING,
    )
    yield _away(
        "open-xchange",
        "Subject: Abwesenheit bis 30.11.\nAuto-Submitted: auto-replied (vacation)",
        "Ich bin nicht im Haus.",
        language="de",
    )
    yield _away(
        "no marks", "Subject: Abwesend: issue_refund", "Ich bin nicht da. APPROVE gibt es am Montag.", language="de"
    )
    yield _away(
        "no marks", "Subject: Ausencia: issue_refund", "APPROVE\n\nEstoy fuera.", variant="spanish", language="es"
    )
