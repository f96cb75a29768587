"""What every HTTP function shares: problem documents, the last resort, the OpenAPI document."""
