r"""Grades a math or a text answer: extraction, normalisation, exact rationals, a strict and a lenient score.

No judge model, and no evaluation of what a model wrote. Every answer gets one `Grade`, however hostile its text is:
all scans are linear, and arithmetic is done on at most `MAX_LENGTH` characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from tokenarena_assets.suites.reasoning import without_reasoning

GRADER_VERSION = "math-2"
MAX_LENGTH = 400  # of an extracted answer, in characters
MAX_EXPONENT = 400

_ANNOTATION = re.compile(r"<<[^<>\n]*(?:>>|\Z)")  # the last one may be cut off
_ANSWER = re.compile(r"(?i)(?<![^\W_])answer[^\w:=：＝]{0,12}[:=：＝]")
_BOX = re.compile(r"\\(?:boxed|fbox)\s?\{")
_HASHES = re.compile(r"#{4,}")

_WHOLE = (
    r"(?:\d{1,3}(?:,\d{2,3})*,\d{3}(?!\d)"  # 1,234,567 and 12,34,567
    r"|\d{1,3}(?:\ \d{3}(?!\d))+|\d{1,3}(?:_\d{3}(?!\d))+|\d{1,3}(?:'\d{3}(?!\d))+"
    r"|\d+)"
)
_DECIMAL = rf"(?:{_WHOLE}(?:\.\d*)?|(?<!\w)\.\d+)"
_POWER_OF_TEN = r"(?:[eE](?P<e>[-+]?\d{1,9})(?!\w)|\s?[x×*·]\s?10\s?\^\s?[({]?(?P<ten>[-+]?\s?\d{1,9})[)}]?)"
_NUMBER = re.compile(
    rf"(?P<sign>(?<![\w)\]])[-+]\s?)?"
    rf"(?:(?P<bare>10)\^\s?[({{]?(?P<bare_ten>[-+]?\d{{1,9}})[)}}]?"
    rf"|(?P<mixed>\d+)\ (?:and\ )?(?P<part>\d+)\s?/\s?(?P<parts>\d+)(?![\d.,/])"
    rf"|(?P<over>{_DECIMAL})\s?/\s?(?P<under>{_DECIMAL})"
    rf"|(?P<plain>{_DECIMAL}){_POWER_OF_TEN}?)"
)
# What makes the number before it a part of something else: `1,2`, `3:30`, `10-15`, `3 * 4`, `2^5`.
_GOES_ON = re.compile(r"[.,:]\d|\s?[-+*×·÷/x]\s?[(.\d]|\s?\^\s?[({]?-?\d")
_IRRATIONAL = re.compile(r"\\sqrt|√|\\pi\b|π|±|\\pm\b")
_SUPERSCRIPTS = {ord(sign): f"^{digit}" for digit, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
_SIGNS = str.maketrans(
    dict.fromkeys("−‐‑‒–﹣－", "-") | {"⁄": "/", "∕": "/", "’": "'", "⋅": "·", "∙": "·", "٫": ".", "٬": ","}
)


@dataclass(frozen=True, slots=True)
class Grade:
    """What came of one answer.

    `correct` is the official score; `lenient_correct` also takes the last number (or line) of the text. Both are None
    where the answer was not judged (`no_sandbox`, `grader_fault`): that is missing, never wrong.
    """

    correct: bool | None
    lenient_correct: bool | None
    extracted: str | None
    reason: str  # correct | wrong | no_answer | not_a_number | code_error | code_timeout | no_sandbox | grader_fault
    detail: str | None = None


def grade_math(
    text: str, gold: str, markers: Sequence[str] | None = None, tolerance: str | int | float | None = None
) -> Grade:
    r"""Grade `text` against the number `gold`, exactly or within `tolerance` (absolute, inclusive).

    The answer is what the last `\boxed{}` holds, else what follows the last `answer:` or `answer =`, else the last
    `####`; with `markers` (such as `"A:"`), what follows the last of those. A stated answer that is empty is passed
    over. Nothing found is `no_answer`: the last number of the text counts for the lenient score alone. Reasoning in
    think tags is no answer. A `gold` or `tolerance` that is no number is our fault, not the answer's: `grader_fault`.
    """
    expected = parse_number(_gold_of(str(gold), markers))
    allowed = parse_number(str(tolerance)) if tolerance is not None else Fraction(0)
    if expected is None or allowed is None or allowed < 0:
        what = f"the gold answer {gold!r}" if expected is None else f"the tolerance {tolerance!r}"
        return Grade(None, None, None, "grader_fault", f"{what} is not a number"[:MAX_LENGTH])

    def matches(candidate: Fraction | None) -> bool:
        return candidate is not None and abs(candidate - expected) <= allowed

    visible = visible_answer(text)
    lenient = matches(_last_number(visible))
    extracted = _extract(visible, markers)
    if extracted is None:
        return Grade(False, lenient, None, "no_answer")
    value = parse_number(extracted)
    if value is None:
        return Grade(False, lenient, extracted, "not_a_number")
    correct = matches(value)
    return Grade(correct, correct or lenient, extracted, "correct" if correct else "wrong")


def grade_text(text: str, gold: str, markers: Sequence[str] | None = None) -> Grade:
    """Grade `text` against the word or phrase `gold`: equal but for case, width, spaces, quotes and markup.

    The answer is found as in :func:`grade_math`. The lenient score also takes a last line that ends with `gold`.
    """
    expected = _plain_words(str(gold))
    if not expected:
        return Grade(None, None, None, "grader_fault", "the gold answer is empty")
    visible = visible_answer(text)
    last_line = _plain_words(visible.rstrip()[-4 * MAX_LENGTH :].rpartition("\n")[2])
    lenient = re.search(rf"(?<!\w){re.escape(expected)}\Z", last_line) is not None
    extracted = _extract(visible, markers)
    if extracted is None:
        return Grade(False, lenient, None, "no_answer")
    correct = _plain_words(extracted) == expected
    return Grade(correct, correct or lenient, extracted, "correct" if correct else "wrong")


def visible_answer(text: str) -> str:
    """`text` without its reasoning and its calculator annotations."""
    return _ANNOTATION.sub("", without_reasoning(text))


def parse_number(text: str) -> Fraction | None:
    """The number that `text` states, exactly; None where it states none or more than a number.

    Takes currency signs, percent signs (`50%` is 50), units, thousands separators, trailing zeros, `a/b`, mixed
    numbers, LaTeX fractions, powers of ten, and `x = 5`: then the last side that is a number counts. The first number
    of a phrase is its value; an expression (`3 + 4`), a range and a root are no number.
    """
    plain = _plain_math(text[:MAX_LENGTH])
    outside = re.sub(r"\([^()]*=[^()]*\)", " ", plain)  # 18 (9 * 2 = 18)
    for side in reversed((outside if _NUMBER.search(outside) else plain).split("=")):
        if _IRRATIONAL.search(side):
            continue
        match = _NUMBER.search(side)
        if match is not None and not _GOES_ON.match(side, match.end()):
            return _value(match)
    return None


def _value(match: re.Match[str]) -> Fraction | None:
    part = {name: re.sub(r"[,_' ]", "", value) for name, value in match.groupdict().items() if value}
    exponent = int(part.get("e") or part.get("ten") or part.get("bare_ten") or 0)
    if abs(exponent) > MAX_EXPONENT:
        return None
    try:
        if "mixed" in part:
            value = Fraction(part["mixed"]) + Fraction(int(part["part"]), int(part["parts"]))
        elif "over" in part:
            value = Fraction(part["over"]) / Fraction(part["under"])
        else:
            value = Fraction(part.get("plain", "1")) * Fraction(10) ** exponent
    except ZeroDivisionError:
        return None
    return -value if part.get("sign") == "-" else value


def _last_number(text: str) -> Fraction | None:
    end = next((i for i in range(len(text) - 1, -1, -1) if text[i].isdecimal() or text[i] in "½⅓⅔¼¾"), None)
    if end is None:
        return None
    found = list(_NUMBER.finditer(_plain_math(text[max(0, end - MAX_LENGTH) : end + 4])))
    return _value(found[-1]) if found else None


def _gold_of(gold: str, markers: Sequence[str] | None) -> str:
    """The value of a gold answer, which may stand at the end of a worked solution as the sets publish it."""
    if parse_number(gold) is not None and "\n" not in gold.strip():
        return gold
    return _extract(visible_answer(gold), markers) or _extract(visible_answer(gold), None) or gold


def _extract(text: str, markers: Sequence[str] | None) -> str | None:
    if markers:
        return _last_of(_lines_after(text, _any_of([markers] if isinstance(markers, str) else markers)))
    boxed = (_braced(text[box.end() : box.end() + 4 * MAX_LENGTH]) for box in reversed(list(_BOX.finditer(text))))
    return (
        next((answer for answer in boxed if answer), None)
        or _last_of(_lines_after(text, _ANSWER))
        or _last_of(_lines_after(text, _HASHES))
    )


def _any_of(markers: Sequence[str]) -> re.Pattern[str]:
    longest_first = sorted(markers, key=len, reverse=True)
    # `A:` is not the end of `USA:`
    return re.compile("|".join((r"(?<![^\W_])" if m[:1].isalnum() else "") + re.escape(m) for m in longest_first))


def _last_of(answers: Iterator[str]) -> str | None:
    return next((answer for answer in answers if answer), None)


def _lines_after(text: str, header: re.Pattern[str]) -> Iterator[str]:
    """What follows each match of `header`, from the last to the first: its line, else the next with a word in it."""
    end = len(text)
    for match in reversed(list(header.finditer(text))):
        lines = text[match.end() : min(end, match.end() + 4 * MAX_LENGTH)].splitlines()
        for number, line in enumerate(lines):
            if any(sign.isalnum() for sign in line):
                # a dash before the first line is a minus sign, before a later one it is a bullet
                yield _shown(line if number == 0 else re.sub(r"^\s*[-*•]\s+", "", line))
                break
        end = match.start()


def _braced(text: str) -> str:
    depth = 1
    for index, character in enumerate(text):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth == 0:
            return _shown(text[:index])
    return _shown((text.strip().splitlines() or [""])[0])  # never closed


def _shown(text: str) -> str:
    """`text` as it is kept: one line's worth, storable as UTF-8, no control characters."""
    clean = "".join(" " if unicodedata.category(sign) in ("Cc", "Cs") else sign for sign in text[: 4 * MAX_LENGTH])
    return _normalised(clean).strip()[:MAX_LENGTH].rstrip()


