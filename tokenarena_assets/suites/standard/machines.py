"""Code tasks over graphs, plans, machines, bits, dates and simulations."""

from __future__ import annotations

import random
from datetime import date, timedelta

from tokenarena_assets.suites.standard.families import Args, Family, Spec, ints, spec

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# fmt: off
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)
# fmt: on


def _edges(rng: random.Random, nodes: int, most: int) -> list[list[int]]:
    return [[rng.randrange(nodes), rng.randrange(nodes)] for _ in range(rng.randint(1, most))]


def _graph_easy(rng: random.Random) -> Spec:
    way = rng.choice(["from a to b", "from b to a", "both ways"])
    return spec(
        "reached",
        "(edges: list[list[int]], start: int) -> list[int]",
        """Each edge [a, b] can be walked $way. Return the nodes that can be reached from start by walking at most
        $steps edges, start left out, in $order order.""",
        """
    near = {}
    for a, b in edges:
        for here, there in $pairs:
            near.setdefault(here, set()).add(there)
    found, front = {start}, {start}
    for _ in range($steps):
        front = {there for here in front for there in near.get(here, ())} - found
        found |= front
    return sorted(found - {start}, reverse=$down)
""",
        lambda rng: (_edges(rng, 9, 14), rng.randrange(9)),
        ([], 3),
        ([[1, 1], [1, 2], [2, 3], [3, 4], [4, 5], [5, 6]], 1),
        ([[6, 5], [5, 4], [4, 3], [3, 2], [2, 1]], 1),
        way=way,
        pairs={"from a to b": "((a, b),)", "from b to a": "((b, a),)", "both ways": "((a, b), (b, a))"}[way],
        steps=rng.randint(2, 4),
        order=(order := rng.choice(["ascending", "descending"])),
        down=order == "descending",
    )


def _graph_medium(rng: random.Random) -> Spec:
    return spec(
        "components",
        "(n: int, edges: list[list[int]]) -> list[int]",
        """The nodes are 0 to n - 1; each edge [a, b] joins two of them, without direction, but an edge whose nodes'
        sum is divisible by $k joins nothing. Return for each connected component of at least $least nodes its size
        plus $weight times its smallest node, in ascending order.""",
        """
    group = list(range(n))

    def root(node):
        while group[node] != node:
            node = group[node]
        return node

    for a, b in edges:
        if (a + b) % $k:
            low, high = sorted((root(a), root(b)))
            group[high] = low
    sizes = {}
    for node in range(n):
        sizes[root(node)] = sizes.get(root(node), 0) + 1
    return sorted(size + $weight * node for node, size in sizes.items() if size >= $least)
""",
        lambda rng: (n := rng.randint(3, 12), _edges(rng, n, 10)),
        (0, []),
        (3, []),
        (6, [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]]),
        k=rng.randint(3, 5),
        least=rng.randint(1, 2),
        weight=rng.randint(2, 5),
    )


def _graph_hard(rng: random.Random) -> Spec:
    def draw(rng: random.Random) -> Args:
        n = rng.randint(3, 8)
        edges = [[rng.randrange(n), rng.randrange(n), rng.randint(1, 12)] for _ in range(rng.randint(4, 18))]
        return (n, edges)

    change, cost = rng.choice([("costs nothing", "0"), ("costs double", "2 * w"), ("costs 1, whatever it says", "1")])
    return spec(
        "cheapest_walk",
        "(n: int, edges: list[list[int]]) -> int",
        """The nodes are 0 to n - 1. Each edge [a, b, w] can be walked from a to b, any number of times, and costs w;
        but every $nth edge of a walk (the $nth one walked, the one $k after it and so on) $change. Return the least
        cost of a walk from node 0 to node n - 1, or $never if there is none. A walk of no edges costs 0.""",
        """
    best = {(0, 0): 0}
    todo = [(0, 0)]
    while todo:
        node, walked = todo.pop()
        for a, b, w in edges:
            if a == node:
                cost = $cost if walked == $k - 1 else w
                state = (b, (walked + 1) % $k)
                total = best[node, walked] + cost
                if total < best.get(state, float("inf")):
                    best[state] = total
                    todo.append(state)
    return min((total for (node, _), total in best.items() if node == n - 1), default=$never)
""",
        draw,
        (1, []),
        (2, []),
        (3, [[0, 1, 5], [1, 2, 5], [0, 2, 11], [1, 1, 1]]),
        k=(k := rng.randint(2, 3)),
        nth={2: "second", 3: "third"}[k],
        change=change,
        cost=cost,
        never=rng.choice([-1, -7]),
    )


