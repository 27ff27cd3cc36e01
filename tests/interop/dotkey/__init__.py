"""The dotkey protocol in Python, written from the pages in docs/protocol alone."""
