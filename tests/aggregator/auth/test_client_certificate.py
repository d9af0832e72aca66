"""The header of a client certificate: RFC 9440, nginx's form, and what is refused."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import quote

import pytest

from aggregator.auth.client_certificate import MOST_LENGTH, check_certificate
from common.errors import CertificateRefused

DER = bytes(range(256)) * 3
FINGERPRINT = hashlib.sha256(DER).hexdigest()
RFC_9440 = f":{base64.b64encode(DER).decode()}:"
PEM = f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(DER).decode()}-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("header", [RFC_9440, quote(PEM, safe=""), quote(PEM.strip(), safe="+/")])
def test_the_certificate_is_found_in_both_forms(header: str) -> None:
    check_certificate(FINGERPRINT, [header])
    with pytest.raises(CertificateRefused, match="not the client certificate of this consumer"):
        check_certificate("0" * 64, [header])


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        ([], "must show its client certificate"), ([""], "must show"), (["::"], "must show"),
        ([RFC_9440, RFC_9440], "one header"), ([f":{'A' * MOST_LENGTH}:"], "at most 16384"),
        ([RFC_9440[1:]], "RFC 9440"), ([RFC_9440 + ";a=1"], "RFC 9440"), ([":AAA:"], "RFC 9440"),
        ([":A===:"], "RFC 9440"),
        ([f"{RFC_9440}, {RFC_9440}"], "RFC 9440"), (["-----BEGIN"], "RFC 9440"), ([quote(PEM * 2)], "RFC 9440"),
        ([FINGERPRINT], "RFC 9440"), ([":éé:"], "RFC 9440"), (["-" + "%0A" * 5000], "RFC 9440"),
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_what_is_missing(sent: list[str], problem: str) -> None:
    with pytest.raises(CertificateRefused, match=problem):
        check_certificate(FINGERPRINT, sent)