def _plans_easy(rng: random.Random) -> Spec:
    a, b, c = sorted(rng.sample(range(1, 8), 3))
    return spec(
        "ways",
        "(n: int) -> int",
        """Return in how many ways n (at least 0) can be written as a sum in which each part is $a, $b or $c and the
        order of the parts matters, modulo $modulus. A sum may not have more than $most parts. There is one way to
        write 0: the sum without parts.""",
        """
    ways = [1] + [0] * n
    total = ways[n]
    for _ in range($most):
        ways = [sum(ways[i - part] for part in ($a, $b, $c) if part <= i) for i in range(n + 1)]
        total += ways[n]
    return total % $modulus
""",
        lambda rng: (rng.randint(0, 50),),
        (0,),
        (1,),
        (90,),
        a=a,
        b=b,
        c=c,
        most=rng.randint(8, 12),
        modulus=rng.choice([997, 1009, 10007]),
    )


def _plans_medium(rng: random.Random) -> Spec:
    coins = sorted(rng.sample([1, 2, 3, 4, 5, 7, 9, 11, 12, 15, 20], 4))
    return spec(
        "fewest_coins",
        "(amount: int) -> int",
        """There are coins of $coins, at most $most of each kind. Return the least number of coins that make up the
        amount (at least 0) exactly; if there is no way, return minus the largest smaller amount that can be made up.
        """,
        """
    fewest = {0: 0}
    for coin in $list:
        fewest_before = dict(fewest)
        for total, count in fewest_before.items():
            for times in range(1, $most + 1):
                new = total + coin * times
                fewest[new] = min(fewest.get(new, count + times), count + times)
    if amount in fewest:
        return fewest[amount]
    return -max(total for total in fewest if total < amount)
""",
        lambda rng: (rng.randint(0, 3 * sum(coins)),),
        (0,),
        (1,),
        (2 * sum(coins),),
        (10 * sum(coins),),
        coins=", ".join(map(str, coins[:-1])) + f" and {coins[-1]}",
        list=coins,
        most=rng.randint(2, 3),
    )


def _plans_hard(rng: random.Random) -> Spec:
    kind, test = rng.choice([("at most", "<="), ("at least", ">=")])
    return spec(
        "best_subsequence",
        "(items: list[int]) -> int",
        """Choose items of the list, in their order and at least one, so that any two chosen ones with no other chosen
        one between them differ in value by $kind $gap and have at most $skip items between them in the list. Return the
        largest possible value of: the sum of the chosen items, minus $price for each item that is left out between the
        first and the last chosen one. Return 0 for an empty list.""",
        """
    best = []
    for i, item in enumerate(items):
        before = [
            best[j] - $price * (i - j - 1)
            for j in range(max(0, i - $skip - 1), i)
            if abs(items[j] - item) $test $gap
        ]
        best.append(item + max(before + [0]))
    return max(best, default=0)
""",
        ints(-8, 15, 12),
        ([],),
        ([-5, -3],),
        ([4, 4, 4, 4],),
        ([1, 9, 1, 9, 20],),
        kind=kind,
        test=test,
        gap=rng.randint(3, 6),
        skip=rng.randint(1, 3),
        price=rng.randint(1, 3),
    )


