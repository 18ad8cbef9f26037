"""Programs for developers: environments, the API document, and a browser for the page's tests."""
