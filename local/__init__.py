"""The model village: everything that lets Cloud Sync run, and be tried, on one machine."""
