"""LiveKit's webhooks and the REST API: one FastAPI application, also behind API Gateway."""
