"""The middle of the house: what is asked, understood, scheduled and delivered."""
