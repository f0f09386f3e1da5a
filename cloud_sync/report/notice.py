"""The privacy notice in plain language: GDPR Art. 13 and 14, and the EU Data Act, Art. 3(2), from the policy file alone.

Everything that comes from the file stands in `code` beside its words, so that a test can hold the one to the other.
"""

from __future__ import annotations

from collections.abc import Iterator

from cloud_sync.model import LawfulBasis
from cloud_sync.policy import Period, Policy, Recipient, Rule
from cloud_sync.policy.compare import acts
from cloud_sync.report.device import device_part
from cloud_sync.report.origin import notice_entry, notice_part
from cloud_sync.report.words import Words, escaped, listed

Lines = Iterator[str]
_RIGHTS = ("access", "rectification", "erasure", "restriction", "portability", "objection", "withdrawal")


def notice(policy: Policy, language: str) -> str:
    """The notice as Markdown in one of the product's languages."""
    words = Words(policy, language)
    parts = (
        ("purposes", _purposes),
        ("never", _never),
        ("others", _others),
        ("where", _where),
        ("keeping", _keeping),
        ("choice", _choice),
        ("rights", _rights),
        ("children", _children),
        ("automated", _automated),
        ("statistics", _statistics),
        ("device", device_part),
        ("changes", _changes),
        *((("origin", notice_part),) if policy.origin is not None else ()),
    )
    lines = [f"# {words.head('title')}", ""]
    lines += [words.head("version", notice=policy.notice, policy=policy.id, version=policy.version, hash=policy.hash)]
    lines += ["", f"## {words.head('who')}", "", *_who(policy, words)]
    for head, part in parts:
        lines += ["", f"## {words.head(head)}", "", *part(policy, words)]
    return "\n".join(lines).rstrip() + "\n"


def _who(policy: Policy, words: Words) -> Lines:
    who = policy.controller
    if who is None:
        yield words.say("no_controller")
    else:
        yield words.say("controller", name=escaped(who.name), address=escaped(who.address), email=escaped(who.email))
        if who.phone:
            yield words.say("phone", phone=who.phone)
        if who.dpo_email:
            yield words.say("dpo", email=escaped(who.dpo_email))
        if who.registration:
            yield words.say("registration", number=escaped(who.registration))
    yield words.say(f"role_{policy.role}")
    yield words.say("country", country=policy.country, authority=policy.authority)
    if policy.effective is not None:
        yield words.say("effective", day=policy.effective.isoformat())


def _purposes(policy: Policy, words: Words) -> Lines:
    for purpose in dict.fromkeys(purpose for rule in policy.rules for purpose in rule.purposes):
        yield f"### {words.purpose(purpose).capitalize()} (`{purpose}`)"
        yield ""
        if policy.consent_rules(purpose):
            yield "- " + words.say("question", question=words.question(purpose))
        for rule in policy.rules:
            if purpose in rule.purposes:
                yield from _rule(policy, rule, words)
        yield "- " + words.say("readers", readers=_readers(policy, purpose, words))
        yield ""


def _rule(policy: Policy, rule: Rule, words: Words) -> Lines:
    """One category under a purpose: what, on what ground, how long, to whom, where."""
    fields = listed(words.field(rule, field) for field in rule.fields)
    yield "- " + words.say("data", category=f"**{words.category(rule.category)}**", name=rule.category, fields=fields)
    yield "  - " + words.say("ground", basis=f"{words.of('basis', rule.basis.value)} `{rule.basis.value}`")
    if rule.role != policy.role:
        yield "  - " + words.say(f"as_{rule.role.value}")
    for key, reference in (
        ("reference", rule.legal_ref or rule.balancing_id),
        ("instruction", rule.instruction),
        ("arrangement", rule.arrangement),
    ):
        if reference:
            yield "  - " + words.say(key, reference=reference)
    if rule.sensors:
        names = (str(sensor.name).lower() for sensor in rule.sensors)
        sensors = listed(f"{words.of('sensor', name)} `{name}`" for name in names)
        yield "  - " + words.say("sensors", sensors=sensors)
    if rule.has_position:
        yield "  - " + words.say("finest", precision=_precision(rule.precision.name.lower(), words))
    yield from _kept(rule, words)
    yield "  - " + _given(policy, rule, words)
    yield "  - " + words.say("located", region=words.region(rule.region))
    if rule.beyond is not None:
        mechanism = f"{words.of('mechanism', rule.beyond.mechanism)} `{rule.beyond.mechanism}`"
        yield "  - " + words.say("covered", mechanism=mechanism, assessment=rule.beyond.assessment)
    if rule.reason is not None and not rule.visible_to_user:
        yield "  - " + words.say("hidden", reason=f"{words.of('reason', rule.reason.value)} `{rule.reason.value}`")
    if said := notice_entry(policy, rule, words):
        yield "  - " + said


