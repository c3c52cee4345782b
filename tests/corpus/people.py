"""Who answers: one approver for each language, with the lines that she, her company and her telephone put below a mail.

All of them are invented, with addresses of RFC 2606. What they *decide* stands in `answers`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """One person.

    ``closing`` is what she puts above her name, ``card`` the signature of her company, ``legal`` the footer below it,
    ``reason`` why she refuses, in her own language, ``charset`` what mails in it were written in before UTF-8.
    """

    language: str
    name: str
    address: str
    closing: str
    card: str
    legal: str
    reason: str
    charset: str

    @property
    def first(self) -> str:
        """Her first name, which stands last in Japanese, Chinese and Korean."""
        return self.name if self.language in ("ja", "zh", "ko") else self.name.split()[0]

    @property
    def domain(self) -> str:
        """The domain of her address."""
        return self.address.partition("@")[2]


WRITERS = {
    writer.language: writer
    for writer in (
        Writer(
            language="en",
            name="Bob Brown",
            address="bob.brown@example.com",
            closing="Kind regards",
            card=(
                "Bob Brown\nHead of Finance\n\nExample Ltd | 10 Station Road, London SW1A 2AA\n"
                "T +44 20 7946 0123 | M +44 7700 900123\nbob.brown@example.com | www.example.com\n\n"
                "Registered in England and Wales No. 01234567"
            ),
            legal=(
                "This e-mail and any attachments are confidential and intended solely for the use of the individual to "
                "whom they are addressed. If you are not the intended recipient, do not approve, disclose or copy it."
            ),
            reason="The customer was refunded on Monday.",
            charset="us-ascii",
        ),
        Writer(
            language="de",
            name="Jürgen Groß",
            address="juergen.gross@beispiel.example",
            closing="Mit freundlichen Grüßen",
            card=(
                "Jürgen Groß\nLeiter Finanzen\n\nBeispiel GmbH\nHauptstraße 5, 50667 Köln\nTel.: +49 221 1234567\n"
                "Mobil: +49 171 1234567\njuergen.gross@beispiel.example\nwww.beispiel.example\n\n"
                "Sitz der Gesellschaft: Köln\nAmtsgericht Köln, HRB 12345\nGeschäftsführer: Max Muster"
            ),
            legal=(
                "Diese E-Mail enthält vertrauliche Informationen. Wenn Sie nicht der richtige Adressat sind oder diese "
                "E-Mail irrtümlich erhalten haben, informieren Sie bitte sofort den Absender und vernichten Sie diese Mail."
            ),
            reason="Der Kunde hat das Geld schon am Montag bekommen.",
            charset="iso-8859-1",
        ),
        Writer(
            language="fr",
            name="Élodie Dupont",
            address="elodie.dupont@exemple.example",
            closing="Cordialement",
            card=(
                "Élodie Dupont\nDirectrice financière\n\nExemple SAS\n12, rue de la Paix\n75002 Paris\nTél. : +33 1 23 45 67 89\n"
                "elodie.dupont@exemple.example"
            ),
            legal=(
                "Ce message et toutes les pièces jointes sont confidentiels. Si vous n'êtes pas le destinataire de ce "
                "message, merci de le détruire et d'en avertir immédiatement l'expéditeur."
            ),
            reason="Le client a déjà été remboursé lundi.",
            charset="windows-1252",
        ),
        Writer(
            language="es",
            name="Carlos Núñez",
            address="carlos.nunez@ejemplo.example",
            closing="Un saludo",
            card=(
                "Carlos Núñez\nDirector financiero\n\nEjemplo SA\nCalle Mayor, 5\n28013 Madrid\nTel.: +34 912 345 678\n"
                "carlos.nunez@ejemplo.example"
            ),
            legal=(
                "Este mensaje y sus archivos adjuntos son confidenciales. Si usted no es el destinatario, queda prohibida "
                "su divulgación, copia o utilización sin autorización."
            ),
            reason="El cliente ya recibió el dinero el lunes.",
            charset="iso-8859-15",
        ),
        Writer(
            language="it",
            name="Giulia Conti",
            address="giulia.conti@esempio.example",
            closing="Cordiali saluti",
            card="Giulia Conti\nResponsabile amministrazione\nEsempio SRL\nVia Roma, 12\n20121 Milano\nTel. +39 02 1234 5678",
            legal=(
                "Questo messaggio è riservato. Se lo avete ricevuto per errore siete pregati di distruggere il messaggio "
                "e di avvisare il mittente."
            ),
            reason="Il cliente è già stato rimborsato lunedì.",
            charset="iso-8859-1",
        ),
        Writer(
            language="pt",
            name="João Silva",
            address="joao.silva@exemplo.example",
            closing="Atenciosamente",
            card="João Silva\nGerente Financeiro\nExemplo SA\nTel.: +55 11 91234 5678\njoao.silva@exemplo.example",
            legal=("Esta mensagem é confidencial. Se não é o destinatário, elimine a mensagem e informe o remetente."),
            reason="O cliente já foi reembolsado na segunda-feira.",
            charset="iso-8859-1",
        ),
        Writer(
            language="nl",
            name="Sanne de Vries",
            address="sanne.devries@voorbeeld.example",
            closing="Met vriendelijke groet",
            card="Sanne de Vries\nHoofd financiën\nVoorbeeld BV\nKeizersgracht 12\n1015 Amsterdam\nTel. +31 20 123 4567",
            legal=(
                "Dit bericht is vertrouwelijk. Indien u niet de geadresseerde bent, verzoeken wij u dit te verwijderen."
            ),
            reason="De klant heeft zijn geld maandag al gekregen.",
            charset="iso-8859-1",
        ),
        Writer(
            language="sv",
            name="Åsa Lindström",
            address="asa.lindstrom@exempel.example",
            closing="Med vänlig hälsning",
            card="Åsa Lindström\nCFO\nExempel AB\nTel +46 8 123 456 78",
            legal="",
            reason="Kunden fick pengarna redan i måndags.",
            charset="iso-8859-1",
        ),
        Writer(
            language="pl",
            name="Łukasz Wójcik",
            address="lukasz.wojcik@przyklad.example",
            closing="Pozdrawiam",
            card="Łukasz Wójcik\nCFO\ntel. +48 22 123 45 67",
            legal="",
            reason="Klient dostał zwrot już w poniedziałek.",
            charset="iso-8859-2",
        ),
        Writer(
            language="ru",
            name="Ольга Смирнова",
            address="olga.smirnova@primer.example",
            closing="С уважением",
            card="Ольга Смирнова\nтел. +7 495 123-45-67",
            legal="",
            reason="Клиенту уже вернули деньги в понедельник.",
            charset="koi8-r",
        ),
        Writer(
            language="tr",
            name="Ayşe Yılmaz",
            address="ayse.yilmaz@ornek.example",
            closing="Saygılarımla",
            card="Ayşe Yılmaz\nCFO\nTel: +90 212 123 45 67",
            legal="",
            reason="Müşteriye pazartesi günü iade yapıldı.",
            charset="iso-8859-9",
        ),
        Writer(
            language="ja",
            name="山田 花子",
            address="hanako.yamada@rei.example",
            closing="よろしくお願いいたします。",
            card="山田 花子\nTEL: +81 3 1234 5678\nhanako.yamada@rei.example",
            legal="",
            reason="月曜日に返金済みです。",
            charset="iso-2022-jp",
        ),
        Writer(
            language="zh",
            name="王 伟",
            address="wei.wang@lizi.example",
            closing="谢谢",
            card="王 伟\n电话: +86 10 1234 5678\nwei.wang@lizi.example",
            legal="",
            reason="客户周一已经收到退款。",
            charset="gb18030",
        ),
        Writer(
            language="ko",
            name="김민준",
            address="minjun.kim@bogi.example",
            closing="감사합니다",
            card="김민준\nTel: +82 2 1234 5678",
            legal="",
            reason="고객은 월요일에 이미 환불받았습니다.",
            charset="ks_c_5601-1987",
        ),
        Writer(
            language="he",
            name="נועה כהן",
            address="noa.cohen@dugma.example",
            closing="תודה",
            card="נועה כהן\nTel: +972 3 123 4567",
            legal="",
            reason="הלקוח כבר קיבל החזר ביום שני.",
            charset="windows-1255",
        ),
        Writer(
            language="ar",
            name="ليلى حسن",
            address="layla.hassan@mithal.example",
            closing="مع التحية",
            card="ليلى حسن\nTel: +971 4 123 4567",
            legal="",
            reason="تم رد المبلغ إلى العميل يوم الاثنين.",
            charset="windows-1256",
        ),
    )
}
"""By language."""
