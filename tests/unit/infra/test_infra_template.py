"""What must hold of the SAM template, read as a reviewer reads it: queues, functions, bucket."""

import re
from typing import Any

import pytest

from infra.local.deploy import SECRETS
from infra.package.parts import FUNCTIONS, PARTS
from parley.settings import Settings
from tests.unit.infra.templates import INFRA, load, of_type

TEMPLATE = load("template.yaml")
FUNCTION = "AWS::Serverless::Function"
ZIPS = [name for name in FUNCTIONS if PARTS[name].kind == "zip"]


def logical(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_")) + "Function"


def function(name: str) -> dict[str, Any]:
    return of_type(TEMPLATE, FUNCTION)[logical(name)]


def queue_of(name: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """A function's queue: its logical id and properties, and the event that reads it."""
    (event,) = (e["Properties"] for e in function(name)["Events"].values() if e["Type"] == "SQS")
    queue = event["Queue"]["Fn::GetAtt"][0]
    return queue, TEMPLATE["Resources"][queue]["Properties"], event


def test_every_part_that_is_a_function_is_in_the_template_and_no_other() -> None:
    assert set(of_type(TEMPLATE, FUNCTION)) == {logical(name) for name in FUNCTIONS}


@pytest.mark.parametrize("name", ZIPS)
def test_a_zip_function_runs_the_handler_that_is_packaged(name: str) -> None:
    assert function(name)["Handler"] == PARTS[name].entry
    assert TEMPLATE["Resources"][logical(name)]["Metadata"] == {"BuildMethod": "makefile"}
    assert f"build-{logical(name)}:" in (INFRA / "package" / "Makefile").read_text()


@pytest.mark.parametrize("name", ["whisper_job", "summarize"])
def test_a_queue_gives_a_job_three_tries_and_six_timeouts_each(name: str) -> None:
    _, queue, _ = queue_of(name)
    assert queue["VisibilityTimeout"] >= 6 * function(name)["Timeout"]
    redrive = queue["RedrivePolicy"]
    assert redrive["maxReceiveCount"] == 3
    dead_letters = redrive["deadLetterTargetArn"]["Fn::GetAtt"][0]
    kept_s = TEMPLATE["Resources"][dead_letters]["Properties"]["MessageRetentionPeriod"]
    assert kept_s == 14 * 24 * 3600 > queue["MessageRetentionPeriod"]


@pytest.mark.parametrize("name", ["whisper_job", "summarize"])
def test_one_message_is_one_invocation_and_only_failures_come_back(name: str) -> None:
    _, _, event = queue_of(name)
    assert event["BatchSize"] == 1
    assert event["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert event["ScalingConfig"]["MaximumConcurrency"]


def test_the_transcription_has_all_that_lambda_gives() -> None:
    whisper = function("whisper_job")
    assert whisper["PackageType"] == "Image"
    assert (whisper["Timeout"], whisper["MemorySize"]) == (900, 10240)


def test_a_lease_outlives_an_invocation_and_ends_before_the_message_returns() -> None:
    _, queue, _ = queue_of("whisper_job")
    lease_s = Settings.model_fields["lease_seconds"].default
    assert function("whisper_job")["Timeout"] < lease_s < queue["VisibilityTimeout"]


@pytest.mark.parametrize(
    ("rule", "pattern", "name"),
    [
        ("RecordingRule", "recordings/*.ogg", "whisper_job"),
        ("TimelineRule", "timelines/*.json", "summarize"),
    ],
)
def test_a_new_object_reaches_its_queue_by_its_name(rule: str, pattern: str, name: str) -> None:
    properties = TEMPLATE["Resources"][rule]["Properties"]
    event = properties["EventPattern"]
    assert event["detail-type"] == ["Object Created"]
    assert event["detail"]["object"]["key"] == [{"wildcard": pattern}]
    assert event["detail"]["bucket"]["name"] == [{"Ref": "Bucket"}]
    queue, _, _ = queue_of(name)
    assert [target["Arn"] for target in properties["Targets"]] == [{"Fn::GetAtt": [queue, "Arn"]}]


def test_the_bucket_is_private_encrypted_versioned_and_speaks_tls_only() -> None:
    bucket = of_type(TEMPLATE, "AWS::S3::Bucket")["Bucket"]
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["BucketEncryption"]
    assert bucket["NotificationConfiguration"]["EventBridgeConfiguration"]["EventBridgeEnabled"]
    assert TEMPLATE["Resources"]["Bucket"]["DeletionPolicy"] == "Retain"
    (policy,) = of_type(TEMPLATE, "AWS::S3::BucketPolicy").values()
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_webhook_bodies_are_not_read_as_text() -> None:
    (api,) = of_type(TEMPLATE, "AWS::Serverless::Api").values()
    assert api["BinaryMediaTypes"] == ["*~1*"]
    assert api["TracingEnabled"] is True
    assert all(not method["DataTraceEnabled"] for method in api["MethodSettings"])


def test_events_are_never_logged_and_calls_are_traced() -> None:
    common = TEMPLATE["Globals"]["Function"]
    assert common["Tracing"] == "Active"
    variables = common["Environment"]["Variables"]
    assert variables["POWERTOOLS_LOGGER_LOG_EVENT"] == "false"
    assert variables["POWERTOOLS_TRACER_CAPTURE_RESPONSE"] == "false"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_a_log_group_that_forgets(name: str) -> None:
    group = TEMPLATE["Resources"][function(name)["LoggingConfig"]["LogGroup"]["Ref"]]
    assert group["Type"] == "AWS::Logs::LogGroup"
    assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_names_settings_that_exist(name: str) -> None:
    variables = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    variables = variables | function(name)["Environment"]["Variables"]
    ours = {v.removeprefix("PARLEY_").lower() for v in variables if v.startswith("PARLEY_")}
    # Read before the settings are, and by the container that polls the queue.
    assert ours - {"secrets", "queue_url"} <= set(Settings.model_fields)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_secret_is_a_plain_variable(name: str) -> None:
    secret = {f"PARLEY_{key.upper()}" for keys in SECRETS.values() for key in keys}
    assert not secret & set(function(name)["Environment"]["Variables"])
    named = function(name)["Environment"]["Variables"]["PARLEY_SECRETS"]["Fn::Sub"]
    assert set(re.findall(r"/(\w+)(?:,|$)", named)) <= set(SECRETS)


def test_every_secret_setting_is_in_some_secret() -> None:
    secret = {
        name
        for name, field in Settings.model_fields.items()
        if "Secret" in str(field.annotation) and not name.startswith("s3_")
    }
    assert secret <= {key for keys in SECRETS.values() for key in keys}


def test_what_the_free_emulator_lacks_is_behind_a_condition() -> None:
    for name, resource in TEMPLATE["Resources"].items():
        if resource["Type"] in ("AWS::Serverless::HttpApi",) or name == "FleetService":
            assert resource["Condition"] in TEMPLATE["Conditions"]
    dashboard = load("monitoring.yaml")["Resources"]["Dashboard"]
    assert dashboard["Condition"] == "Dashboard"
