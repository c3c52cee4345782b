"""How mail clients mark the mail they quote: attributions, header blocks, separators. Lines in, answers out.

Clients translate these into the language they are set to, so most of this is tables. What is recognised is dropped from
a reply; what is not recognised stays and makes an approval unclear. A line is therefore only taken for a client's when
it has the whole shape: an attribution has a date and a word for writing (or an address) and ends the way attributions
end; a header block has three different labels. "As Bob wrote:" has not. What a reply *is*, says `reply`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from mailgate.model.phrases import NEVER_A_NAME

MARKER = re.compile(r"mailgate-reply-above-[a-z0-9]*|-{2,} *begin mailgate record *-{2,}", re.IGNORECASE)
"""The first body line of every mail that can be answered, and the line that opens its record, should a client have lost the
first: what a client repeats from here on is ours, not the sender's."""

_RECORD_ENDS = re.compile(r"-{2,} *end mailgate record *-{2,}", re.IGNORECASE)

_OUR_LAST_LINE = re.compile(r"\(mailgate\) to\b")
"""In the last line of our mails: "Sent by approvals (mailgate) to Bob Brown." What a client repeats ends with it."""

_LONGEST = 400
"""Characters of a frame's line; longer ones are text."""

_WRAPPED = 45
"""Characters of the shortest line that some program may have wrapped because of its length."""

_MOST_LINKS = 200
"""Lines of a list of links: a hundred links, each below its number."""

_LISTED_LINK = re.compile(r"\[\d{1,3}\]|(?:\[\d{1,3}\] )?(?:https?://|mailto:)\S+", re.IGNORECASE)
_INVISIBLE = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_EMPHASIS = " \t\u00a0*_|>"


class Label(StrEnum):
    """What a line of a quoted header block tells."""

    FROM = "from"
    DATE = "date"
    TO = "to"
    CC = "cc"
    SUBJECT = "subject"


def _labels(label: Label, words: str) -> dict[str, Label]:
    return {word.strip(): label for word in words.split("|")}


_LABELS = {
    **_labels(
        Label.FROM,
        "from|von|de|da|di|van|fra|från|od|nadawca|odesílatel|odosielateľ|pošiljatelj|lähettäjä|feladó|от|от кого|отправитель|"
        "від|kimden|gönderen|από|מאת|من|de la|dari|từ|จาก|差出人|送信者|送信元|发件人|發件人|寄件者|寄件人|보낸 사람|보낸사람|발신|"
        "expéditeur|remitente|remetente|mittente|afzender|avsändare|avsender|afsender|saatja|nuo",
    ),
    **_labels(
        Label.DATE,
        "sent|date|gesendet|datum|gesendet am|envoyé|envoyé le|enviado|enviado el|enviado em|enviada em|data|fecha|inviato|"
        "message du|verzonden|sendt|dato|skickat|skickades|wysłano|wysłane|odesláno|odoslané|dátum|poslano|elküldve|küldve|"
        "lähetetty|päivämäärä|päiväys|pvm|отправлено|дата|надіслано|gönderildi|gönderilen|gönderme tarihi|tarih|"
        "στάλθηκε|ημερομηνία|נשלח|תאריך|تاريخ الإرسال|التاريخ|تم الإرسال|"
        "trimis|dikirim|tanggal|đã gửi|ngày|วันที่|送信日時|送信|日時|日付|发送时间|"
        "發送時間|发送日期|日期|寄件日期|傳送時間|傳送日期|보낸 날짜|날짜|보냄|saadetud|išsiųsta|sent on|when",
    ),
    **_labels(
        Label.TO,
        "to|an|à|para|a|aan|til|till|do|komu|prima|vastaanottaja|címzett|кому|получатель|kime|alıcı|προς|אל|إلى|către|kepada|"
        "đến|ถึง|宛先|收件人|收件者|받는 사람|받는사람|수신|destinataire|destinatario|destinatário|empfänger|ontvanger|kam|kellele",
    ),
    **_labels(
        Label.CC,
        "cc|bcc|kopie|kopi|kopia|copie|copie à|copia|cópia|kopio|копия|másolat|másolatot kap|κοιν|עותק|نسخة|"
        "抄送|副本|참조|reply-to|reply to|antwort an|répondre à|responder a",
    ),
    **_labels(
        Label.SUBJECT,
        "subject|betreff|objet|asunto|assunto|oggetto|onderwerp|emne|ämne|temat|předmět|predmet|zadeva|aihe|tárgy|тема|konu|"
        "θέμα|נושא|الموضوع|subiect|subjek|perihal|chủ đề|tiêu đề|หัวเรื่อง|เรื่อง|件名|主题|主題|主旨|제목|teema|tema",
    ),
}