def _normalised(text: str) -> str:
    # before NFKC, which would make 11/2 of 1½ and 104 of 10⁴
    apart = re.sub(r"(?<=\d)(?=[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])", " ", text.translate(_SUPERSCRIPTS))
    return unicodedata.normalize("NFKC", apart).translate(_SIGNS)


def _plain_math(text: str) -> str:
    """`text` without markup, currency and percent signs; LaTeX fractions as `a/b`."""
    plain = _normalised(text)
    plain = re.sub(r"\\(?:text|textbf|textit|mathrm|mathbf|mathit|mbox|left|right|displaystyle)(?![a-zA-Z])", "", plain)
    plain = re.sub(r"\\(?:times|cdot)(?![a-zA-Z])", "×", plain)
    plain = re.sub(r"\\approx(?![a-zA-Z])|≈", "=", plain)
    plain = re.sub(r"\^\s?(?:\{\s?\\circ\s?\}|\\circ|°)", "", plain)
    plain = re.sub(r"\\[dtc]?frac\s?(\d)\s?(\d)", r"\\frac{\1}{\2}", plain)
    plain = re.sub(r"(\d?)\s?\\[dtc]?frac\s?\{([^{}]*)\}\s?\{?([^{}]*)\}?", _fraction, plain)
    plain = re.sub(r"\{,\}", ",", plain)
    plain = re.sub(r"(?<=\d)\\[,;:! ](?=\d)", " ", plain)
    plain = re.sub(r"\\[,;:!()\[\] ]|[`~\"]", "", plain)
    plain = re.sub(r"(?<=\d)\s?\*\*\s?(?=\d)", "^", plain)
    plain = re.sub(r"\*\*+|(?<![\d\s])\*|\*(?![\d\s])", "", plain)
    plain = re.sub(r"\\(?!sqrt|pi\b|pm\b)", "", plain)
    plain = re.sub(r"(?<!\d)_|_(?!\d)", "", plain)
    plain = re.sub(r"\b[A-Z]{1,3}(?=[$€£¥₹])|[$€£¥₹%]", "", plain)
    return re.sub(r"\s+", " ", plain.replace("{", "").replace("}", ""))


def _fraction(match: re.Match[str]) -> str:
    whole, over, under = match.groups()
    return f"{whole} {over}/{under}" if whole else f"{over}/{under}"


def _plain_words(text: str) -> str:
    plain = re.sub(r"\\(?:text|textbf|mathrm|mathbf)(?![a-zA-Z])|[*`{}$]", "", _normalised(text[: 4 * MAX_LENGTH]))
    words = " ".join(plain.split()).strip("_ \"'“”‘.!?,;:")
    return words.casefold()