def _tokens(rng: random.Random, words: list[str]) -> list[str]:
    return [str(rng.randint(-9, 20)) if rng.random() < 0.55 else rng.choice(words) for _ in range(rng.randint(3, 14))]


def _stack_easy(rng: random.Random) -> Spec:
    push, take = rng.sample(["twice", "swap", "drop"], 2)
    does = {
        "twice": ("puts a copy of the top number on top", "stack.append(stack[-1])", 1),
        "swap": ("exchanges the two top numbers", "stack[-2:] = stack[:-3:-1]", 2),
        "drop": ("takes the top number away", "stack.pop()", 1),
    }
    return spec(
        "run_stack",
        "(tokens: list[str]) -> list[int]",
        """Run the tokens on a stack that is empty at first. A whole number is put on top. "add" replaces the two top
        numbers by their sum plus $plus, "sub" by $minus, "$one" $does_one and "$two" $does_two. A
        token that finds too few numbers on the stack does nothing. Return the stack, the bottom first.""",
        """
    stack = []
    for token in tokens:
        if token == "add":
            if len(stack) >= 2:
                stack.append(stack.pop() + stack.pop() + $plus)
        elif token == "sub":
            if len(stack) >= 2:
                stack.append(${sign}(stack.pop() - stack.pop()))
        elif token == "$one":
            if len(stack) >= $needs_one:
                $code_one
        elif token == "$two":
            if len(stack) >= $needs_two:
                $code_two
        else:
            stack.append(int(token))
    return stack
""",
        lambda rng: (_tokens(rng, ["add", "sub", push, take]),),
        ([],),
        (["add", "sub", push, take],),
        (["1", "2", take, push, "sub"],),
        plus=rng.randint(1, 9),
        minus=(minus := rng.choice(["the upper one minus the one below it", "the lower one minus the one above it"])),
        sign="" if minus.startswith("the upper") else "-",
        one=push,
        two=take,
        does_one=does[push][0],
        does_two=does[take][0],
        code_one=does[push][1],
        code_two=does[take][1],
        needs_one=does[push][2],
        needs_two=does[take][2],
    )


def _stack_medium(rng: random.Random) -> Spec:
    names = rng.sample(["foo", "bar", "baz", "qux", "zip", "pop", "mix"], 3)
    return spec(
        "run_machine",
        "(tokens: list[str]) -> int",
        """Run the tokens on a stack of numbers from 0 to $most, which is empty at first; all arithmetic is modulo
        $modulus. A whole number is put on top. "$mul" replaces the two top numbers by their product plus $plus. "$turn"
        moves the number at the bottom to the top. "$sum" replaces the top number t by the sum of the t numbers below
        it, or of all of them if there are fewer, and leaves those where they are. "$mul" with fewer than two numbers on
        the stack, and the others with none, stop the run. Return the sum of the stack at the end, modulo $modulus.""",
        """
    stack = []
    for token in tokens:
        if token == "$mul":
            if len(stack) < 2:
                break
            stack.append((stack.pop() * stack.pop() + $plus) % $modulus)
        elif token in ("$turn", "$sum"):
            if not stack:
                break
            if token == "$turn":
                stack.append(stack.pop(0))
            else:
                top = stack.pop()
                stack.append(sum(stack[max(0, len(stack) - top) :]) % $modulus)
        else:
            stack.append(int(token) % $modulus)
    return sum(stack) % $modulus
""",
        lambda rng: ([str(rng.randint(0, 20)), *_tokens(rng, names)],),
        ([],),
        ([names[0]],),
        (["5", "6", "7", "2", names[2], names[1], names[0], "3"],),
        mul=names[0],
        turn=names[1],
        sum=names[2],
        modulus=(modulus := rng.choice([17, 23, 29, 31])),
        most=modulus - 1,
        plus=rng.randint(1, 9),
    )


