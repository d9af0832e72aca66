"""An external broker over TLS with a certificate for each side."""

from __future__ import annotations

import subprocess
from pathlib import Path

from agg_support import mosquitto, wait_until
from port_kit import free_port

from aggregator import app
from aggregator.monitoring.health import Health
from aggregator.settings.aggregator import ExternalBroker, Settings, Tls


def certificates(folder: Path) -> None:
    """A certificate authority, and a certificate for each end."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    openssl("req", "-x509", *new, "-subj", "/CN=test-ca", "-keyout", "ca.key", "-out", "ca.pem")
    for name in ("server", "aggregator"):
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "subjectAltName=IP:127.0.0.1")
        openssl("req", "-x509", *new, *signed, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")


def wait_for_refusal(health: Health) -> None:
    wait_until(lambda: bool(health.problem))
    assert not health.broker


def test_a_certificate_on_both_sides(tmp_path: Path) -> None:
    certificates(tmp_path)
    port = free_port()
    extra = (
        f"cafile {tmp_path}/ca.pem\ncertfile {tmp_path}/server.pem\nkeyfile {tmp_path}/server.key\n"
        "require_certificate true\n"
    )

    def settings(name: str, tls: Tls) -> Settings:
        return Settings(
            data=str(tmp_path / name), broker=ExternalBroker(host="127.0.0.1", port=port, tls=tls, client_id=name)
        )

    ca = str(tmp_path / "ca.pem")
    own = Tls(ca=ca, certificate=str(tmp_path / "aggregator.pem"), key=str(tmp_path / "aggregator.key"))
    with mosquitto(tmp_path / "mosquitto", port, extra):
        with app.running(settings("good", own)) as parts:
            wait_until(lambda: parts.core.health.broker)
        for name, tls in {"no-certificate": Tls(ca=ca), "unknown-authority": Tls()}.items():
            with app.running(settings(name, tls)) as parts:
                wait_for_refusal(parts.core.health)
