"""Which terms of the Data Privacy Vocabulary 2.3 the words of this product lie below. A word that fits none is in no table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CONTEXT: Final = {
    "dct": "http://purl.org/dc/terms/",
    "dpv": "https://w3id.org/dpv#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "loc": "https://w3id.org/dpv/loc#",
    "pd": "https://w3id.org/dpv/pd#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
#: A term of `dpv`, and the purposes of the clause table (section 5.3) and of the profiles that lie below it.
_PURPOSES: Final = {
    "RequestedServiceProvision": "tracking geofence_alert condition_monitoring theft_alarm opening_alarm",
    "TechnicalServiceProvision": "coverage_fallback diagnosis network_management troubleshooting",
    "Marketing": "marketing own_marketing partner_marketing",
    "DirectMarketing": "newsletter",
    "CustomerCare": "support remote_help",
    "PaymentManagement": "payment invoicing pricing",
    "CommunicationManagement": "safety_notice legal_notice service_change_notice",
    "AccountManagement": "account",
    "CustomerOrderManagement": "order",
    "DeliveryOfGoods": "delivery",
    "Personalisation": "personalisation",
    "ServiceUsageAnalytics": "product_statistics",
    "CommercialResearch": "market_study",
    "EnforceSecurity": "security",
    "FraudPreventionAndDetection": "fraud_prevention",
    "CustomerSolvencyMonitoring": "credit_check",
    "RecruitmentManagement": "recruiting",
    "RightsFulfilment": "rights_handling",
    "AgeVerification": "age_check",
    "LegalCompliance": "legal_reporting",
    "DisputeManagement": "legal_claims",
}
#: A term of `pd`, and the data categories (section 5.2) that lie below it.
_CATEGORIES: Final = {
    "GPSCoordinate": "position exact_location",
    "Location": "coarse_location cell_info country geofence place",
    "DeviceBased": "environment temperature light device_storage status signal_strength",
    "Behavioural": "motion",
    "Contact": "contact",
    "Identifier": "device_id",
}
#: Of `dpv`: a child's wish that waits for a parent is a request that waits.
STATES: Final = {
    "requested": "ConsentRequested",
    "pending": "ConsentRequested",
    "given": "ConsentGiven",
    "refused": "ConsentRefused",
    "later": "ConsentRequestDeferred",
    "withdrawn": "ConsentWithdrawn",
    "expired": "ConsentExpired",
}
#: Of `eu-gdpr`.
RIGHTS: Final = {
    "withdrawal": "A7-3",
    "access": "A15",
    "rectification": "A16",
    "erasure": "A17",
    "restriction": "A18",
    "portability": "A20",
    "complaint": "A77",
}


def _by_word(table: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType({word: term for term, words in table.items() for word in words.split()})


PURPOSES: Final = _by_word(_PURPOSES)
CATEGORIES: Final = _by_word(_CATEGORIES)
