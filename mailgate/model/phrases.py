"""Words of greetings and signatures in the languages of mail clients. Tables only; the rules are in `signoff`."""

from __future__ import annotations

import re


def _listed(text: str) -> frozenset[str]:
    """Split at bars and line ends."""
    return frozenset(part.strip() for part in re.split(r"[|\n]", text) if part.strip())


def _words(text: str) -> frozenset[str]:
    """Split at blanks."""
    return frozenset(re.split(r"\s+", text.strip()))


CLOSINGS = _listed(
    """
    thanks | many thanks | thank you | thank you very much | thanks a lot | thanks so much | thx | ty | cheers
    best | regards | kind regards | best regards | warm regards | warmest regards | with kind regards
    kindest regards | rgds | kr | br | all the best | best wishes | sincerely | yours | yours sincerely
    sincerely yours | yours faithfully | yours truly | respectfully | cordially | greetings
    mfg | vg | lg | bg | danke | vielen dank | besten dank | viele grüße | viele grüsse | beste grüße | beste grüsse
    liebe grüße | schöne grüße | gruß | gruss | grüße | grüsse | mit freundlichen grüßen | mit freundlichen grüssen
    mit freundlichem gruß | freundliche grüße | freundliche grüsse | mit besten grüßen
    merci | merci beaucoup | cordialement | bien cordialement | bien à vous | salutations | sincères salutations
    gracias | muchas gracias | saludos | un saludo | saludos cordiales | atentamente
    grazie | grazie mille | saluti | cordiali saluti | distinti saluti | un saluto
    obrigado | obrigada | atenciosamente | cumprimentos | abraços
    bedankt | dank | groet | groeten | met vriendelijke groet | met vriendelijke groeten | mvg
    tack | takk | tak | mvh | vh | hälsningar | vänliga hälsningar | med vänliga hälsningar | med vänlig hälsning
    hilsen | med vennlig hilsen | vennlig hilsen | med venlig hilsen | venlig hilsen | kiitos | terveisin
    ystävällisin terveisin
    dzięki | dziękuję | pozdrawiam | z poważaniem | děkuji | s pozdravem | s pozdravom | ďakujem
    köszönöm | üdvözlettel
    спасибо | с уважением | дякую | з повагою | благодаря | поздрави | hvala | pozdrav | mulțumesc | cu stimă
    teşekkürler | saygılarımla | iyi çalışmalar | ευχαριστώ | με εκτίμηση | תודה | בברכה | شكرا | مع التحية
    よろしくお願いします | よろしくお願いいたします | 宜しくお願いします | 宜しくお願い致します
    ありがとうございます | 谢谢 | 謝謝 | 此致 | 敬礼 | 감사합니다 | terima kasih | cảm ơn | trân trọng
    """
)
"""What stands alone on a line before a name."""

PARTICLES = _words("von van de der den di da del la le bin al y e dos du zu")
"""Lower-case words inside names."""

CONNECTORS = _words("of and for the & und für et des")
"""Lower-case words inside titles and company names."""

NEVER_A_NAME = _words(
    """
    abort all almost also although amount and any after april ask at august before below but by cancel cannot cap
    change check conditional conditionally confirm date december decline declined denied deny depends discuss don't
    dont due each error eur euro except excluding false february first friday from gbp half halt hold however if in
    instead january july june just later less limit limited march may maybe maximum minimum minus monday more must
    nah need needs never next no none nope not november now october on once one only oops or otherwise over part
    partial partially partly pause pending perhaps please plus postpone production provided providing provisional
    provisionally question refuse reject rejected review saturday second see september should skip some soon staging
    stop subject sunday temporarily test than then though thursday till to today tomorrow tonight tuesday twice
    under undo unless until up usd use verify via wait wednesday week when while why with without wrong yes yet
    aber abwarten ablehnen allerdings ausser außer bis bitte dann dienstag donnerstag einmal einverstanden erst
    falls freitag heute höchstens januar juni juli jedoch kein keine maximal mindestens mittwoch montag morgen nein
    nicht nie noch nur oder ohne sofern solange sobald sondern sonntag später stopp teilweise und vorläufig warten
    wenn weniger
    attendre aujourd'hui après avant demain jamais jeudi lundi mais mardi mercredi non oui partiellement pas
    peut-être refusé sauf seulement si uniquement vendredi
    cuando después espera esperar excepto hasta hoy jueves luego lunes martes mañana menos miércoles nada nunca
    parcialmente pero quizás salvo sin solamente solo sólo viernes
    amanhã apenas até depois não se sem somente só talvez
    aspetta domani dopo fino finché forse ma mai oggi parzialmente prima purché senza soltanto
    alleen als behalve daarna eerst geen maar niet nooit tenzij tot vandaag wachten zonder
    bara bare eller endast först ikke imorgon inte kun men någonsin om utan vent vänta
    ale ano ak až dopiero iba jen jeśli jutro len ne nie pouze tylko zaczekaj
    ждать завтра если кроме не нет но пока подожди позже только
    """
)
"""Words that limit, defer or negate. "May" and "April" too: a sender of that name is recognised by her From field."""

PLAIN_WORDS = _words(
    """
    agree agreed ahead all am approve approved are cheers confirmed done everything excellent fine from go good
    great happy have hello hi i is it its lgtm looks me my nice no_objection ok okay our perfect please proceed side
    so sure thank thanks that this thx to us very we well with work yep yes you your
    """
)
"""Words of assent and courtesy of which no combination sets a condition: no "for", no "when", no "see"."""

