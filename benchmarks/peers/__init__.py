"""What Labloop is compared with: plain FastAPI applications, and other servers."""
