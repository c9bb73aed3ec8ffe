"""Loading an agreement: what is refused, by name, and what the digest covers."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from bundle_edits import ANNOTATIONS, default_files, replaced, with_policies_only, with_policy, without_tests

from policies.bundles import MAX_FILE_BYTES, BundleRefused, bundle_digest, load_bundle, parse_bundle
from policies.engine import Bundle, decide
from policies.model import (
    Basis,
    CaseState,
    Facts,
    Handling,
    Header,
    Member,
    Membership,
    Recipient,
    facts_for,
    parse_time,
)
from policies.schema import CONTEXT_FACTS, PRINCIPAL_FACTS, RESOURCE_FACTS, find_prohibited, render_schema, term_lists
from policies.vocabulary import (
    AgencyKind,
    AgePath,
    AgeSource,
    Article6,
    CaseStage,
    Category,
    Condition,
    Gateway,
    Purpose,
    Role,
    Stage,
)

OFF = {Gateway.CA2004_S16LA, Gateway.CA2004_S16LC}
"""The duties of the 2026 Act: switched off."""
OPENED = (AgePath.CHILD, AgeSource.STATED, CaseStage.REFERRED)
SECTION_17_ROUTE = (
    '  { from = ["social_care"], to = ["police", "social_care", "health", "charity", "education", "housing"] },'
)


@pytest.fixture(scope="module")
def contents() -> dict[str, bytes]:
    return default_files()


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle()


def write(contents: dict[str, bytes], folder: Path) -> Path:
    (folder / "tests").mkdir()
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return folder


def test_default_bundle_loads_whole(bundle: Bundle, contents: dict[str, bytes]) -> None:
    policies = sum(data.count(b"\n@id(") for name, data in contents.items() if name.endswith(".cedar"))
    assert len(bundle.rules) == policies == 60
    assert set(bundle.gateways) == set(Gateway)
    assert bundle.version == 1
    assert re.fullmatch(r"[0-9a-f]{64}", bundle.digest)


def test_folder_and_package_give_the_same_digest(bundle: Bundle, contents: dict[str, bytes], tmp_path: Path) -> None:
    loaded = load_bundle(write(contents, tmp_path))
    assert loaded.digest == bundle.digest
    assert loaded == bundle
    assert hash(loaded) == hash(bundle)


def test_digest_is_that_of_the_listing(bundle: Bundle, contents: dict[str, bytes]) -> None:
    lines = "".join(f"{hashlib.sha256(contents[name]).hexdigest()}  {name}\n" for name in sorted(contents))
    assert bundle.digest == bundle_digest(contents) == hashlib.sha256(lines.encode()).hexdigest()


def test_every_byte_counts_in_the_digest(contents: dict[str, bytes]) -> None:
    digests = {bundle_digest({**contents, name: data + b"\n"}) for name, data in contents.items()}
    assert len(digests) == len(contents) == 27
    assert bundle_digest(contents) not in digests


def test_schema_names_every_fact_once_and_no_other() -> None:
    assert sorted((*PRINCIPAL_FACTS, *RESOURCE_FACTS, *CONTEXT_FACTS, "stage")) == sorted(Facts.__dataclass_fields__)
    text = render_schema()
    for terms in term_lists().values():
        assert all(f'"{term.value}"' in text for term in terms)
    assert len(term_lists()) == 13


@pytest.mark.parametrize("annotation", ["id", "sentence", "clause", "owner", "review_date"])
def test_policy_without_annotation_is_refused(contents: dict[str, bytes], annotation: str) -> None:
    text = re.sub(rf"@{annotation}\(\".*?\"\)\n", "", contents["permit-lead.cedar"].decode(), count=1)
    with pytest.raises(BundleRefused, match=rf"permit-lead\.cedar: policy .*: missing: {annotation};"):
        parse_bundle(without_tests({**contents, "permit-lead.cedar": text.encode()}))


def test_blank_annotation_is_refused(contents: dict[str, bytes]) -> None:
    policy = f'@id("x") {ANNOTATIONS} forbid (principal, action, resource);'.replace("A sentence.", " ")
    with pytest.raises(BundleRefused, match="missing: sentence;"):
        parse_bundle(with_policy(contents, policy))


def test_unknown_annotation_is_refused(contents: dict[str, bytes]) -> None:
    policy = f'@id("x") {ANNOTATIONS} @advice("more") forbid (principal, action, resource);'
    with pytest.raises(BundleRefused, match="unknown: advice"):
        parse_bundle(with_policy(contents, policy))


def test_duplicate_id_is_refused(contents: dict[str, bytes]) -> None:
    policy = f'@id("lead-reads-records") {ANNOTATIONS} forbid (principal, action, resource);'
    with pytest.raises(BundleRefused, match="lead-reads-records: this id stands twice"):
        parse_bundle(with_policy(contents, policy))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('@id("x")', '@id("X y")', "lower-case words"),
        ("2027-03-31", "31/03/2027", "review_date: expected the form"),
        ("2027-03-31", "2027-02-30", "review_date: expected the form"),
        ("A clause", "c" * 301, "longer than one line"),
        ("A clause", r"two\nlines", "longer than one line"),
        ("@clause", '@silent("no") @clause', "silent: expected true"),
        ("@clause", '@id("y") @clause', "stands twice"),
    ],
)
def test_malformed_annotation_is_refused(contents: dict[str, bytes], old: str, new: str, message: str) -> None:
    policy = f'@id("x") {ANNOTATIONS} forbid (principal, action, resource);'
    assert old in policy
    with pytest.raises(BundleRefused, match=message):
        parse_bundle(with_policy(contents, policy.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ('resource.category == Category::"offnce"', "category expects a term of Category, got Category::offnce"),
        ('resource.category == Purpose::"safeguarding"', "category expects a term of Category, got Purpose::safeg"),
        ('context.purpose in [Purpose::"safeguarding", Purpose::"other"]', "purpose expects a term of Purpose"),
        ('principal.recipient_roles.contains(Role::"owner")', "recipient_roles expects a term of Role"),
        ('principal.recipient_role.contains(Role::"ictg")', "principal has no attribute 'recipient_role'"),
        ("context.name", "context has no attribute 'name'"),
        ("resource.purpose", "resource has no attribute 'purpose'"),
        ("context.purpose", "a fact that is not true or false stands alone"),
        ("context.basis_expired == true", "basis_expired is true or false and is compared with nothing"),
        ('context.purpose == "safeguarding"', "purpose expects a term of Purpose, got something else"),
        ("context has purpose", "operator 'has' is not one"),
        ("if context.basis_expired then true else false", "operator 'if-then-else' is not one"),
        ('principal == Recipient::"recipient"', "expected an attribute of principal, resource or context"),
        ('action == Action::"open"', "expected an attribute of principal, resource or context"),
        ("true", "operator 'Value' is not one"),
        ('principal.recipient_roles == Role::"ictg"', "do not fit the schema"),
        ('resource.category.contains(Category::"vote")', "do not fit the schema"),
        ('principal.recipient_roles in [Role::"ictg"]', "do not fit the schema"),
    ],
)
def test_condition_outside_the_language_is_refused(contents: dict[str, bytes], condition: str, message: str) -> None:
    policy = f'@id("x") {ANNOTATIONS} forbid (principal, action, resource) when {{ {condition} }};'
    with pytest.raises(BundleRefused, match=message):
        parse_bundle(with_policy(contents, policy))


@pytest.mark.parametrize(
    "condition",
    [
        '[Category::"vote", Category::"meeting"].contains(resource.category)',
        'resource.category != Category::"vote" || !context.basis_expired',
        'principal.recipient_roles.containsAll([Role::"ictg", Role::"practitioner"])',
    ],
)
def test_condition_within_the_language_is_accepted(contents: dict[str, bytes], condition: str) -> None:
    policy = f'@id("x") {ANNOTATIONS} forbid (principal, action, resource) when {{ {condition} }};'
    assert "x" in parse_bundle(with_policy(contents, policy)).rules


@pytest.mark.parametrize(
    "head",
    [
        'permit (principal, action == Action::"open", resource)',
        'permit (principal, action == Action::"export", resource)',
        'permit (principal, action in Action::"beyond", resource)',
        'forbid (principal, action == Action::"pull", resource)',
        'forbid (principal, action in Action::"within", resource)',
        'forbid (principal, action in [Action::"export", Action::"submit"], resource)',
        'forbid (principal == Recipient::"recipient", action, resource)',
        "forbid (principal is Recipient, action, resource)",
        "forbid (principal, action, resource is Fragment)",
    ],
)
def test_scope_that_would_differ_between_stages_or_people_is_refused(contents: dict[str, bytes], head: str) -> None:
    """A constraint applied in only one stage is how an expiry comes to be checked at fetch and not at share."""
    with pytest.raises(BundleRefused, match=r"only a forbid may name a stage|may be limited in conditions only"):
        parse_bundle(with_policy(contents, f'@id("x") {ANNOTATIONS} {head};'))


def test_template_is_refused(contents: dict[str, bytes]) -> None:
    policy = f'@id("x") {ANNOTATIONS} forbid (principal == ?principal, action, resource);'
    with pytest.raises(BundleRefused, match="found a template"):
        parse_bundle(with_policy(contents, policy))


@pytest.mark.parametrize("text", ["permit", "permit (principal, action);", "\x00", "é(", '@id("x" forbid'])
def test_text_that_is_no_policy_is_refused(contents: dict[str, bytes], text: str) -> None:
    with pytest.raises(BundleRefused, match=r"permit-agency\.cedar: not a list of Cedar policies"):
        parse_bundle(with_policy(contents, text))


@pytest.mark.parametrize(
    "text",
    ["(" * 20_000, ")" * 100 + "(" * 100, "[" * 17, '"\\"" {{{{{' + "(" * 17, "// (\n" + "{" * 17, "a" * 3_001],
)
def test_deep_or_long_policy_never_reaches_a_parser(contents: dict[str, bytes], text: str) -> None:
    """A thousand open brackets end the process inside the parser."""
    with pytest.raises(BundleRefused, match="at most 16 brackets deep and 3000 characters long"):
        parse_bundle(with_policy(contents, text))


def test_brackets_in_words_and_comments_do_not_count(contents: dict[str, bytes]) -> None:
    sentence = "(" * 100
    policy = f'// {sentence}\n@id("x") {ANNOTATIONS} forbid (principal, action, resource);'
    assert "x" in parse_bundle(with_policy(contents, policy.replace("A sentence.", sentence))).rules


@pytest.mark.parametrize(
    "term",
    ["nationality", "ethnicity", "immigration_status", "citizenship", "asylum_claim", "race", "religion", "country"],
)
def test_prohibited_matter_is_refused_by_name(contents: dict[str, bytes], term: str) -> None:
    attribute = f'@id("x") {ANNOTATIONS} forbid (principal, action, resource) when {{ context.{term} }};'
    value = f'resource.category == Category::"{term}"'
    entity = f'@id("x") {ANNOTATIONS} forbid (principal, action, resource) when {{ context.x == {term}::"a" }};'
    as_term = f'@id("x") {ANNOTATIONS} forbid (principal, action, resource) when {{ {value} }};'
    for policy in (attribute, entity, as_term):
        with pytest.raises(BundleRefused, match=rf"permit-agency\.cedar: '{term}': no decision may rest on this"):
            parse_bundle(with_policy(contents, policy))
    for old, new in (
        ("  membership:", f"  {term}: Bool,\n  membership:"),
        ('  "identity"', f'  "{term}",\n  "identity"'),
    ):
        with pytest.raises(BundleRefused, match=rf"schema\.cedarschema: '{term}': no decision may rest on this"):
            parse_bundle(replaced(contents, "schema.cedarschema", old, new))
    with pytest.raises(BundleRefused, match=f"'{term}' is not a term of Gateway"):
        parse_bundle({**contents, "gateways.toml": contents["gateways.toml"] + f"\n[{term}]\n".encode()})


@pytest.mark.parametrize(
    "name",
    [
        "Nationality",
        "isEthnicMinority",
        "citizen",
        "asylum",
        "refugee",
        "racial_origin",
        "religious",
        "immigrant",
        "migrant_background",
        "naturalised",
        "stateless",
        "birth_place",
        "passport",
        "RACE",
        "visaType",
        "faith",
        "foreign_national",
        "skin_tone",
        "immigration_history",
        "leave_to_remain",
    ],
)
def test_every_prohibited_word_is_found(name: str) -> None:
    assert find_prohibited(["category", name]) == name


def test_no_term_of_the_vocabulary_is_prohibited() -> None:
    """``immigration`` is a kind of agency, and ``trace`` or ``method`` only look alike."""
    terms = [term.value for kind in term_lists().values() for term in kind]
    assert "immigration" in terms
    assert find_prohibited([*terms, *term_lists(), *Facts.__dataclass_fields__, "trace", "method"]) is None


@pytest.mark.parametrize("old", ['"vote"', "consent_covers: Bool", "action within, beyond;", "Set<Role>"])
def test_another_schema_is_refused(contents: dict[str, bytes], old: str) -> None:
    with pytest.raises(BundleRefused, match=r"schema\.cedarschema: expected the schema of this version"):
        parse_bundle(replaced(contents, "schema.cedarschema", old, old.replace("o", "0", 1)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"A6_C"', '"A6_A"', "'A6_A' is not a term of Article6"),
        ('"A9_B"', '"A9_Z"', "'A9_Z' is not a term of Condition"),
        ('"safeguarding"', '"curiosity"', "'curiosity' is not a term of Purpose"),
        ('"charity"', '"press"', "'press' is not a term of AgencyKind"),
        ("[CA1989_S17]", "[CA1989_S17]\nextra = 1", "unknown members"),
        ("[CA1989_S17]", "[CA1989_S18]", "'CA1989_S18' is not a term of Gateway"),
        ("enabled_from = 2025-01-01", 'enabled_from = "soon"', "enabled_from: expected a day"),
        ("enabled_from = 2025-01-01", "enabled_from = 2025-01-01T00:00:00Z", "enabled_from: expected a day"),
        ("enabled_from = 2025-01-01\n", "", "missing members"),
        ('confirmed_by = "none"', 'confirmed_by = ""', "confirmed_by: expected text"),
        ("article6 = [", "article6 = []\nx = [", "unknown members"),
        ('["A6_C", "A6_E"]', "[]", "at least one term of Article6"),
        ('["A6_C", "A6_E"]', '["A6_C", "A6_C"]', "a term of Article6 stands twice"),
        ('"A6_C"', "6", "'6' is not a term of Article6"),
        ("{ from = ", "{ frm = ", "route: 1 unknown members"),
        (f"routes = [\n{SECTION_17_ROUTE}\n]", "routes = []", "expected at least one route"),
    ],
)
def test_malformed_gateway_is_refused(contents: dict[str, bytes], old: str, new: str, message: str) -> None:
    with pytest.raises(BundleRefused, match=message):
        parse_bundle(replaced(contents, "gateways.toml", old, new))


def test_missing_gateway_is_refused(contents: dict[str, bytes]) -> None:
    text = contents["gateways.toml"].decode().split("[CONSENT_NRM_ADULT]")[0]
    with pytest.raises(BundleRefused, match="missing gateways: CONSENT_NRM_ADULT"):
        parse_bundle({**contents, "gateways.toml": text.encode()})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('category = "concern"', 'category = "rumour"', "'rumour' is not a term of Category"),
        ('category = "concern"', 'categry = "concern"', "unknown members"),
        ("basis_expired = false", 'basis_expired = "false"', "basis_expired: expected true or false"),
        ('recipient_roles = ["lead_professional"]', 'recipient_roles = "ictg"', "recipient_roles: expected a list"),
        ('["lead_professional", "panel_chair"]', '["panel_chair", "lead_professional"]', "each once, sorted"),
        ('rules = ["membership-active"]', 'rules = ["membership-activ"]', "unknown rules"),
        ('rules = ["membership-active"]', "", "rules: expected a sorted list"),
        ('effect = "refuse"', 'effect = "maybe"', "'maybe' is not a term of Effect"),
        ('name = "an active', 'nme = "an active', "a row has no name"),
        ('effect = "permit"', 'effect = "permit"\ncolour = "red"', "unknown or repeated facts: colour"),
        ("each.membership = [", "each.membership = []\neach.x = [", "each needs lists of values"),
        ("[base]", "[other]\n[base]", "unknown members"),
        ('each.membership = ["ended"', 'each.membership = ["expelled"', "'expelled' is not a term of MembershipState"),
    ],
)
def test_malformed_table_test_is_refused(contents: dict[str, bytes], old: str, new: str, message: str) -> None:
    with pytest.raises(BundleRefused, match=message):
        parse_bundle(replaced(contents, "tests/standing.toml", old, new))


def test_too_many_rows_are_refused(contents: dict[str, bytes]) -> None:
    old = 'each.membership = ["ended", "not_a_member"]'
    new = f"each.membership = {['ended'] * 1700}".replace("'", '"')
    with pytest.raises(BundleRefused, match="more than 5000 combinations"):
        parse_bundle(replaced(contents, "tests/standing.toml", old, new))


@pytest.mark.parametrize(
    "name", ["bundle.toml", "gateways.toml", "schema.cedarschema", "permit-lead.cedar", "tests/basis.toml"]
)
def test_missing_file_is_refused(contents: dict[str, bytes], name: str, tmp_path: Path) -> None:
    with pytest.raises(BundleRefused, match=r"missing|lists other files"):
        parse_bundle({file: data for file, data in contents.items() if file != name})
    write({file: data for file, data in contents.items() if file != name}, tmp_path)
    with pytest.raises(BundleRefused, match=f"{name}: missing or not readable"):
        load_bundle(tmp_path)


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleRefused, match=r"bundle\.toml: missing"):
        load_bundle(tmp_path / "absent")


@pytest.mark.parametrize("stray", ["more.cedar", "tests/more.toml", "other.toml"])
def test_unlisted_file_is_refused(contents: dict[str, bytes], stray: str, tmp_path: Path) -> None:
    write({**contents, stray: b""}, tmp_path)
    with pytest.raises(BundleRefused, match="does not list"):
        load_bundle(tmp_path)
    with pytest.raises(BundleRefused, match="lists other files"):
        parse_bundle({**contents, stray: b""})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version = 1", "version = 0", "version: expected a whole number"),
        ("version = 1", "version = true", "version: expected a whole number"),
        ("version = 1", "", "missing members"),
        ('"permit-lead.cedar"', '"../permit-lead.cedar"', "policies: expected a list of plain file names"),
        ('"permit-lead.cedar"', '"permit-lead.cedar", "permit-lead.cedar"', "each listed once"),
        ('"tests/basis.toml"', '"/etc/basis.toml"', "tests: expected a list of plain file names"),
        ("agreement = ", 'agreement = ""\nother = ', "unknown members"),
    ],
)
def test_malformed_manifest_is_refused(
    contents: dict[str, bytes], old: str, new: str, message: str, tmp_path: Path
) -> None:
    changed = replaced(contents, "bundle.toml", old, new)
    with pytest.raises(BundleRefused, match=message):
        parse_bundle(changed)
    write(changed, tmp_path)
    with pytest.raises(BundleRefused, match=message):
        load_bundle(tmp_path)


def test_large_undecodable_and_broken_files_are_refused(contents: dict[str, bytes], tmp_path: Path) -> None:
    write({**contents, "gateways.toml": b"#" * (MAX_FILE_BYTES + 1)}, tmp_path)
    with pytest.raises(BundleRefused, match=r"gateways\.toml: expected at most 262144 bytes"):
        load_bundle(tmp_path)
    with pytest.raises(BundleRefused, match="at most 64 files of at most 262144 bytes"):
        parse_bundle({**contents, "gateways.toml": b"#" * (MAX_FILE_BYTES + 1)})
    with pytest.raises(BundleRefused, match=r"gateways\.toml: expected UTF-8"):
        parse_bundle({**contents, "gateways.toml": b"\xff"})
    for broken in (b"x = [", b"x = " + b"[" * 20_000):
        with pytest.raises(BundleRefused, match=r"gateways\.toml: not a TOML document"):
            parse_bundle({**contents, "gateways.toml": broken})


def test_too_many_policies_are_refused() -> None:
    policies = "".join(f'@id("p-{n}") {ANNOTATIONS} forbid (principal, action, resource);\n' for n in range(201))
    with pytest.raises(BundleRefused, match="at most 200 policies, got 201"):
        parse_bundle(with_policies_only(policies))


def test_new_duty_to_disclose_ships_switched_off(bundle: Bundle) -> None:
    assert all(bundle.gateways[name].enabled_from is None for name in OFF)
    for day in (date(2025, 1, 1), date(2026, 6, 1), date(2040, 1, 1)):
        assert bundle.enabled(day).gateways == frozenset(Gateway) - OFF
    assert bundle.enabled(date(2024, 12, 31)).gateways == frozenset()
    assert bundle.enabled(datetime(2025, 1, 1, tzinfo=UTC)).gateways == bundle.enabled(date(2025, 1, 1)).gateways


def test_recognised_legitimate_interests_are_relied_on_from_their_day(bundle: Bundle) -> None:
    """Data (Use and Access) Act 2025 s70: what a charity shares on them before 5 February 2026 is refused."""
    assert bundle.enabled(date(2026, 2, 4)).article6 == frozenset(Article6) - {Article6.A6_EA}
    assert bundle.enabled(date(2026, 2, 5)).article6 == frozenset(Article6)
    assert bundle.enabled(date(2026, 2, 4)).conditions == frozenset(Condition)
    assert bundle.enabled(date(2024, 12, 31)).conditions == {Condition.NONE}
    assert set(bundle.bases) == {*Article6, *Condition} - {Condition.NONE}


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("[A6_D]", "[A6_Z]", "missing codes: A6_D; unknown: A6_Z"),
        ("enabled_from = 2026-02-05", 'enabled_from = "soon"', "bases.toml: A6_EA: enabled_from: expected a day"),
        ('title = "Article 6(1)(d): vital interests"', 'title = " "', "bases.toml: A6_D: title, law and confirmed_by"),
        ("enabled_from = 2026-02-05\n", "", "bases.toml: A6_EA: 0 unknown members, missing members: enabled_from"),
    ],
)
def test_a_table_of_bases_that_is_not_whole_is_refused(
    contents: dict[str, bytes], old: str, new: str, match: str
) -> None:
    with pytest.raises(BundleRefused, match=re.escape(match)):
        parse_bundle(replaced(contents, "bases.toml", old, new))


def test_a_basis_switched_off_carries_nothing_whatever_day_was_compared(contents: dict[str, bytes]) -> None:
    """The agreement's own word counts where an asker says that the basis is switched on."""
    off = parse_bundle(
        without_tests(replaced(contents, "bases.toml", "enabled_from = 2026-02-05", 'enabled_from = "none"'))
    )
    facts = next(
        row.facts for row in load_bundle().rows if row.name.startswith("from its day on recognised legitimate")
    )
    assert facts.article6_enabled
    assert decide(load_bundle(), facts).is_permit
    assert decide(off, facts).rules == ("article6-in-force",)


