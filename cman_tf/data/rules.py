"""Rules that the relations of a sentence obey: given in the configuration, or learnt from the training data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cman_tf.data.document import Document
from cman_tf.errors import InputError, nearest

LEARNT = "learnt"
ONE_TYPE = "one_type_per_pair"
LEAST = 30
"""A rule is learnt from at least this many relations."""

EXCEPTIONS = 0.01
"""Largest share of these that may break it: annotation has errors."""

_FORMS = f"{ONE_TYPE}, one_tail:TYPE, one_head:TYPE, symmetric:TYPE, inverse:TYPE=TYPE or {LEARNT}"


class Rules(NamedTuple):
    """Rules of the relations of a sentence.

    one_type: bool. Whether two entities are linked by one type at most, in one direction.
    one_tail: tuple of bool `(relation types,)`. Whether an entity is the head of at most one relation of the type.
    one_head: tuple of bool `(relation types,)`. Whether an entity is the tail of at most one relation of the type.
    inverse: tuple of int `(relation types,)`. Number of the type in the other direction (of a symmetric one, its own),
        or -1.
    """

    one_type: bool
    one_tail: tuple[bool, ...]
    one_head: tuple[bool, ...]
    inverse: tuple[int, ...]


def parse(names: Sequence[str], relation_types: Sequence[str], learnt: Sequence[str] = ()) -> Rules:
    """Read the names of rules.

    Args:
        names: sequence of str, e.g. `["one_type_per_pair", "one_tail:Born_In", "inverse:Parent_Of=Child_Of"]`; the name
            `learnt` stands for `learnt`.
        relation_types: sequence of str.
        learnt: sequence of str, the rules that `learn` returned.

    Raises:
        InputError: if a rule is unknown, or names a type that is not a relation type, or two rules contradict each
            other.
    """
    given = [name for rule in names for name in (learnt if rule == LEARNT else [rule])]
    one_type, inverse = False, [-1] * len(relation_types)
    pairs: list[tuple[int, int]] = []
    single: dict[str, list[bool]] = {form: [False] * len(relation_types) for form in ("one_tail", "one_head")}
    for rule in given:
        form, _, rest = rule.partition(":")
        if rule == ONE_TYPE:
            one_type = True
        elif form in single:
            single[form][_number(rest, relation_types, rule)] = True
        elif form == "symmetric":
            pairs.append((_number(rest, relation_types, rule),) * 2)
        elif form == "inverse":
            ends = rest.split("=")
            # A name may contain the sign.
            halves = [("=".join(ends[:cut]), "=".join(ends[cut:])) for cut in range(1, len(ends))]
            pair = next((half for half in halves if set(half) <= set(relation_types)), (rest, ""))
            pairs.append((_number(pair[0], relation_types, rule), _number(pair[1], relation_types, rule)))
        else:
            raise InputError(f"A rule of `decoding.rules` must be {_FORMS}. Received: {rule}")
    for one, other in pairs:
        for number, opposite in ((one, other), (other, one)):
            if inverse[number] not in (-1, opposite):
                raise InputError(
                    "`decoding.rules` must not give a type two inverse types. Received: "
                    f"{', '.join(given)} for {relation_types[number]}"
                )
            inverse[number] = opposite
    if one_type and any(number >= 0 for number in inverse):
        raise InputError(
            f"`decoding.rules` must not have {ONE_TYPE} with a symmetric or inverse type. Received: {', '.join(given)}"
        )
    return Rules(one_type, tuple(single["one_tail"]), tuple(single["one_head"]), tuple(inverse))


def _number(name: str, relation_types: Sequence[str], rule: str) -> int:
    if name in relation_types:
        return list(relation_types).index(name)
    raise InputError(
        f"A rule of `decoding.rules` must name a relation type: {', '.join(relation_types) or '(none)'}. "
        f"Received: {rule}{nearest(name, relation_types)}"
    )


def learn(documents: Iterable[Document]) -> tuple[str, ...]:
    """The rules that 99 % of the relations of annotated `documents` obey, if there are at least 30 for a rule.

    Args:
        documents: iterable of `Document`.

    Returns:
        tuple of str, for `parse`.
    """
    seen: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    for document in documents:
        links = {(relation.type, relation.head, relation.tail) for relation in document.relations}
        heads, tails = Counter((t, h) for t, h, _ in links), Counter((t, tail) for t, _, tail in links)
        pairs = Counter(frozenset((head, tail)) for _, head, tail in links)
        for kind, head, tail in links:
            found = {
                ONE_TYPE: pairs[frozenset((head, tail))] == 1,
                f"one_tail:{kind}": heads[kind, head] == 1,
                f"one_head:{kind}": tails[kind, tail] == 1,
                f"symmetric:{kind}": (kind, tail, head) in links,
            }
            seen.update(found)
            broken.update(rule for rule, holds in found.items() if not holds)
    kept = {rule for rule, count in seen.items() if count >= LEAST and broken[rule] <= EXCEPTIONS * count}
    if any(rule.startswith("symmetric:") for rule in kept):
        # A rare symmetric type breaks it in so few pairs that it seems to hold.
        kept.discard(ONE_TYPE)
    return tuple(sorted(kept))
