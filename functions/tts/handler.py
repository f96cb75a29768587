"""The application behind API Gateway: `functions.tts.handler.handler`."""

from mangum import Mangum

from functions.tts.app import create_app
from parley.settings import load_settings
from parley.telemetry.lambda_run import instrumented
from parley.telemetry.logs import configure_logs

configure_logs(load_settings().log_level, load_settings().log_format)
application = Mangum(create_app(), lifespan="off")
handler = instrumented(application)
