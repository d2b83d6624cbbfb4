"""Pictures of every page of `cloudsync web`, in both themes, for a telephone and for a wide screen."""
