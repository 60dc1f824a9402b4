"""Code tasks over texts and numerals: parsing, runs, layout, bases, letter numerals, expressions."""

from __future__ import annotations

import random

from tokenarena_assets.suites.standard.families import Args, Family, Spec, spec, word


def _parse_easy(rng: random.Random) -> Spec:
    inner, outer = rng.sample([":", "=", ";", ",", "|", "/"], 2)
    again, join = rng.choice(
        [
            ("the first value counts", "result.setdefault(name, int(value))"),
            ("the values are added up", "result[name] = result.get(name, 0) + int(value)"),
            ("the largest value counts", "result[name] = max(result.get(name, int(value)), int(value))"),
        ]
    )

    def draw(rng: random.Random) -> Args:
        pairs = [f"{rng.choice('pqrs')}{inner}{rng.randint(-20, 20)}" for _ in range(rng.randint(1, 7))]
        pads = [" " * rng.randint(0, 1) for _ in pairs]
        return (outer.join(pad + pair + pad for pad, pair in zip(pads, pairs, strict=True)),)

    return spec(
        "read_pairs",
        "(text: str) -> dict[str, int]",
        """The text holds parts separated by "$outer"; spaces around a part and empty parts mean nothing. Each part is a
        name, then "$inner", then a whole number. Return a dict from name to number; where a name occurs again,
        $again.""",
        """
    result = {}
    for part in text.split("$outer"):
        if part.strip():
            name, _, value = part.strip().partition("$inner")
            $join
    return result
""",
        draw,
        ("",),
        (f" {outer} a{inner}4{outer}a{inner}-9{outer}",),
        inner=inner,
        outer=outer,
        again=again,
        join=join,
    )


def _parse_medium(rng: random.Random) -> Spec:
    big, middle, small = rng.sample("dhmswy", 3)

    def draw(rng: random.Random) -> Args:
        parts = [f"{rng.randint(0, 30)}{rng.choice(big + middle + small + 'x')}" for _ in range(rng.randint(1, 5))]
        return (rng.choice(["", " "]).join(parts),)

    return spec(
        "total_time",
        "(text: str) -> int",
        """The text is made of whole numbers, each with one letter directly behind it: "$small" is 1 tick, "$middle" is
        $few ticks and "$big" is $many of what "$middle" is. A number with any other letter counts nothing. Return the
        number of ticks; spaces mean nothing. If a letter of the three occurs more than once, only the last number
        with that letter counts.""",
        """
    ticks = {"$small": 1, "$middle": $few, "$big": $few * $many}
    found, number = {}, ""
    for character in text:
        if character.isdigit():
            number += character
        elif character != " ":
            if character in ticks:
                found[character] = int(number) * ticks[character]
            number = ""
    return sum(found.values())
""",
        draw,
        ("",),
        (f"1{big}1{big}2{small}",),
        (f"7x 3{middle}",),
        big=big,
        middle=middle,
        small=small,
        few=rng.randint(7, 70),
        many=rng.randint(3, 30),
    )


def _parse_hard(rng: random.Random) -> Spec:
    left, right = rng.choice([("(", ")"), ("[", "]"), ("<", ">"), ("{", "}")])

    def nested(rng: random.Random, depth: int) -> str:
        parts = []
        for _ in range(rng.randint(0, 3)):
            inside = depth < 4 and rng.random() < 0.45
            parts.append(nested(rng, depth + 1) if inside else str(rng.randint(-9, 20)))
        return f"{left}{' '.join(parts)}{right}"

    return spec(
        "nested_sum",
        "(text: str) -> int",
        """The text is a list: "$left", then whole numbers and lists with single spaces between them, then "$right". The
        value of a list is the sum of its numbers plus the values of the lists in it, each of which counts $factor times
        if it is the first element of the list it is in, and once otherwise; a list without any element is worth
        $empty. Return the value of the text.""",
        """
    position = 0

    def value():
        nonlocal position
        position += 1
        total, count = 0, 0
        while text[position] != "$right":
            if text[position] == " ":
                position += 1
            elif text[position] == "$left":
                inner = value()
                total += inner * ($factor if count == 0 else 1)
                count += 1
            else:
                start = position
                while text[position] not in " $right":
                    position += 1
                total += int(text[start:position])
                count += 1
        position += 1
        return total if count else $empty

    return value()
""",
        lambda rng: (nested(rng, 0),),
        (left + right,),
        (f"{left}{left}{left}{right}{right}{right}",),
        (f"{left}1 {left}2{right} {left}3{right}{right}",),
        left=left,
        right=right,
        factor=rng.choice([-2, -1, 2, 3]),
        empty=rng.randint(4, 9),
    )