def _precision(name: str, words: Words) -> str:
    return f"{words.of('precision', name)} `{name}`"


def _kept(rule: Rule, words: Words) -> Lines:
    clock = f"{words.of('clock', rule.clock.value)} `{rule.clock.value}`"
    after = f"{words.of('after', rule.after.value)} `{rule.after.value}`"
    yield "  - " + words.say("kept", term=words.period(rule.retention), clock=clock, after=after)
    before = rule.retention
    for step in rule.steps:
        precision = _precision(step.precision.name.lower(), words)
        terms = {"before": words.period(before), "term": words.period(step.retention)}
        yield "  - " + words.say("stepped", precision=precision, clock=clock, **terms)
        before = step.retention
    if rule.steps:
        yield "  - " + words.say("last")


def _given(policy: Policy, rule: Rule, words: Words) -> str:
    if not rule.recipients:
        return words.say("nobody")
    if not policy.parameters.flag("recipients.publish_list"):
        kinds = sorted({policy.recipients[who].kind.value for who in rule.recipients})
        return words.say("given", recipients=listed(f"{words.of('kind', kind)} `{kind}`" for kind in kinds))
    return words.say("given", recipients=listed(f"{words.recipient(who)} `{who}`" for who in sorted(rule.recipients)))


def _readers(policy: Policy, purpose: str, words: Words) -> str:
    may: dict[str, list[str]] = {}
    for role, action in sorted(acts(policy, purpose)):
        may.setdefault(role, []).append(f"{words.of('action', action)} `{action}`")
    said = (f"{words.of('role', role)} `{role}` ({listed(actions)})" for role, actions in may.items())
    return "; ".join(said)


def _never(policy: Policy, words: Words) -> Lines:
    if policy.never:
        yield words.say("never", fields=listed(words.taken(name) for name in sorted(policy.never)))
    else:
        yield words.say("nothing_taken")
    yield words.say("precise", precision=_precision(policy.precision.name.lower(), words))


def _others(policy: Policy, words: Words) -> Lines:
    if not policy.recipients:
        yield words.say("no_recipients")
    elif not policy.parameters.flag("recipients.publish_list"):
        yield words.say("on_request", answer=words.period(policy.parameters.period("recipients.answer")))
    else:
        for recipient in policy.recipients.values():
            yield " ".join(filter(None, ("- " + _recipient(recipient, words), notice_entry(policy, recipient, words))))


def _recipient(recipient: Recipient, words: Words) -> str:
    fields = sorted(f"`{category}.{field}`" for category, field in recipient.fields)
    said = words.say(
        "recipient",
        name=words.recipient(recipient.id),
        id=recipient.id,
        kind=f"{words.of('kind', recipient.kind.value)} `{recipient.kind.value}`",
        region=words.region(recipient.region),
        fields=listed(fields) or "0",
    )
    if recipient.service:
        said += " " + words.say("serves", service=f"{words.of('service', recipient.service)} `{recipient.service}`")
    if recipient.beyond is not None:
        mechanism = f"{words.of('mechanism', recipient.beyond.mechanism)} `{recipient.beyond.mechanism}`"
        said += " " + words.say("covered", mechanism=mechanism, assessment=recipient.beyond.assessment)
    return said if recipient.enabled else said + " " + words.say("paused")


