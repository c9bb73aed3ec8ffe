"""Questions to an agreement, drawn at random: any at all, and ones near to what is permitted."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from policies.bundles import load_bundle
from policies.model import Facts
from policies.vocabulary import Effect

HINTS = get_type_hints(Facts)
NAMES = [item.name for item in fields(Facts)]
PERMITTED = [row.facts for row in load_bundle().rows if row.effect is Effect.PERMIT]


def _strategy(hint: Any) -> st.SearchStrategy[Any]:
    if hint is bool:
        return st.booleans()
    if get_origin(hint) is tuple:
        return st.sets(st.sampled_from(list(get_args(hint)[0])), max_size=3).map(lambda terms: tuple(sorted(terms)))
    return st.sampled_from(list(hint))


ANY_FACTS = st.builds(Facts, **{name: _strategy(HINTS[name]) for name in NAMES})


def near(given: st.SearchStrategy[Facts]) -> st.SearchStrategy[Facts]:
    """Questions that differ from the given ones in a single fact, if at all."""
    return st.tuples(given, ANY_FACTS, st.sampled_from(NAMES)).map(
        lambda drawn: replace(drawn[0], **{drawn[2]: getattr(drawn[1], drawn[2])})
    )


# Half of the questions start from a permitted one and differ in a single fact: blind draws are nearly all refused.
NEAR_FACTS = st.one_of(ANY_FACTS, st.sampled_from(PERMITTED), near(st.sampled_from(PERMITTED)))
