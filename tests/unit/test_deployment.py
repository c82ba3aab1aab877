"""What is shipped to run the product elsewhere is valid, hardened, and agrees with the product."""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from prometheus_client import REGISTRY

import shared.metrics  # noqa: F401 - registers what is exported
from shared.settings.listed import LISTED
from shared.settings.queueing import QueueingSettings

COMPOSE = Path(__file__).parents[2] / "compose"
KUBERNETES = COMPOSE / "kubernetes"
MANIFESTS = sorted(path for path in KUBERNETES.rglob("*.yaml") if path.name != "kustomization.yaml")
KUSTOMIZATIONS = sorted(KUBERNETES.rglob("kustomization.yaml"))
VERSION = "1.36"
OURS = {"ingress", "worker", "simulator"}
KNOWN = {setting.variable for setting in LISTED}


def documents(path: Path) -> list[dict[str, Any]]:
    """Every document of a YAML file."""
    return list(yaml.safe_load_all(path.read_text("utf-8")))


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """The pod templates of all manifests, by name."""
    for path in MANIFESTS:
        for one in documents(path):
            if one["kind"] in {"Deployment", "StatefulSet"}:
                yield one["metadata"]["name"], one["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The compose file."""
    [found] = documents(COMPOSE / "compose.yaml")
    return found


def test_the_compose_file_is_one(compose: dict[str, Any]) -> None:
    """By the schema of the compose specification."""
    schema = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    jsonschema.validate(compose, json.loads(schema.read_text("utf-8")))


def test_every_container_is_locked_down(compose: dict[str, Any]) -> None:
    """No capability, no new privilege, no other port than loopback's; ours and Redis on a read-only disk."""
    for name, service in compose["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
        assert service.get("read_only") or name == "grafana", name
    assert "ports" not in compose["services"]["worker"]
    assert compose["networks"]["back"]["internal"] is True


def test_a_container_is_given_longer_to_stop_than_a_drain_takes(compose: dict[str, Any]) -> None:
    """Else what is in flight is cut."""
    drain_s = QueueingSettings().drain_s
    for name in ("ingress", "worker"):
        service = compose["services"][name]
        assert float(service["environment"]["SENTINEL_DRAIN_S"]) == drain_s
        assert int(service["stop_grace_period"].removesuffix("s")) > drain_s
    for name, pod in pods():
        if name.startswith("sentinel-"):
            [container] = pod["containers"]
            [drain] = [one["value"] for one in container["env"] if one["name"] == "SENTINEL_DRAIN_S"]
            pause_s = 5 if "lifecycle" in container else 0
            assert pod["terminationGracePeriodSeconds"] > float(drain) + pause_s


def test_only_settings_that_exist_are_set(compose: dict[str, Any]) -> None:
    """In compose, in its example file, in the image, in the Procfile and in Kubernetes."""
    named = {name for one in OURS for name in compose["services"][one].get("environment", {})}
    named |= set(re.findall(r"^([A-Z_]+)=", (COMPOSE / "env.example").read_text("utf-8"), re.MULTILINE))
    for path in (COMPOSE / "Dockerfile", COMPOSE.parent / "Procfile", *KUBERNETES.rglob("*.yaml")):
        named |= set(re.findall(r"\b((?:SENTINEL|GROQ|JINA)_[A-Z_]+)\b", path.read_text("utf-8")))
    assert named <= KNOWN, named - KNOWN


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: str(path.relative_to(KUBERNETES)))
def test_a_manifest_is_what_kubernetes_takes(path: Path) -> None:
    """By its own schemas, which know no further fields."""
    for one in documents(path):
        if one["apiVersion"].startswith("keda.sh/"):
            assert all(trigger["type"] == "prometheus" for trigger in one["spec"]["triggers"])
        else:
            kubernetes_validate.validate(one, VERSION, strict=True)


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda path: str(path.relative_to(KUBERNETES)))
def test_a_kustomization_finds_what_it_names(path: Path) -> None:
    """Every file of its folder is used, every folder it names has a kustomization of its own."""
    [one] = documents(path)
    named = {(path.parent / resource).resolve() for resource in one["resources"]}
    assert all(
        (place / "kustomization.yaml").exists() if place.is_dir() else place.exists() for place in named
    )
    assert {place for place in path.parent.glob("*.yaml") if place != path} <= named


def test_every_pod_may_run_where_the_restricted_standard_is_enforced() -> None:
    """Not root, no token, a read-only disk, no capability: https://kubernetes.io/docs/concepts/security."""
    found = dict(pods())
    assert found.keys() >= {"sentinel-ingress", "sentinel-worker", "redis-queue", "redis-cache"}
    for name, pod in found.items():
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert container["resources"]["limits"]["memory"], name


def test_autoscaling_follows_metrics_that_exist() -> None:
    """A trigger on a name that nobody exports would scale to its fallback for ever."""
    names = {family.name for family in REGISTRY.collect()}
    text = (KUBERNETES / "overlays/production/worker-scaling.yaml").read_text("utf-8")
    asked = set(re.findall(r"query: \w+\((\w+)\)", text))
    assert asked
    assert asked <= names


def test_the_image_copies_what_is_there_and_what_docker_is_shown() -> None:
    """Each source exists and is let through by .dockerignore."""
    text = (COMPOSE / "Dockerfile").read_text("utf-8")
    shown = set(re.findall(r"^!(\S+)$", (COMPOSE.parent / ".dockerignore").read_text("utf-8"), re.MULTILINE))
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert copied == shown
    assert all((COMPOSE.parent / source).exists() for source in copied)
    packages = re.search(
        r"^packages = (\[.+\])$", (COMPOSE.parent / "pyproject.toml").read_text("utf-8"), re.MULTILINE
    )
    assert packages is not None
    assert set(json.loads(packages[1])) <= copied


def test_the_image_installs_what_was_tested() -> None:
    """Its lock names the same versions and hashes as the one that the tests run with."""
    tested = pinned(COMPOSE.parent / "requirements.lock")
    shipped = pinned(COMPOSE / "requirements.lock")
    assert shipped
    assert shipped.items() <= tested.items()
    assert not shipped.keys() & {"pytest", "ruff", "mypy", "fakeredis"}


def pinned(path: Path) -> dict[str, str]:
    """Packages of a lock file, with their version."""
    return dict(re.findall(r"^([a-z0-9-]+(?:\[[^\]]*\])?)==(\S+)", path.read_text("utf-8"), re.MULTILINE))