def _where(policy: Policy, words: Words) -> Lines:
    said = "regions_and_covered" if policy.mechanisms else "regions"
    yield words.say(said, regions=listed(words.region(code) for code in sorted(policy.regions)))
    if policy.mechanisms:
        names = listed(f"{words.of('mechanism', name)} `{name}`" for name in sorted(policy.mechanisms))
        yield words.say("mechanisms", mechanisms=names)


def _keeping(policy: Policy, words: Words) -> Lines:
    yield words.say("sweep", sweep=words.seconds(policy.sweep_s))
    yield words.say("backup", horizon=words.period(policy.backup_horizon))
    keys = policy.parameters.get("backup.keys_horizon")
    if isinstance(keys, Period):
        yield words.say("backup_keys", horizon=words.period(keys))
    yield words.say("cap", cap=words.period(policy.total_cap))


def _choice(policy: Policy, words: Words) -> Lines:
    if not any(rule.basis is LawfulBasis.CONSENT for rule in policy.rules):
        return
    rules = policy.consent
    yield words.say("consent")
    latency, copies = words.seconds(rules.gate_latency_s), words.seconds(rules.propagation_max_s)
    yield words.say("withdraw", latency=latency, propagation=copies)
    yield words.say(
        "later",
        cooldown=words.period(rules.later_cooldown),
        prompts=rules.max_prompts,
        within=words.period(rules.answer_within),
    )
    yield words.say("valid", validity=words.period(rules.validity))


def _rights(policy: Policy, words: Words) -> Lines:
    rules = policy.rights
    yield words.say("rights", rights="; ".join(words.of("right", right) for right in _RIGHTS))
    yield words.say("self_service" if rules.self_service else "by_contact")
    yield words.say("due", deadline=words.period(rules.deadline))
    longer = rules.extension_max.longest_s > 0
    yield words.say("longer", extension=words.period(rules.extension_max)) if longer else words.say("never_longer")
    yield words.say("complaint", authority=policy.authority)


def _children(policy: Policy, words: Words) -> Lines:
    children = policy.children
    yield words.say("floor", age=children.floor("", policy.country))
    for purpose, age in sorted(children.policy_floor.items()):
        if purpose in policy.purposes:
            yield "- " + words.say("age", purpose=f"{words.purpose(purpose)} `{purpose}`", age=age)
    for country, age in sorted(children.country_floor.items()):
        if country != "default":
            yield "- " + words.say("age_of_country", country=country, age=age)
    safe = children.safeguards
    precision = _precision(safe.precision.name.lower(), words)
    yield words.say("safeguards", precision=precision, term=words.period(safe.retention_max))
    if not safe.marketing:
        yield words.say("no_marketing")
    if not safe.profiling:
        yield words.say("no_profiling")


def _automated(policy: Policy, words: Words) -> Lines:
    """GDPR Art. 13(2)(f): whether machines decide, on what ground, and how to have a person look."""
    parameters = policy.parameters
    if parameters.flag("automated.decisions"):
        grounds = listed(words.of("machine", ground) for ground in parameters.words("automated.grounds"))
        yield words.say("machines", grounds=grounds, days=f"{parameters.number('automated.review_workdays'):.0f}")
    else:
        yield words.say("no_machines")
    yield words.say("profiles" if parameters.flag("automated.profiling") else "no_profiles")


def _statistics(policy: Policy, words: Words) -> Lines:
    stats = policy.stats
    if stats is None:
        yield words.say("no_statistics")
        return
    inputs = listed(f"`{name}`" for name in sorted(stats.inputs))
    delay = words.period(stats.release_delay)
    yield words.say("statistics", inputs=inputs, k=stats.k_min, grid=stats.grid_km, delay=delay)


def _changes(policy: Policy, words: Words) -> Lines:
    told = listed(words.of("significant", word) for word in policy.parameters.words("notice.significant"))
    yield words.say("banner", banner=words.period(policy.parameters.period("notice.banner")), significant=told)
