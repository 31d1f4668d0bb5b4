"""Remediation tickets: a pure plan, and files to hand over."""