def _runs(rng: random.Random, letters: str = "abc", longest: int = 5) -> str:
    return "".join(rng.choice(letters) * rng.randint(1, longest) for _ in range(rng.randint(1, 7)))


def _runs_easy(rng: random.Random) -> Spec:
    before = rng.random() < 0.5
    return spec(
        "packed",
        "(text: str) -> str",
        """Replace each run of at least $least equal characters in a row by $form, runs of "$mark"
        excepted; leave shorter runs as they are. Runs are as long as they can be.""",
        """
    result, start = "", 0
    while start < len(text):
        end = start
        while end < len(text) and text[end] == text[start]:
            end += 1
        run = text[start:end]
        result += $packed if len(run) >= $least and run[0] != "$mark" else run
        start = end
    return result
""",
        lambda rng: (_runs(rng),),
        ("",),
        ("a" * 12 + "b",),
        least=rng.randint(2, 4),
        mark=rng.choice("abc"),
        form="its length and then the character once" if before else "the character once and then its length",
        packed="str(len(run)) + run[0]" if before else "run[0] + str(len(run))",
    )


def _runs_medium(rng: random.Random) -> Spec:
    def draw(rng: random.Random) -> Args:
        parts = (rng.choice(["", "2", "3", "4", "11"]) + rng.choice("abcXYZ") for _ in range(rng.randint(1, 6)))
        return ("".join(parts),)

    return spec(
        "unpacked",
        "(text: str) -> str",
        """The text holds letters, some with a whole number before them. Replace each number and its letter by that many
        of the letter, and $more more if the letter is upper case; a letter without a number stands for $bare of it.
        Where a number is a multiple of $k, the letters it makes are written in the other case.""",
        """
    result, number = "", ""
    for character in text:
        if character.isdigit():
            number += character
            continue
        count = int(number) + (character.isupper() and $more) if number else $bare
        flip = number and int(number) % $k == 0
        result += (character.swapcase() if flip else character) * count
        number = ""
    return result
""",
        draw,
        ("",),
        ("12a6B",),
        ("XyZ",),
        more=rng.randint(1, 3),
        bare=rng.randint(1, 3),
        k=rng.randint(2, 4),
    )


def _runs_hard(rng: random.Random) -> Spec:
    def draw(rng: random.Random) -> Args:
        text = _runs(rng, "abc", 4)
        for _ in range(2):
            place = rng.randint(0, len(text))
            text = text[:place] + rng.choice("abc") * rng.randint(2, 4) + text[place:]
        return (text,)

    least = rng.randint(3, 4)
    return spec(
        "collapsed",
        "(text: str) -> str",
        """While the text has a run of at least $least equal characters in a row, remove the $which such run (the whole
        run, as long as it is)$reverse; what was left and right of it then stands side by side and may make a new run.
        Return the text that is left.""",
        """
    while True:
        runs, start = [], 0
        while start < len(text):
            end = start
            while end < len(text) and text[end] == text[start]:
                end += 1
            if end - start >= $least:
                runs.append((start, end))
            start = end
        if not runs:
            return text
        start, end = $pick
        text = $joined
""",
        draw,
        ("",),
        ("a" * least,),
        ("ab" + "b" * (least - 2) + "c" * least + "b" + "a" * least,),
        least=least,
        which=(which := rng.choice(["leftmost", "rightmost", "longest"]))
        + (" (the leftmost of equally long ones)" if which == "longest" else ""),
        pick={
            "leftmost": "runs[0]",
            "rightmost": "runs[-1]",
            "longest": "max(runs, key=lambda run: (run[1] - run[0], -run[0]))",
        }[which],
        reverse=" and reverse what is left" if (turned := rng.random() < 0.5) else "",
        joined="(text[:start] + text[end:])[::-1]" if turned else "text[:start] + text[end:]",
    )