_SEPARATOR_WORDS = re.compile(
    r"(?:original(?:e|a)? ?(?:message|mail|e-?mail|nachricht|meddelande|bericht)|ursprüngliche (?:nachricht|mail|e-mail)|"
    r"original-?nachricht|message d['’]origine|message (?:original|initial)|mensa(?:je|gem) original|"
    r"messaggio originale|oorspronkelijk(?:e)? (?:bericht|e-?mail)|oprindelig (?:meddelelse|besked|mail)|"
    r"opprinnelig melding|ursprungligt meddelande|(?:wiadomość oryginalna|oryginalna wiadomość)|"
    r"původní (?:zpráva|e-?mail)|pôvodná správa|izvirno sporočilo|alkuperäinen viesti|eredeti üzenet|"
    r"исходное сообщение|оригинальное сообщение|пересылаемое сообщение|orijinal (?:mesaj|ileti)|özgün ileti|"
    r"αρχικό μήνυμα|הודעה מקורית|الرسالة الأصلية|mesaj original|pesan asli|thư gốc|"
    r"元のメッセージ|原始邮件|原始郵件|原邮件|邮件原件|郵件原件|원본 메시지|원본메일|원본 이메일|original|reply message|"
    r"forwarded message|"
    r"forwarded by [\w .'-]{1,40}/[\w ./-]{1,60} on \d[\d./-]{5,9},? [\d:]{4,8}(?: ?[ap]m)?|"
    r"weitergeleitete (?:nachricht|mail)|message transféré|mensaje reenviado|"
    r"mensagem encaminhada|messaggio inoltrato|doorgestuurd bericht|vidarebefordrat meddelande|"
    r"videresendt(?: melding| meddelelse)?|"
    r"wiadomość przekazana|přeposlaná zpráva|välitetty viesti|転送メッセージ|转发邮件|轉寄郵件|전달된 메일)"
    r"(?: (?:from|von|de|da|van|fra|från) \S{1,80}@\S{1,80})?",
    re.IGNORECASE,
)
_FORWARD_INTRO = re.compile(
    # Apple Mail and Gmail for iOS write it without dashes, on a line of its own.
    r"(?:begin forwarded message|anfang der weitergeleiteten (?:nachricht|e-mail)|début du message (?:transféré|réexpédié)|"
    r"inicio del mensaje reenviado|inizio messaggio inoltrato|início da mensagem (?:encaminhada|reencaminhada)|"
    r"begin doorgestuurd bericht|vidarebefordrat brev|videresendt meddelelse|転送されたメッセージ|下面是被转发的邮件)\s*[:：]",
    re.IGNORECASE,
)

