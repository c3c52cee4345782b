"""Words of greetings and signatures in the languages of mail clients. Tables only; the rules are in `signoff`."""

from __future__ import annotations

import re


def _listed(text: str) -> frozenset[str]:
    """Split at bars and line ends."""
    return frozenset(part.strip() for part in re.split(r"[|\n]", text.casefold()) if part.strip())


def _words(text: str) -> frozenset[str]:
    """Split at blanks."""
    return frozenset(text.casefold().split())


CLOSINGS = _listed(
    """
    thanks | many thanks | thank you | thank you very much | thanks a lot | thanks so much | thx | ty | ta | cheers
    thanks again | thanks in advance | thank you so much | with thanks | with best regards | with best wishes
    have a nice day | have a great day | have a good day | have a good one | have a nice weekend | have a great weekend
    best | regards | kind regards | best regards | warm regards | warmest regards | with kind regards
    kindest regards | rgds | kr | br | all the best | best wishes | sincerely | yours | yours sincerely
    sincerely yours | yours faithfully | yours truly | respectfully | cordially | greetings
    schönes wochenende | schönen tag | schönen tag noch | einen schönen tag | einen schönen tag noch | schönen abend
    schönen feierabend | herzliche grüße | herzliche grüsse | sonnige grüße | danke dir | danke ihnen | dankeschön
    danke vorab | vielen herzlichen dank | mfg | vg | lg | bg | danke | vielen dank | besten dank | viele grüße
    viele grüsse | beste grüße | beste grüsse
    liebe grüße | schöne grüße | gruß | gruss | grüße | grüsse | mit freundlichen grüßen | mit freundlichen grüssen
    mit freundlichem gruß | freundliche grüße | freundliche grüsse | mit besten grüßen
    bien à toi | bonne journée | bonne soirée | bon week-end | bonne fin de journée | très cordialement | merci d'avance
    merci à vous | merci à toi | bonne continuation | amicalement | merci | merci beaucoup | cordialement
    bien cordialement | bien à vous | salutations | sincères salutations
    buen día | feliz día | buen fin de semana | mil gracias | un cordial saludo | un abrazo | quedo atento
    saludos cordiales
    cordialmente | gracias | muchas gracias | saludos | un saludo | saludos cordiales | atentamente
    buona giornata | buona serata | buon lavoro | grazie e saluti | un cordiale saluto | grazie | grazie mille
    saluti | cordiali saluti | distinti saluti | un saluto
    bom dia | boa tarde | bom trabalho | grato | grata | att | abs | obrigado | obrigada | atenciosamente
    cumprimentos | abraços
    fijne dag | fijn weekend | hartelijke groet | hartelijke groeten | alvast bedankt | vriendelijke groet
    bedankt | dank | groet | groeten | met vriendelijke groet | met vriendelijke groeten | mvg
    ha en fin dag | trevlig helg | god helg | ha en god dag | tack så mycket | mange takk | mange tak | tack | takk
    tak | mvh | vh | hälsningar | vänliga hälsningar | med vänliga hälsningar | med vänlig hälsning
    hilsen | med vennlig hilsen | vennlig hilsen | med venlig hilsen | venlig hilsen | kiitos | terveisin
    ystävällisin terveisin
    dzięki | dziękuję | pozdrawiam | z poważaniem | děkuji | s pozdravem | s pozdravom | ďakujem
    köszönöm | üdvözlettel
    спасибо | с уважением | дякую | з повагою | благодаря | поздрави | hvala | pozdrav | mulțumesc | cu stimă
    teşekkürler | saygılarımla | iyi çalışmalar | ευχαριστώ | με εκτίμηση | תודה | בברכה | شكرا | مع التحية
    お疲れ様です | お疲れさまです | お世話になっております | 以上 | 以上です
    よろしくお願い致します | よろしくお願いします | よろしくお願いいたします | 宜しくお願いします | 宜しくお願い致します
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
    abgelehnt abort after all almost also although amount and annul annulled any april ask at august before below but by
    cancel cannot cap change check conditional conditionally confirm date december decline declined denied deny depends
    discuss don't dont due each error eur euro except excluding false february first friday from gbp half halt hold however if in
    instead january july june just later less limit limited march may maybe maximum minimum minus monday more must
    n nah nay nb need needs never next no nok none nope not november now null october on once one only oops or otherwise
    over part partial partially partly pause pending perhaps please plus postpone production provided providing provisional
    provisionally question refuse reject rejected review saturday second see september should skip some soon staging
    stop subject sunday temporarily test than then though thursday till to today tomorrow tonight tuesday twice
    disapprove disapproved draft dry fake revoke revoked storno tba tbc tbd veto void withdraw withdrawn wip x
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

TITLES = _words(
    """
    head director manager lead leader chief officer executive president vice vp svp evp avp cfo ceo cto coo cio ciso cmo
    cpo chairman chairwoman partner founder co-founder cofounder owner principal senior junior sr jr deputy assistant
    associate analyst accountant controller treasurer bookkeeper engineer developer architect designer scientist researcher
    consultant advisor adviser specialist coordinator administrator supervisor representative clerk secretary buyer planner
    strategist counsel lawyer attorney solicitor auditor professor lecturer dr prof mr mrs ms mx dipl ing mag mba phd msc
    bsc llm cpa acca fca aca cfa pmp esq
    finance financial accounting accounts payable receivable treasury sales marketing operations customer service services
    success product project program programme engineering software hardware data it hr human resources people legal
    compliance risk security infrastructure platform quality assurance procurement purchasing logistics supply chain
    business development research technology technical information systems communications public relations media design
    strategy corporate global international regional europe emea apac americas dach uk group team department dept division
    managing executive affairs growth revenue talent community content brand creative art editor editorial publisher
    accountancy bookkeeping payroll tax audit facilities workplace enterprise cloud network web
    frontend backend devops sre reliability scrum agile master fellow intern trainee apprentice volunteer pastor
    kaufmännischer kaufmännische technischer technische leitender leitende kfm geschäftsleitung geschäftsstelle vorstand
    werkleiter projektleiter projektleiterin bereichsleiter bereichsleiterin gruppenleiter gruppenleiterin prokura
    achats compras responsabile chargé chargée assistante secrétaire juridique informatique logistique
    dept division
    leiter leiterin leitung abteilungsleiter abteilungsleiterin teamleiter teamleiterin geschäftsführer geschäftsführerin
    geschäftsführung prokurist prokuristin buchhaltung finanzen finanzbuchhaltung rechnungswesen controlling einkauf
    vertrieb verwaltung personal personalabteilung technik entwicklung referent referentin sachbearbeiter sachbearbeiterin
    assistent assistentin assistenz sekretariat kundendienst kundenservice inhaber inhaberin berater beraterin ingenieur
    ingenieurin abteilung bereich stellvertretender stellvertretende
    diretor diretora financeiro financeira administrativo administrativa gerência
    directeur directrice responsable chef comptable comptabilité finances financier financière général générale commercial
    commerciale ressources humaines ingénieur adjoint adjointe gérant gérante président présidente
    directora gerente jefe jefa contabilidad finanzas financiero financiera ventas compras recursos humanos presidente
    direttore direttrice responsabile amministrazione contabilità finanza vendite acquisti hoofd financiën verkoop afdeling
    """
)
"""What people are called by their companies. A title of other words is asked about: "Dry Run" may be one, or not."""

BESIDE_TITLES = _words(
    """
    general internal external section unit region north south east west northern southern eastern western central
    usa us germany deutschland austria österreich switzerland schweiz france italia italy españa spain india ireland
    holding holdings solutions systems technologies labs studio studios consulting partners industries trading traders
    ventures insurance energy foods networks digital logistik maschinenbau handel stiftung verlag
    """
)
"""What stands beside a title or in a company's name, and says nothing that a condition could not say where it is alone."""

LEGAL_FORMS = _words(
    "ltd llc llp plc inc corp corporation company co gmbh mbh ag kg kgaa ohg gbr ug sa sas sarl srl bv nv ab oy aps pty pte"
    " pvt limited sl slu spa asa as se ev eg"
)
"""How company names end; the name itself is known by the sender's mail domain."""

SHARED_BOXES = _words("info office sales support service contact kontakt hello accounts finance billing")
"""Local parts of addresses that belong to a company, not to somebody else in it."""

PROFILES = frozenset(
    (
        "linkedin",
        "twitter",
        "facebook",
        "instagram",
        "youtube",
        "xing",
        "mastodon",
        "github",
        "website",
        "web",
        "homepage",
        "blog",
    )
)
"""Texts of links below a name; the links themselves are gone in plain text."""

ASSENT = re.compile(
    r"\b(?:no objections?|(?:please )?(?:go ahead|proceed)|(?:yes|ok|okay) please|thank you(?: all| everyone)?|"
    r"(?:looks?|is|all|sounds?) (?:good|right|correct|fine|great|ok|okay|perfect)(?: (?:to|with|by|for) me)?|"
    r"(?:fine|ok|okay|good) (?:with|by|for) me|(?:from|on) my side|nice to hear)\b"
)
"""Phrases that are harmless as a whole, though some of their words are not: "to me" alone may say where it should go."""

PLAIN_WORDS = _words(
    """
    agree agreed all am approve approved cheers confirmed everything excellent fine good great happy hello hi i is it its
    lgtm looks nice ok okay perfect so sure thank thanks that this thx very we well work yep yes
    """
)
"""Words of assent and courtesy of which no combination sets a condition: no "have", no "go", no "from", no "done"."""

THANKS_FOR = re.compile(
    r"(?:many )?(?:thanks|thank you|thx)(?: (?:very|so) much| a lot)? for "
    r"(?:asking|checking|waiting|this|that|it|(?:letting|reminding) (?:me|us)(?: know)?|(?:flagging|raising|sending|sharing)"
    r"(?: this| that| it)?|"
    r"the (?:quick|clear) (?:reply|answer|response|note|summary|explanation|turnaround)|"
    r"the (?:heads[- ]up|reminder|update|details|explanation|information|info|context|mail|email|note|summary)|"
    r"your (?:patience|help|work|mail|email|message|note))"
)
GOOD_DAY = re.compile(r"have a (?:nice|good|great|lovely) (?:day|evening|weekend|week)(?: (?:everyone|all))?")
