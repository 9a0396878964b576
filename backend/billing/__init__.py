"""What pictures cost: the ledger of GPU-seconds. Prices come when somebody pays."""
