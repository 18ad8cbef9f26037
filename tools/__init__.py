"""What developers run: environments, the browser for tests, the OpenAPI document."""
