"""The syncState table: a row for each job, for each origin, and for each piece of state that exists once."""
