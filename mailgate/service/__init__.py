"""The use cases: submit, sequence, deliver, fetch, decide, execute, resume, keep. Each is a transaction or two."""