def _stack_hard(rng: random.Random) -> Spec:
    def draw(rng: random.Random) -> Args:
        kinds = ["set", "add", "add", "sub", "jump", "skip"]
        program = []
        for _ in range(rng.randint(3, 10)):
            kind = rng.choice(kinds)
            if kind == "set":
                program.append([kind, rng.randrange(3), rng.randint(-5, 9)])
            elif kind in ("add", "sub"):
                program.append([kind, rng.randrange(3), rng.randrange(3)])
            elif kind == "jump":
                program.append([kind, rng.randrange(3), rng.randint(-4, 3)])
            else:
                program.append([kind, rng.randrange(3), rng.randint(-3, 6)])
        return ([["set", 0, rng.randint(1, 9)], ["set", 1, rng.randint(-3, 5)], *program],)

    return spec(
        "run_program",
        "(program: list[list]) -> list[int]",
        """A machine has three registers, numbered 0 to 2 and 0 at first, and runs a list of instructions from the first
        one on. ["set", r, v] puts v into register r. ["add", r, s] adds register s to register r, ["sub", r, s] takes
        it away. ["jump", r, d] goes on d instructions further (d = 1 is the next one; d may be 0 or negative) if
        register r is $jump. ["skip", r, v] leaves out the next instruction if register r is $skip v. After every "add"
        or "sub", a result above $high becomes $high and one below -$high becomes -$high. The run stops when it leaves
        the program at either end, or after $steps instructions. Return the three registers and then the number of
        instructions that were run.""",
        """
    registers, at, steps = [0, 0, 0], 0, 0
    while 0 <= at < len(program) and steps < $steps:
        kind, r, v = program[at]
        steps += 1
        at += 1
        if kind == "set":
            registers[r] = v
        elif kind in ("add", "sub"):
            change = registers[v] if kind == "add" else -registers[v]
            registers[r] = max(-$high, min($high, registers[r] + change))
        elif kind == "jump":
            if registers[r] $jump_test:
                at += v - 1
        elif registers[r] $skip_test v:
            at += 1
    return [*registers, steps]
""",
        draw,
        ([],),
        ([["jump", 0, 0]],),
        ([["set", 0, 9], ["add", 0, 0], ["add", 0, 0], ["add", 0, 0], ["add", 0, 0]],),
        jump=(jump := rng.choice(["positive", "negative", "not 0"])),
        jump_test={"positive": "> 0", "negative": "< 0", "not 0": "!= 0"}[jump],
        skip=(skip := rng.choice(["greater than", "less than", "equal to"])),
        skip_test={"greater than": ">", "less than": "<", "equal to": "=="}[skip],
        high=rng.randint(30, 99),
        steps=rng.randint(30, 60),
    )


def _bits_easy(rng: random.Random) -> Spec:
    return spec(
        "bit_score",
        "(n: int) -> int",
        """The bits of n, which is not negative, are numbered from 0, the lowest. Return $plus times the number of 1
        bits whose number is a multiple of $k, minus the number of all other 1 bits.""",
        """
    score = 0
    for number in range(n.bit_length()):
        if n >> number & 1:
            score += $plus if number % $k == 0 else -1
    return score
""",
        lambda rng: (rng.getrandbits(rng.randint(1, 24)),),
        (0,),
        (1,),
        (2**32 - 1,),
        k=rng.randint(2, 4),
        plus=rng.randint(2, 5),
    )


