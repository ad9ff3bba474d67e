"""metrics: say here what this wing holds, room by room."""
