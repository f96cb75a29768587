"""The campaign: real meetings while webhooks, handlers, the database and the objects fail."""
