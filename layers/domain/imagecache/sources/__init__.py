"""Where data comes from over HTTP."""
