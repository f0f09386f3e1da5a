"""byleave cloud_sync: ingest, consent, retention and erasure for sealed telemetry."""
