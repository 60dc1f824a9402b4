"""Code tasks over lists, intervals, matrices, sets and records."""

from __future__ import annotations

import random

from tokenarena_assets.suites.standard.families import Args, Family, Spec, ints, spec, word


def _filter_easy(rng: random.Random) -> Spec:
    return spec(
        "keep_some",
        "(items: list[int]) -> list[int]",
        """Return the items that are divisible by $k or greater than $top, in their order, each once only: where an
        item occurs again, only its first occurrence is kept.""",
        """
    kept = []
    for item in items:
        if (item % $k == 0 or item > $top) and item not in kept:
            kept.append(item)
    return kept
""",
        ints(-30, 60),
        ([],),
        ([0, 0, -60],),
        k=rng.randint(3, 9),
        top=rng.randint(20, 40),
    )


def _filter_medium(rng: random.Random) -> Spec:
    return spec(
        "digit_filter",
        "(items: list[int]) -> int",
        """Take the items at the positions 0, $step, $twice and so on. Of these, take the ones whose decimal digits
        (the sign left aside) sum to at least $least. Return the sum of their squares, modulo $modulus.""",
        """
    taken = [item for item in items[::$step] if sum(int(digit) for digit in str(abs(item))) >= $least]
    return sum(item * item for item in taken) % $modulus
""",
        ints(-999, 999, 20),
        ([],),
        ([0],),
        ([999, 999, 999, 999, 999],),
        step=(step := rng.choice([2, 3])),
        twice=2 * step,
        least=rng.randint(8, 14),
        modulus=rng.choice([97, 101, 997, 1009]),
    )


def _filter_hard(rng: random.Random) -> Spec:
    return spec(
        "calm_windows",
        "(items: list[int]) -> list[int]",
        """Look at the windows of $width neighbouring items from left to right. A window is calm if its largest and
        smallest item differ by at most $spread. When a window is calm, note its sum and go on with the first window
        that shares no item with it; otherwise go on with the window that begins one item later. Return the noted
        sums.""",
        """
    sums = []
    start = 0
    while start + $width <= len(items):
        window = items[start : start + $width]
        if max(window) - min(window) <= $spread:
            sums.append(sum(window))
            start += $width
        else:
            start += 1
    return sums
""",
        ints(0, 20, 24),
        ([],),
        ([5] * 11,),
        ([1],),
        width=rng.randint(3, 4),
        spread=rng.randint(8, 11),
    )


def _intervals(rng: random.Random) -> Args:
    starts = [rng.randint(-20, 60) for _ in range(rng.randint(1, 8))]
    return ([[start, start + rng.randint(1, 18)] for start in starts],)


def _intervals_easy(rng: random.Random) -> Spec:
    return spec(
        "covered",
        "(intervals: list[list[int]]) -> int",
        """Each interval [a, b] covers the whole numbers from a to b, both included. Return how many whole numbers that
        are $kind are covered by at least one interval.""",
        """
    covered = set()
    for a, b in intervals:
        covered.update(range(a, b + 1))
    return sum(1 for number in covered if number % $k == $rest)
""",
        _intervals,
        ([],),
        ([[3, 3], [3, 3]],),
        k=(k := rng.randint(2, 5)),
        rest=(rest := rng.randint(0, k - 1)),
        kind=f"divisible by {k}" if rest == 0 else f"{rest} more than a multiple of {k}",
    )


def _intervals_medium(rng: random.Random) -> Spec:
    return spec(
        "joined",
        "(intervals: list[list[int]]) -> list[list[int]]",
        """Join intervals [a, b] that overlap or lie at most $gap apart (the next start minus the end before is at most
        $gap), over and over until none can be joined. Return the joined intervals as [a, b], the longest first; those
        of equal length by start, the $order first.""",
        """
    joined = []
    for a, b in sorted(intervals):
        if joined and a - joined[-1][1] <= $gap:
            joined[-1][1] = max(joined[-1][1], b)
        else:
            joined.append([a, b])
    return sorted(joined, key=lambda pair: (pair[0] - pair[1], $sign * pair[0]))
""",
        _intervals,
        ([],),
        ([[5, 6], [1, 2], [20, 21]],),
        ([[0, 100], [5, 6]],),
        gap=rng.randint(1, 5),
        order=(order := rng.choice(["smallest", "largest"])),
        sign=1 if order == "smallest" else -1,
    )


