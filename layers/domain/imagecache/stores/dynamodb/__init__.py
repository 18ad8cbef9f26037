"""What all tables use: models bound to a client, scans, batched reads, conditional and fenced writes."""
