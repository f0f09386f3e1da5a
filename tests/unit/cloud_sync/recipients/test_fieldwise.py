"""What of a record's contents a recipient gets."""

from __future__ import annotations

import json

import pytest

from cloud_sync.disclosure.fieldwise import cut, listed, told
from cloud_sync.errors import ConfigError
from tests.clauses.made import World

CONTENT = json.dumps({"name": "Kim", "email": "k@x.example", "lat": 55.6, "ip": "192.0.2.77"}).encode()


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.77/32", "192.0.2.0/24"),
        ("192.0.0.0/16", "192.0.0.0/16"),
        ("2001:db8:1:2::7", "2001:db8:1::/48"),
        ("::ffff:192.0.2.77", "::/48"),
        ("192.0.2.300", ""),
        ("the printer", ""),
        (None, ""),
        ("", ""),
    ],
)
def test_an_address_is_cut_to_its_network(address: str | None, network: str) -> None:
    """IPv4 to /24, IPv6 to /48; a wider one stays; what is none is not told."""
    assert cut(address) == network


def test_only_listed_fields_are_told() -> None:
    """In their order; a field that the record has not is not invented."""
    assert told(CONTENT, {"name", "phone"}) == {"name": "Kim"}
    assert told(CONTENT, set()) == {}
    assert told(CONTENT, {"ip_prefix"}) == {"ip_prefix": "192.0.2.0/24"}
    assert told(json.dumps({"ip_prefix": "192.0.2.77"}).encode(), {"ip_prefix"}) == {"ip_prefix": "192.0.2.0/24"}


def test_an_address_under_its_own_name_needs_a_listing_of_its_own() -> None:
    """Who is listed for the network gets no address, and the other way round."""
    assert "ip" not in told(CONTENT, {"ip_prefix", "name"})
    assert told(CONTENT, {"ip"}) == {"ip": "192.0.2.77"}


@pytest.mark.parametrize("content", [b"", b"a picture", b"[1]", b'"text"', b"\xff\xfe", b"{"])
def test_what_has_no_fields_is_not_handed_over(content: bytes) -> None:
    """It is said so, and nothing of it is quoted."""
    with pytest.raises(ConfigError, match="is no JSON object"):
        told(content, {"name"})


def test_the_list_is_that_of_rule_and_recipient(world: World) -> None:
    """A field that one of them has not is none; nor is anything of a recipient whom the rule does not name."""
    policy = world.cloud.policy
    assert listed(policy, "contact", "contact", "crm") == {"name", "phone", "email"}
    assert listed(policy, "contact", "newsletter", "crm") == frozenset()
    assert listed(policy, "contact", "contact", "mailing") == frozenset()
    assert listed(policy, "contact", "contact", "nobody") == frozenset()