def _intervals_hard(rng: random.Random) -> Spec:
    def draw(rng: random.Random) -> Args:
        starts = [rng.randint(0, 40) for _ in range(rng.randint(1, 9))]
        return ([[start, start + rng.randint(1, 15), rng.randint(1, 9)] for start in starts],)

    return spec(
        "busiest",
        "(bookings: list[list[int]]) -> list[int]",
        """Each booking [a, b, w] takes w seats from time a up to, but not including, time b. Every booking of more than
        $large seats takes $extra seats more than it says. Return [time, seats]: the largest number of seats taken at
        once and the earliest time at which it is reached. Return [-1, 0] if there are no bookings.""",
        """
    changes = {}
    for a, b, w in bookings:
        seats = w + $extra if w > $large else w
        changes[a] = changes.get(a, 0) + seats
        changes[b] = changes.get(b, 0) - seats
    best, taken = [-1, 0], 0
    for time in sorted(changes):
        taken += changes[time]
        if taken > best[1]:
            best = [time, taken]
    return best
""",
        draw,
        ([],),
        ([[0, 5, 2], [5, 9, 2]],),
        ([[7, 8, 9], [1, 2, 9]],),
        large=rng.randint(3, 6),
        extra=rng.randint(2, 5),
    )


def _matrix(rng: random.Random) -> Args:
    rows, columns = rng.randint(2, 5), rng.randint(2, 5)
    return ([[rng.randint(-9, 9) for _ in range(columns)] for _ in range(rows)],)


def _matrix_easy(rng: random.Random) -> Spec:
    return spec(
        "pattern_sum",
        "(matrix: list[list[int]]) -> int",
        """Return the sum of the elements at row i and column j (both counted from 0) for which $a * i + $b * j leaves
        a remainder of $rest when divided by $m.""",
        """
    total = 0
    for i, row in enumerate(matrix):
        for j, value in enumerate(row):
            if ($a * i + $b * j) % $m == $rest:
                total += value
    return total
""",
        _matrix,
        ([],),
        ([[7]],),
        a=rng.randint(1, 4),
        b=rng.randint(1, 4),
        m=(m := rng.randint(2, 4)),
        rest=rng.randint(0, m - 1),
    )


def _matrix_medium(rng: random.Random) -> Spec:
    turn = rng.choice(["clockwise", "counterclockwise"])
    return spec(
        "turned",
        "(matrix: list[list[int]]) -> list[list[int]]",
        """Turn the matrix by 90 degrees $turn. Then multiply every element of each row of even number (rows counted
        from 0) by $factor, and reverse the order of the elements in each row of odd number. Return the result.""",
        """
    rows = [list(row) for row in $turned]
    return [[$factor * v for v in row] if i % 2 == 0 else row[::-1] for i, row in enumerate(rows)]
""",
        _matrix,
        ([[3]],),
        ([[1, 2, 3]],),
        ([[1], [2], [3]],),
        turn=turn,
        turned="zip(*matrix[::-1])" if turn == "clockwise" else "list(zip(*matrix))[::-1]",
        factor=rng.choice([-3, -2, 2, 3, 4]),
    )


