"""The use cases: the one door through which bot, gateway and command line enter."""
