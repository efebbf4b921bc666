"""The history: requests, results, incidents, notifications and who did what, beyond what memory and topics keep.

Comes in: records of five topics, by a recorder that knows from the store itself how far it has come. Goes out: what the
API and the command line ask for. Kept in PostgreSQL, or in a SQLite file where there is no server.
Kafka is the record: a store that is away lags, and takes up where it was.
Follow a record: `recorder` → `rows` (pure) → `postgres` or `sqlite`, whose tables `migrations` makes.
"""