def _matrix_hard(rng: random.Random) -> Spec:
    which, sign = rng.choice([("largest", ">"), ("smallest", "<")])
    return spec(
        "best_block",
        "(matrix: list[list[int]]) -> list[int]",
        """The matrix wraps around: right of its last column comes its first, below its last row its first. Among the
        blocks of $height rows by $width columns, of which one begins at every cell, find the one with the $which sum,
        where an element that a block meets twice counts twice. Return [sum, row, column] of its upper left cell,
        counted from 0; of several, the one with the $tie row, then the smallest column.""",
        """
    rows, columns = len(matrix), len(matrix[0])
    best = None
    for i in $order:
        for j in range(columns):
            total = sum(
                matrix[(i + di) % rows][(j + dj) % columns] for di in range($height) for dj in range($width)
            )
            if best is None or total $sign best[0]:
                best = [total, i, j]
    return best
""",
        _matrix,
        ([[4]],),
        ([[1, 1], [1, 1]],),
        which=which,
        sign=sign,
        height=rng.randint(2, 3),
        width=rng.randint(2, 3),
        tie=(tie := rng.choice(["smallest", "largest"])),
        order="range(rows)" if tie == "smallest" else "reversed(range(rows))",
    )


def _words(rng: random.Random) -> Args:
    return ([word(rng, "abcde", 1, 6) for _ in range(rng.randint(2, 10))],)


def _sort_easy(rng: random.Random) -> Spec:
    first, sign = rng.choice([("longest", "-"), ("shortest", "")])
    return spec(
        "sorted_words",
        "(words: list[str]) -> list[str]",
        """Sort the words, the $first first; words of equal length by their last letter, the $letter first, and words
        that agree in that too in their given order. Leave out the words of fewer than $least letters.""",
        """
    kept = [word for word in words if len(word) >= $least]
    return sorted(kept, key=lambda word: (${sign}len(word), ${other}ord(word[-1])))
""",
        _words,
        ([],),
        (["bb", "ab", "ba", "aa"],),
        first=first,
        sign=sign,
        letter=(letter := rng.choice(["alphabetically smallest", "alphabetically largest"])),
        other="-" if letter.endswith("largest") else "",
        least=rng.randint(2, 3),
    )


def _sort_medium(rng: random.Random) -> Spec:
    return spec(
        "by_remainder",
        "(numbers: list[int]) -> list[int]",
        """Return the numbers that occur $times, each once, sorted by their remainder when divided by $m (from 0 to
        $most, for negative numbers too), the largest remainder first; numbers of equal remainder by their distance
        from $centre, the nearest first, and of two equally near ones the smaller first.""",
        """
    found = [n for n in set(numbers) if $test]
    return sorted(found, key=lambda n: (-(n % $m), abs(n - $centre), n))
""",
        lambda rng: ([rng.randint(-12, 25) for _ in range(rng.randint(10, 40))],),
        ([],),
        ([4, 4, -4, -4, -4],),
        times=(times := rng.choice(["exactly once", "more than once"])),
        test="numbers.count(n) == 1" if times == "exactly once" else "numbers.count(n) > 1",
        m=(m := rng.randint(3, 6)),
        most=m - 1,
        centre=rng.randint(3, 12),
    )


def _sort_hard(rng: random.Random) -> Spec:
    tags = rng.sample(["alpha", "beta", "dev", "nightly", "rc"], 3)

    def draw(rng: random.Random) -> Args:
        def version() -> str:
            numbers = ".".join(str(rng.choice([0, 1, 2, 10])) for _ in range(rng.randint(1, 3)))
            return numbers + (f"-{rng.choice(tags)}{rng.choice(['', '2', '10'])}" if rng.random() < 0.6 else "")

        return ([version() for _ in range(rng.randint(2, 8))],)

    return spec(
        "sorted_versions",
        "(versions: list[str]) -> list[str]",
        """Sort versions from oldest to newest. A version is one to three numbers with dots between them, where missing
        numbers count as 0, and may end in a dash and a tag: one of "$a", "$b", "$c", then perhaps a number. A tagged
        version is older than the same version without a tag; tags are ordered "$a", "$b", "$c", from oldest to newest,
        and the same tag by its number, where none counts as 1. Equal versions keep their given order.""",
        """
    tags = ["$a", "$b", "$c"]

    def key(version):
        numbers, _, tag = version.partition("-")
        parts = [int(part) for part in numbers.split(".")]
        parts += [0] * (3 - len(parts))
        name = tag.rstrip("0123456789")
        rank = tags.index(name) if tag else len(tags)
        return parts, rank, int(tag[len(name):] or 1)

    return sorted(versions, key=key)
""",
        draw,
        ([],),
        (["1.0", "1", "1.0.0"],),
        ([f"1-{tags[2]}", f"1-{tags[0]}10", f"1-{tags[0]}2", "1"],),
        a=tags[0],
        b=tags[1],
        c=tags[2],
    )


