"""Takes tagged reasoning out of an answer, for every grader alike."""

from __future__ import annotations

import re

_TAG = re.compile(r"<(/?)(?i:think|thinking|thought|reasoning)>|\[(/?)THINK\]|◁(/?)think▷")


def without_reasoning(text: str) -> str:
    """`text` without tagged reasoning.

    Before a closing tag without an opening one everything is reasoning, after an opening one without a closing one too.
    """
    kept: list[str] = []
    position, inside = 0, False
    for tag in _TAG.finditer(text):
        closing = any(tag.groups())
        if closing and not inside:
            kept.clear()
        elif not inside:
            kept.append(text[position : tag.start()])
        inside = not closing
        position = tag.end()
    return "".join(kept) + ("" if inside else text[position:])
