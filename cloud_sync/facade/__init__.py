"""The parts of the façade, one file a part; `cloud_sync.service` puts them together."""
