"""Where data rests: one file per table, one for the bucket."""
