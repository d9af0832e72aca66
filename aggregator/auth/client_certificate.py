"""The client certificate of a request: the header `Client-Cert` of a TLS proxy (RFC 9440), and its SHA-256.

`aggregator.auth.client_address.Clients` takes the header away from whoever is no trusted proxy. Who may send one has
shown in the TLS handshake that it holds the certificate's private key; who has issued it does not matter, because
the certificate itself is compared.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from urllib.parse import unquote

from common.errors import CertificateRefused

HEADER = "client-cert"
MOST_LENGTH = 16_384
"""Characters of the header."""
_BYTES = re.compile(r":([A-Za-z0-9+/]+={0,2}):", re.ASCII)
"""A byte sequence of a structured field (RFC 8941, section 3.3.5), as RFC 9440, section 2.2 asks for."""
_PEM = re.compile(r"-{5}[B]EGIN CERTIFICATE-{5}\s([A-Za-z0-9+/=\s]+)-{5}END CERTIFICATE-{5}\s*", re.ASCII)


def check_certificate(fingerprint: str, sent: Sequence[str]) -> None:
    """Whether a request carries the certificate that it must.

    Args:
        fingerprint: SHA-256 of the certificate's DER, hexadecimal.
        sent: The values of the header.

    Raises:
        CertificateRefused: It does not; says what is missing.
    """
    if not any(it.strip(":") for it in sent):
        raise CertificateRefused(
            "this consumer must show its client certificate: connect with it, through a trusted proxy that sends "
            "the header Client-Cert"
        )
    if len(sent) > 1 or len(sent[0]) > MOST_LENGTH:
        raise CertificateRefused(f"Client-Cert: send one header of at most {MOST_LENGTH} characters")
    if not hmac.compare_digest(hashlib.sha256(_der(sent[0])).hexdigest(), fingerprint):
        raise CertificateRefused("this is not the client certificate of this consumer; connect with the right one")


def _der(text: str) -> bytes:
    """The certificate of a header; nginx cannot write RFC 9440 and sends PEM, percent-encoded."""
    found = _PEM.fullmatch(unquote(text)) if text.startswith("-") else _BYTES.fullmatch(text)
    try:
        if found is not None:
            return base64.b64decode("".join(found[1].split()), validate=True)
    except binascii.Error:
        pass
    raise CertificateRefused("Client-Cert: write the certificate's DER as in RFC 9440, ':BASE64:'")
