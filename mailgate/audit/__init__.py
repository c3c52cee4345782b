"""Reading an archive back: verify, export, report. Reads mails and model, never the store. Nothing stands here yet."""
