"""The demo: a support agent's day, told on a real mail site, with real processes that end and are resumed."""
