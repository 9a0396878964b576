"""An offline Discord for the demo and the end-to-end tests: simcord's world behind loopback sockets."""