def _bits_medium(rng: random.Random) -> Spec:
    width = rng.choice([8, 10, 12])
    return spec(
        "mixed_bits",
        "(n: int, rounds: int) -> int",
        """Of n, keep the lowest $width bits. Then, rounds times: rotate these $width bits to the $side by $turn places,
        flip the bits that are 1 in $mask, and if the result is $parity, add $plus and keep the lowest $width bits
        again. Return the number that is left.""",
        """
    n %= $size
    for _ in range(rounds):
        n = (n << $left | n >> $right) % $size ^ $mask
        if n % 2 == $rest:
            n = (n + $plus) % $size
    return n
""",
        lambda rng: (rng.getrandbits(14), rng.randint(0, 6)),
        (0, 0),
        (0, 1),
        (2**20 + 5, 2),
        (1, 50),
        width=width,
        size=2**width,
        side=(side := rng.choice(["left", "right"])),
        turn=(turn := rng.randint(2, width - 3)),
        left=turn if side == "left" else width - turn,
        right=width - turn if side == "left" else turn,
        mask=rng.randint(3, 2**width - 2),
        parity=(parity := rng.choice(["even", "odd"])),
        rest=0 if parity == "even" else 1,
        plus=rng.randint(1, 99),
    )


def _bits_hard(rng: random.Random) -> Spec:
    return spec(
        "checksum",
        "(data: list[int]) -> int",
        """Compute a checksum of $width bits. It is $first at first. For each number of data, from 0 to 255, take its 8
        bits, the $order one first. For each bit: let t be the $edge bit of the checksum (of its $width bits) exclusive
        or the bit of the number; shift the checksum one place to the $side, dropping the bit that falls out; and if t
        is 1, exclusive-or it with $poly. After every $nth number, replace the checksum by all its $width bits
        inverted. Return the checksum.""",
        """
    check = $first
    for count, number in enumerate(data, 1):
        for place in $places:
            t = (check >> $edge_place & 1) ^ (number >> place & 1)
            check = $shifted
            if t:
                check ^= $poly
        if count % $k == 0:
            check ^= $ones
    return check
""",
        lambda rng: ([rng.randrange(256) for _ in range(rng.randint(1, 9))],),
        ([],),
        ([0],),
        ([255, 0, 255, 0, 1, 128],),
        width=(width := rng.choice([8, 12, 16])),
        first=rng.randrange(2**width),
        ones=2**width - 1,
        order=(order := rng.choice(["highest", "lowest"])),
        places="range(7, -1, -1)" if order == "highest" else "range(8)",
        side=(side := rng.choice(["left", "right"])),
        edge="highest" if side == "left" else "lowest",
        edge_place=width - 1 if side == "left" else 0,
        shifted=f"check * 2 % {2**width}" if side == "left" else "check >> 1",
        poly=rng.randrange(2 ** (width - 1), 2**width) | 1,
        k=(k := rng.randint(2, 4)),
        nth={2: "second", 3: "third", 4: "fourth"}[k],
    )


def _day(rng: random.Random, low: int = 1990, years: int = 40) -> date:
    return date(low, 1, 1) + timedelta(days=rng.randrange(365 * years))


def _dates_easy(rng: random.Random) -> Spec:
    month, day = rng.randint(1, 12), rng.randint(1, 28)
    return spec(
        "days_until",
        "(text: str) -> int",
        """The text is a date such as "2024-02-29". Return the number of days from it to the next $name in the
        Gregorian calendar, at least 1 (on such a day, the one of the next year counts), and add $plus if that day is a
        $weekday.""",
        """
    from datetime import date

    today = date.fromisoformat(text)
    target = date(today.year, $month, $day)
    if target <= today:
        target = date(today.year + 1, $month, $day)
    return (target - today).days + (target.weekday() == $number) * $plus
""",
        lambda rng: (_day(rng).isoformat(),),
        (date(2023, month, day).isoformat(),),
        ("2024-02-28",),
        ("1999-12-31",),
        name=f"{MONTHS[month - 1]} {day}",
        month=month,
        day=day,
        number=(number := rng.randrange(7)),
        weekday=WEEKDAYS[number],
        plus=rng.choice([1000, 500, 2000]),
    )


