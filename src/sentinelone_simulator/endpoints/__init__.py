"""What each endpoint answers; `table` says which filters each of them honours."""
