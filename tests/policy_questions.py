"""Drawn at random: questions to an agreement, any at all or near to what is permitted; and agreements."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any, get_args, get_origin, get_type_hints

from bundle_edits import ANNOTATIONS, with_policies_only
from hypothesis import strategies as st

from policies.bundles import load_bundle
from policies.model import Facts
from policies.schema import CONTEXT_FACTS, DERIVED_FACTS, PRINCIPAL_FACTS, RESOURCE_FACTS, fact_list, is_set
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

OWNERS = {
    **dict.fromkeys(PRINCIPAL_FACTS, "principal"),
    **dict.fromkeys(RESOURCE_FACTS, "resource"),
    **dict.fromkeys((*CONTEXT_FACTS, *DERIVED_FACTS), "context"),
}


@st.composite
def atoms(draw: st.DrawFn) -> str:
    """One comparison of one fact."""
    fact = draw(st.sampled_from(sorted(OWNERS)))
    said, terms = f"{OWNERS[fact]}.{fact}", fact_list(fact)
    if terms is None:
        return said
    chosen = draw(st.lists(st.sampled_from(list(terms)), min_size=1, max_size=4, unique=True))
    written = [f"{terms.__name__}::{json.dumps(term.value)}" for term in chosen]
    listed = f"[{', '.join(written)}]"
    if is_set(fact):
        forms = [
            f"{said}.contains({written[0]})",
            f"{said}.containsAny({listed})",
            f"{said}.containsAll({listed})",
            f"{listed}.containsAll({said})",
            f"{said} == {listed}",
        ]
    else:
        forms = [f"{said} == {written[0]}", f"{said} != {written[0]}"]
        forms += [f"{said} in {listed}", f"{listed}.contains({said})"]
    return draw(st.sampled_from(forms))


EXPRESSIONS = st.recursive(
    atoms(),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} && {pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} || {pair[1]})"),
        inner.map(lambda one: f"!({one})"),
    ),
    max_leaves=5,
)
STAGES = ["action", 'action in Action::"beyond"', 'action == Action::"export"', 'action == Action::"submit"']


@st.composite
def policies(draw: st.DrawFn, effects: tuple[str, ...] = ("permit", "permit", "forbid")) -> str:
    """One policy without its annotations."""
    effect = draw(st.sampled_from(effects))
    scope = draw(st.sampled_from(STAGES)) if effect == "forbid" else "action"
    words = draw(st.lists(st.sampled_from(["when", "unless"]), max_size=2))
    conditions = "".join(f" {word} {{ {draw(EXPRESSIONS)} }}" for word in words)
    return f"{effect} (principal, {scope}, resource){conditions};"


def agreement(bodies: list[str], names: list[str] | None = None) -> dict[str, bytes]:
    """The files of an agreement of these policies alone."""
    named = names or [f"p{number}" for number in range(len(bodies))]
    text = "\n".join(f'@id("{name}") {ANNOTATIONS}\n{body}' for name, body in zip(named, bodies, strict=True))
    return with_policies_only(text)
