"""How Labloop is started, and what watches over it."""
