"""A server that reads pictures, and the page to draw on; needs the extra `serve`."""
