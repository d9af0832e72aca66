"""The wheel as it is installed, and the image's recipe as far as it can be held without an engine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest
import yaml

import paifang
from edge.settings.node import BoxSettings

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = {"aggregator", "common", "demo", "edge", "protocol", "models", "paifang", "pipelines"}


def run(words: list[str], folder: Path, **environment: str) -> str:
    known = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        words, cwd=folder, env=known | environment, capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of what the image's recipe copies, and installed into an empty folder."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("target")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", "wheels", "."], source)
    (wheel,) = (source / "wheels").glob("*.whl")
    run([*pip, "install", "--no-deps", "--no-index", "--target", str(target), str(wheel)], source)
    return target


def files(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in found if "__pycache__" not in path.parts}


def test_the_wheel_holds_every_file_of_every_package_and_nothing_else(installed: Path) -> None:
    here = {f"{package}/{name}" for package in PACKAGES for name in files(ROOT / package)}
    metadata = f"paifang-{paifang.__version__}.dist-info/"
    rest = {name for name in files(installed) if not name.startswith(metadata)}
    assert rest == here | {"bin/paifang"}
    assert f"{metadata}licenses/LICENSE" in files(installed)
    for needed in ("models/manifests/yolox_nano.toml", "aggregator/web/dashboard/static/board.css"):
        assert needed in rest


def test_the_installed_command_answers_from_where_it_was_installed(installed: Path, tmp_path: Path) -> None:
    said = run([sys.executable, str(installed / "bin" / "paifang"), "--version"], tmp_path, PYTHONPATH=str(installed))
    assert said.strip() == f"paifang {PROJECT['project']['version']}"
    where = run([sys.executable, "-c", "import paifang; print(paifang.__file__)"], tmp_path, PYTHONPATH=str(installed))
    assert Path(where.strip()).is_relative_to(installed)
    models = [sys.executable, "-m", "paifang.cli", "models", "list", "--json", "--folder", str(tmp_path)]
    listed = json.loads(run(models, tmp_path, PYTHONPATH=str(installed)))
    assert {model["here"] for model in listed["models"]} == {False}


Instruction = tuple[str, str]


def instructions(text: str) -> list[Instruction]:
    """(word, rest) of every instruction of a Dockerfile; continued lines are joined, comments dropped."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines()
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in joined]


RECIPE = instructions((ROOT / "Dockerfile.edge").read_text())
LAST_STAGE = RECIPE[max(i for i, (word, _) in enumerate(RECIPE) if word == "FROM") :]
KNOWN = {
    *("ARG", "FROM", "ENV", "WORKDIR", "COPY", "RUN", "LABEL", "USER", "VOLUME"),
    *("HEALTHCHECK", "STOPSIGNAL", "ENTRYPOINT", "CMD"),
}


def rest_of(stage: list[Instruction], word: str) -> list[str]:
    return [rest for known, rest in stage if known == word]


def test_the_recipe_is_made_of_instructions_that_we_meant() -> None:
    assert {word for word, _ in RECIPE} <= KNOWN, "ADD, ONBUILD and the like are not"
    assert len(rest_of(RECIPE, "FROM")) == 2


def test_the_base_is_pinned_and_the_same_in_both_stages() -> None:
    (base,) = (rest.removeprefix("BASE=") for rest in rest_of(RECIPE, "ARG") if rest.startswith("BASE="))
    assert re.fullmatch(r"python:3\.\d+-slim-[a-z]+", base)
    assert [rest.split()[0] for rest in rest_of(RECIPE, "FROM")] == ["${BASE}", "${BASE}"]


def test_the_image_runs_as_nobody_in_particular_and_writes_to_data_only() -> None:
    assert rest_of(LAST_STAGE, "USER") == ["10001:10001"]
    after = [word for word, _ in LAST_STAGE[[word for word, _ in LAST_STAGE].index("USER") :]]
    assert "RUN" not in after
    assert "COPY" not in after
    assert rest_of(LAST_STAGE, "VOLUME") == rest_of(LAST_STAGE, "WORKDIR") == ["/data"]
    (environment,) = rest_of(LAST_STAGE, "ENV")
    assert {"TMPDIR=/data", "PYTHONDONTWRITEBYTECODE=1"} <= set(environment.split())


def test_the_health_check_asks_the_default_status_port() -> None:
    (check,) = rest_of(LAST_STAGE, "HEALTHCHECK")
    words = json.loads(check[check.index("[") :])
    port = next(field.default for field in msgspec.structs.fields(BoxSettings) if field.name == "status_port")
    assert f"127.0.0.1:{port}/metrics" in words[2]
    compile(words[2], "HEALTHCHECK", "exec")


def test_the_entry_point_is_the_command_and_its_default_words_are_valid() -> None:
    from paifang.cli import parser

    assert [json.loads(it) for it in rest_of(LAST_STAGE, "ENTRYPOINT")] == [["paifang"]]
    (words,) = (json.loads(it) for it in rest_of(LAST_STAGE, "CMD"))
    options = parser(("edge",)).parse_args(words)
    assert str(options.config) == "/data/box.yaml"


def copied() -> list[str]:
    """What is copied from the build context, without the argument's default folder."""
    plain = [rest.split()[:-1] for rest in rest_of(RECIPE, "COPY") if not rest.startswith("--from")]
    return [name for names in plain for name in names if not name.startswith("$")]


def test_only_listed_files_that_exist_are_copied_and_the_context_lets_them_through() -> None:
    assert set(copied()) == PACKAGES | {"pyproject.toml", "README.md", "LICENSE", *ROOT_LOCKS}
    assert [name for name in copied() if not (ROOT / name).exists()] == []
    (folder,) = (it.partition("=")[2] for it in rest_of(RECIPE, "ARG") if it.startswith("MODELS_FOLDER"))
    assert (ROOT / folder).is_dir()
    ignored = (ROOT / ".dockerignore").read_text().split("\n")
    assert ignored[1] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == {*copied(), "given-models"}


ROOT_LOCKS = ("requirements.lock", "requirements-dev.lock")


def test_everything_that_is_installed_comes_with_hashes_and_nothing_secret_stands_there() -> None:
    text = (ROOT / "Dockerfile.edge").read_text()
    for command in (part for rest in rest_of(RECIPE, "RUN") for part in rest.split("&&") if "pip " in part):
        assert ("--require-hashes" in command) or ("--no-index" in command and "--no-deps" in command), command
    assert re.search(r"password|token|secret|:latest|sudo|curl|wget", text, re.IGNORECASE) is None


def test_the_hooks_are_local_and_exist() -> None:
    told = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repo["repo"] for repo in told["repos"]] == ["local"]
    hooks = told["repos"][0]["hooks"]
    assert len({hook["id"] for hook in hooks}) == len(hooks) >= 3
    for hook in hooks:
        assert hook["language"] == "system"
        assert hook["entry"].startswith(".venv/bin/")
        named = [word for word in hook["entry"].split() if word.startswith("tests/")]
        assert [word for word in named if not (ROOT / word).is_file()] == []
