"""What the service answers over HTTP: health and metrics, for supervisors and dashboards; no personal data."""
