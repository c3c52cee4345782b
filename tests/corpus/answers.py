"""What people write above our mail, and what they mean by it. How it looks in a client is not known here.

A *clear* answer is one that the mail asked for: its first line is the word, and what stands below it only says who wrote it.
`means` is what a person reads; whether the program reads it too is what the corpus measures.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.corpus.people import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One thing that people write.

    ``read`` and ``why`` are as in `envelope.Mail`. ``text`` may name ``{closing}``, ``{first}``, ``{name}``, ``{card}``,
    ``{legal}`` and ``{reason}`` of its writer.
    """

    name: str
    means: str
    text: str
    read: str = ""
    why: str = ""

    def by(self, writer: Writer) -> str:
        """Return the text as ``writer`` signs it."""
        known = {name: getattr(writer, name) for name in ("closing", "first", "name", "card", "legal", "reason")}
        return self.text.format(**known).rstrip("\n")


def _answers(means: str, **texts: str) -> tuple[Answer, ...]:
    return tuple(Answer(name=name.replace("_", "-"), means=means, text=text) for name, text in texts.items())


APPROVALS = _answers(
    "approve",
    bare="APPROVE",
    closed="Approved.\n\n{closing}\n{first}",
    card="approve\n\n{closing}\n\n{card}",
    emphatic="Approve!\n\nThanks",
    delimited="APPROVE\n\n-- \n{card}",
    legal="APPROVED\n\n{closing}\n{name}\n\n{legal}",
    courtesy="approve\n\nLooks good to me, thanks!\n\n{first}",
    lower="approved\n\n{name}",
)

REJECTIONS = _answers(
    "reject",
    bare="REJECT",
    reason="REJECT: {reason}",
    below="Rejected\n\n{reason}\n\n{closing}\n{first}",
    no_comma="No, this is the wrong customer.",
    declined="declined, the amount is wrong\n\n-- \n{card}",
    deny="Deny. {reason}",
    closed="REJECT\n\n{reason}\n\n{closing}\n{name}",
    stop="Stop! Wrong account.\n\n{first}",
)

OTHERS = (
    *_answers("question", question="QUESTION: why now, and who asked for it?\n\n{closing}\n{first}"),
    *_answers("undo", undo="UNDO: I misread the amount."),
    *_answers("none", empty=""),
    Answer(
        name="only-signed",
        means="none",
        text="\n\n-- \n{card}",
        read="unclear",
        why="a delimiter is a line like any other; it is asked about in the same way",
    ),
    *_answers(
        "unclear",
        condition="APPROVE\n\nbut only up to 50 EUR\n\n{closing}\n{first}",
        do_not="do not approve\n\n{first}",
        go_ahead="ok go ahead I guess",
        asked_back="APPROVE?",
        yes="Yes\n\n{closing}\n{first}",
        no_problem="No problem, go ahead.",
        later="approve, but wait until Monday please",
        greeting="Hi,\n\nAPPROVE\n\n{closing}\n{first}",
        own_words="{reason}\n\n{closing}\n{first}",
        not_approved="Not approved.\n\n{reason}",
        postscript="APPROVED\n\n{first}\n\nPS: only the first half",
    ),
)

OWN_WORDS = {
    # Answers in somebody's own language, which count where the deployment turned its words on.
    "de": (
        *_answers("approve", own_bare="GENEHMIGT", own_closed="Genehmigt.\n\n{closing}\n{first}"),
        *_answers("approve", own_second="freigegeben\n\n{closing}\n\n{card}"),
        *_answers("reject", own_no="ABLEHNEN: {reason}", own_no_closed="Abgelehnt\n\n{reason}\n\n{closing}\n{first}"),
        *_answers("reject", own_no_comma="Nein, falscher Kunde.", own_no_bare="Nein\n\n{first}"),
        *_answers("unclear", own_not="nicht genehmigt", own_if="Genehmigt\n\naber nur bis 50 EUR", own_yes="Ja"),
        *_answers("unclear", own_assent="Nein, alles gut, bitte weitermachen.", own_no_problem="Kein Problem"),
        *_answers("unclear", own_in_words="Wird genehmigt, sobald Max zustimmt.", own_asked="Genehmigt?"),
    ),
    "fr": (
        *_answers("approve", own_bare="APPROUVÉ", own_closed="Approuvé.\n\n{closing}\n{first}"),
        *_answers("approve", own_second="validé\n\n{closing}\n\n{card}"),
        *_answers("reject", own_no="REFUSER : {reason}", own_no_closed="Refusé\n\n{reason}\n\n{closing}\n{first}"),
        *_answers("reject", own_no_comma="Non, ce n'est pas le bon client.", own_no_bare="Non\n\n{first}"),
        *_answers("unclear", own_not="non approuvé", own_if="Approuvé\n\nmais seulement 50 EUR", own_yes="Oui"),
        *_answers("unclear", own_assent="Non, c'est bon, allez-y.", own_no_problem="Pas de problème"),
        *_answers("unclear", own_in_words="J'approuve si Max est d'accord.", own_asked="Approuvé ?"),
    ),
    "es": (
        *_answers("approve", own_bare="APROBADO", own_closed="Aprobado.\n\n{closing}\n{first}"),
        *_answers("approve", own_second="apruebo\n\n{closing}\n\n{card}"),
        *_answers("reject", own_no="RECHAZAR: {reason}", own_no_closed="Rechazado\n\n{reason}\n\n{closing}\n{first}"),
        *_answers("reject", own_no_comma="Denegado, cliente equivocado.", own_no_bare="Rechazo\n\n{first}"),
        *_answers(
            "unclear",
            own_not="no aprobado todavía",
            own_fine="No hay problema, adelante.",
            own_if="Aprobado\n\npero solo 50 EUR",
            own_yes="Sí",
        ),
        *_answers("unclear", own_in_words="Lo apruebo si Max está de acuerdo.", own_asked="¿Aprobado?"),
    ),
    "ja": (
        *_answers("approve", own_bare="承認", own_closed="承認します。\n\n{closing}\n{name}"),
        *_answers("approve", own_second="承認しました\n\n{closing}\n\n{card}"),
        *_answers("reject", own_no="却下：{reason}", own_no_closed="却下します。\n\n{reason}\n\n{closing}\n{name}"),
        *_answers("reject", own_no_comma="却下、金額が違います。", own_no_bare="否認\n\n{name}"),
        *_answers("unclear", own_not="承認しません", own_if="承認\n\nただし50ユーロまで", own_yes="はい"),
        *_answers("unclear", own_in_words="条件付きで承認します", own_asked="承認？"),
    ),
}
"""By language."""
