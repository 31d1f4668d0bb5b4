"""The log engine every cloud shares: files to usage rows, fast, fault-isolated, resumable."""