THANKS_FOR = re.compile(
    r"(?:many )?(?:thanks|thank you|thx)(?: (?:very|so) much| a lot)? for "
    r"(?:asking|checking|waiting|this|that|it|letting me know|reminding me|the quick \w+|the clear \w+|"
    r"the (?:heads[- ]up|reminder|details|explanation|information|info|context|mail|email|note|summary)|"
    r"your (?:patience|help|work|mail|email|message|note))"
)
GOOD_DAY = re.compile(r"have a (?:nice|good|great|lovely) (?:day|evening|weekend|week)(?: (?:everyone|all))?")

SENT_FROM = re.compile(
    r"(?:sent|sent securely) (?:from|via|with|using)\b|get outlook for\b|virus-?free\b|"
    r"gesendet (?:von|mit|über)\b|von mein\w+ .*gesendet|diese nachricht wurde von mein\w+ .*gesendet|"
    r"outlook (?:für|for|pour|para|per) (?:ios|android)\b|"
    r"(?:télécharge[rz]|obtener?|scarica|download|hämta|hent|baixe) outlook\b|"
    r"envoyé (?:de|depuis|avec|à partir)\b|enviado (?:desde|de|do|con|com)\b|inviato (?:da|dal|con)\b|"
    r"verzonden (?:vanaf|met|via)\b|verstuurd vanaf\b|skickat från\b|sendt (?:fra|med)\b|sent fra\b|lähetetty\b|"
    r"wysłan[eo] z\b|odesl[áa]no z\b|odoslané z\b|отправлено (?:с|из)\b|надіслано з\b|trimis de pe\b|küldve\b|"
    r".*(?:iphone|ipad|galaxy|android).*"
    r"(?:gönderildi|から送信|發送|发送|傳送|보냄|elküldve|lähetetty)|"
    r"发自我的|從我的 .*傳送|나의 .*보냄|נשלח מ|أرسل|أُرسل",
    re.IGNORECASE,
)
"""What phones, apps and scanners write below a mail in their owner's name."""

_SECRECY = (
    r".{0,200}?(?:confidential|privileged|legally protected|unauthori[sz]ed|addressee|property of|intended recipient|"
    r"intended (?:only |solely |exclusively )?for the (?:use|addressee|recipient|person|individual|named))"
)
_HEADING = r"(?:(?:legal|confidentiality|privacy|important|e-?mail)\s+)*"
FOOTER = re.compile(
    # Each alternative needs words of secrecy, not only "this message", which a person may write too.
    rf"{_HEADING}(?:notice|disclaimer|confidentiality|confidential)\W*$|"
    rf"{_HEADING}(?:notice|disclaimer|confidential)?\W*"
    rf"(?:this|the|any)\b.{{0,60}}?\b(?:e-?mail|message|communication|transmission)\b{_SECRECY}|"
    r"privileged (?:and|&|/) confidential\b|"
    r"if you (?:are not (?:the|an) (?:intended |named )?(?:recipient|addressee)|"
    r"(?:have )?received? this (?:e-?mail|message|communication|transmission)\b.{0,60}(?:in error|by mistake))|"
    r"(?:please )?consider the environment before|think before (?:you )?print|"
    r"diese (?:e-?mail|nachricht)\b.{0,160}(?:vertraulich|unbefugt)|"
    r"ce (?:message|courriel|mail|courrier)\b.{0,160}confidentiel|"
    r"este (?:mensaje|correo|e-?mail)\b.{0,160}confidencial|est[ae] (?:mensagem|e-?mail)\b.{0,160}confidencia|"
    r"quest[ao] (?:messaggio|e-?mail|comunicazione)\b.{0,160}(?:riservat|confidenzial)|"
    r"(?:dit bericht|deze e-?mail|dit e-?mailbericht)\b.{0,160}vertrouwelijk",
    re.IGNORECASE,
)
"""How the legal text that servers append starts; nothing of the person's own follows it."""

OFFICERS = re.compile(
    r"(?:geschäftsführ(?:er|erin|ung|er:in)|vorstand|vorstandsvorsitzende\w*|aufsichtsrat\w*|vorsitz\w* des aufsichtsrat\w*|"
    r"sitz(?: der gesellschaft)?|registered (?:office|address)|managing directors?|board of directors|siège social)\s*:\s*",
    re.IGNORECASE,
)
"""What introduces the names and places that a company must print below its letters."""

_PLACE = r"[^\W\d_][\w .&-]{0,40}"
IMPRINT = re.compile(
    rf"(?:handelsregister|registergericht|amtsgericht)\s?:?\s?{_PLACE}[,:]?\s?HR[AB][ -]?(?:nr\.? ?)?\d{{1,7}}\s?[a-z]?|"
    rf"HR[AB][ -]?(?:nr\.? ?)?\d{{1,7}}(?:,? {_PLACE})?|"
    r"(?:ust-?id(?:[ -]?nr)?|vat(?: reg(?:istration)?)?(?: no| number)?|siret|siren|p\.?\s?iva|nif|cif)[.: ]{0,3}"
    r"[a-z]{0,3}[\d .]{6,20}|"
    rf"registered in {_PLACE},?\s?(?:with |under )?(?:company )?(?:no|number|nr)[.: ]{{0,3}}\w{{0,2}}\d{{5,9}}|"
    r"company (?:registration |reg\.? )?(?:no|number|nr)[.: ]{0,3}\w{0,2}\d{5,9}",
    re.IGNORECASE,
)
"""The numbers a company must print; one line each."""