def _sentence(rng: random.Random) -> Args:
    return (" ".join(word(rng, most=7) for _ in range(rng.randint(1, 10))),)


def _layout_easy(rng: random.Random) -> Spec:
    change, method = rng.choice([("in upper case", "upper()"), ("reversed", "[::-1]"), ("capitalized", "capitalize()")])
    return spec(
        "every_kth",
        "(text: str) -> str",
        """The text is words with spaces between them. Return the words joined by "$mark", every $nth word (the
        $nth, the one $k after it and so on) $change, and words of fewer than $least letters left out before
        counting.""",
        """
    words = [word for word in text.split() if len(word) >= $least]
    return "$mark".join(word$method if i % $k == 0 else word for i, word in enumerate(words, 1))
""",
        _sentence,
        ("",),
        ("a bb  ccc dddd eeeee ffffff",),
        mark=rng.choice(["-", "_", "+", ", "]),
        k=(k := rng.randint(2, 4)),
        nth={2: "second", 3: "third", 4: "fourth"}[k],
        change=change,
        method=method if method.startswith("[") else f".{method}",
        least=rng.randint(2, 3),
    )


def _layout_medium(rng: random.Random) -> Spec:
    side, method = rng.choice([("right", "rjust"), ("left", "ljust")])
    other = {"right": "left", "left": "right"}[side]
    return spec(
        "wrapped",
        "(text: str) -> list[str]",
        """Break the words of the text into lines of at most $width characters, words separated by single spaces, as
        many words to a line as fit; a longer word is a line of its own, cut to its first $width characters. Fill each
        line with "$fill" up to $width characters so that its text is at the $side, except the last line, whose text is
        at the $other.""",
        """
    lines = []
    for word in text.split():
        word = word[:$width]
        if lines and len(lines[-1]) + 1 + len(word) <= $width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return [line.$method($width, "$fill") for line in lines[:-1]] + [line.$last($width, "$fill") for line in lines[-1:]]
""",
        _sentence,
        ("",),
        ("abcdefghijklmnopqrstuvwxyz a b c d e f g h i j k",),
        width=rng.randint(9, 16),
        fill=rng.choice([".", "*", "_", "~"]),
        side=side,
        other=other,
        method=method,
        last={"rjust": "ljust", "ljust": "rjust"}[method],
    )


def _layout_hard(rng: random.Random) -> Spec:
    def draw(rng: random.Random) -> Args:
        columns = rng.randint(1, 4)

        def cell() -> str:
            return str(rng.randint(-999, 9999)) if rng.random() < 0.5 else word(rng, least=0, most=6)

        return ([[cell() for _ in range(columns)] for _ in range(rng.randint(1, 5))],)

    return spec(
        "table",
        "(rows: list[list[str]]) -> list[str]",
        """Lay the rows out as lines of equal length. Each column is as wide as its longest cell, but at least $least
        wide. Cells that are whole numbers (digits, perhaps with a minus before them) are aligned right, all others
        left. Put "$bar" between columns. After the first row, which is the heading, comes a line of "$rule", as long as
        the others. Empty cells are shown as "$empty", and count with that length. There is at least one row.""",
        """
    shown = [[cell or "$empty" for cell in row] for row in rows]
    widths = [max($least, *(len(row[i]) for row in shown)) for i in range(len(shown[0]))]

    def line(row):
        cells = []
        for cell, width in zip(row, widths):
            digits = cell[1:] if cell.startswith("-") else cell
            cells.append(cell.rjust(width) if digits.isdigit() else cell.ljust(width))
        return "$bar".join(cells)

    lines = [line(row) for row in shown]
    return [lines[0], "$rule" * len(lines[0]), *lines[1:]]
""",
        draw,
        ([["a"]],),
        ([["", "-"], ["-5", "12345"]],),
        least=rng.randint(2, 4),
        bar=rng.choice([" | ", "|", "  ", " : "]),
        rule=rng.choice(["-", "=", "#"]),
        empty=rng.choice(["-", "n/a", "?", "none"]),
    )