def _group_easy(rng: random.Random) -> Spec:
    end, index = rng.choice([("first", 0), ("last", -1)])
    return spec(
        "letter_groups",
        "(words: list[str]) -> dict[str, int]",
        """Group the words by their $end letter. Return a dict from letter to the number of letters of all words in that
        group together, plus $plus for each word of more than $long letters, without the groups of fewer than $least
        words.""",
        """
    groups = {}
    for word in words:
        groups.setdefault(word[$index], []).append(word)
    return {
        letter: sum(len(word) + (len(word) > $long) * $plus for word in group)
        for letter, group in groups.items()
        if len(group) >= $least
    }
""",
        _words,
        ([],),
        (["a", "a", "a"],),
        (["abcde", "abcdea"],),
        end=end,
        index=index,
        plus=rng.randint(2, 9),
        long=rng.randint(2, 4),
        least=2,
    )


def _sales(rng: random.Random) -> Args:
    people = ["ann", "bob", "cat", "dee", "eli", "fay"]
    return ([[rng.choice(people), rng.randint(1, 90)] for _ in range(rng.randint(1, 14))],)


def _group_medium(rng: random.Random) -> Spec:
    return spec(
        "best_sellers",
        "(sales: list[list]) -> list[str]",
        """Each sale is [name, amount]. A name's score is the sum of its amounts, but an amount above $large counts only
        as $large, and from a name's $nth sale on each sale counts double. Return the $top names of highest score, the
        highest first; names of equal score in reverse alphabetical order.""",
        """
    scores, counts = {}, {}
    for name, amount in sales:
        counts[name] = counts.get(name, 0) + 1
        value = min(amount, $large) * (2 if counts[name] >= $number else 1)
        scores[name] = scores.get(name, 0) + value
    names = sorted(scores, reverse=True)
    return sorted(names, key=lambda name: -scores[name])[:$top]
""",
        _sales,
        ([],),
        ([["a", 5], ["b", 5], ["c", 5]],),
        large=rng.randint(40, 70),
        number=(number := rng.randint(2, 3)),
        nth={2: "second", 3: "third"}[number],
        top=rng.randint(2, 3),
    )


def _group_hard(rng: random.Random) -> Spec:
    def draw(rng: random.Random) -> Args:
        return ([[rng.randint(0, 90), rng.choice("xyz")] for _ in range(rng.randint(2, 18))],)

    return spec(
        "sessions",
        "(events: list[list]) -> dict[str, list[int]]",
        """Each event is [minute, user], in no order. A session of a user is a run of that user's events in which each
        comes at most $gap minutes after the one before, and no event comes more than $longest minutes after the first
        one: an event that would is the beginning of a new session. Return a dict from user to the lengths of the user's
        sessions in minutes (last event minus first), in order of time, without sessions of a single event; users
        without any session left have an empty list.""",
        """
    minutes = {}
    for minute, user in sorted(events):
        minutes.setdefault(user, []).append(minute)
    result = {}
    for user, times in minutes.items():
        runs = []
        for time in times:
            if runs and time - runs[-1][-1] <= $gap and time - runs[-1][0] <= $longest:
                runs[-1].append(time)
            else:
                runs.append([time])
        result[user] = [run[-1] - run[0] for run in runs if len(run) > 1]
    return result
""",
        draw,
        ([],),
        ([[5, "x"], [5, "x"], [200, "y"]],),
        ([[minute, "z"] for minute in range(0, 100, 5)],),
        gap=rng.randint(8, 15),
        longest=rng.randint(20, 30),
    )


