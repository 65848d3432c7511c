"""`python -m sentinelone_simulator`."""

from sentinelone_simulator import command

raise SystemExit(command.main())
