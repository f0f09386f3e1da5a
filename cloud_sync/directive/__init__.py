"""Directives: compiled from policy and consent."""