def _sets_easy(rng: random.Random) -> Spec:
    return spec(
        "in_some",
        "(lists: list[list[int]]) -> list[int]",
        """Return the numbers that occur in exactly $k of the lists, in $order order, without those that are divisible
        by $m. How often a number occurs within one list makes no difference.""",
        """
    counts = {}
    for numbers in lists:
        for number in set(numbers):
            counts[number] = counts.get(number, 0) + 1
    return sorted((number for number, count in counts.items() if count == $k and number % $m), reverse=$down)
""",
        lambda rng: ([[rng.randint(0, 12) for _ in range(rng.randint(3, 9))] for _ in range(rng.randint(3, 6))],),
        ([],),
        ([[1, 1, 1], [1, 2], [2, 2]],),
        ([[n for n in range(13) for _ in range(2)]] * 3,),
        k=rng.randint(2, 3),
        m=rng.randint(3, 7),
        order=(order := rng.choice(["ascending", "descending"])),
        down=order == "descending",
    )


def _sets_medium(rng: random.Random) -> Spec:
    return spec(
        "disjoint_pairs",
        "(numbers: list[int]) -> list[list[int]]",
        """Pair up distinct numbers of the list that differ by exactly $gap; each value is used at most once, even where
        it occurs several times. Go through the values from the $side on, and pair each that is not used yet with the
        one that is $gap $away, if it occurs and is not used yet. Return the pairs as [smaller, larger], in the order in
        which they were made.""",
        """
    values = sorted(set(numbers), reverse=$down)
    used, pairs = set(), []
    for value in values:
        other = value $sign $gap
        if value not in used and other in values and other not in used:
            used.update((value, other))
            pairs.append(sorted((value, other)))
    return pairs
""",
        ints(-5, 20, 20),
        ([],),
        ([3, 3, 3],),
        (list(range(12)),),
        gap=rng.randint(1, 4),
        side=(side := rng.choice(["smallest", "largest"])),
        down=side == "largest",
        away="larger" if side == "smallest" else "smaller",
        sign="+" if side == "smallest" else "-",
    )


def _sets_hard(rng: random.Random) -> Spec:
    return spec(
        "clusters",
        "(sets: list[list[int]]) -> list[int]",
        """Two of the lists, taken as sets, are linked if they have at least $k values in common; lists that are linked
        through others belong to the same cluster. Return for each cluster of at least $least lists the sum of the
        distinct values in its lists, the largest sum first.""",
        """
    values = [set(numbers) for numbers in sets]
    left, sums = set(range(len(values))), []
    while left:
        cluster, todo = set(), [left.pop()]
        while todo:
            current = todo.pop()
            cluster.add(current)
            near = {other for other in left if len(values[current] & values[other]) >= $k}
            left -= near
            todo.extend(near)
        if len(cluster) >= $least:
            sums.append(sum(set().union(*(values[index] for index in cluster))))
    return sorted(sums, reverse=True)
""",
        lambda rng: ([[rng.randint(0, 14) for _ in range(rng.randint(1, 5))] for _ in range(rng.randint(2, 8))],),
        ([],),
        ([[], []],),
        ([[1, 2, 3], [2, 3, 4], [3, 4, 5], [9]],),
        k=rng.randint(1, 2),
        least=rng.randint(1, 2),
    )


FAMILIES = (
    Family("filtering", _filter_easy, _filter_medium, _filter_hard),
    Family("intervals", _intervals_easy, _intervals_medium, _intervals_hard),
    Family("matrices", _matrix_easy, _matrix_medium, _matrix_hard),
    Family("sorting", _sort_easy, _sort_medium, _sort_hard),
    Family("grouping", _group_easy, _group_medium, _group_hard),
    Family("sets", _sets_easy, _sets_medium, _sets_hard),
)
