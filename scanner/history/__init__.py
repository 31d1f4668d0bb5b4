"""What outlives a scan: earlier scans, the state of findings, waivers and approvals."""
