"""Exports: findings, devices and software of one moment, written out as files."""
