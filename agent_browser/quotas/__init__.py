"""What an owner may have and use: limits, counts, refusals."""
