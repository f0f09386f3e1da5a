"""MQTT link and sessions."""
