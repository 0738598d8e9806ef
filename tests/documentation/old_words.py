"""Words that the code and its pages had before, and what stands in their place now.

`.venv/bin/python -m tests.documentation.old_words` prints where one is left: the place, the word,
and the new one. The translations are not looked at: they are for people in other languages, too.
Pages that follow from declarations are not either: the declarations are.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
import re
import sys

from .generated import pages
from .markdown import PAGES, ROOT

INTEGRATION = ("custom_components/**/*.py",)
OURS = (*INTEGRATION, "tests/bigquery_export/**/*.py")
"""Where a word of ours is none of BigQuery's, as it may be in the local one."""
CODE = ("custom_components/**/*.py", "tests/**/*.py", "script/*")
DOCS = tuple(str(page.relative_to(ROOT)) for page in PAGES)
ANYWHERE = (*CODE, *DOCS)

_NOT_READ = {
    *(str(path.relative_to(ROOT)) for path in pages()),
    "tests/documentation/old_words.py",
    "tests/documentation/test_old_words.py",
}


@dataclass(frozen=True, slots=True)
class OldWord:
    """An old word in the forms that meant what the new one means, and where it must not be."""

    pattern: str
    new: str
    where: tuple[str, ...] = ANYWHERE


@dataclass(frozen=True, slots=True)
class Kept:
    """A text that may have an old word in it, and why."""

    pattern: str
    reason: str
    where: tuple[str, ...] = CODE


OLD_WORDS = (
    # Modules.
    OldWord(r"\bunasked\b|\bUnaskedExports\b", "scheduler"),
    OldWord(r"(?i:timetable)", "timer"),
    OldWord(r"\bRetentionGuard\b|\b[Rr]etention guard\b", "purge guard"),
    OldWord(
        r"\b(display|forms|history|exceptions|exporter|kept|looks|proof|remembered|sentences"
        r"|snapshots|sources|texts|verifiers|waiting)\.py\b",
        "the names in docs/architecture.md",
        DOCS,
    ),
    # `export_request` is a function of actions/fields.py, too: only the module is an old name.
    OldWord(r"\bexport_request(\.py| import)\b|\baction_responses\b", "requests, responses"),
    OldWord(r"\bautomation_steps\b", "automation_actions"),
    OldWord(r"\bhelper_sources\b", "helper_entities"),
    OldWord(r"\brow_size\b", "sampling"),
    OldWord(r"\boptions_checks\b", "field_rules"),
    OldWord(r"\bstatistics_watch\b|\bStatisticsWatch\b", "ledger"),
    OldWord(r"\bentity_choice\b|\bEntityChoice\b", "entity_filter"),
    OldWord(r"\bcivil_time\b", "packed_datetime"),
    OldWord(r"\bfixed_width\b", "columnar_protobuf"),
    # What a row depends on.
    OldWord(r"(?i:circumstance)", "row context"),
    OldWord(r"(?i:surround)", "context entities, ambient"),
    OldWord(r"(?i:\btables? of facts\b)", "dimension tables"),
    OldWord(r"\b(FactsExporter|EntityFacts|NoFacts)\b", "dimensions, registry"),
    OldWord(r"\bLook\b(?=[\[\](.,:`])|\b_look\b|\blooks_of\b", "dimension reader", OURS),
    # Positions, and what is in doubt.
    OldWord(r"\b_?Standing\b|\bwith_standing\b", "table position"),
    OldWord(r"\brear\b", "oldest"),
    OldWord(r"""["'.]track\b(?!:)|\btrack[:=] ?""", "position_key", OURS),
    OldWord(r"(?i:doubtful)", "in doubt"),
    # News, and what is lost.
    OldWord(r"(?i:\bhappenings?\b)", "export event"),
    OldWord(r"(?i:danger)", "at risk"),
    OldWord(r"\bLoss\b|(?i:\b(a|the) loss\b)|\b(find|look_for|test)_loss\b", "gap", (*OURS, *DOCS)),
    # Corrections.
    OldWord(r"\bWatch(ed|edExporter|ing)?\b|\bto watch\b|\b(is|are) watched\b", "observe", OURS),
    # Forms.
    OldWord(r"(?i:\b_?blanks?\b)", "placeholder"),
    OldWord(r"\bwrong_options\b|\b_?wrong_(texts|schedule|storage|labels|fields)\b", "errors"),
    OldWord(r"\bWrong[A-Z]?\w*(Error)?\b(?=[(:\]|])", "error", INTEGRATION),
    OldWord(r"(?i:\b(proofs?|prove[sdn]?|proving)\b)", "check"),
    # Rows that BigQuery does not take.
    OldWord(
        r"(?i:\b(keep_|test_)?refused[_ ]rows?\b|\bRefusedRow\b)", "rejected rows", (*OURS, *DOCS)
    ),
    OldWord(r"(?i:\brows?\b[^.;:]{0,45}\b(is|are|was) refused\b)", "rejected", OURS),
    # Words that say nothing that can be looked for.
    OldWord(r"(?i:\b(whoever|nobody|somebody|takes? note|as ever)\b)", "", (*INTEGRATION, *DOCS)),
    # Words for people.
    OldWord(r"(?i:\b(only|not) these entities\b)", "include entities, exclude entities", DOCS),
    OldWord(r"\bBegin now\b", "Start the first export now", DOCS),
    OldWord(r"(?i:\bname a time\b)", "require a time filter in queries", DOCS),
    OldWord(r"(?i:\b(attributes? to drop|pattern of entities)\b)", "to remove, to hide", DOCS),
    OldWord(r"(?i:\bat first\b|\bpropos(e[sd]?|als?)\b)", "default", DOCS),
    OldWord(r"(?i:\bcom(e|es|ing) twice\b)", "duplicate", DOCS),
    OldWord(r"(?i:\b(go|goes|going) on (where|again|by itself|at home)\b)", "resume", DOCS),
    OldWord(r"(?i:\bma(de|kes?) up for\b)", "catch up", DOCS),
    OldWord(r"(?i:\bgiv(e|es|en)( \w+ \w+)? up\b|\bgives up\b)", "discard", DOCS),
    OldWord(r"(?!DROP MODEL)(?i:\bdrop(s|ped)?\b|\btak(e|es|en) (\w+ )?out\b)", "remove", DOCS),
    OldWord(r"(?i:\bmay be in use\b)", "maximum key age", DOCS),
)

