"""`cloudsync web`: the owner's page, served on this machine alone. Imported by that verb and by nothing else."""
