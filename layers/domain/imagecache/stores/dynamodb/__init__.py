"""What every table shares: binding a model to a client, batched reads, conditional and fenced writes."""
