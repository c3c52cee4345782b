"""Recognise what programs and companies put below a mail: "Sent from my iPhone", legal footers, registered numbers.

Each recogniser answers for a whole line or paragraph, word for word: a text that only *begins* like a footer ("Sent with
half the amount", "This message must not contain anything confidential") is a person's own. What is not known here stays
their own too, which makes an approval unclear and costs one mail. Greetings, names and titles are in `signoff`.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from mailgate.model.phrases import LEGAL_FORMS, NEVER_A_NAME
from mailgate.model.postal import is_postal


def _words(text: str) -> frozenset[str]:
    return frozenset(text.casefold().split())


_DEVICES = _words(
    """
    iphone ipad ipod mac macbook imac watch galaxy android blackberry smartphone phone mobile tablet handy telefon
    smartfon móvil téléphone portable celular cellulare telefoon mobiltelefon puhelin mobiel cihazım outlook gmail mail proton
    protonmail yahoo thunderbird k-9 fairemail bluemail spark airmail mailspring superhuman huawei xiaomi samsung nokia
    motorola pixel fairphone oneplus redmi xperia sony lg htc verizon t-mobile at&t windows ios icloud gmx web.de tuta
    tutanota aol mailfence fastmail boxer edison canary bluemail aquamail device gerät appareil dispositivo toestel laptop computer
    """
)
_BESIDE_DEVICES = _words(
    """
    my a an the der die das dem mein meine meinem meiner mon ma mi meu mio mia min mijn mit i för für for on pour para
    per voor til via from workspace one 5g 4g 3g lte wireless apple microsoft google app apps mobile-app ios email e-mail secure pro
    max plus mini se ultra note air edge smart phone de do da dal del com y o get getting download herunter
    herunterladen downloaden beziehen holen sie sich laden obtenir obtener obter obtén télécharger télécharge
    descargar ottieni scarica baixar baixe hämta hent pobierz dla aplikację program systemu mojego mojej o dal dalla
    mobile-mail
    """
)
_MODEL = re.compile(r"(?:[12]?\d|[a-z]\d{1,2})[a-z+]?")
_DEVICE_LINES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?:sent|sent securely) (?:from|via|with|using) (?P<device>.+)",
        r"get (?P<device>.+ for (?:android|ios|iphone|ipad|mac|windows))",
        r"(?P<device>yahoo mail): search, organize, conquer",
        r"(?P<device>(?:get|holen|laden|obten\w+|obter|télécharge\w*|descargar|scarica|ottieni|download|hämta|hent|bai\w+|"
        r"pobierz) .*outlook .+)",
        r"(?P<device>outlook (?:für|for|pour|para|per|voor) (?:ios|android|mac)(?: (?:beziehen|herunterladen|downloaden))?)",
        r"gesendet (?:von|mit|über) (?P<device>.+)",
        r"(?:diese nachricht wurde )?von (?P<device>mein\w* .+) gesendet",
        r"envoyé (?:de|depuis|avec|à partir de) (?P<device>.+)",
        r"enviado (?:desde|de|do|con|com) (?P<device>.+)",
        r"inviato (?:da|dal|con) (?P<device>.+)",
        r"(?:verzonden|verstuurd) (?:vanaf|met|via) (?P<device>.+)",
        r"(?:skickat från|sendt fra|sendt med|sent fra|lähetetty|wysłan[eo] z|odesl[áa]no z|odoslané z|trimis de pe|küldve) "
        r"(?P<device>.+)",
        r"(?:отправлено|надіслано) (?:с|из|з) (?:моего |мого )?(?P<device>.+)",
        r"(?P<device>.+?)['’]?(?:[dt][ae]n|[ıiuü]m[dt][ae]n) gönderildi",
        r"(?P<device>.+?)\s?から送信(?:しました)?",
        r"(?:发自我的|從我的|从我的)\s?(?P<device>.+?)(?:\s?(?:傳送|发送|發送))?",
        r"나의 (?P<device>.+?)에서 보냄",
        r"נשלח מה-?(?P<device>.+?) שלי",
        r"(?:أرسل|أُرسل|أُرسلت|تم الإرسال) من (?:الـ ?|ال)?(?P<device>.+?)(?: الخاص بي)?",
        r"secured with (?P<device>tuta(?:nota)?(?: mail)?):?",
        # What Outlook on a telephone offers to whoever reads it.
        r"(?:获取|取得|下载|下載)\s?(?P<device>.*outlook.*)",
        r"(?P<device>.*outlook.*?)\s?(?:を入手|다운로드)",
        r"ios için (?P<device>outlook)['’]u edinin",
        r"קבל את (?P<device>outlook) עבור ios",
        r"احصل على (?P<device>.*outlook.*)",
    )
)
_EXCUSE = re.compile(
    r"[\s,.;:–-]*(?:please |pls )?(?:excuse|forgive|pardon|ignore)(?: (?:any|the|my|all|and|or|brevity|typos?|errors?|"
    r"mistakes?|spelling|autocorrect))+[.!]?\Z",
    re.IGNORECASE,
)
_VENDOR_PAGE = re.compile(r"<?https?://(?:www\.)?(?:tuta\.com|proton\.me|aka\.ms|getmailspring\.com)/[\w/?=&-]{0,60}>?")
_SCANNED = re.compile(
    r"virus-?free\.?(?:\s*<?(?:https?://)?www\.avast\.com\S*)?"
    r"|this (?:e-?mail|message|mail) (?:has been|was) (?:scanned|checked)(?: for viruses| for spam| for malware| and|,)*"
    r"(?: by| using| with)(?: (?:the|symantec|broadcom|avast|avg|kaspersky|mcafee|trellix|mimecast|messagelabs|sophos|eset|"
    r"bitdefender|barracuda|proofpoint|fortimail|antivirus|anti-virus|anti-spam|e-?mail|mail|web|security|secure|gateway|cloud|"
    r"security\.cloud|essentials|system|service|services|software))+\.?",
    re.IGNORECASE,
)
_LINK = re.compile(r"\[([^\[\]]{1,40})\]\(https?://[^()\s]{1,200}\)|<https?://[^<>\s]{1,400}>|\bhttps?://\S{1,400}")


def is_from_device(line: str) -> bool:
    """Return whether a line says of what the mail was sent from, and nothing else: known devices and programs only."""
    if len(line) > 600:
        return False
    if _VENDOR_PAGE.fullmatch(line.strip()):
        return True
    text = " ".join(_LINK.sub(lambda link: link[1] or "", line).split()).strip("*_() ")
    if len(text) > 120:
        return False
    if _SCANNED.fullmatch(text):
        return True
    text = _EXCUSE.sub("", text).rstrip(". ")
    return any((found := form.fullmatch(text)) and _is_device(found["device"]) for form in _DEVICE_LINES)


def _is_device(text: str) -> bool:
    """Whether every word belongs to the name of a device or a mail program; a figure only as the model behind one."""
    words = [re.sub(r"['’][^\W\d_]{1,2}\Z", "", word.strip(",()-")) for word in text.casefold().split()]  # iPhone'a
    words = [word for word in words if word]
    for index, word in enumerate(words):
        model = index and words[index - 1] in _DEVICES | _BESIDE_DEVICES and _MODEL.fullmatch(word)
        if not (word in _DEVICES or word in _BESIDE_DEVICES or model):
            return False
    return any(word in _DEVICES for word in words)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Legal:
    """How one language's legal footer reads: it opens so, tells who should not read it, and has no other words.

    ``warned`` are words that occur only in what an unintended reader is told, a sentence with ``unless_meant`` in it.
    """

    opens: re.Pattern[str]
    tells: re.Pattern[str]
    words: frozenset[str]
    unless_meant: re.Pattern[str] = re.compile(r"(?!)")
    warned: frozenset[str] = frozenset()


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


_HEADING = _pattern(
    r"(?:(?:legal|confidentiality|privacy|important|e-?mail)\s+)*(?:notice|disclaimer|confidentiality|confidential)\b"
    r"[\s:.–—-]*"
)
_UNINTENDED = (
    r"not (?:(?:the|an|a|its|their) )?(?:(?:intended|named) )?(?:recipient|addressee)|(?:in error|by mistake)\b"
)
_LANGUAGES = (
    _Legal(
        opens=_pattern(
            r"(?:this|the|any|all)\b.{0,60}?\b(?:e-?mails?|message|communication|transmission)\b"
            r"|if you (?:are not|(?:have )?received?)|privileged (?:and|&|/) confidential\b"
        ),
        tells=_pattern(
            rf"{_UNINTENDED}|intended (?:only |solely |exclusively )?for the "
            r"(?:sole |exclusive )?(?:use |attention )?(?:of |by )?(?:the )?(?:named |intended )?"
            r"(?:addressee|recipient|person|individual)"
        ),
        words=_words(
            """
            a accuracy agent alert an anyone authorised authorized based believe business electronic including original others
            print protected s security show then timeliness upon
            accept accepts action addressed addressee addressees advise advised all also and any applicable are
            arising as at attached attachment attachments author be been binding by can cannot caused checked communication
            communications company computer confidential confidentiality contact contain contained containing contains
            content contents contract contracts copied copies copy copying corrupted damage delete deleted deletion destroy
            disclose disclosed disclosing disclosure disseminate dissemination distribute distributed distribution e-mail
            e-mails email emails entity error exclusive exempt expressed expressly file files for forbidden forward
            forwarded free from guarantee guaranteed has have hereby however if immediately in incomplete individual
            individuals inform information intended intercepted is it its kindly late law legal legally liability liable
            loss lost mail may message messages mistake must named necessarily neither no nor not notice notified notify of
            on only opinions or organisation organization other otherwise our part permission permitted person persons
            personal phone please prior privilege privileged prohibited property proprietary read receipt received receive
            recipient recipients reliance reply represent responsibility responsible result retain return review scanned
            secure sender should signed sole solely store strictly such system taken taking telephone that the their them
            therein they this those to transmission transmitted unauthorised unauthorized unlawful use used using views
            virus viruses was we were which who whom with without written you your
            """
        ),
        unless_meant=_pattern(rf"if you\b.*(?:{_UNINTENDED})"),
        warned=_words("act approve do take"),
    ),
    _Legal(
        opens=_pattern(r"(?:diese|die in dieser) (?:e-?mail|nachricht)\b|(?:falls|wenn|sollten) sie\b"),
        tells=_pattern(
            r"nicht der (?:richtige |vorgesehene |beabsichtigte )?(?:adressat|empfänger)\b|irrtümlich|versehentlich"
        ),
        words=_words(
            """
            absender adressat adressaten als an anhang anhänge anlagen ausschließlich auch bestimmt beabsichtigte bitte darf
            das dem den der des die diese diesem diesen dieser dieses dritte dürfen e-mail eine einer einschließlich email
            empfänger enthalten enthaltenen enthält erhalten etwaige falls form für genannten geschützt geschützte gestattet
            haben ihrem ihrer im in information informationen informieren inhalt inhalts irrtümlich ist jede jegliche kann
            kopie kopien kopieren löschen mail mit nachricht nicht nur nutzung oder per person personen rechtlich richtige
            sein sich sie sind so sofort sollten sowie strengstens system umgehend unbefugte und unerlaubte unverzüglich
            uns untersagt verboten verbreitung vernichten versehentlich vertraulich vertrauliche vertraulichen verwendung
            von vorgesehene weitergabe weiterleiten weiterleitung wenn werden wurde zu zum zur
            """
        ),
    ),
    _Legal(
        opens=_pattern(r"(?:ce|cet|les informations contenues dans ce) (?:message|courriel|e-?mail|mail|courrier)\b"),
        tells=_pattern(r"pas (?:le|un des|l['’]un des) (?:véritables? )?destinataires?|par erreur"),
        words=_words(
            """
            à a au aux autre avec avez avertir ce ces cet cette confidentiel confidentielle confidentielles confidentiels
            contenir contenues contient copie courriel courrier d dans de des destinataire destinataires destiné destinés
            détruire diffusion divulgation du e-mail email en erreur est et été êtes éventuelles exclusif exclusivement
            expéditeur immédiatement information informations informer interdit interdite intention jointes jointe l la le
            les leur mail merci message n ne ou par pas peut peuvent pièces pour reçu reproduction s seul si son sont
            strictement supprimer sur toute toutes tout transmis usage utilisation véritable veuillez votre vous
            """
        ),
    ),
    _Legal(
        opens=_pattern(r"este (?:mensaje|correo|e-?mail)\b"),
        tells=_pattern(r"no es (?:usted )?(?:el|su) destinatario|por error"),
        words=_words(
            """
            a adjuntos archivos al autorización borrar comunique comunicárnoslo con confidencial confidenciales contener contenida
            contiene copia correo cualquier de del destinatario destinatarios dirigido divulgación e e-mail el electrónico
            elimine eliminarlo en error es esta este exclusivamente ha inmediatamente información la legalmente lo los
            mensaje no notifique o para persona por prohibida prohibido privilegiada proceda puede que queda recibido
            rogamos remitente se si sin son su sus uso usted utilización y
            """
        ),
    ),
    _Legal(
        opens=_pattern(r"quest[ao] (?:messaggio|e-?mail|comunicazione)\b"),
        tells=_pattern(r"non (?:è|siete|sei) (?:il|i|l['’]) ?(?:effettiv\w )?destinatari\w|per errore"),
        words=_words(
            """
            a al allegati anche avete avvisare cancellare comunicazione confidenziale confidenziali contenere contenute contiene
            copia da degli dei del della destinata destinatari destinatario destinato di distruggere diffusione divulgazione
            e e-mail è ed errore esclusivamente eventuali gli i il immediatamente in informazioni la le legge lo mail
            messaggio mittente nel non o per persona persone pregati prego privilegiate questa questo ricevuto riservata
            riservate riservato se si siete sono suoi tutti uso utilizzo vietata vietato vostro
            """
        ),
    ),
    _Legal(
        opens=_pattern(r"(?:dit bericht|deze e-?mail|dit e-?mailbericht)\b"),
        tells=_pattern(r"niet de (?:beoogde )?(?:ontvanger|geadresseerde)|abusievelijk|per vergissing|ten onrechte"),
        words=_words(
            """
            aan abusievelijk afzender alle alleen als bent bericht beoogde bestemd bevat bevatten bijlagen de deze die dit door
            e-mail e-mailbericht en gebruik geadresseerde geen heeft hebt het indien informatie inhoud is kan kopiëren
            mag mogelijk niet of onmiddellijk ontvangen ontvanger onrechte openbaarmaking per stellen te ten toegestaan
            uitsluitend u van verboden vergissing vernietigen vertrouwelijk vertrouwelijke verspreiding verwijderen
            verzoeken verzocht voor vriendelijk wij wordt
            """
        ),
    ),
    _Legal(
        opens=_pattern(r"est[ae] (?:mensagem|e-?mail)\b"),
        tells=_pattern(r"não (?:é|for|seja) o (?:seu )?destinatário|por engano|por erro"),
        words=_words(
            """
            a anexos ao apague as avise confidenciais confidencial conter contém contidas cópia da das de destina-se
            destinada destinatário destinatários divulgação do dos e é e-mail elimine em engano erro esta estar este informe
            exclusivamente favor for imediatamente informações informação legalmente mensagem não o os ou para pessoa
            podem pode por privilegiadas proibida proibido qualquer que recebeu remetente se seja seu seus sua tenha uso
            utilização você
            """
        ),
    ),
)
_ENVIRONMENT = re.compile(
    r"(?:please )?(?:consider|think of|think about) the environment before (?:you )?print(?:ing)?"
    r"(?: (?:this|out|the|off|e-?mail|mail|message))*[.!]?|think before (?:you )?print[.!]?"
    r"|bitte (?:denken sie an|prüfen sie|berücksichtigen sie) die umwelt,? bevor sie diese (?:e-?)?mail (?:aus)?drucken[.!]?",
    re.IGNORECASE,
)


def is_legal(paragraph: str, *, house: AbstractSet[str] = frozenset(), whole: bool = True) -> bool:
    """Return whether a paragraph, its lines joined by blanks, is a legal footer or the heading of one.

    Args:
        house: words of the sender's company, in lower case, which may stand in it.
        whole: every word must be one that such footers consist of; else it is enough that it opens like one.
    """
    text = " ".join(paragraph.split()).strip("*_[]() ")
    if not 0 < len(text) <= 6000:
        return False
    heading = _HEADING.match(text)
    if _ENVIRONMENT.fullmatch(text) or (heading and heading.end() == len(text)):
        return True
    text = text[heading.end() :] if heading else text
    for language in _LANGUAGES:
        if language.opens.match(text) and language.tells.search(text):
            return not whole or all(_is_legal_sentence(piece, language, house) for piece in re.split(r"[.!;]", text))
    return False


def _is_legal_sentence(sentence: str, language: _Legal, house: AbstractSet[str]) -> bool:
    known = language.words | house | LEGAL_FORMS
    if language.unless_meant.search(sentence):
        known |= language.warned
    words = (re.sub(r"['’]s$", "", word) for word in re.split(r"[\s,:/()\"“”*_|–—]+|['’](?!s\b)", sentence.casefold()))
    return all(not word or word in known for word in words)


_OFFICERS = re.compile(
    r"(?:geschäftsführ(?:er|erin|ung|er:in)|vorstand|vorstandsvorsitzende\w*|aufsichtsrat\w*|vorsitz\w* des aufsichtsrat\w*|"
    r"sitz(?: der gesellschaft)?|registered (?:office|address)|managing directors?|board of directors|siège social)\s*:\s*",
    re.IGNORECASE,
)
_PLACE = r"(?P<place>[^\W\d_]+(?:[ -](?:and |am |an der )?[^\W\d_]+){0,3})"
_REGISTERED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?:handelsregister|registergericht|amtsgericht)\s?:?\s?{_PLACE}[,:]?\s?HR[AB][ -]?(?:nr\.? ?)?\d{{1,7}}\s?[a-z]?",
        rf"HR[AB][ -]?(?:nr\.? ?)?\d{{3,7}}(?:,? {_PLACE})?",
        r"(?:ust-?id(?:[ -]?nr)?|vat(?: reg(?:istration)?)?(?: no| number)?)[.: ]{0,3}(?!no)[a-z]{2}[ -]?\d[\d .]{6,14}\d",
        r"(?:siret|siren|p\.?\s?iva|nif|cif)[.: ]{0,3}[a-z]{0,2}(?: ?\d){8,14}[a-z]?",
        rf"registered in {_PLACE},?\s(?:with |under )?(?:company )?(?:no|number|nr)[.: ]{{0,3}}[a-z]{{0,2}}\d{{6,9}}",
        r"company (?:registration |reg\.? )?(?:no|number|nr)[.: ]{0,3}[a-z]{0,2}\d{6,9}",
    )
)


def is_registered(line: str) -> bool:
    """Return whether a line is the number under which a company is registered, and nothing else."""
    if len(line) > 120:
        return False
    found = next((match for form in _REGISTERED if (match := form.fullmatch(line.rstrip(".")))), None)
    return found is not None and _is_place(found.groupdict().get("place") or "")


def is_register_entry(line: str) -> bool:
    """Return whether a line is a registered number among sentences about a company's seat and officers, and no other."""
    pieces = (
        [piece for piece in re.split(r"(?<=[\w)])[.;]\s+|\s[|·•–-]\s", line.rstrip(". ")) if piece]
        if len(line) <= 400
        else []
    )
    return any(map(is_registered, pieces)) and all(is_registered(piece) or is_officers(piece) for piece in pieces)


def is_officers(line: str) -> bool:
    """Return whether a line names a company's officers or its seat. It could name anything: see that a number is by."""
    label = _OFFICERS.match(line) if len(line) <= 120 else None
    if label and is_postal(line[label.end() :]):
        return True
    names = re.split(r"[,;/]|\b(?:und|and|et|y)\b", line[label.end() :]) if label else []
    return bool(names) and all(
        _is_place(re.sub(r"\b(?:dr|prof|ing|dipl)\.", "", name.strip().lower())) for name in names
    )


def _is_place(text: str) -> bool:
    """Whether a name of a place or a person holds no word that limits, defers or negates."""
    words = re.sub(r"\b(?:and|am|an der)\b", " ", text.casefold()).split()
    return len(words) <= 5 and not any(word.strip(".-") in NEVER_A_NAME for word in words)
