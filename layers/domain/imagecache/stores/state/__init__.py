"""The syncState table: one row for each thing that exists once, for each job and for each origin."""