def _bases_easy(rng: random.Random) -> Spec:
    return spec(
        "digit_work",
        "(n: int) -> int",
        """Write the number n, which is not negative, in base $base. Return $factor times the sum of its digits minus
        the number of its digits that are $digit. The number 0 has one digit.""",
        """
    digits = []
    while n or not digits:
        digits.append(n % $base)
        n //= $base
    return $factor * sum(digits) - digits.count($digit)
""",
        lambda rng: (rng.randint(0, 10 ** rng.randint(1, 6)),),
        (0,),
        (1,),
        (2**40,),
        base=(base := rng.choice([3, 4, 5, 6, 7, 9, 11])),
        factor=rng.randint(2, 5),
        digit=rng.randint(0, base - 1),
    )


def _bases_medium(rng: random.Random) -> Spec:
    base = rng.randint(4, 8)
    return spec(
        "in_letters",
        "(n: int) -> str",
        """Write the whole number n in base $base, where the digits 0, 1, 2 and so on are the letters of "$letters" from
        the left. Put a "$mark" between groups of $size digits, counted from the $side. For a negative number, write
        "$minus" before all of it.""",
        """
    value, digits = abs(n), ""
    while value or not digits:
        digits = "$letters"[value % $base] + digits
        value //= $base
    first = $first
    groups = [digits[:first]] if first else []
    groups += [digits[i : i + $size] for i in range(first, len(digits), $size)]
    return ("$minus" if n < 0 else "") + "$mark".join(groups)
""",
        lambda rng: (rng.randint(-(10 ** rng.randint(1, 7)), 10 ** rng.randint(1, 7)),),
        (0,),
        (-1,),
        (base**6,),
        base=base,
        letters="".join(rng.sample("abcdefghjkmnpqrstuvwxyz", base)),
        mark=rng.choice(["-", ".", "'", "_"]),
        size=(size := rng.randint(2, 4)),
        side=(side := rng.choice(["right", "left"])),
        first=f"len(digits) % {size}" if side == "right" else "0",
        minus=rng.choice(["~", "neg ", "!"]),
    )


def _bases_hard(rng: random.Random) -> Spec:
    return spec(
        "in_negative_base",
        "(n: int) -> list[int]",
        """Write the whole number n in base -$base: return its digits, each from 0 to $most, the digit of $order power
        of -$base first, so that n is the sum of digit times power. There are no needless zeros at the end of the
        highest powers; 0 is [0]. Then add $plus to each digit at an odd power, modulo $base.""",
        """
    digits = []
    while n or not digits:
        n, digit = divmod(n, -$base)
        if digit < 0:
            n, digit = n + 1, digit + $base
        digits.append(digit)
    digits = [(digit + $plus) % $base if power % 2 else digit for power, digit in enumerate(digits)]
    return digits$turn
""",
        lambda rng: (rng.randint(-(10 ** rng.randint(1, 6)), 10 ** rng.randint(1, 6)),),
        (0,),
        (-1,),
        (-1000,),
        base=(base := rng.randint(3, 9)),
        most=base - 1,
        order=(order := rng.choice(["the lowest", "the highest"])),
        turn="" if order == "the lowest" else "[::-1]",
        plus=rng.randint(1, base - 1),
    )


def _letters(rng: random.Random) -> tuple[str, tuple[int, ...]]:
    """Five letters and what they stand for, each a multiple of the one before."""
    values = [1]
    for _ in range(4):
        values.append(values[-1] * rng.choice([2, 3, 4, 5]))
    return "".join(rng.sample("ABCDEFGHJKMNPQRSTUW", 5)), tuple(values)


def _numerals_easy(rng: random.Random) -> Spec:
    letters, values = _letters(rng)
    return spec(
        "numeral_value",
        "(numeral: str) -> int",
        """The letters of a numeral stand for numbers: $meaning. Return the sum of its letters, where a letter that is
        directly followed by the same letter again counts $times, and letters that stand for nothing count
        $other.""",
        """
    values = $values
    total = 0
    for i, letter in enumerate(numeral):
        value = values.get(letter, $other)
        total += value * $factor if letter in values and numeral[i + 1 : i + 2] == letter else value
    return total
""",
        lambda rng: ("".join(rng.choice(letters + "xZ"[: rng.randint(0, 2)]) for _ in range(rng.randint(1, 8))),),
        ("",),
        (letters[0] * 4,),
        ("xx",),
        meaning=", ".join(f"{letter} for {value}" for letter, value in zip(letters, values, strict=True)),
        values=dict(zip(letters, values, strict=True)),
        times=(times := rng.choice(["twice", "three times"])),
        factor=2 if times == "twice" else 3,
        other=rng.choice([-1, 1, 2]),
    )


