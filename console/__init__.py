"""The owner's side: what `cloudsync` and the web page show and do. It runs on their machine, with their rights."""