def test_only_what_was_read_in_the_statute_is_confirmed(bundle: Bundle) -> None:
    confirmed = {name for name, entry in bundle.gateways.items() if entry.is_confirmed}
    assert confirmed == {*OFF, Gateway.MSA2015_S52}
    assert {code for code, entry in bundle.bases.items() if entry.is_confirmed} == {Article6.A6_EA}


def test_a_gateway_switched_on_later_counts_from_its_day(contents: dict[str, bytes]) -> None:
    changed = replaced(contents, "gateways.toml", 'enabled_from = "none"', "enabled_from = 2027-04-01")
    later = parse_bundle(without_tests(changed))
    assert Gateway.CA2004_S16LA not in later.enabled(date(2027, 3, 31)).gateways
    assert Gateway.CA2004_S16LA in later.enabled(date(2027, 4, 1)).gateways


def test_facts_built_with_the_bundles_gateways_agree_with_its_decision(bundle: Bundle) -> None:
    """What ``facts_for`` says of a gateway and what the bundle's own table says lead to one answer."""
    at = parse_time("2026-10-01T12:00:00Z")
    agencies = (("a-council", AgencyKind.SOCIAL_CARE), ("b-health", AgencyKind.HEALTH))
    member = Member("a-council", "1" * 32, (Role.LEAD_PROFESSIONAL,), parse_time("2027-01-01T00:00:00Z"))  # type: ignore[arg-type]
    membership = Membership("2" * 32, 0, None, "a-council", *OPENED, agencies, (member,))  # type: ignore[arg-type]
    case = CaseState(membership, "3" * 64, frozenset({("a-council", "1" * 32)}))
    header = Header("4" * 32, "2" * 32, "b-health", Category.CONCERN, Handling(), 1, None, at, "5" * 64)  # type: ignore[arg-type]
    refused = set()
    for gateway in Gateway:
        article6 = min(bundle.gateways[gateway].article6)
        basis = Basis(Purpose.SAFEGUARDING, gateway, article6, Condition.NONE, None, False, None)
        recipient = Recipient("a-council", "1" * 32)  # type: ignore[arg-type]
        enabled = bundle.enabled(at)
        facts = facts_for(header, recipient, basis, case, stage=Stage.PUSH, at=at, enabled=enabled)
        assert facts.gateway_enabled is (bundle.gateways[gateway].enabled_from is not None)
        if "gateway-enabled" in decide(bundle, facts).rules:
            refused.add(gateway)
    assert refused == OFF
