"""Exports in the terms of the Data Privacy Vocabulary, held to its terms and to SHACL shapes of what a record must have."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pyshacl
import pytest
from rdflib import RDF, Graph, URIRef
from rdflib.compare import isomorphic

from cloud_sync.consent import dpvterms
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.consent.consent_world import BY_LETTER, NAMELESS, PARENT, Place, by

DATA = Path(__file__).parents[3] / "data" / "dpv"
CHECKED = ("dpv", "pd", "eu-gdpr")
DPV = dpvterms.CONTEXT["dpv"]
T = "tracking"


@cache
def published() -> Graph:
    """The terms as published."""
    return Graph().parse(DATA / "consent-terms.ttl")


@cache
def shapes() -> Graph:
    """What a record must have."""
    return Graph().parse(DATA / "consent-shapes.ttl")


def graph(document: dict[str, Any]) -> Graph:
    """The triples of a JSON-LD document; its context stands in it, so that nothing is fetched."""
    return Graph().parse(data=json.dumps(document), format="json-ld")


def conforms(document: dict[str, Any]) -> tuple[bool, str]:
    """Whether it conforms to the shapes, and the report."""
    answer, _, report = pyshacl.validate(graph(document) + published(), shacl_graph=shapes(), inference="none")
    return bool(answer), str(report)


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The export of somebody to whom everything has happened: every state, a renewal, a parent, a change of age."""
    with Place(tmp_path_factory.mktemp("dpv")).open() as cloud:
        lives(cloud)
        return cloud.consent.export("s-1")


def lives(cloud: CloudSync) -> None:
    """Asked, later, given, renewed, withdrawn; refused; another purpose taken back by somebody else; a parent; of age."""
    me, other = by("s-1"), by("h-1", act="set_switch")
    cloud.consent.request("s-1", T, by("c-1", act="shown_notice"))
    cloud.consent.later("s-1", T, me)
    cloud.consent.give("s-1", T, me)
    cloud.consent.give("s-1", T, me)
    cloud.consent.withdraw("s-1", T, me)
    cloud.consent.refuse("s-1", "theft_alarm", me)
    cloud.consent.give("s-1", "condition_monitoring", me)
    cloud.consent.withdraw("s-1", "condition_monitoring", other)
    cloud.ages.declare("s-1", date(2014, 5, 20), by("p-1", act="told_age"))
    for evidence in (PARENT, BY_LETTER):
        cloud.consent.confirm("s-1", "marketing", evidence)
    cloud.ages.declare("s-1", date(1990, 5, 20), by("p-1", act="told_age"))
    cloud.consent.give("s-1", "marketing", me)


def test_the_export_conforms(document: dict[str, Any]) -> None:
    """All shapes hold, of records that stand for every state there is."""
    answer, report = conforms(document)
    assert answer, report
    kinds = {str(kind).removeprefix(DPV) for kind in graph(document).objects(None, RDF.type)}
    assert kinds >= {
        *("ConsentRequested", "ConsentRequestDeferred", "ConsentGiven", "RenewedConsentGiven", "ConsentWithdrawn"),
        *("ConsentRefused", "ConsentRevoked", "ConsentInvalidated", "ConsentRecord", "ConsentNotice"),
    }


def test_an_expiry_is_no_invalidation(tmp_path: Path) -> None:
    """A consent whose term is over has expired."""
    place = Place(tmp_path)
    with place.open() as cloud:
        given = cloud.consent.give("s-1", T, by("s-1"))
        assert given.validity_until is not None
        place.clock.at = given.validity_until
        cloud.ledger.settle()
        exported = cloud.consent.export("s-1")
    assert conforms(exported)[0]
    assert URIRef(f"{DPV}ConsentExpired") in set(graph(exported).objects(None, RDF.type))


def test_every_term_is_one_of_the_vocabulary(document: dict[str, Any]) -> None:
    """Each name in the namespaces of DPV is a subject of the published terms; a name of the guide that is none is found."""
    known = {str(term) for term in published().subjects()}

    def unknown(found: Graph) -> set[str]:
        names = {str(node) for triple in found for node in triple if isinstance(node, URIRef)}
        spaces = tuple(dpvterms.CONTEXT[prefix] for prefix in CHECKED)
        return {name for name in names if name.startswith(spaces) and name not in known}

    assert unknown(graph(document)) == set()
    changed = copy.deepcopy(document)
    changed["@graph"][0]["dpv:hasProcessingAutomation"] = "x"
    assert unknown(graph(changed)) == {f"{DPV}hasProcessingAutomation"}


