"""The drawing office: infrastructure only. It never imports what runs inside the functions."""