KEPT = (
    Kept(r'"\(?surroundings?\w*\??[^" ]*"', "the option, the column group and keys of its errors"),
    Kept(r"\bbytes_surroundings\b", "a placeholder of the translations"),
    Kept(r'"(track|doubtful|doubtful_until)"', "stored files of older versions have it"),
    Kept(r'"rows_in_danger"', "the key of a repair issue"),
    Kept(r'"(key_|settings_)?refused"', "keys of errors"),
    # An anchor is the key of a message.
    Kept(r'<a id="\w+"></a>', "keys of messages", ("docs/troubleshooting.md",)),
    Kept(r"\]\(https://[^)]*\)", "an address", DOCS),
)


@dataclass(frozen=True, slots=True)
class Found:
    """An old word in a line of a file."""

    path: str
    line: int
    text: str
    new: str

    def __str__(self) -> str:
        """Return it as tools show a place."""
        return f"{self.path}:{self.line}: {self.text!r}" + (f", now {self.new}" * bool(self.new))


def find(where: Iterable[str]) -> list[Found]:
    """Return what is left of old words in the files that have these names."""
    return [
        found
        for path in sorted({path for name in where for path in ROOT.glob(name) if path.is_file()})
        if (name := str(path.relative_to(ROOT))) not in _NOT_READ
        for found in find_in(name, path.read_text())
    ]


def find_in(path: str, text: str) -> Iterator[Found]:
    """Yield what a text has of old words, were it in this file."""
    # Most texts have none, which is soon known of a text as a whole.
    words = [
        word
        for word in OLD_WORDS
        if _is_at(path, word.where) and re.search(word.pattern, text, re.MULTILINE)
    ]
    if not words:
        return
    kept = [kept for kept in KEPT if _is_at(path, kept.where)]
    for number, line in enumerate(text.splitlines(), 1):
        for exception in kept:
            line = re.sub(exception.pattern, "", line)
        for word in words:
            for match in re.finditer(word.pattern, line):
                yield Found(path, number, match[0], word.new)


@cache
def _is_at(path: str, where: tuple[str, ...]) -> bool:
    return any((ROOT / path).full_match(ROOT / name) for name in where)


if __name__ == "__main__":
    left = find(ANYWHERE)
    print(*left, f"{len(left)} old words are left", sep="\n")
    sys.exit(bool(left))