_WROTE = re.compile(
    r"\b(?:wrote|writes|schrieb|schrieben|a écrit|écrit|escribió|escribio|escreveu|ha scritto|scrisse|schreef|skrev|"
    r"napisał|napisała|napisał\(a\)|napisana przez|pisze|napsal|napsala|napsal\(a\)|napísal|je napisa[ol]|kirjoitti|írta|a scris|"
    r"написал|написала|написал\(а\)|пишет|писал|писав|пише|написа|yazdı|şunu yazdı|şunları yazdı|έγραψε|"
    r"skrifaði|rašė|parašė|rakstīja|kirjutas|va escriure|menulis|đã viết)(?![\w@])|"
    r"이\(가\) 쓴 글|さんは書きました|のメール|さんからの|が書き込|写道|寫道|님이 작성|작성:|씀:|כתב|كتب|เขียน",
    re.IGNORECASE,
)
_OPENER = re.compile(
    # Words with which clients begin an attribution, each before a date.
    r"(?:on|am|le|el|el día|em|il|il giorno|in data|op|den|d\.|på|w dniu|dnia|dne|dňa|ob|în data de|pe data|pe|"
    r"pada tanggal|pada|tanggal|vào|στις|בתאריך|في|بتاريخ)\s+|ב-|在|於|于",
    re.IGNORECASE,
)
_HAS_TIME = re.compile(r"(?<![\d.,:])(?:[01]?\d|2[0-3])\s?(?:[:h時点：]\s?[0-5]\d|\.[0-5]\d(?![\d.]))")
_HAS_DATE = re.compile(
    r"\d{1,4}[./-]\s?\d{1,2}[./-]\s?\d{1,4}|\b(?:19|20)\d\d\b|\d{1,2}\s?[日月일월]|"
    r"(?<![\d:.])\d{1,2}\.? [^\W\d_]{3,}|\b[^\W\d_]{3,12}\.? \d{1,2}(?:st|nd|rd|th)?\b"
)
_DATE_AFTER_OPENER = re.compile(r"[^\w<]*(?:[^\W\d_]{1,12}['’׳.,،]*\s+){0,2}\d")
_DATE_FIRST = re.compile(
    # No "only 5", no "not before 5".
    r"[^\w<]*(?:(?:[^\W\d_]{1,12}[.,]{1,2}|[^\W\d_]{2})\s+)?\d"
)
_MONTH_FIRST = re.compile(r"(?:jan|feb|mar|apr|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6} \d", re.IGNORECASE)
_ADDRESS = r"(?<![\w.+%=-])[\w.+%=-]{1,120}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,6}"
_SET_OFF_ADDRESS = re.compile(rf"[<(\[]\s?(?:mailto:)?{_ADDRESS}(?:\s?<mailto:[^<>]*>)?\s?[>)\]]|\A[\"'<]?{_ADDRESS}")
_SENDERS_ADDRESS = re.compile(rf"[<(\[]\s?(?:mailto:)?{_ADDRESS}|[:：][*_\s]*{_ADDRESS}[*_\s]*\Z")
_NAME = r"(?P<name>[^\s<>:;,]{1,40}(?: [^\s<>:;,]{1,40}){0,3})"
_OTHER_SHAPES = tuple(
    # Attributions of another shape: Horde, Gnus, s-nail have no date, Tuta no brackets. Each is matched as a whole.
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?:quoting|zitat von|quotando|citando a|citation de|citaat van) \"?{_NAME}\"? <{_ADDRESS}>\s?:",
        rf"\"?{_NAME}\"? <{_ADDRESS}> (?:writes|wrote|schreibt|schrieb|écrit|a écrit|escribe|escribió)\s?:",
        rf"{_NAME} wrote in <[^<>\s]{{3,250}}@[^<>\s]{{1,250}}>\s?:",
        rf"(?P<name>[\w.]{{1,12}}) [\w.,]{{1,12}} \d{{4}}, \d{{1,2}}:\d\d(?: [ap]m)? (?:von|by|from|par|de|da) {_ADDRESS}:",
    )
)
_ENDS = re.compile(r"(?:[:：]|\bwrote|\bskrev|写道|寫道)[\s*_>-]*\Z", re.IGNORECASE)


_PLAIN = {0xA0: " ", 0x202F: " "} | {
    # Digits of clients set to Arabic, Persian, Hindi, Bengali, Thai.
    zero + digit: str(digit)
    for zero in (0x660, 0x6F0, 0x966, 0x9E6, 0xE50)
    for digit in range(10)
}


def visible(line: str) -> str:
    """Return a line without what nobody sees, and with plain blanks and digits."""
    return _INVISIBLE.sub("", line).translate(_PLAIN).strip()


def has_marker(line: str) -> bool:
    """Return whether our marker stands in the line, behind whatever."""
    return MARKER.search(line) is not None


def ends_record(line: str) -> bool:
    """Return whether the line closes the record in a mail of ours: what stands above it may be ours as well."""
    return _RECORD_ENDS.search(line) is not None


def looks_attributed(line: str) -> bool:
    """Return whether a line has an address set off and a date, and ends in a colon: an attribution in whatever language.

    Only evidence where the line stands in the quote itself, right above what is quoted.
    """
    text = visible(line[:_LONGEST])
    return text.endswith((":", "：")) and bool(_SET_OFF_ADDRESS.search(text) and _HAS_DATE.search(text))


