"""What users read: devices, software, findings, and how each is derived from what a console sends."""