def _dates_medium(rng: random.Random) -> Spec:
    def draw(rng: random.Random) -> Args:
        first = _day(rng)
        return (first.isoformat(), (first + timedelta(days=rng.randint(-20, 500))).isoformat())

    low = rng.randint(1, 15)
    return spec(
        "count_days",
        "(first: str, last: str) -> int",
        """Dates are written such as "2024-02-29". Count the days from first to last, both included, that are a $one or
        a $two and whose day of the month is from $low to $high; those in $month count $times. Return 0 if last is
        before first.""",
        """
    from datetime import date, timedelta

    day, end, count = date.fromisoformat(first), date.fromisoformat(last), 0
    while day <= end:
        if day.weekday() in $days and $low <= day.day <= $high:
            count += $factor if day.month == $number else 1
        day += timedelta(days=1)
    return count
""",
        draw,
        ("2024-03-01", "2024-02-01"),
        ("2024-02-29", "2024-02-29"),
        ("2000-01-01", "2003-12-31"),
        days=(days := tuple(sorted(rng.sample(range(7), 2)))),
        one=WEEKDAYS[days[0]],
        two=WEEKDAYS[days[1]],
        low=low,
        high=low + rng.randint(8, 15),
        number=(number := rng.randint(1, 12)),
        month=MONTHS[number - 1],
        times=(times := rng.choice(["twice", "three times", "nothing"])),
        factor={"twice": 2, "three times": 3, "nothing": 0}[times],
    )


def _dates_hard(rng: random.Random) -> Spec:
    odd, even = rng.sample(range(18, 40), 2)
    months, cycle, week = rng.randint(9, 15), rng.randint(3, 7), rng.randint(5, 9)
    days = sum(odd if month % 2 else even for month in range(1, months + 1))
    return spec(
        "strange_calendar",
        "(n: int) -> list[int]",
        """In a calendar, years count from 1 and have $months months, which count from 1; the odd months have $odd days
        and the even ones $even. In years divisible by $cycle, but not by $exception, the last month has $more days
        more. Weeks have $week days, counted from 1, and run on through months and years. Day 0 is the first day of
        month 1 of year 1 and the first of a week. Return [year, month, day, day of the week] of day n (at least 0),
        where the day of the month counts from 1.""",
        """
    left, year, month = n, 1, 1
    while True:
        length = $odd if month % 2 else $even
        if month == $months and year % $cycle == 0 and year % $exception:
            length += $more
        if left < length:
            return [year, month, left + 1, n % $week + 1]
        left -= length
        month += 1
        if month > $months:
            year, month = year + 1, 1
""",
        lambda rng: (rng.randint(0, days * rng.choice([1, 5, 40])),),
        (0,),
        (days - 1,),
        (days * cycle - 1,),
        (days * cycle,),
        (days * cycle + 1,),
        months=months,
        odd=odd,
        even=even,
        cycle=cycle,
        exception=cycle * rng.randint(2, 5),
        more=rng.randint(1, 3),
        week=week,
    )


def _walk_easy(rng: random.Random) -> Spec:
    width, height = rng.randint(4, 9), rng.randint(4, 9)
    return spec(
        "robot",
        "(moves: str) -> list[int]",
        """A robot starts at [0, 0] on a field of $width columns by $height rows, facing up. "F" moves it one cell
        forward, "L" and "R" turn it left and right by 90 degrees, "$back" turns it around, and any other letter does
        nothing. Up is towards higher rows, right towards higher columns. A move over an edge on the left or right leads
        to the other side of the same row; $edge. Return [column, row] at the end.""",
        """
    x, y, dx, dy = 0, 0, 0, 1
    for move in moves:
        if move == "F":
            x = (x + dx) % $width
            y = $new_y
        elif move == "L":
            dx, dy = -dy, dx
        elif move == "R":
            dx, dy = dy, -dx
        elif move == "$back":
            dx, dy = -dx, -dy
    return [x, y]
""",
        lambda rng: ("".join(rng.choice(f"FFFFLR{back}q") for _ in range(rng.randint(1, 30))),),
        ("",),
        ("F" * 20,),
        (f"R{'F' * 13}RFF",),
        width=width,
        height=height,
        back=(back := rng.choice("BUTV")),
        edge=(
            edge := rng.choice(
                [
                    "one over the edge at the top or bottom is not made",
                    "at the top and bottom it is likewise with the column",
                ]
            )
        ),
        new_y=f"min(max(y + dy, 0), {height - 1})" if "not made" in edge else f"(y + dy) % {height}",
    )


