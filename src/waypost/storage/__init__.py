"""PostgreSQL: the embedded server, connections to it, migrations, named queries, bulk loading."""