def test_the_tables_name_terms_of_the_right_kind() -> None:
    """Purposes are instances of dpv:Purpose, categories of dpv:PersonalData, states of dpv:ConsentStatus."""
    tables = (
        (dpvterms.PURPOSES, "dpv", "Purpose"),
        (dpvterms.CATEGORIES, "pd", "PersonalData"),
        (dpvterms.STATES, "dpv", "ConsentStatus"),
    )
    for table, prefix, kind in tables:
        for term in set(table.values()):
            name = URIRef(dpvterms.CONTEXT[prefix] + term)
            assert (name, RDF.type, URIRef(DPV + kind)) in published(), term


def test_only_given_states_permit(document: dict[str, Any]) -> None:
    """DPV files each of our states on the side where the gate has it."""
    broader = URIRef("http://www.w3.org/2004/02/skos/core#broader")
    for state, term in dpvterms.STATES.items():
        side = published().value(URIRef(DPV + term), broader)
        assert str(side).endswith("InvalidForProcessing") is (state != "given"), state
    assert published().value(URIRef(f"{DPV}RenewedConsentGiven"), broader) == URIRef(
        f"{DPV}ConsentStatusValidForProcessing"
    )


def test_nothing_is_lost_on_the_way_there_and_back(document: dict[str, Any]) -> None:
    """JSON-LD to triples, to JSON-LD, to triples: the same graph; and all records are in it."""
    first = graph(document)
    again = Graph().parse(data=first.serialize(format="json-ld"), format="json-ld")
    assert isomorphic(first, again)
    assert len(list(first.subjects(RDF.type, URIRef(f"{DPV}ConsentRecord")))) == len(document["@graph"]) == 5


def cuts(record: dict[str, Any]) -> Iterator[tuple[str, Callable[[dict[str, Any]], None]]]:
    """What may not be taken from a record, and how it is taken: each of the standard's and the GDPR's mandatory fields."""
    for key in [key for key in record if key.startswith(("dpv:has", "dct:"))]:
        yield key, lambda found, key=key: found.pop(key)
    for key in ("dct:hasVersion", "dct:identifier", "dct:language"):
        yield f"notice {key}", lambda found, key=key: found["dpv:hasNotice"].pop(key)
    for key in ("dpv:hasName", "dpv:hasAddress", "dpv:hasContact"):
        yield f"controller {key}", lambda found, key=key: found["dpv:hasDataController"].pop(key)
    process = [key for key in record["dpv:hasProcess"][0] if key not in ("@type", "dpv:hasRecipient")]
    for key in process:
        yield f"process {key}", lambda found, key=key: found["dpv:hasProcess"][0].pop(key)
    for number in (0, 1):
        yield (
            f"storage {number}",
            lambda found, at=number: found["dpv:hasProcess"][0]["dpv:hasStorageCondition"].pop(at),
        )
    status = ("dpv:isIndicatedBy", "dpv:isIndicatedAtTime", "dpv:hasIndicationMethod", "@type")
    for key in status:
        yield f"event {key}", lambda found, key=key: found["dpv:hasConsentStatus"][0].pop(key)
    yield "right of withdrawal", lambda found: found["dpv:hasRight"].pop(0)


def test_each_field_that_goes_breaks_a_shape(tmp_path: Path) -> None:
    """One at a time, of a record that conforms."""
    with Place(tmp_path).open() as cloud:
        cloud.consent.give("s-1", T, by("s-1"))
        whole = cloud.consent.export("s-1")
    assert conforms(whole)[0]
    taken = [name for name, _ in cuts(whole["@graph"][0])]
    assert len(taken) > 25
    for number, name in enumerate(taken):
        changed = copy.deepcopy(whole)
        list(cuts(changed["@graph"][0]))[number][1](changed["@graph"][0])
        assert not conforms(changed)[0], name


def test_a_consent_without_an_end_breaks_a_shape(tmp_path: Path) -> None:
    """What is given holds until a time."""
    with Place(tmp_path).open() as cloud:
        cloud.consent.give("s-1", T, by("s-1"))
        changed = cloud.consent.export("s-1")
    changed["@graph"][0]["dpv:hasConsentStatus"][0].pop("dpv:hasDuration")
    assert not conforms(changed)[0]


def test_a_policy_without_a_controller_does_not_conform(tmp_path: Path) -> None:
    """The export does not make one up."""
    with Place(tmp_path, NAMELESS).open() as cloud:
        cloud.consent.give("s-1", T, by("s-1"))
        answer, report = conforms(cloud.consent.export("s-1"))
    assert not answer
    assert "hasDataController" in report


def test_a_purpose_that_fits_no_term_has_none_above_it(tmp_path: Path) -> None:
    """A word of the company's own is a purpose all the same, and conforms."""
    place = Place(tmp_path)
    place.write(place.policy.read_text().replace("tracking", "finding_vans"))
    with place.open() as cloud:
        cloud.consent.give("s-1", "finding_vans", by("s-1"))
        exported = cloud.consent.export("s-1")
    assert conforms(exported)[0]
    assert "skos:broader" not in exported["@graph"][0]["dpv:hasProcess"][0]["dpv:hasPurpose"]
