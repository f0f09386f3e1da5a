"""The policy in DPV terms: JSON-LD that carries its context, terms that DPV has, shapes that hold, nothing of the file left out."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pyshacl
import pytest
from rdflib import RDF, Graph, Literal, URIRef
from rdflib.compare import isomorphic

from cloud_sync.consent.dpvterms import CONTEXT
from cloud_sync.policy import Period, Policy
from cloud_sync.report.dpv import OWN, dpv
from tests.unit.cloud_sync.policy.policy_world import TEXT, loaded, rich

DATA = Path("tests/data/dpv")
CHECKED = tuple(CONTEXT[name] for name in ("dpv", "pd", "eu-gdpr"))
Node = dict[str, Any]


@cache
def published() -> Graph:
    """The terms as published."""
    return Graph().parse(DATA / "report-terms.ttl")


def graph(document: Node) -> Graph:
    """The triples of a document; its context is its own, so nothing is fetched."""
    return Graph().parse(data=json.dumps(document), format="json-ld")


def conforms(document: Node) -> bool:
    """Whether the shapes hold."""
    shapes = Graph().parse(DATA / "report-shapes.ttl")
    return bool(pyshacl.validate(graph(document), shacl_graph=shapes)[0])


def term(name: str) -> URIRef:
    """An IRI from its short form."""
    prefix, _, rest = name.partition(":")
    return URIRef(CONTEXT[prefix] + rest)


@pytest.mark.parametrize("text", [TEXT, rich()], ids=["demo", "rich"])
def test_every_term_is_one_of_dpv(tmp_path: Path, text: str) -> None:
    """No class, property or concept in a namespace of DPV that DPV 2.3 does not have."""
    found = graph(dpv(loaded(tmp_path, text)))
    used = {node for triple in found for node in triple if isinstance(node, URIRef) and str(node).startswith(CHECKED)}
    known = set(published().subjects())
    properties = {node for node in used if str(node).rpartition("#")[2][:3] in ("has", "isI")}
    assert used - properties - known == set()
    assert properties <= {term(f"dpv:{name}") for name in _PROPERTIES}


#: Properties of DPV 2.3 that reports use, read in dpv.csv; the file of terms holds concepts.
_PROPERTIES = (
    *("hasAddress", "hasAuthority", "hasContact", "hasDataController", "hasDataProcessor", "hasDataSubject"),
    *("hasDuration", "hasJointDataControllers", "hasJurisdiction", "hasLegalBasis", "hasLocation", "hasName"),
    *("hasNecessity", "hasNotice", "hasPersonalData", "hasProcessing", "hasPurpose", "hasRecipient", "hasRight"),
    "hasStorageCondition",
)


@pytest.mark.parametrize("text", [TEXT, rich()], ids=["demo", "rich"])
def test_nothing_of_the_policy_is_left_out_or_added(tmp_path: Path, text: str) -> None:
    """Processes are the pairs of category and purpose; purposes, recipients, fields, terms and regions those of the policy."""
    policy = loaded(tmp_path, text)
    found = graph(dpv(policy))
    pairs = {f"{OWN}process:{rule.category}:{purpose}" for rule in policy.rules for purpose in rule.purposes}
    assert {str(each) for each in found.subjects(RDF.type, term("dpv:Process"))} == pairs
    purposes = {f"{OWN}purpose:{purpose}" for purpose in policy.purposes}
    assert {str(each) for each in found.subjects(RDF.type, term("dpv:Purpose"))} == purposes
    recipients = {str(each) for each in found.objects(None, term("dpv:hasRecipient"))}
    assert recipients == {f"{OWN}recipient:{who}" for rule in policy.rules for who in rule.recipients}
    fields = {f"{OWN}field:{rule.category}:{field}" for rule in policy.rules for field in rule.fields}
    assert {str(each) for each in found.objects(None, term("dct:hasPart"))} == fields
    assert _terms(found) == _terms_of(policy)
    places = {str(each).rpartition("#")[2] for each in found.objects(None, term("dpv:hasLocation"))}
    assert places == {rule.region for rule in policy.rules} | {each.region for each in policy.recipients.values()}


def _terms(found: Graph) -> set[tuple[int, int, int]]:
    """Months, days and seconds: another library may write twelve months as a year."""
    return {_parts(Period.parse(str(each))) for each in found.objects(None, RDF.value) if isinstance(each, Literal)}


def _terms_of(policy: Policy) -> set[tuple[int, int, int]]:
    terms = (term for rule in policy.rules for term in (rule.retention, *(step.retention for step in rule.steps)))
    return {_parts(term) for term in terms}


def _parts(term: Period) -> tuple[int, int, int]:
    return term.months, term.days, term.seconds


@pytest.mark.parametrize("text", [TEXT, rich()], ids=["demo", "rich"])
def test_the_shapes_hold(tmp_path: Path, text: str) -> None:
    """Every process has what Art. 30(1) asks of it."""
    assert conforms(dpv(loaded(tmp_path, text)))


def _process(document: Node) -> Node:
    return next(node for node in document["@graph"] if node["@id"] == f"{OWN}process:position:tracking")


def _notice(document: Node) -> Node:
    return next(node for node in document["@graph"] if node["@type"] == "dpv:PrivacyNotice")


CUTS: dict[str, Callable[[Node], None]] = {
    "purpose": lambda d: _process(d).pop("dpv:hasPurpose"),
    "data": lambda d: _process(d).pop("dpv:hasPersonalData"),
    "fields": lambda d: _process(d)["dpv:hasPersonalData"].pop("dct:hasPart"),
    "basis": lambda d: _process(d).pop("dpv:hasLegalBasis"),
    "another basis": lambda d: _process(d).update({"dpv:hasLegalBasis": [{"@id": "eu-gdpr:A6-1-d"}]}),
    "controller": lambda d: _process(d).pop("dpv:hasDataController"),
    "subject": lambda d: _process(d).pop("dpv:hasDataSubject"),
    "notice": lambda d: _process(d).pop("dpv:hasNotice"),
    "rights": lambda d: _process(d).pop("dpv:hasRight"),
    "place": lambda d: _process(d)["dpv:hasStorageCondition"].pop(),
    "term": lambda d: _process(d)["dpv:hasStorageCondition"].pop(0),
    "its length": lambda d: _process(d)["dpv:hasStorageCondition"][0].pop("dpv:hasDuration"),
    "its clock": lambda d: _process(d)["dpv:hasStorageCondition"][0].pop("dct:description"),
    "version of the notice": lambda d: _notice(d).pop("dct:hasVersion"),
}


@pytest.mark.parametrize("name", CUTS)
def test_each_part_is_missed(tmp_path: Path, name: str) -> None:
    """Without any one part the shapes do not hold."""
    document = dpv(loaded(tmp_path, TEXT))
    cut = copy.deepcopy(document)
    CUTS[name](cut)
    assert conforms(document)
    assert not conforms(cut)


def test_a_round_trip_loses_no_triple(tmp_path: Path) -> None:
    """Written out by another library and read again, the graph is the same."""
    first = graph(dpv(loaded(tmp_path, rich())))
    again = Graph().parse(data=first.serialize(format="json-ld"), format="json-ld")
    assert len(first) > 500
    assert isomorphic(first, again)


def test_instruments_and_roles_have_their_terms(tmp_path: Path) -> None:
    """Standard clauses are Art. 46(2)(c); a processor is none that decides; consent is optional, a contract is not."""
    found = graph(dpv(loaded(tmp_path, rich())))
    mailer, dispatch = URIRef(f"{OWN}recipient:mailer"), URIRef(f"{OWN}process:position:dispatch")
    assert term("eu-gdpr:A46-2-c") in set(found.objects(mailer, term("dpv:hasLegalBasis")))
    assert set(found.objects(dispatch, term("dpv:hasDataProcessor"))) == {URIRef(f"{OWN}party:demo")}
    assert not set(found.objects(dispatch, term("dpv:hasDataController")))
    tracking = URIRef(f"{OWN}process:position:tracking")
    assert set(found.objects(tracking, term("dpv:hasNecessity"))) == {term("dpv:Optional")}
    assert not set(found.objects(dispatch, term("dpv:hasNecessity")))
    rights = {str(each).rpartition("#")[2] for each in found.objects(tracking, term("dpv:hasRight"))}
    assert {"A7-3", "A20"} <= rights
    assert "A21" not in rights