def _walk_medium(rng: random.Random) -> Spec:
    return spec(
        "last_ones",
        "(n: int) -> list[int]",
        """The numbers 1 to n (n is at least 0) stand in a circle. Counting begins with 1 and goes up around the circle;
        the one at which the count comes to $k leaves, and counting begins anew with its neighbour. After each
        departure of $whom number, the direction of counting is reversed: the count then begins with the neighbour
        on the other side. When $left are left, or if there never were more, stop. Return them in ascending order.
        """,
        """
    circle = list(range(1, n + 1))
    at, step = 0, 1
    while len(circle) > $left:
        at = (at + step * ($k - 1)) % len(circle)
        gone = circle.pop(at)
        if gone % 2 == $rest:
            step = -step
        if step < 0:
            at -= 1
        at %= len(circle)
    return circle
""",
        lambda rng: (rng.randint(1, 60),),
        (0,),
        (1,),
        (4,),
        (200,),
        k=rng.randint(2, 7),
        whom=(whom := rng.choice(["an even", "an odd"])),
        rest=0 if whom == "an even" else 1,
        left=rng.randint(2, 3),
    )


def _walk_hard(rng: random.Random) -> Spec:
    rule = rng.randint(20, 235)
    table = {f"{pattern:03b}": str(rule >> pattern & 1) for pattern in range(8)}
    wraps = rng.random() < 0.5
    off, on = rng.choice(".-_o"), rng.choice("#X1@")
    return spec(
        "automaton",
        "(cells: str, steps: int) -> str",
        """The cells, one character each, are "$off" (off) or "$on" (on). In a step all cells change at once. The new
        state of a cell follows from the old states of its left neighbour, itself and its right neighbour: of the eight
        patterns, written with 1 for on, $pattern make it on, the others off. $border But a cell that has been on in
        the last $tired states in a row (the present one included) is off in the next, whatever the pattern. Return
        the cells after the given number of steps.""",
        """
    rule = $rule
    history = [[character == "$on" for character in cells]]
    for _ in range(steps):
        old, new = history[-1], []
        for i in range(len(old)):
            left = $left
            right = $right
            state = rule >> (4 * left + 2 * old[i] + right) & 1
            if len(history) >= $tired and all(states[i] for states in history[-$tired:]):
                state = 0
            new.append(state)
        history.append(new)
    return "".join("$on" if state else "$off" for state in history[-1])
""",
        lambda rng: ("".join(rng.choice(off + on) for _ in range(rng.randint(2, 16))), rng.randint(0, 8)),
        ("", 3),
        (on + off, 1),
        (on * 9, 6),
        (off * 4 + on + off * 4, 7),
        rule=rule,
        pattern=", ".join(pattern for pattern, state in table.items() if state == "1"),
        border=(
            "The first and the last cell are neighbours."
            if wraps
            else "Left of the first and right of the last cell, everything is off."
        ),
        left="old[i - 1]" if wraps else "old[i - 1] if i else 0",
        right="old[(i + 1) % len(old)]" if wraps else "old[i + 1] if i + 1 < len(old) else 0",
        off=off,
        on=on,
        tired=rng.randint(2, 3),
    )


FAMILIES = (
    Family("graphs", _graph_easy, _graph_medium, _graph_hard),
    Family("plans", _plans_easy, _plans_medium, _plans_hard),
    Family("machines", _stack_easy, _stack_medium, _stack_hard),
    Family("bits", _bits_easy, _bits_medium, _bits_hard),
    Family("dates", _dates_easy, _dates_medium, _dates_hard),
    Family("walks", _walk_easy, _walk_medium, _walk_hard),
)
