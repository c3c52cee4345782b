"""Mail: what goes out (letter, templates, bytes), what comes in, and the servers between. Never imports the store."""
