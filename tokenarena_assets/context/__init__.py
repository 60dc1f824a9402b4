"""Effective context: how long a prompt an endpoint accepts, serves whole, and still reads well."""

from tokenarena_assets.context.ladder import STANDARD, TINY, Ladder, effective_length, ladder_of, rungs_of
from tokenarena_assets.context.question import Asked, asked_of, grade_needles, question_of, reply_of
from tokenarena_assets.context.records import Ask, ContextResult, Finding, Reply, RungResult
from tokenarena_assets.context.search import ContextSearch, WorstCase, worst_case
from tokenarena_assets.context.sprt import SequentialTest
from tokenarena_assets.context.verdict import verdict

__all__ = [
    "STANDARD",
    "TINY",
    "Ask",
    "Asked",
    "ContextResult",
    "ContextSearch",
    "Finding",
    "Ladder",
    "Reply",
    "RungResult",
    "SequentialTest",
    "WorstCase",
    "asked_of",
    "effective_length",
    "grade_needles",
    "ladder_of",
    "question_of",
    "reply_of",
    "rungs_of",
    "verdict",
    "worst_case",
]
