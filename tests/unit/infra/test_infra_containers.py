"""Dockerfiles, compose and Kubernetes: pinned, not root, health-gated, on this machine only."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from infra.package.parts import PARTS
from parley.models.catalogue import CATALOGUE
from parley.settings import Settings
from tests.unit.infra.templates import INFRA, load

ROOT = INFRA.parent
DOCKERFILES = sorted((INFRA / "docker").glob("*/Dockerfile"))
COMPOSE: dict[str, Any] = yaml.safe_load((INFRA / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def name_of(path: Path) -> str:
    return path.parent.name


def stages(path: Path) -> list[str]:
    """The text of each stage."""
    return re.split(r"(?m)^FROM ", path.read_text())[1:]


def test_every_image_part_has_a_dockerfile() -> None:
    images = {part.name.replace("_", "-") for part in PARTS.values() if part.kind == "image"}
    assert {name_of(path) for path in DOCKERFILES} == images


@pytest.mark.parametrize("path", DOCKERFILES, ids=name_of)
def test_a_final_stage_has_no_compiler_and_no_root(path: Path) -> None:
    *_, last = stages(path)
    # The fleet's subscriber is built in one more.
    assert len(stages(path)) == (3 if name_of(path) == "fleet" else 2)
    assert re.search(r"(?m)^USER 10001:10001$", last)
    assert last.index("USER 10001") < last.index("ENTRYPOINT")
    assert not re.search(r"pip install|build-essential|gcc|python3-venv|go build", last)
    assert "COPY --from=packages /opt/venv /opt/venv" in last


@pytest.mark.parametrize("path", DOCKERFILES, ids=name_of)
def test_an_image_installs_its_part_s_lock_and_copies_its_part_s_sources(path: Path) -> None:
    part = PARTS[name_of(path).replace("-", "_")]
    text = path.read_text()
    copied = set(re.findall(r"(?m)^COPY ([\w/.-]+) \./", text)) - {"infra/docker/healthz.py"}
    assert {c for c in copied if not c.startswith("infra/")} == set(part.sources)
    assert f"requirements/deploy/{part.lock}.txt" in text
    assert ("requirements/lambda.txt" in text) == part.lambda_client
    assert "--require-hashes" in text
    for source in re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", text):
        for file in source.split():
            assert (ROOT / file).exists() or file in part.sources, file


@pytest.mark.parametrize("path", DOCKERFILES, ids=name_of)
def test_the_builder_is_sent_what_an_image_copies_and_little_else(path: Path) -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    sent = [line[1:] for line in lines if line.startswith("!")]
    for sources in re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", path.read_text()):
        for source in sources.split():
            assert any(source == s or source.startswith(f"{s}/") for s in sent), source


def test_the_transcriber_s_images_carry_the_model_that_the_template_names() -> None:
    template = load("template.yaml")["Parameters"]["WhisperModel"]["Default"]
    for name in ("whisper-job", "whisper-worker"):
        text = (INFRA / "docker" / name / "Dockerfile").read_text()
        assert re.findall(r"(?m)^ARG WHISPER_MODEL=(.+)$", text) == [template]
        assert "models.ensure('whisper-${WHISPER_MODEL}')" in text
        assert "PARLEY_WHISPER_MODEL=${WHISPER_MODEL}" in text
    assert f"whisper-{template}" in CATALOGUE


@pytest.mark.parametrize("path", DOCKERFILES, ids=name_of)
def test_an_image_runs_its_part_s_entry(path: Path) -> None:
    part = PARTS[name_of(path).replace("-", "_")]
    assert f'"{part.entry}"' in path.read_text()


SERVERS = [p for p in DOCKERFILES if not PARTS[name_of(p).replace("-", "_")].lambda_client]


@pytest.mark.parametrize("path", SERVERS, ids=name_of)
def test_a_server_answers_for_its_health_and_stops_by_sigterm(path: Path) -> None:
    text = path.read_text()
    assert "HEALTHCHECK" in text
    assert "STOPSIGNAL SIGTERM" in text


@pytest.mark.parametrize("path", DOCKERFILES, ids=name_of)
def test_a_dockerfile_builds_with_any_builder(path: Path) -> None:
    text = path.read_text()
    assert "# syntax" not in text
    assert "<<" not in text


def filled_in(value: Any) -> Any:
    """Compose's variables with their defaults, as `docker compose config` fills them in."""
    if isinstance(value, dict):
        return {name: filled_in(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled_in(inner) for inner in value]
    if isinstance(value, str):
        return re.sub(r"\$\{\w+(?::-([^}]*)|:\?[^}]*)\}", lambda m: m.group(1) or "x", value)
    return value


def test_compose_is_as_its_specification_says() -> None:
    parsed = PyCompose.from_json(json.dumps(filled_in(COMPOSE)))
    assert set(parsed.service_names()) == set(SERVICES)


def test_what_is_not_in_the_compose_specification_is_refused() -> None:
    broken = {"services": {"a": {"image": "x", "helthcheck": {}}}}
    with pytest.raises(ValueError, match="helthcheck"):
        PyCompose.from_json(json.dumps(broken))


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_s_image_is_pinned_or_our_own(name: str) -> None:
    image = SERVICES[name]["image"]
    if "build" in SERVICES[name]:
        assert (
            INFRA / SERVICES[name]["build"]["context"] / SERVICES[name]["build"]["dockerfile"]
        ).exists()
        return
    tag = image.rpartition(":")[2]
    assert re.search(r"\d+[.-]\d+", tag), image
    assert tag != "latest"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_s_ports_are_on_the_loopback_interface(name: str) -> None:
    assert all(str(port).startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


def test_a_service_waits_for_the_health_of_those_it_needs() -> None:
    for name, service in SERVICES.items():
        for needed, how in service.get("depends_on", {}).items():
            assert how["condition"] in ("service_healthy", "service_completed_successfully"), name
            other = SERVICES[needed]
            # Ours have their health check in the image.
            if how["condition"] == "service_healthy":
                assert "healthcheck" in other or "build" in other, needed


def test_localstack_is_the_last_release_without_an_account() -> None:
    assert SERVICES["localstack"]["image"] == "localstack/localstack:4.14.0"
    assert "localstack-core[runtime]==4.14.0" in (ROOT / "requirements/localstack.in").read_text()


def test_compose_names_settings_that_exist_and_no_secret() -> None:
    given = COMPOSE["x-parley"]["environment"]
    assert {key.removeprefix("PARLEY_").lower() for key in given} <= set(Settings.model_fields)
    for service in SERVICES.values():
        for key, value in (service.get("environment") or {}).items():
            if re.search(r"SECRET|PASSWORD|AUTH_KEY", key):
                assert re.fullmatch(r"\$\{\w+:\?\}", value), key


def test_every_variable_of_compose_is_in_the_example() -> None:
    example = (INFRA / "compose" / "env.example").read_text()
    wanted = set(re.findall(r"(?<!\$)\$\{(\w+)", (INFRA / "compose.yaml").read_text()))
    assert wanted == set(re.findall(r"(?m)^(\w+)=", example))


def test_the_files_that_compose_mounts_are_there() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("."):
                assert (INFRA / source).exists(), source
            elif not source.startswith("/"):
                assert source in COMPOSE["volumes"]


def kubernetes() -> dict[str, dict[str, Any]]:
    base = INFRA / "k8s" / "base"
    listed = yaml.safe_load((base / "kustomization.yaml").read_text())["resources"]
    assert {p.name for p in base.glob("*.yaml")} == {*listed, "kustomization.yaml"}
    return {d["kind"]: d for name in listed for d in yaml.safe_load_all((base / name).read_text())}


def test_kubernetes_runs_the_agents_restricted_and_lets_them_drain() -> None:
    objects = kubernetes()
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    (fleet,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert fleet["securityContext"]["readOnlyRootFilesystem"] is True
    assert fleet["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    drain_s = float(next(e["value"] for e in fleet["env"] if e["name"] == "PARLEY_DRAIN_SECONDS"))
    assert drain_s < pod["terminationGracePeriodSeconds"]
    assert "drain_seconds" in Settings.model_fields
    assert {"requests", "limits"} == set(fleet["resources"])
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert fleet[probe]["httpGet"]["port"] == "http"


def test_kubernetes_scales_by_the_fleet_s_own_load() -> None:
    objects = kubernetes()
    autoscaler = objects["HorizontalPodAutoscaler"]["spec"]
    (metric,) = autoscaler["metrics"]
    rule = yaml.safe_load((INFRA / "k8s" / "adapter-rule.yaml").read_text())["rules"]["custom"][0]
    assert metric["pods"]["metric"]["name"] == rule["name"]["as"] == "parley_load"
    assert autoscaler["scaleTargetRef"]["name"] == objects["Deployment"]["metadata"]["name"]
    assert objects["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on this machine")
def test_kustomize_builds_production() -> None:
    command = ["kubectl", "kustomize", str(INFRA / "k8s" / "production")]
    built = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    objects = {d["kind"]: d for d in yaml.safe_load_all(built)}
    assert set(objects) == set(kubernetes()) | {"ConfigMap"}
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"].endswith("/parley-fleet:0.1.0")
    # The generated name's hash is what restarts the agents when a setting changes.
    named = pod["containers"][0]["envFrom"][0]["configMapRef"]["name"]
    assert named == objects["ConfigMap"]["metadata"]["name"] != "parley-settings"
    assert objects["HorizontalPodAutoscaler"]["spec"]["minReplicas"] == 3


def test_alerts_and_dashboards_name_metrics_that_the_fleet_has() -> None:
    source = (ROOT / "agent_fleet" / "metrics.py").read_text()
    known = set(re.findall(r'"(parley_[a-z_]+)"', source))
    texts = [path.read_text() for path in (INFRA / "dashboards").rglob("*.*")]
    texts += [(INFRA / name).read_text() for name in ("fleet.yaml", "k8s/adapter-rule.yaml")]
    used = {name for text in texts for name in re.findall(r"\bparley_[a-z_]+", text)}
    assert used
    assert {re.sub(r"_(total|bucket)$", "", name) for name in used} <= known


def test_alerts_and_dashboards_are_readable_and_say_what_is_wrong() -> None:
    groups = yaml.safe_load((INFRA / "dashboards" / "alerts.yaml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) >= 4
    assert all(rule["annotations"]["summary"].endswith(".") for rule in rules)
    for path in (INFRA / "dashboards" / "grafana").glob("*.json"):
        panels = json.loads(path.read_text())["panels"]
        assert all(target["expr"] for panel in panels for target in panel["targets"])


def test_egress_is_a_profile_that_finds_the_same_livekit() -> None:
    egress = SERVICES["egress"]
    assert egress["profiles"] == ["egress"]
    config = yaml.safe_load(egress["environment"]["EGRESS_CONFIG_BODY"].replace("${", "$<"))
    livekit = yaml.safe_load((INFRA / "compose" / "livekit.yaml").read_text())
    assert config["redis"] == livekit["redis"], "they find each other through it"
    assert config["ws_url"] == SERVICES["api"]["environment"]["PARLEY_LIVEKIT_URL"]
    keys = SERVICES["livekit"]["environment"]["LIVEKIT_KEYS"].replace("${", "$<")
    assert keys == f"{config['api_key']}: {config['api_secret']}"
    assert "s3" not in config, "the request says where the recording goes"
