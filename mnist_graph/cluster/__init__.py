"""One training on several machines, whose towers are computed by workers."""
