"""Adapters to agent frameworks, each behind an extra of its own. Nothing stands here yet."""
