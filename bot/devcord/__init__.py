"""An offline Discord for the demo and the end-to-end tests.

simcord's world stands behind loopback HTTP and WebSocket doors that the production bot process
logs in through; a page shows it to people.
"""
