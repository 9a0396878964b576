"""What memory the device has and how it is given back; budgets come with their own books."""