def _numerals_medium(rng: random.Random) -> Spec:
    letters, values = _letters(rng)
    return spec(
        "as_numeral",
        "(n: int) -> str",
        """The letters of a numeral stand for numbers: $meaning. Write the number n, which is at least 0, from the
        largest letter down, each as often as it fits into what is left. Where a letter would occur $many times or more
        in a row, write its count in brackets after a single one instead, as in "$sample". The number 0 is "$zero".
        """,
        """
    result = ""
    for letter, value in $pairs:
        count, n = divmod(n, value)
        result += f"{letter}[{count}]" if count >= $many else letter * count
    return result or "$zero"
""",
        lambda rng: (rng.randint(0, values[-1] * 5),),
        (0,),
        (values[-1] - 1,),
        (values[-1] * 13 + 1,),
        meaning=", ".join(f"{letter} for {value}" for letter, value in zip(letters, values, strict=True)),
        pairs=list(zip(letters, values, strict=True))[::-1],
        many=(many := rng.randint(3, 4)),
        sample=f"{letters[2]}[{many}]",
        zero=rng.choice(["-", "nil", "0", "none"]),
    )


def _numerals_hard(rng: random.Random) -> Spec:
    letters = "".join(rng.sample("ABCDEFGHJKMNPQRSTUW", 7))
    values = (1, 5, 10, 50, 100, 500, 1000)

    def roman(n: int) -> str:
        text = ""
        for power in (6, 4, 2, 0):
            digit, n = divmod(n, values[power])
            one, five, ten = letters[power], letters[power + 1 : power + 2], letters[power + 2 : power + 3]
            text += {4: one + five, 9: one + ten}.get(digit, five * (digit // 5) + one * (digit % 5))
        return text

    def draw(rng: random.Random) -> Args:
        text = list(roman(rng.randint(1, 3999)))
        if rng.random() < 0.4:
            text[rng.randrange(len(text))] = rng.choice(letters)
        return ("".join(text),)

    return spec(
        "strict_numeral",
        "(numeral: str) -> int",
        """The text is to be a Roman numeral with other letters: $meaning. Return its value if it is exactly how the
        Romans' rules write a number from 1 to 3999 (for example 4 is "$four", 9 is "$nine", 40 is "$forty" and 1994 is
        "$year"). Otherwise return minus the number of its characters that are "$first" or "$last".""",
        """
    def written(n):
        letters, values, text = "$letters", (1, 5, 10, 50, 100, 500, 1000), ""
        for power in (6, 4, 2, 0):
            digit, n = divmod(n, values[power])
            one, five, ten = letters[power], letters[power + 1 : power + 2], letters[power + 2 : power + 3]
            text += {4: one + five, 9: one + ten}.get(digit, five * (digit // 5) + one * (digit % 5))
        return text

    worth = dict(zip("$letters", (1, 5, 10, 50, 100, 500, 1000)))
    total = 0
    for i, letter in enumerate(numeral):
        value = worth.get(letter, 0)
        total += -value if value < worth.get(numeral[i + 1 : i + 2], 0) else value
    if 1 <= total <= 3999 and written(total) == numeral:
        return total
    return -numeral.count("$first") - numeral.count("$last")
""",
        draw,
        ("",),
        (letters[0] * 4,),
        (roman(3999),),
        letters=letters,
        meaning=", ".join(f'"{letter}" for {value}' for letter, value in zip(letters, values, strict=True)),
        four=roman(4),
        nine=roman(9),
        forty=roman(40),
        year=roman(1994),
        first=letters[0],
        last=letters[-1],
    )


def _expression(rng: random.Random, operators: str, brackets: float = 0.0, depth: int = 0) -> str:
    def operand() -> str:
        if depth < 3 and rng.random() < brackets:
            return f"({_expression(rng, operators, brackets, depth + 1)})"
        return str(rng.randint(0, 12))

    return operand() + "".join(rng.choice(operators) + operand() for _ in range(rng.randint(1, 5 - depth)))


def _expression_easy(rng: random.Random) -> Spec:
    a, b, c = rng.sample("@#&!%", 3)
    return spec(
        "left_to_right",
        "(text: str) -> int",
        """The text is whole numbers with one operator between each two of them: "$a" adds, "$b" multiplies and "$c"
        stands for the left number times $k minus the right one. Work it out from left to right, no operator before any
        other, and return the result modulo $modulus.""",
        """
    numbers, operators, number = [], [], ""
    for character in text:
        if character.isdigit():
            number += character
        else:
            numbers.append(int(number))
            operators.append(character)
            number = ""
    numbers.append(int(number))
    result = numbers[0]
    for operator, right in zip(operators, numbers[1:]):
        if operator == "$a":
            result += right
        elif operator == "$b":
            result *= right
        else:
            result = result * $k - right
    return result % $modulus
""",
        lambda rng: (_expression(rng, a + b + c),),
        ("7",),
        (f"10{c}11{a}12",),
        a=a,
        b=b,
        c=c,
        k=rng.randint(2, 5),
        modulus=rng.choice([997, 1009, 10007]),
    )


def _expression_medium(rng: random.Random) -> Spec:
    tight, loose = rng.sample(["+", "*", "-"], 2)
    last = ({"+", "*", "-"} - {tight, loose}).pop()
    return spec(
        "other_precedence",
        "(text: str) -> int",
        """The text is whole numbers with one of the operators "+", "-" and "*" between each two of them, all with their
        usual meaning, but in another order: every "$tight" is worked out first, then every "$loose", then every
        "$last"; equal operators from left to right. Return the result.""",
        """
    def value(text):
        for operator, combine in (
            ("$last", $do_last),
            ("$loose", $do_loose),
            ("$tight", $do_tight),
        ):
            if operator in text:
                left, _, right = text.rpartition(operator)
                return combine(value(left), value(right))
        return int(text)

    return value(text)
""",
        lambda rng: (_expression(rng, "+-*"),),
        ("5",),
        ("10-2+3*4-1",),
        ("2*3-4*5+6-7",),
        tight=tight,
        loose=loose,
        last=last,
        do_tight=f"lambda a, b: a {tight} b",
        do_loose=f"lambda a, b: a {loose} b",
        do_last=f"lambda a, b: a {last} b",
    )


def _expression_hard(rng: random.Random) -> Spec:
    mark, other = rng.sample("@#&!%", 2)
    return spec(
        "with_brackets",
        "(text: str) -> int",
        """Work out an expression of whole numbers, round brackets and two operators. "a $mark b" is a times $k minus
        b; it binds tighter and is worked out from right to left, so that 1${mark}2${mark}3 is 1$mark(2${mark}3).
        "a $other b" is the $which of a and b, plus $plus; it is worked out from left to right. There are no spaces in
        the text. Return the value modulo $modulus; the modulus is taken once, at the end.""",
        """
    position = 0

    def primary():
        nonlocal position
        if text[position] == "(":
            position += 1
            value = loose()
            position += 1
            return value
        start = position
        while position < len(text) and text[position].isdigit():
            position += 1
        return int(text[start:position])

    def tight():
        nonlocal position
        left = primary()
        if position < len(text) and text[position] == "$mark":
            position += 1
            return left * $k - tight()
        return left

    def loose():
        nonlocal position
        left = tight()
        while position < len(text) and text[position] == "$other":
            position += 1
            left = $name(left, tight()) + $plus
        return left

    return loose() % $modulus
""",
        lambda rng: (_expression(rng, mark + other, 0.35),),
        ("8",),
        (f"1{mark}2{mark}3{other}4",),
        (f"((1{other}9){mark}(2))",),
        mark=mark,
        other=other,
        k=rng.randint(2, 5),
        which=(which := rng.choice(["larger", "smaller"])),
        name="max" if which == "larger" else "min",
        plus=rng.randint(1, 5),
        modulus=rng.choice([97, 101, 997]),
    )


FAMILIES = (
    Family("parsing", _parse_easy, _parse_medium, _parse_hard),
    Family("runs", _runs_easy, _runs_medium, _runs_hard),
    Family("layout", _layout_easy, _layout_medium, _layout_hard),
    Family("bases", _bases_easy, _bases_medium, _bases_hard),
    Family("numerals", _numerals_easy, _numerals_medium, _numerals_hard),
    Family("expressions", _expression_easy, _expression_medium, _expression_hard),
)
