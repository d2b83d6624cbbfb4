"""The model deployment: everything that lets Cloud Sync run, and be tried, on one machine."""
