"""What the classifier learned from, and the scripts that made it; nothing here runs in service."""
