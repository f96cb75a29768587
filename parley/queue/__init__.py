"""The job queue: SQS on AWS, the local function runner elsewhere."""