def is_our_last(line: str) -> bool:
    """Return whether a line is the last one of a mail of ours, as our templates print it."""
    return _OUR_LAST_LINE.search(line[:_LONGEST]) is not None


def is_rule(line: str) -> bool:
    """Return whether a line is drawn, not written: ``____``, ``----``, ``====``."""
    return re.fullmatch(r"[ \t>|*]*[-_=─—–]{4,}[ \t*]*", line[:_LONGEST]) is not None


def is_separator(line: str) -> bool:
    """Return whether a line says in words that another mail follows: ``-----Original Message-----``."""
    text = visible(line)
    if len(text) > 120:
        return False
    if _FORWARD_INTRO.fullmatch(text):
        return True
    # Samsung's text part puts the first line of the header right behind the dashes.
    dashed = re.fullmatch(r"[*_]*-{2,}\s*(.{1,80}?)\s*-{2,}[*_]*(?P<rest>[^-].*)?", text)
    if dashed is None or not _SEPARATOR_WORDS.fullmatch(dashed[1]):
        return False
    return not dashed["rest"] or label_of(dashed["rest"]) is Label.FROM


def link_list(lines: Sequence[str]) -> int:
    """Return how many of the last lines are a list of links that a client made of its HTML; 0 if there is none.

    ``Links:``, a rule, and then nothing but ``[1] https://…``, wrapped or not, as Roundcube ends the text part of what was
    written in HTML: the links of the quoted mail, ours among them, without any mark that they are quoted.
    """
    found = 0
    for index in range(len(lines) - 1, max(0, len(lines) - _MOST_LINKS), -1):
        text = visible(lines[index])
        if found and is_rule(text) and visible(lines[index - 1]) == "Links:":
            return len(lines) - index + 1
        if _LISTED_LINK.fullmatch(text):
            found += 1
        elif text:
            return 0
    return 0


def label_of(line: str) -> Label | None:
    """Return which header field a line quotes, if it does: ``*Von:* Bob``, ``差出人: Bob``, ``Envoyé le : …``."""
    name, colon, _ = visible(line[:_LONGEST]).replace("：", ":").partition(":")
    return _LABELS.get(name.strip(_EMPHASIS).casefold()) if colon and len(name) <= 40 else None


def begins_header_block(lines: Sequence[str], index: int) -> bool:
    """Return whether a quoted header begins at ``index``: three kinds of labels in twelve lines, sender and date among them.

    And a subject, or the sender's address set off: "From: Berlin, To: Paris, Date: 14 June" is a condition. Values may be
    wrapped over two further lines each. It begins with the sender or the date, its lines stand equally far apart, and none
    of it is said twice: "Date: tomorrow" right above a header is not a part of it.
    """
    if label_of(lines[index]) not in (Label.FROM, Label.DATE):
        return False
    kinds: set[Label] = set()
    label: Label | None = None
    addressed = False
    blank = wrapped = 0
    gap: int | None = None  # empty lines between the first two fields; HTML gives each paragraph one of its own
    for line in lines[index : index + 12]:
        found = label_of(line)
        if found is None:
            if is_separator(line) or is_rule(line) or has_marker(line):
                break
            blank, wrapped = (blank + 1, wrapped) if not line.strip() else (blank, wrapped + 1)
            if blank > 2 or wrapped > 2:
                break
        else:
            gap = blank if gap is None and kinds else gap
            if kinds and blank != gap:
                kinds -= {label} & {
                    Label.FROM,
                    Label.DATE,
                }  # which stands with what is below, and begins the header there
                break
            if found in kinds and found is not Label.CC:
                return len(kinds - {Label.CC}) == len(Label) - 1
            label, blank, wrapped = found, 0, 0
            kinds.add(found)
        addressed = addressed or (label is Label.FROM and _SENDERS_ADDRESS.search(visible(line[:_LONGEST])) is not None)
    return kinds >= {Label.FROM, Label.DATE} and len(kinds) >= 3 and (Label.SUBJECT in kinds or addressed)


def labelled_above(lines: Sequence[str], end: int) -> int:
    """Return how many lines right above ``end`` are fields of a header, three kinds at least; else 0.

    Only evidence within a quote that is proven below them.
    """
    found = []
    for line in reversed(lines[max(0, end - 8) : end]):
        label = label_of(line)
        if label is None or label in found:
            break
        found.append(label)
    return len(found) if len(found) >= 3 else 0


