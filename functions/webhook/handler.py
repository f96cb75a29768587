"""The application behind API Gateway (REST and HTTP APIs): `functions.webhook.handler.handler`.

Mangum hands the body on byte for byte, whether the gateway sent it as text or as base64; LiveKit's
signature is over those bytes. It keeps one event loop for the life of the process, which the
database's connections are bound to, and no lifespan, so services are made at the first request.
"""

from mangum import Mangum

from functions.webhook.app import create_app
from parley.settings import load_settings
from parley.telemetry.lambda_run import instrumented
from parley.telemetry.logs import configure_logs

configure_logs(load_settings().log_level, load_settings().log_format)
application = Mangum(create_app(), lifespan="off")
handler = instrumented(application)
