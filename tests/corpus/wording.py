"""The sentences of mail clients in the languages they are set to: attributions, labels, separators, telephones.

Formulas only; the names, addresses and times in them are invented. Which client uses which, and where, stands in `clients`.
"""

from __future__ import annotations

from dataclasses import dataclass

WHO = "Approvals <approvals@gate.example.com>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """One language of clients.

    ``gmail``, ``apple``, ``thunderbird`` are attributions with ``{who}`` or a name in them; ``labels`` those of a repeated
    header (sender, date, recipient, subject), with their colons; ``sent`` the date as Outlook writes it; ``original`` the
    words between dashes above a repeated mail; ``re`` the prefix of subjects; the others are what telephones put below.
    """

    gmail: str
    apple: str
    thunderbird: str
    labels: tuple[str, str, str, str]
    sent: str
    original: str
    re: str
    iphone: str
    outlook_mobile: str
    galaxy: str

    def header(
        self, to: str, *, sender: str = WHO, subject: str = "issue_refund (R-7K2M9Q)"
    ) -> tuple[tuple[str, str], ...]:
        """Return the repeated header as pairs of label and value."""
        return tuple(zip(self.labels, (sender, self.sent, to, subject), strict=True))


WORDINGS = {
    "en": Wording(
        gmail="On Tue, Nov 24, 2026 at 3:00 PM {who} wrote:",
        apple="On 24 Nov 2026, at 15:00, {who} wrote:",
        thunderbird="On 11/24/26 3:00 PM, Approvals wrote:",
        labels=("From:", "Sent:", "To:", "Subject:"),
        sent="Tuesday, November 24, 2026 3:00 PM",
        original="Original Message",
        re="Re",
        iphone="Sent from my iPhone",
        outlook_mobile="Get Outlook for iOS",
        galaxy="Sent from my Galaxy",
    ),
    "de": Wording(
        gmail="Am Di., 24. Nov. 2026 um 15:00 Uhr schrieb {who}:",
        apple="Am 24.11.2026 um 15:00 schrieb {who}:",
        thunderbird="Am 24.11.26 um 15:00 schrieb Approvals:",
        labels=("Von:", "Gesendet:", "An:", "Betreff:"),
        sent="Dienstag, 24. November 2026 15:00",
        original="Ursprüngliche Nachricht",
        re="AW",
        iphone="Von meinem iPhone gesendet",
        outlook_mobile="Outlook für iOS beziehen",
        galaxy="Von meinem Galaxy gesendet",
    ),
    "fr": Wording(
        gmail="Le mar. 24 nov. 2026 à 15:00, {who} a écrit :",
        apple="Le 24 nov. 2026 à 15:00, {who} a écrit :",
        thunderbird="Le 24/11/2026 à 15:00, Approvals a écrit :",
        labels=("De :", "Envoyé :", "À :", "Objet :"),
        sent="mardi 24 novembre 2026 15:00",
        original="Message d'origine",
        re="RE",
        iphone="Envoyé de mon iPhone",
        outlook_mobile="Télécharger Outlook pour iOS",
        galaxy="Envoyé depuis mon appareil Galaxy",
    ),
    "es": Wording(
        gmail="El mar, 24 nov 2026 a las 15:00, Approvals (<approvals@gate.example.com>) escribió:",
        apple="El 24 nov 2026, a las 15:00, {who} escribió:",
        thunderbird="El 24/11/26 a las 15:00, Approvals escribió:",
        labels=("De:", "Enviado el:", "Para:", "Asunto:"),
        sent="martes, 24 de noviembre de 2026 15:00",
        original="Mensaje original",
        re="RE",
        iphone="Enviado desde mi iPhone",
        outlook_mobile="Obtener Outlook para iOS",
        galaxy="Enviado desde mi Galaxy",
    ),
    "it": Wording(
        gmail="Il giorno mar 24 nov 2026 alle ore 15:00 {who} ha scritto:",
        apple="Il giorno 24 nov 2026, alle ore 15:00, {who} ha scritto:",
        thunderbird="Il 24/11/26 15:00, Approvals ha scritto:",
        labels=("Da:", "Inviato:", "A:", "Oggetto:"),
        sent="martedì 24 novembre 2026 15:00",
        original="Messaggio originale",
        re="R",
        iphone="Inviato da iPhone",
        outlook_mobile="Scarica Outlook per iOS",
        galaxy="Inviato dal mio Galaxy",
    ),
    "pt": Wording(
        gmail="Em ter., 24 de nov. de 2026 às 15:00, {who} escreveu:",
        apple="Em 24 de nov. de 2026, à(s) 15:00, {who} escreveu:",
        thunderbird="Em 24/11/2026 15:00, Approvals escreveu:",
        labels=("De:", "Enviada em:", "Para:", "Assunto:"),
        sent="terça-feira, 24 de novembro de 2026 15:00",
        original="Mensagem original",
        re="RES",
        iphone="Enviado do meu iPhone",
        outlook_mobile="Obter o Outlook para iOS",
        galaxy="Enviado do meu Galaxy",
    ),
    "nl": Wording(
        gmail="Op di 24 nov 2026 om 15:00 schreef {who}:",
        apple="Op 24 nov. 2026, om 15:00 heeft {who} het volgende geschreven:",
        thunderbird="Op 24-11-2026 om 15:00 schreef Approvals:",
        labels=("Van:", "Verzonden:", "Aan:", "Onderwerp:"),
        sent="dinsdag 24 november 2026 15:00",
        original="Oorspronkelijk bericht",
        re="Antw",
        iphone="Verstuurd vanaf mijn iPhone",
        outlook_mobile="Outlook voor iOS downloaden",
        galaxy="Verzonden vanaf mijn Galaxy",
    ),
    "sv": Wording(
        gmail="Den tis 24 nov. 2026 kl 15:00 skrev {who}:",
        apple="24 nov. 2026 kl. 15:00 skrev {who}:",
        thunderbird="Den 2026-11-24 kl. 15:00, skrev Approvals:",
        labels=("Från:", "Skickat:", "Till:", "Ämne:"),
        sent="den 24 november 2026 15:00",
        original="Ursprungligt meddelande",
        re="SV",
        iphone="Skickat från min iPhone",
        outlook_mobile="Hämta Outlook för iOS",
        galaxy="Skickat från min Galaxy",
    ),
    "pl": Wording(
        gmail="wt., 24 lis 2026 o 15:00 {who} napisał(a):",
        apple="Wiadomość napisana przez {who} w dniu 24.11.2026, o godz. 15:00:",
        thunderbird="W dniu 24.11.2026 o 15:00, Approvals pisze:",
        labels=("Od:", "Wysłane:", "Do:", "Temat:"),
        sent="wtorek, 24 listopada 2026 15:00",
        original="Wiadomość oryginalna",
        re="Odp",
        iphone="Wysłane z iPhone'a",
        outlook_mobile="Pobierz aplikację Outlook dla systemu iOS",
        galaxy="Wysłano z mojego Galaxy",
    ),
    "ru": Wording(
        gmail="вт, 24 нояб. 2026 г. в 15:00, {who}:",
        apple="24 нояб. 2026 г., в 15:00, {who} написал(а):",
        thunderbird="24.11.2026 15:00, Approvals пишет:",
        labels=("От:", "Отправлено:", "Кому:", "Тема:"),
        sent="24 ноября 2026 г. 15:00",
        original="Исходное сообщение",
        re="Re",
        iphone="Отправлено с iPhone",
        outlook_mobile="Скачать Outlook для iOS",
        galaxy="Отправлено с моего Galaxy",
    ),
    "tr": Wording(
        gmail="{who}, 24 Kas 2026 Sal, 15:00 tarihinde şunu yazdı:",
        apple="{who} şunları yazdı (24 Kas 2026 15:00):",
        thunderbird="24.11.2026 15:00 tarihinde Approvals yazdı:",
        labels=("Kimden:", "Gönderildi:", "Kime:", "Konu:"),
        sent="24 Kasım 2026 Salı 15:00",
        original="Özgün İleti",
        re="YNT",
        iphone="iPhone'umdan gönderildi",
        outlook_mobile="iOS için Outlook'u edinin",
        galaxy="Galaxy cihazımdan gönderildi",
    ),
    "ja": Wording(
        gmail="2026年11月24日(火) 15:00 {who}:",
        apple="2026/11/24 15:00、{who}のメール：",
        thunderbird="On 2026/11/24 15:00, Approvals wrote:",
        labels=("差出人:", "送信日時:", "宛先:", "件名:"),
        sent="2026年11月24日 15:00",
        original="元のメッセージ",
        re="Re",
        iphone="iPhoneから送信",
        outlook_mobile="Outlook for iOS を入手",
        galaxy="Galaxyから送信",
    ),
    "zh": Wording(
        gmail="{who} 于2026年11月24日周二 15:00写道：",
        apple="2026年11月24日 15:00，{who} 写道：",
        thunderbird="在 2026/11/24 15:00, Approvals 写道:",
        labels=("发件人:", "发送时间:", "收件人:", "主题:"),
        sent="2026年11月24日 15:00",
        original="邮件原件",
        re="答复",
        iphone="发自我的iPhone",
        outlook_mobile="获取 Outlook for iOS",
        galaxy="发自我的 Galaxy",
    ),
    "ko": Wording(
        gmail="2026년 11월 24일 (화) 오후 3:00, {who}님이 작성:",
        apple="2026. 11. 24. 오후 3:00, {who} 작성:",
        thunderbird="26. 11. 24. 15:00에 Approvals 이(가) 쓴 글:",
        labels=("보낸 사람:", "보낸 날짜:", "받는 사람:", "제목:"),
        sent="2026년 11월 24일 화요일 오후 3:00",
        original="원본 메시지",
        re="Re",
        iphone="나의 iPhone에서 보냄",
        outlook_mobile="Outlook for iOS 다운로드",
        galaxy="나의 Galaxy에서 보냄",
    ),
    "he": Wording(
        gmail=(
            "\u202bבתאריך יום ג׳, 24 בנוב׳ 2026 ב-15:00 מאת \u202aApprovals\u202c\u200f "
            "<\u202aapprovals@gate.example.com\u202c\u200f>:\u202c"
        ),
        apple="\u200fב-24 בנוב׳ 2026, בשעה 15:00, \u200f{who} כתב/ה:",
        thunderbird="On 24/11/2026 15:00, Approvals wrote:",
        labels=("מאת:", "נשלח:", "אל:", "נושא:"),
        sent="יום שלישי 24 נובמבר 2026 15:00",
        original="הודעה מקורית",
        re="RE",
        iphone="נשלח מה-iPhone שלי",
        outlook_mobile="קבל את Outlook עבור iOS",
        galaxy="נשלח מה-Galaxy שלי",
    ),
    "ar": Wording(
        gmail="\u200fفي الثلاثاء، 24 نوفمبر 2026 في 3:00 م تمت كتابة ما يلي بواسطة \u200f\u202a{who}\u202c\u200f:",
        apple="في ٢٤ نوفمبر ٢٠٢٦، الساعة ٣:٠٠ م، كتب {who}:",
        thunderbird="في 24/11/2026 15:00، كتب Approvals:",
        labels=("من:", "تم الإرسال:", "إلى:", "الموضوع:"),
        sent="الثلاثاء، ٢٤ نوفمبر ٢٠٢٦ ٣:٠٠ م",
        original="الرسالة الأصلية",
        re="رد",
        iphone="أُرسل من الـ iPhone",
        outlook_mobile="احصل على Outlook for iOS",
        galaxy="تم الإرسال من Galaxy",
    ),
}
"""By language."""
