"""Alarms: on every dead-letter queue, every function, what waits and what is throttled."""

import json
import re
from typing import Any

import pytest

from infra.package.parts import FUNCTIONS
from tests.unit.infra.templates import load, of_type

TEMPLATE, MONITORING, FLEET = (load(f"{n}.yaml") for n in ("template", "monitoring", "fleet"))
ALARMS = of_type(MONITORING, "AWS::CloudWatch::Alarm")


def watched(metric: str) -> set[str]:
    """The parameters whose resources have an alarm on a metric."""
    return {
        dimension["Value"]["Ref"]
        for alarm in ALARMS.values()
        if alarm["MetricName"] == metric
        for dimension in alarm["Dimensions"]
    }


def named(names: tuple[str, ...]) -> set[str]:
    return {"".join(word.capitalize() for word in name.split("_")) + "Name" for name in names}


def test_any_dead_letter_raises_an_alarm() -> None:
    queues = {
        "TranscribeDeadLettersName",
        "SummarizeDeadLettersName",
        "SpeechDeadLettersName",
    }
    depth = {
        d["Value"]["Ref"]: alarm["Threshold"]
        for alarm in ALARMS.values()
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
        for d in alarm["Dimensions"]
    }
    assert depth == dict.fromkeys(queues, 1)


@pytest.mark.parametrize("metric", ["Errors", "Throttles"])
def test_every_function_is_watched(metric: str) -> None:
    assert watched(metric) == named(FUNCTIONS)


def test_what_waits_too_long_and_what_nears_the_limit() -> None:
    assert watched("ApproximateAgeOfOldestMessage") == {
        "TranscribeQueueName",
        "SummarizeQueueName",
    }
    near = ALARMS["WhisperJobNearLimit"]
    timeout_s = TEMPLATE["Resources"]["WhisperJobFunction"]["Properties"]["Timeout"]
    assert timeout_s * 900 < near["Threshold"] < timeout_s * 1000


def test_every_alarm_is_heard() -> None:
    assert all(alarm["AlarmActions"] == [{"Ref": "Alarms"}] for alarm in ALARMS.values())


@pytest.mark.parametrize(
    ("nested", "logical"), [(MONITORING, "Monitoring"), (FLEET, "FleetService")]
)
def test_a_nested_stack_is_given_just_the_parameters_it_has(
    nested: dict[str, Any], logical: str
) -> None:
    given = TEMPLATE["Resources"][logical]["Properties"]["Parameters"]
    assert set(given) == set(nested["Parameters"])


def test_the_dashboard_is_json_over_parameters_that_exist() -> None:
    body = MONITORING["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    names = set(re.findall(r"\$\{(\w+)\}", body))
    assert names <= set(MONITORING["Parameters"])
    widgets = json.loads(re.sub(r"\$\{[\w:]+\}", "x", body))["widgets"]
    assert len(widgets) == 9
    taken = {(w["x"], w["y"]) for w in widgets}
    assert len(taken) == len(widgets)


def test_the_fleet_grows_by_the_figure_that_its_sidecar_publishes() -> None:
    resources = FLEET["Resources"]
    sidecar = resources["TaskDefinition"]["Properties"]["ContainerDefinitions"][1]
    config = json.loads(sidecar["Environment"][1]["Value"]["Fn::Sub"].replace("${Logs}", "x"))
    emf = config["logs"]["metrics_collected"]["prometheus"]["emf_processor"]
    policy = resources["ScaleOnLoad"]["Properties"]["TargetTrackingScalingPolicyConfiguration"]
    metric = policy["CustomizedMetricSpecification"]
    assert metric["Namespace"] == emf["metric_namespace"]
    assert f"^{metric['MetricName']}$" in emf["metric_declaration"][0]["metric_selectors"]
    assert [d["Name"] for d in metric["Dimensions"]] == emf["metric_declaration"][0]["dimensions"][
        0
    ]
