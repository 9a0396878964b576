"""Tests of what brings models, LoRAs and ControlNets into memory."""
