"""Dockerfile, compose.yaml, dask.env, the workflow and DEPLOYING.md say the same as the code."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml
from dask.utils import parse_bytes

from nst_core.machine import memory
from nst_core.service.dask import cluster

ROOT = Path(__file__).parent.parent
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
DOCKERFILE, DEPLOYING = (ROOT / "Dockerfile").read_text(), (ROOT / "DEPLOYING.md").read_text()
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
VERSIONS = ["3.11", "3.12", "3.13"]


def options(service):
    """`dask worker ADDRESS --name value …` as a mapping."""
    words = shlex.split(SERVICES[service]["command"])[2 + (service != "scheduler") :]
    return dict(zip(words[::2], words[1::2], strict=True))


def variable(setting):
    """A Dask setting as it is named in the environment of `dask scheduler` and `dask worker`."""
    inner = setting.removeprefix("distributed.nanny.pre-spawn-environ.")
    return inner if inner != setting else "DASK_" + setting.upper().replace(".", "__").replace("-", "_")


@pytest.mark.parametrize("name", cluster.WORKERS)
def test_workers_have_the_lanes_of_the_embedded_ones(name):
    resources, said = cluster.WORKERS[name], options(name)
    lanes = " ".join(f"{lane}={units}" for lane, units in resources.items())
    assert said["--resources"] == lanes
    assert int(said["--nthreads"]) == sum(resources.values())
    assert f'--nthreads {said["--nthreads"]} --resources "{lanes}"' in DEPLOYING


def test_dask_is_set_as_in_the_embedded_cluster():
    lines = [line for line in (ROOT / "dask.env").read_text().splitlines() if not line.startswith("#")]
    assert dict(line.split("=", 1) for line in lines) == {variable(name): str(it) for name, it in cluster.SETTINGS.items()}
    assert all(SERVICES[name]["env_file"] == "dask.env" for name in ("scheduler", *cluster.WORKERS))


def test_pages_reckon_with_the_memory_that_workers_have(monkeypatch):
    monkeypatch.setenv("NST_MEMORY_LIMIT", SERVICES["app"]["environment"]["NST_MEMORY_LIMIT"])
    for name, limit in {"slow": memory.of_slow_worker(), "light": memory.of_light_worker()}.items():
        assert parse_bytes(options(name)["--memory-limit"]) == limit
        assert parse_bytes(SERVICES[name]["mem_limit"].replace("m", "MiB")) > limit + 150e6  # its nanny


def test_everybody_knocks_where_somebody_listens():
    assert SERVICES["app"]["ports"] == ["8501:8501"] and "EXPOSE 8501" in DOCKERFILE  # Streamlit's own
    assert "HEALTH=http://localhost:8501/_stcore/health" in DOCKERFILE
    address = f"tcp://scheduler:{options('scheduler')['--port']}"
    assert SERVICES["app"]["environment"]["NST_SCHEDULER"] == address
    assert all(address in SERVICES[name]["command"] for name in cluster.WORKERS)
    for name in ("scheduler", *cluster.WORKERS):
        assert SERVICES[name]["environment"]["HEALTH"] == f"http://localhost{options(name)['--dashboard-address']}/health"


def test_what_is_kept_lies_in_volumes():
    folders = dict(reversed(volume.split(":")) for volume in SERVICES["app"]["volumes"])
    assert set(folders.values()) == set(COMPOSE["volumes"])
    kept = re.findall(r"(NST_MODEL_DIR|KERAS_HOME|TFHUB_CACHE_DIR|NST_CHECKPOINT_DIR)=(\S+)", DOCKERFILE)
    assert len(kept) == 4 and all(any(place.startswith(folder) for folder in folders) for _, place in kept)
    assert all(SERVICES[name]["volumes"] == SERVICES["app"]["volumes"] for name in cluster.WORKERS)


def pins(*files):
    """Return the packages with their versions in files of requirements or a lock; some have one for each range of Pythons."""
    found = re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;]+)", "\n".join((ROOT / file).read_text() for file in files), re.M)
    return {(re.sub(r"[._-]+", "-", name).lower(), version) for name, version in found}


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_the_lock_has_every_requirement_at_its_version_with_checksums(name):
    asked, lock = pins("requirements.txt", f"{name}.txt"), (ROOT / f"{name}.lock").read_text()
    assert asked <= pins(f"{name}.lock"), "run make lock"
    entries = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", lock, flags=re.M))
    assert all("--hash=sha256:" in entry for entry in entries if entry.strip())
    assert len(entries) > len(asked)


def test_the_container_and_ci_install_what_is_locked():
    assert "--require-hashes -r requirements.lock" in DOCKERFILE
    assert "requirements.txt" not in DOCKERFILE
    assert WORKFLOW["env"]["LOCKED"] == "1"


def test_pythons_are_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11,<3.14"
    targets = {run["python"]: run["target"] for run in WORKFLOW["jobs"]["test"]["strategy"]["matrix"]["include"]}
    container = re.search(r"^FROM python:(3\.\d+)-slim$", DOCKERFILE, re.M).group(1)
    assert targets == dict.fromkeys(VERSIONS, "quick") | {container: "test"}  # every test on one, quick ones on the others