def unknown_header(lines: Sequence[str], index: int) -> int:
    """Return the length of the header that begins at ``index`` in a language of no table; 0 if none does.

    Four or more ``label: value`` lines, the first with an address set off, one of the others with a date. Only evidence
    where something else shows that a quote begins here: a rule above, or our marker below.
    """
    block: list[str] = []
    for line in lines[index : index + 8]:
        text = visible(line[:_LONGEST])
        if not re.match(r"[*_]*[^\s:：\d][^:：\d]{0,28}\s?[:：][*_]*\s*\S", text):
            break
        block.append(text)
    dated = any(_HAS_DATE.search(text) for text in block[1:])
    return len(block) if len(block) >= 4 and dated and _SET_OFF_ADDRESS.search(block[0]) else 0


def attribution(lines: Sequence[str], end: int) -> tuple[int, bool] | None:
    """Find the attribution whose last line is ``lines[end]``.

    Returns:
        The index of its first line, and whether it is strong: it sets an address off, as nobody does by hand. Nothing
        if there is none. Clients wrap attributions over up to five lines.
    """
    if not _ENDS.search(visible(lines[end][-80:])):
        return None
    if not any(letter.isdigit() for line in lines[max(0, end - 4) : end + 1] for letter in line[:_LONGEST]):
        return None
    for start in range(end, max(-1, end - 5), -1):
        if not lines[start].strip():
            return None
        text = " ".join(visible(line) for line in lines[start : end + 1]).strip("- *_")
        if len(text) > _LONGEST:
            return None
        if _is_attribution(text, whole=start == end) and (start == end or _may_be_wrapped(visible(lines[start]))):
            return _with_wrapped_date(lines, start), _SET_OFF_ADDRESS.search(text) is not None
    return None


def undated_attribution(lines: Sequence[str], end: int) -> int | None:
    """Return the first line of an attribution that ends at ``end`` and has no date, or no brackets around its address.

    Only evidence where it stands above a quote of ours: "Carol <carol@example.com> writes:" may be a person's own words.
    """
    for start in (end, end - 1):
        text = " ".join(visible(line) for line in lines[max(start, 0) : end + 1]).strip("- *_")
        found = next((match for form in _OTHER_SHAPES if (match := form.fullmatch(text[:_LONGEST]))), None)
        if found and NEVER_A_NAME.isdisjoint(found["name"].casefold().split()):
            return max(start, 0)
    return None


def _is_attribution(text: str, *, whole: bool) -> bool:
    """Whether joined lines are an attribution: a date, who wrote, and a shape that no sentence has by accident.

    ``whole``: it is one line; only then it may begin with the name of a month, as a line of somebody's own may, too.
    """
    if not (_HAS_TIME.search(text) or _HAS_DATE.search(text)):
        return False
    address = _SET_OFF_ADDRESS.search(text) is not None
    begins = _begins_with_date(text) or (whole and _MONTH_FIRST.match(text) is not None)
    return (begins or address) if _WROTE.search(text) else (begins and address)


def _begins_with_date(text: str) -> bool:
    opener = _OPENER.match(text)
    return bool(_DATE_AFTER_OPENER.match(text, opener.end()) if opener else _DATE_FIRST.match(text))


def _may_be_wrapped(line: str) -> bool:
    """Whether a line may be the beginning of an attribution that goes on below. "Only on 5 May", "On 5 May 2026." may not."""
    if _SET_OFF_ADDRESS.search(line) or re.search(r"<[^>]*\Z", line):
        return True
    full = line.endswith(",") or len(line) >= _WRAPPED or bool(_HAS_TIME.search(line) and _HAS_DATE.search(line))
    return _begins_with_date(line) and full


def _with_wrapped_date(lines: Sequence[str], start: int) -> int:
    """Step up while the line above is the beginning of the same attribution: "On Nov 21, 2014," over "at 10:18,"."""
    for above in range(start - 1, max(-1, start - 3), -1):
        text = visible(lines[above])
        begun = visible(lines[start])
        if (
            _OPENER.match(begun)
            or _HAS_DATE.search(begun)
            or not (_OPENER.match(text) and text.endswith(",") and len(text) <= 80)
        ):
            break
        if not _begins_with_date(text):
            break
        start = above
    return start
